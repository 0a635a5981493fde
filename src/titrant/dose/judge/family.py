"""Several strategies together: the price of choosing the best, and each against a reference.

**Bootstrap.** Problems are drawn with replacement, the same ones for all arms, and every arm is moved
by a normal shift with the seed variance; so strategies that share arms and problems move together.
Each draw gives new dose means, and each strategy's fit is reweighted by them (`resample.reweighted`), which
gives its end point: the weighted median over curves.

**Choosing.** The strategy with the least end point owes part of its lead to luck. With T_s the
absolute deviation of a strategy's log end point over its bootstrap standard deviation, an interval
that holds for all strategies at once takes the quantile of max_s T_s where one strategy's takes that of
its own T_s (a max-statistic, simultaneous interval; it holds for the chosen one whatever the choice).
The ratio of the two quantiles, 1 at least, stretches the winner's interval on the log axis.

**Comparing.** The ratio of two end points has the percentile interval of its bootstrap, and a two-
sided p-value from the share of draws on either side of 1, Holm-corrected over the family: all
strategies against the reference, or each against its matched controls (`controlled_pairs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.dose.curve.endpoint import Interval, crossings
from titrant.dose.curve.resample import reweighted
from titrant.dose.judge.holm import holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.judge.verdict import Judgement
    from titrant.dose.readings import ArmKey, ReadingTable

DRAWS = 300
DRAWS_PER_COMPARISON = 100
"""Of the bootstrap where there are many: the least p-value is 2 / (draws + 1), and Holm multiplies it by
the number of comparisons, so with fewer draws nothing could be told apart."""
CONTROL_SIGN = "~"
"""Parts the name of a matched control from that of the strategy whose control it is."""
LEVELS = 40
"""Steps between the least and the largest level at which crossings of a shared target are known."""
PAST_THE_TOP = 2.0
"""Where a draw whose target is not reached is put, as a multiple of the top dose."""


class Member(NamedTuple):
    """One strategy of a family; all members have the same problems in the same order."""

    strategy: str
    table: ReadingTable
    judgement: Judgement
    reference_top: tuple[ArmKey, ...] | None
    """The arms that define Δ where they are not the strategy's own."""


class Comparison(NamedTuple):
    """One strategy's end point against the reference's."""

    against: str
    ratio: Interval
    """End point over the reference's; under 1: fewer traces suffice."""
    p: float
    """Two-sided, that the ratio is 1; not corrected."""
    p_holm: float
    """Corrected for the number of comparisons made together."""


def resampled_ends(
    members: Sequence[Member],
    known: ReadingTable,
    rng: np.random.Generator,
    *,
    draws: int | None = None,
) -> np.ndarray:
    """Log end points under resampling; [members, draws].

    `known` holds the arms of all members on the members' problems.
    """
    draws = draws or max(DRAWS, DRAWS_PER_COMPARISON * (len(members) - 1))
    arm_means = _resampled_arms(members, known, rng, draws)
    return np.stack([_ends(member, arm_means) for member in members])


def _resampled_arms(
    members: Sequence[Member], known: ReadingTable, rng: np.random.Generator, draws: int
) -> dict[ArmKey, np.ndarray]:
    """Accuracy of every arm in every draw."""
    n = len(known.qids)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=draws)
    found = {}
    for arm, row in sorted(zip(known.arms, known.score, strict=True), key=lambda pair: pair[0]):
        accuracy = float(row.mean())
        dispersion = np.mean([m.judgement.fit.dispersion_at([arm.dose]) for m in members])
        spread = np.sqrt(dispersion * accuracy * (1 - accuracy)) if arm.dose else 0.0
        found[arm] = counts @ row / n + spread * rng.standard_normal(draws)
    return found


def _ends(member: Member, arm_means: dict[ArmKey, np.ndarray]) -> np.ndarray:
    """Log of the weighted median end point in every draw."""
    fitted = member.judgement.fit
    rows = [
        np.mean([arm_means[arm] for arm in member.table.arms if arm.dose == dose], axis=0)
        for dose in fitted.means.doses
    ]
    means = np.stack(rows)
    weights = reweighted(fitted, means)
    if member.reference_top is None:
        return _medians(np.log(fitted.end_points)[:, None], weights, np.zeros(means.shape[1], int))
    reference = np.mean([arm_means[arm] for arm in member.reference_top], axis=0)
    own = np.maximum(means[-1] - means[0], 1e-6)
    wanted = np.clip(fitted.level * (reference - means[0]) / own, 0.0, 3.0)
    levels = np.linspace(wanted.min(), wanted.max() + 1e-9, LEVELS)
    found = np.log(np.minimum(crossings(fitted, levels), PAST_THE_TOP * fitted.top))
    return _medians(found, weights, np.searchsorted(levels, wanted).clip(0, LEVELS - 1))


def _medians(values: np.ndarray, weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Weighted median of one column of `values` per draw; [draws]."""
    found = np.empty(len(columns))
    for column in np.unique(columns):
        order = np.argsort(values[:, column], kind="stable")
        mine = columns == column
        mass = np.cumsum(weights[np.ix_(order, mine)], axis=0)
        at = (mass >= 0.5 - 1e-12).argmax(axis=0)
        found[mine] = values[order, column][at]
    return found


def choosing_factor(ends: np.ndarray, winner: int, *, confidence: float) -> float:
    """How much wider, on the log axis, the winner's interval has to be for having been chosen.

    `ends` are log end points, [strategies, draws]. 1 with a single strategy.
    """
    centred = np.abs(ends - np.median(ends, axis=1, keepdims=True))
    spread = ends.std(axis=1, ddof=1, keepdims=True)
    statistic = centred / np.maximum(spread, 1e-9)
    alone = float(np.quantile(statistic[winner], confidence))
    together = float(np.quantile(statistic.max(axis=0), confidence))
    return max(1.0, together / alone) if alone > 0 else 1.0


def stretch(found: Interval, factor: float, *, top: float) -> Interval:
    """An interval whose two sides are `factor` times as long on the log axis, within [1, top]."""
    low = found.estimate * (found.low / found.estimate) ** factor
    high = found.estimate * (found.high / found.estimate) ** factor
    return Interval(found.estimate, max(1.0, low), min(top, high), found.level)


def compare(
    names: Sequence[str],
    ends: np.ndarray,
    estimates: np.ndarray,
    *,
    against: int,
    confidence: float,
) -> dict[str, Comparison]:
    """Every strategy against one of them, by name.

    Args:
        names: strategies.
        ends: log end points under resampling; [strategies, draws].
        estimates: log end points as reported; [strategies].
        against: row of the reference.
        confidence: level of the ratios' intervals, which are not corrected.
    """
    pairs = [(i, against) for i in range(len(names)) if i != against]
    found = compare_pairs(pairs, names, ends, estimates, confidence=confidence)
    return {names[i]: one for (i, _), one in zip(pairs, found, strict=True)}


def compare_pairs(
    pairs: Sequence[tuple[int, int]],
    names: Sequence[str],
    ends: np.ndarray,
    estimates: np.ndarray,
    *,
    confidence: float,
) -> list[Comparison]:
    """The first of each pair of rows against the second, all together one family; see `compare`."""
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    ratios, p_values = [], []
    for one, other in pairs:
        lead = ends[one] - ends[other]
        low, high = np.exp(np.quantile(lead, tails)).tolist()
        ratio = float(np.exp(estimates[one] - estimates[other]))
        ratios.append(Interval(ratio, low, high, confidence))
        sides = (1 + (lead <= 0).sum(), 1 + (lead >= 0).sum())
        p_values.append(min(1.0, 2 * min(sides) / (1 + len(lead))))
    return [
        Comparison(names[other], ratio, float(p), float(adjusted))
        for (_, other), ratio, p, adjusted in zip(
            pairs, ratios, p_values, holm(p_values), strict=True
        )
    ]


def controlled_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Rows of every strategy and of a control of it: `longest` and `longest~length`."""
    rows = {name: i for i, name in enumerate(names)}
    parted = [(name.rpartition(CONTROL_SIGN), i) for name, i in rows.items()]
    return [(rows[of], i) for (of, sign, _), i in parted if sign and of in rows]
