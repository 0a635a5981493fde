"""The verdict on one strategy: what the readings allow to be said, and no more.

In this order:

1. The gain Δ of the top dose. Its lower bound under the margin: no end point exists. *hurts*: the
   upper bound is under 0 and the estimate under −margin. *no response*: the upper bound is under the
   margin, and no smaller dose leads. Else *undecided*: a response that rises and is back at the base
   by the top ends here, and the reason names the dose that leads. No curve tells that one, as curves
   are 1 at the top: the dose that is best on one half of the problems has to lead the top by more
   than the margin on the other half, its seeds counted as noise, and as many tests as doses.
2. *no response (guessing)*: the top's accuracy stays, with its upper bound, within the margin of the
   best constant answer learned from the pool.
3. *a smaller dose beats the pool*: the fitted curves say so with the confidence of one tail, and on
   problems that were not used to choose that dose (two halves, each tested with the other's choice)
   it is still ahead, with the seeds of its arms and of the top's counted as noise.
4. *still rising*: the last doubling gains more than the margin with the confidence of one tail, by
   the fitted curves, and the readings do not deny it: where half the top dose was read, the upper
   bound of the gain from there to the top is over the margin. (With many precise readings no curve
   follows all of them, and one that misses the last two by a point can say either.)
5. *enough at N*: the interval of the end point is narrower than the precision. Else *undecided*.

Where the target comes from another strategy's top dose (`dose.judge.target`), (1) asks that Δ first and then
the strategy's own gain, and a target that lies beyond the pool is *undecided* with that reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import norm

from titrant.dose.curve.endpoint import (
    Interval,
    contrast,
    end_point,
    last_doubling,
    mixture_quantile,
    peak_over_top,
    shared_end_point,
)
from titrant.dose.curve.evidence import seed_weights
from titrant.dose.curve.fit import Fit, fit
from titrant.dose.curve.noise import DoseMeans, condense

if TYPE_CHECKING:
    from titrant.dose.judge.target import Target
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
    """Of this strategy's own top dose."""
    delta: Interval
    """The gain that defines the target; the strategy's own unless another's is shared."""
    ed: Interval | None
    """The end point; `None` where the lower bound of a gain is under the margin, or where the target is
    more likely than not beyond the top dose."""
    beyond: float
    """Probability that the target is not reached up to the top dose; 0 for the strategy's own."""
    rising: float
    """Probability that the last doubling gains more than the margin."""
    peak: float
    """Probability that a smaller dose beats the top by more than the margin."""
    peak_dose: float
    beaten_by: float | None
    """The smaller dose that beats or leads the top, by (3) or (1) of the module docstring."""
    means: DoseMeans
    fit: Fit
    target: Target | None
    """What defines Δ where it is not the strategy's own top dose."""

    @property
    def seeds_at_top(self) -> float:
        """Variance of the top dose's mean accuracy from its seeds."""
        return float(self.fit.noise_weights @ self.means.seed_variance[:, -1])


def judge(
    table: ReadingTable,
    *,
    top: float,
    settings: LadderSettings,
    guess: np.ndarray | None = None,
    shapes: tuple[str, ...] | None = None,
    target: Target | None = None,
) -> Judgement:
    """Judge a table of one strategy (with the base) in which every arm has every problem.

    Args:
        table: readings; must hold dose 0 and the top dose.
        top: the top dose, which defines Δ.
        settings: level, margin, precision, confidence.
        guess: per problem, whether the best constant answer is right; [problems].
        shapes: only these shapes; for comparison with a fit that knows the shape.
        target: what defines Δ where it is not the top dose of this table.
    """
    means = condense(table)
    fitted = fit(means, top=top, level=settings.level, **({"shapes": shapes} if shapes else {}))
    at_top = means.row(top)
    assert at_top is not None  # the docstring asks for it
    gain = contrast(means, fitted, at_top, 0, confidence=settings.confidence)
    peak, peak_dose = peak_over_top(fitted, means.doses[1:-1], margin=settings.margin)
    reach = (
        None
        if target is None
        else shared_end_point(fitted, target.ratios, confidence=settings.confidence)
    )
    found = Judgement(
        verdict=OPEN,
        reason="",
        gain=gain,
        delta=gain if target is None else target.delta,
        ed=end_point(fitted, confidence=settings.confidence) if reach is None else reach.ed,
        beyond=0.0 if reach is None else reach.beyond,
        rising=_rising(means, fitted, settings),
        peak=peak,
        peak_dose=peak_dose,
        beaten_by=None,
        means=means,
        fit=fitted,
        target=target,
    )
    return _decide(found, table, settings, guess)


def _rising(means: DoseMeans, fitted: Fit, settings: LadderSettings) -> float:
    """Probability that the last doubling gains more than the margin; 0 where the readings deny it."""
    at_top, at_half = means.row(fitted.top), means.row(fitted.top / 2)
    if at_top is not None and at_half is not None:
        read = contrast(means, fitted, at_top, at_half, confidence=settings.confidence)
        if read.high < settings.margin:
            return 0.0
    return last_doubling(fitted, margin=settings.margin)


def _decide(
    found: Judgement, table: ReadingTable, settings: LadderSettings, guess: np.ndarray | None
) -> Judgement:
    margin, sure = settings.margin, (1 + settings.confidence) / 2
    for gain in (found.delta, found.gain):
        if gain.low < margin:
            found = replace(found, beaten_by=leading_dose(table, found.means, settings), ed=None)
            verdict, reason = _without_gain(gain, found.beaten_by, margin)
            return replace(found, verdict=verdict, reason=reason)
    if found.peak >= sure and beats_top(table, found.fit, settings):
        found = replace(found, beaten_by=found.peak_dose)
    if guess is not None and _is_guessing(table, found, guess, settings):
        reason = "as good as one constant answer"
        return replace(found, verdict="no response (guessing)", reason=reason, ed=None)
    verdict, reason = _with_gain(found, settings, sure)
    return replace(found, verdict=verdict, reason=reason)


def _with_gain(found: Judgement, settings: LadderSettings, sure: float) -> tuple[VerdictName, str]:
    if found.beaten_by is not None:
        return "a smaller dose beats the pool", f"best around {found.peak_dose:.0f}"
    if found.rising >= sure:
        return "still rising", "the last doubling gains more than the margin"
    if found.ed is None:
        return OPEN, "the shared target is not reached within the pool"
    if found.beyond > 1 - sure:
        return OPEN, "the shared target may not be reached within the pool"
    if found.ed.factor <= settings.precision:
        return "enough at N", ""
    return OPEN, "the interval of the end point is too wide"


def _without_gain(gain: Interval, better: float | None, margin: float) -> tuple[VerdictName, str]:
    if gain.high < 0 and gain.estimate < -margin:
        return "hurts", "the whole pool lowers the accuracy"
    is_small = gain.high < margin
    size = "is under the margin" if is_small else "may be above or below the margin"
    if better is not None:
        words = f"a smaller dose ({better:,.0f}) looks better"
        return OPEN, f"the gain of the whole pool {size}, and {words}"
    if is_small:
        return "no response", "the gain is under the margin"
    return OPEN, f"the gain of the whole pool {size}"


def beats_top(table: ReadingTable, fitted: Fit, settings: LadderSettings) -> bool:
    """Whether the best smaller dose, chosen on one half of the problems, wins on the other half."""
    tail = (1 - settings.confidence) / 2
    return len(fitted.means.doses) > 2 and (
        _lead(table, fitted.means, fitted.noise_weights, tail=tail) > 0
    )


def leading_dose(table: ReadingTable, means: DoseMeans, settings: LadderSettings) -> float | None:
    """The best smaller dose, if it leads the top by more than the margin whatever the curve.

    The luck of an arm's seed is the same on both halves of the problems, so choosing the best of
    several doses is not undone by testing on the other half: the tail is divided by their number.
    """
    inner = means.mean[1:-1]
    if not len(inner) or inner.max() - means.mean[-1] <= settings.margin:
        return None
    tail = (1 - settings.confidence) / 2 / len(inner)
    lead = _lead(table, means, seed_weights(means), tail=tail)
    return float(means.doses[1 + int(inner.argmax())]) if lead > settings.margin else None


def _lead(
    table: ReadingTable, means: DoseMeans, noise_weights: np.ndarray, *, tail: float
) -> float:
    """Lower bound of the lead over the top of the dose chosen on the other half of the problems.

    The two halves share their arms, so the seeds of a dose do not average out over them: their
    variance is that of one weighted sum of dose means, integrated over its noise.
    """
    lead, variance, weights = 0.0, 0.0, np.zeros(len(means.doses))
    for half in (0, 1):
        chosen_on, tested_on = condense(table.half(half)), condense(table.half(1 - half))
        signs = np.zeros(len(means.doses))
        signs[1 + int(chosen_on.mean[1:-1].argmax())], signs[-1] = 1.0, -1.0
        share = tested_on.n_problems / means.n_problems
        lead += share * float(signs @ tested_on.mean)
        variance += share**2 * float(signs @ tested_on.problem_cov @ signs)
        weights += share * signs
    sd = np.sqrt(max(variance, 0.0) + means.seed_variance @ weights**2 + 1e-12)
    return mixture_quantile(lead, sd, noise_weights, tail)


def _is_guessing(
    table: ReadingTable, found: Judgement, guess: np.ndarray, settings: LadderSettings
) -> bool:
    top = table.score[[arm.dose == found.fit.top for arm in table.arms]].mean(axis=0)
    lead = top - guess
    sd = np.sqrt(lead.var(ddof=1) / len(lead) + found.seeds_at_top)
    upper = lead.mean() + norm.ppf((1 + settings.confidence) / 2) * sd
    return bool(upper < settings.margin)
