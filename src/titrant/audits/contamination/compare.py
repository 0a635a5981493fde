"""Two sets of problems compared: shares, means, and how well a score tells one set from the other.

All tests are one-sided, since only *more* on the benchmark speaks for contamination. With an interval of
level 0.90 the matching error is 5 % (`alpha`).

| what | interval | p-value |
|---|---|---|
| difference of shares | Newcombe's hybrid score (statsmodels) | Fisher's exact test (scipy) |
| difference of means | Welch's t (statsmodels) | the same |
| AUROC | DeLong, on the logit scale | Mann and Whitney's U (scipy) |

AUROC is the share of pairs (benchmark, fresh) in which the benchmark's problem scores higher, ties counting
half. DeLong's variance is that of the placements; where one set stands wholly above the other it is 0 and
would claim certainty: then the interval holds the areas θ from which the one seen is no further than z of
Hanley and McNeil's standard errors at θ.

Sources: Newcombe (1998), *Interval estimation for the difference between independent proportions*, method
10; DeLong et al. (1988), Biometrics 44, 837; Hanley and McNeil (1982), Radiology 143, 29.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import fisher_exact, mannwhitneyu, norm
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from titrant.dose.judge.holm import holm
from titrant.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

FALSE_POSITIVES = 0.05
"""Share of fresh problems that a detector may flag, for its true-positive rate."""


class Comparison(NamedTuple):
    """Benchmark against fresh problems in one number."""

    benchmark: float
    """Share or mean; NaN where no problem was asked."""
    fresh: float
    difference: Estimate
    """Benchmark less fresh; `n` counts the problems of both."""
    p: float
    """One-sided, that the benchmark has no more; NaN where nothing can be said."""


class Auroc(NamedTuple):
    """How well a score tells benchmark from fresh problems."""

    area: Estimate
    """0.5: not at all."""
    p: float
    """One-sided, that the benchmark scores no higher."""
    caught: float
    """Share of the benchmark over the score that 5 % of fresh problems exceed."""


def alpha(level: float) -> float:
    """Error of the one-sided tests that go with intervals of a level."""
    return (1 - level) / 2


def shares(benchmark: np.ndarray, fresh: np.ndarray, level: float) -> Comparison:
    """Difference of two shares; the arrays are true or false, one value per problem.

    Example:
        >>> found = shares(np.arange(20) < 9, np.arange(20) < 1, 0.9)
        >>> round(found.difference.estimate, 2), found.p < 0.01
        (0.4, True)
    """
    sizes, n = (len(benchmark), len(fresh)), len(benchmark) + len(fresh)
    if not all(sizes):
        return _nothing(benchmark, fresh, level)
    hits = int(benchmark.sum()), int(fresh.sum())
    low, high = cast(
        "tuple[Any, Any]",
        confint_proportions_2indep(
            hits[0], sizes[0], hits[1], sizes[1], method="newcomb", alpha=1 - level
        ),
    )
    table = [[hits[0], sizes[0] - hits[0]], [hits[1], sizes[1] - hits[1]]]
    p = cast("Any", fisher_exact(table, alternative="greater")).pvalue
    rates = hits[0] / sizes[0], hits[1] / sizes[1]
    difference = _estimate(rates[0] - rates[1], float(low), float(high), level=level, n=n)
    return Comparison(*rates, difference, float(p))


def means(benchmark: np.ndarray, fresh: np.ndarray, level: float) -> Comparison:
    """Difference of two means; no interval where neither set has any spread."""
    if min(len(benchmark), len(fresh)) < 2:
        return _nothing(benchmark, fresh, level)
    n = len(benchmark) + len(fresh)
    mine, theirs = float(benchmark.mean()), float(fresh.mean())
    if not (np.ptp(benchmark) or np.ptp(fresh)):
        p = 0.0 if mine > theirs else 1.0
        return Comparison(mine, theirs, _estimate(mine - theirs, None, None, level=level, n=n), p)
    found = CompareMeans(DescrStatsW(benchmark), DescrStatsW(fresh))
    low, high = map(float, found.tconfint_diff(alpha=1 - level, usevar="unequal"))
    _, p, _ = found.ttest_ind(alternative="larger", usevar="unequal")
    difference = _estimate(mine - theirs, low, high, level=level, n=n)
    return Comparison(mine, theirs, difference, float(p))


def auroc(benchmark: np.ndarray, fresh: np.ndarray, level: float) -> Auroc:
    """AUROC of a score of which high speaks for the benchmark.

    Example:
        >>> round(auroc(np.array([2.0, 3.0, 4.0]), np.array([1.0, 2.5]), 0.9).area.estimate, 4)
        0.8333
    """
    if min(len(benchmark), len(fresh)) < 2:
        none = _estimate(None, None, None, level=level, n=len(benchmark) + len(fresh))
        return Auroc(none, math.nan, math.nan)
    over, under = placements(benchmark, fresh), placements(fresh, benchmark)
    area = float(over.mean())
    low, high = _ends(area, over, under, level)
    p = mannwhitneyu(benchmark, fresh, alternative="greater", method="asymptotic").pvalue
    ordered = np.sort(fresh)[::-1]
    bar = ordered[math.floor(FALSE_POSITIVES * len(ordered))]
    n = len(benchmark) + len(fresh)
    return Auroc(
        _estimate(area, low, high, level=level, n=n), float(p), float((benchmark > bar).mean())
    )


def placements(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """For each value the share of the other set under it, ties counting half; float64 [one]."""
    ordered = np.sort(other)
    under = np.searchsorted(ordered, one, side="left")
    at_most = np.searchsorted(ordered, one, side="right")
    return (under + at_most) / (2 * len(other))


def _ends(area: float, over: np.ndarray, under: np.ndarray, level: float) -> tuple[float, float]:
    m, n = len(over), len(under)
    variance = float(over.var(ddof=1)) / m + float(under.var(ddof=1)) / n
    z = float(norm.ppf(0.5 + level / 2))
    if variance == 0:
        low, high = (_root(area, end, z / math.sqrt(m * n), (m, n)) for end in (0.0, 1.0))
        return low, high
    half = z * math.sqrt(variance) / (area * (1 - area))
    middle = float(logit(area))
    return float(expit(middle - half)), float(expit(middle + half))


def _root(area: float, end: float, scale: float, sizes: tuple[int, int]) -> float:
    """The area between the one seen and an end of [0, 1] that is just as far off as its own error."""

    def away(theta: float) -> float:
        both, twice = theta / (2 - theta), 2 * theta**2 / (1 + theta)
        pairs = theta * (1 - theta)
        pairs += (sizes[0] - 1) * (both - theta**2) + (sizes[1] - 1) * (twice - theta**2)
        return abs(area - theta) - scale * math.sqrt(max(pairs, 0.0))

    if area == end:
        return end
    near = area + (end - area) * 1e-9
    return float(cast("float", brentq(away, near, end)))


def holm_of(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm-corrected p-values by name; those that are NaN stand for no test and stay NaN."""
    tested = [name for name, p in p_values.items() if not math.isnan(p)]
    corrected = holm([p_values[name] for name in tested])
    found = {name: float(p) for name, p in zip(tested, corrected, strict=True)}
    return {name: found.get(name, math.nan) for name in p_values}


def _nothing(benchmark: np.ndarray, fresh: np.ndarray, level: float) -> Comparison:
    rates = [float(values.mean()) if len(values) else math.nan for values in (benchmark, fresh)]
    none = _estimate(None, None, None, level=level, n=len(benchmark) + len(fresh))
    return Comparison(rates[0], rates[1], none, math.nan)


def _estimate(
    value: float | None, low: float | None, high: float | None, *, level: float, n: int
) -> Estimate:
    return Estimate(estimate=value, low=low, high=high, level=level, n=n)
