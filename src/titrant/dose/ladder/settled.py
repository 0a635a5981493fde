"""Why a ladder ends: its verdict stands, or more arms would not help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from titrant.dose.judge.verdict import OPEN, Judgement

if TYPE_CHECKING:
    from titrant.settings import LadderSettings

HOPELESS_SHARE = 0.8
"""Stop when the problems alone, with no seed noise left, make up this share of the gain's variance."""


def why_stop(found: Judgement, settings: LadderSettings) -> str | None:
    """Why more arms are not needed or would not help; `None` while they would."""
    open_peak = _has_open_peak(found, settings)
    wide = found.ed is not None and found.ed.factor > settings.precision
    if found.verdict != OPEN and not wide and not (open_peak and found.verdict == "enough at N"):
        return f"decided: {found.verdict}"
    return _hopeless(found, settings)


def _hopeless(found: Judgement, settings: LadderSettings) -> str | None:
    """Why more arms of this strategy would not help; `None` where they would."""
    if found.delta is not found.gain and found.delta.low < settings.margin:
        return "the gain that sets the target is open: arms of this strategy would not help"
    if found.beyond >= (1 + settings.confidence) / 2:
        return "decided: the shared target is beyond the pool"
    if found.beaten_by is not None and found.gain.estimate < settings.margin:
        return f"{found.reason}: more arms would not help"
    if found.verdict == OPEN and found.ed is None and _problems_limit(found, settings):
        return "the benchmark is too small to tell: more arms would not help"
    return None


def _has_open_peak(found: Judgement, settings: LadderSettings) -> bool:
    """Whether a smaller dose may beat the top, and is not yet known to."""
    return (1 + settings.confidence) / 2 > found.peak > 0.5


def _problems_limit(found: Judgement, settings: LadderSettings) -> bool:
    """Whether the gate on Δ would stay open with infinitely many seeds."""
    problems = found.means.problem_variance(-1, 0)
    seeds = found.seeds_at_top
    half = float(norm.ppf((1 + settings.confidence) / 2)) * np.sqrt(problems)
    crosses = found.gain.estimate - half < settings.margin < found.gain.estimate + half
    return bool(crosses and problems > HOPELESS_SHARE * (problems + seeds))
