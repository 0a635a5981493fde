"""Tests of no difference between two sets of answers to the same problems, and how many would tell.

With one answer each, only problems count that one side has right and the other wrong: b with A
alone right, c with B alone. If there is no difference, each falls to either side like a coin.

- *exact McNemar*: P of a split of b + c coins at least as uneven as b : c. By statsmodels. McNemar
  (1947), Psychometrika 12. Coins come in whole numbers, so it rejects less often than its level.
- *mid-p*: counts half of the probability of the split itself. Lancaster (1961), JASA 56; Fagerland,
  Lydersen & Laake (2013), BMC Medical Research Methodology 13:91.
- *sign-flip*: with several answers per problem the differences dᵢ of the means are not coins, but
  without a difference dᵢ and −dᵢ are equally likely. Random flips; the observed one counts among
  them (Phipson & Smyth 2010), so p is never 0. With one answer each it is McNemar's test.
- *unpaired z*: (a − b) / √(se_a² + se_b²), as lm-eval's `scripts/model_comparator.py` has it
  (`calculate_z_value`), with its standard errors, sd / √n with n − 1. **It takes the two sets of
  answers for independent**: of Var(a − b) = Var a + Var b − 2 Cov(a, b) the last part is dropped. On the
  same problems answers go together, for hard problems are hard for both, so the standard error is too
  large by the factor 1/√(1 − r) at equal variances. It is printed to be compared with, and decides
  nothing.
- *problems needed*: Connor (1987), Biometrics 43: [z₁ √ψ + z₂ √(ψ − δ²)]² / δ², with δ the margin, z₁
  and z₂ the normal quantiles of the level and of the power, and ψ the share of discordant problems, or
  the mean of dᵢ² where there are several answers. Two pseudo-problems are counted in ψ, so that no
  discordance seen is not taken for none, and ψ is at least what a difference of the margin makes.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

FLIPS = 20_000
POWER = 0.8
NEAR = 1e-9
"""Sums of differences that are nearer than this are equal."""


class Unpaired(NamedTuple):
    """The unpaired test; `None` where neither side varies."""

    z: float | None
    p: float | None


def mcnemar_exact(a_alone: int, b_alone: int) -> float:
    """Two-sided p-value of exact McNemar; 1 where nothing is discordant."""
    found: Any = mcnemar([[0, a_alone], [b_alone, 0]], exact=True)
    return float(found.pvalue)


def mcnemar_mid(a_alone: int, b_alone: int) -> float:
    """Its mid-p version."""
    n, fewer = a_alone + b_alone, min(a_alone, b_alone)
    return float(2 * stats.binom.cdf(fewer, n, 0.5) - stats.binom.pmf(fewer, n, 0.5))


def sign_flip(differences: np.ndarray, rng: np.random.Generator, *, flips: int = FLIPS) -> float:
    """Two-sided p-value of the paired permutation test.

    Args:
        differences: per problem, [problems]; those that are 0 tell nothing.
        rng: of the flips.
        flips: random ones; p is a multiple of 1 / (flips + 1).
    """
    sizes, counts = np.unique(np.abs(differences).round(12), return_counts=True)
    sums = np.zeros(flips)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        if size > 0:  # of `count` equal sizes a binomial number keeps its sign
            sums += size * (2.0 * rng.binomial(count, 0.5, flips) - count)
    as_far = np.abs(sums) >= abs(float(differences.sum())) - NEAR
    return float((1 + as_far.sum()) / (flips + 1))


def unpaired_z(a: np.ndarray, b: np.ndarray) -> Unpaired:
    """B against A by lm-eval's z-test; [problems] each."""
    error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    if error == 0:
        return Unpaired(None, None)
    z = float(b.mean() - a.mean()) / error
    return Unpaired(z, float(2 * stats.norm.sf(abs(z))))


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's correlation over problems; `None` where one side does not vary."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def problems_needed(
    differences: np.ndarray, margin: float, *, level: float, power: float = POWER
) -> int:
    """Problems that would tell a difference of `margin`.

    Args:
        differences: seen, per problem.
        margin: in accuracy, above 0.
        level: of the interval; the test is two-sided at 1 − level.
        power: chance to tell it.
    """
    seen = (float((differences**2).sum()) + 1.0) / (len(differences) + 2)
    is_single = bool(np.isin(np.abs(differences), (0.0, 1.0)).all())
    spread = max(seen, margin if is_single else margin**2)
    under_none = float(stats.norm.ppf(0.5 + level / 2)) * math.sqrt(spread)
    under_margin = float(stats.norm.ppf(power)) * math.sqrt(spread - margin**2)
    return math.ceil(((under_none + under_margin) / margin) ** 2)
