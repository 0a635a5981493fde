"""What would decide an undecided run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

if TYPE_CHECKING:
    from titrant.dose.judge.verdict import Judgement
    from titrant.settings import LadderSettings


def what_decides(found: Judgement, settings: LadderSettings) -> str:
    """What would decide an undecided run, with a number where one can be given."""
    return _of_the_end_point(found, settings) or _of_the_gain(found, settings)


def _of_the_end_point(found: Judgement, settings: LadderSettings) -> str | None:
    """Where another dose, another strategy or another target is what is missing."""
    if found.delta is not found.gain and found.delta.low < settings.margin:
        return "the strategy whose top dose sets the target: its own gain is still open"
    if found.beyond > (1 - settings.confidence) / 2:
        return (
            "a larger top dose (recipe.updates, ladder.doses), or more arms at it: the target that all "
            f"strategies share lies beyond it with a probability of {found.beyond:.0%}"
        )
    if found.ed is not None:
        return (
            f"more arms: the interval spans a factor of {found.ed.factor:.1f} "
            f"and {settings.precision:g} was asked for"
        )
    if found.beaten_by is not None:
        return (
            f"a run with {found.beaten_by:,.0f} traces as its largest dose (ladder.doses): that dose "
            "looks better than the whole pool, whose own gain sets the target here"
        )
    return None


def _of_the_gain(found: Judgement, settings: LadderSettings) -> str:
    """Whether the gain reaches the margin is open: problems or arms."""
    means = found.means
    problems = means.problem_variance(-1, 0)
    seeds = found.seeds_at_top
    distance = abs(found.gain.estimate - settings.margin)
    if distance < 1e-4:
        return "a gain this close to the margin needs another margin, not more data"
    needed = (float(norm.ppf((1 + settings.confidence) / 2)) / distance) ** 2
    if problems * needed > 0.8:
        more = int(np.ceil(means.n_problems * (problems * needed / 0.8 - 1) / 100) * 100)
        return f"about {more:,} more problems (or as many more samples of problems alike)"
    more = int(np.ceil(means.n_arms[-1] * (seeds * needed / 0.2 - 1)))
    return f"about {max(1, more)} more arms at the top dose"
