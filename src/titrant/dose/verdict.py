"""The verdict on one strategy: what the readings allow to be said, and no more.

In this order:

1. The gain Δ of the top dose. Its lower bound under the margin: no end point exists. *hurts*: the
   upper bound is under 0 and the estimate under −margin. *no response*: the upper bound is under the
   margin. Else *undecided*. Only (3) may stand in place of the latter two: a response can rise and be
   back at the base by the top.
2. *no response (guessing)*: the top's accuracy stays, with its upper bound, within the margin of the
   best constant answer learned from the pool.
3. *a smaller dose beats the pool*: the fitted curves say so with the confidence of one tail, and on
   problems that were not used to choose that dose (two halves, each tested with the other's choice)
   it is still ahead.
4. *still rising*: the last doubling gains more than the margin with the confidence of one tail.
5. *enough at N*: the interval of the end point is narrower than the precision. Else *undecided*.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import norm

from titrant.dose.endpoint import Interval, contrast, end_point, last_doubling, peak_over_top
from titrant.dose.fit import Fit, fit
from titrant.dose.noise import DoseMeans, condense

if TYPE_CHECKING:
    from titrant.dose.readings import ReadingTable
    from titrant.settings import LadderSettings

VerdictName = Literal[
    "enough at N",
    "a smaller dose beats the pool",
    "still rising",
    "no response",
    "no response (guessing)",
    "hurts",
    "undecided",
]
OPEN = "undecided"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one strategy's readings say."""

    verdict: VerdictName
    reason: str
    """Why it is open, or the figure that decides it; one clause."""
    gain: Interval
    ed: Interval | None
    """The end point; `None` where the gain's lower bound is under the margin."""
    rising: float
    """Probability that the last doubling gains more than the margin."""
    peak: float
    """Probability that a smaller dose beats the top by more than the margin."""
    peak_dose: float
    means: DoseMeans
    fit: Fit


def judge(
    table: ReadingTable,
    *,
    top: float,
    settings: LadderSettings,
    guess: np.ndarray | None = None,
    shapes: tuple[str, ...] | None = None,
) -> Judgement:
    """Judge a table of one strategy (with the base) in which every arm has every problem.

    Args:
        table: readings; must hold dose 0 and the top dose.
        top: the top dose, which defines Δ.
        settings: level, margin, precision, confidence.
        guess: per problem, whether the best constant answer is right; [problems].
        shapes: only these shapes; for comparison with a fit that knows the shape.
    """
    means = condense(table)
    fitted = fit(means, top=top, level=settings.level, **({"shapes": shapes} if shapes else {}))
    rows = (int(np.flatnonzero(means.doses == top)[0]), 0)
    gain = contrast(means, fitted, *rows, confidence=settings.confidence)
    peak, peak_dose = peak_over_top(fitted, means.doses[1:-1], margin=settings.margin)
    found = Judgement(
        verdict=OPEN,
        reason="",
        gain=gain,
        ed=None,
        rising=last_doubling(fitted, margin=settings.margin),
        peak=peak,
        peak_dose=peak_dose,
        means=means,
        fit=fitted,
    )
    return _decide(found, table, settings, guess)


def _decide(
    found: Judgement, table: ReadingTable, settings: LadderSettings, guess: np.ndarray | None
) -> Judgement:
    margin, sure = settings.margin, (1 + settings.confidence) / 2
    beats = found.peak >= sure and beats_top(table, found.means.doses, settings)
    if found.gain.low < margin:
        without = _without_gain(found.gain, margin)
        if without[0] == "hurts" or not beats:
            return _with(found, *without)
    if guess is not None and _is_guessing(table, found, guess, settings):
        return _with(found, "no response (guessing)", "as good as one constant answer")
    ed = end_point(found.fit, confidence=settings.confidence) if found.gain.low >= margin else None
    if beats:
        verdict, reason = "a smaller dose beats the pool", f"best around {found.peak_dose:.0f}"
    elif found.rising >= sure:
        verdict, reason = "still rising", "the last doubling gains more than the margin"
    elif ed is not None and ed.factor <= settings.precision:
        verdict, reason = "enough at N", ""
    else:
        verdict, reason = OPEN, "the interval of the end point is too wide"
    return _with(found, verdict, reason, ed)


def _with(
    found: Judgement, verdict: VerdictName, reason: str, ed: Interval | None = None
) -> Judgement:
    return replace(found, verdict=verdict, reason=reason, ed=ed)


def _without_gain(gain: Interval, margin: float) -> tuple[VerdictName, str]:
    if gain.high < 0 and gain.estimate < -margin:
        return "hurts", "the whole pool lowers the accuracy"
    if gain.high < margin:
        return "no response", "the gain is under the margin"
    return OPEN, "the gain of the whole pool may be above or below the margin"


def beats_top(table: ReadingTable, doses: np.ndarray, settings: LadderSettings) -> bool:
    """Whether the best smaller dose, chosen on one half of the problems, wins on the other half."""
    differences, variance, n = 0.0, 0.0, len(table.qids)
    for half in (0, 1):
        chosen_on, tested_on = condense(table.half(half)), condense(table.half(1 - half))
        best = 1 + int(chosen_on.mean[1:-1].argmax()) if len(doses) > 2 else 1
        c, share = tested_on.problem_cov, tested_on.n_problems / n
        differences += share * float(tested_on.mean[best] - tested_on.mean[-1])
        variance += share**2 * float(c[best, best] + c[-1, -1] - 2 * c[best, -1])
    bound = differences - float(norm.ppf((1 + settings.confidence) / 2)) * np.sqrt(variance)
    return bool(bound > 0)


def _is_guessing(
    table: ReadingTable, found: Judgement, guess: np.ndarray, settings: LadderSettings
) -> bool:
    top = table.score[[arm.dose == found.fit.top for arm in table.arms]].mean(axis=0)
    lead = top - guess
    sd = np.sqrt(lead.var(ddof=1) / len(lead) + found.fit.dispersion * found.means.seed_weight[-1])
    upper = lead.mean() + norm.ppf((1 + settings.confidence) / 2) * sd
    return bool(upper < settings.margin)
