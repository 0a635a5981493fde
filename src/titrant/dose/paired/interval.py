"""The difference of two accuracies on the same problems, with its interval.

*Problems*: a bootstrap over problems. A problem is drawn with all its answers of both sides, so what
makes it hard for both cancels. Two pseudo-problems, right or wrong by the toss of a coin, are drawn with
them (half in each cell of the 2 × 2 table; Agresti & Min 2005, Statistics in Medicine 24, 729): a
bootstrap of problems that never differ would say that none ever does. The estimate stays the plain one.

*Seeds*: two to five arms are never resampled (a nominal 90 % interval then covers 50–78 %). A side with
k arms adds s²/k, s² the variance of the arms' accuracies with k − 1 degrees of freedom. The accuracies
differ also because each arm errs on other problems; that part is in the bootstrap too, so it is taken out
there: with M the mean square of arm × problem, the bootstrap's variance is reduced by M/(nk), and no
noise is counted twice. What is left are problems that are hard for all arms.

The parts are put together as squares (Banerjee 1960, Sankhyā 22, 357), each with its own quantile:

    low = d − √(reach² + Σ t²ₖ₋₁ s²/k),  reach the distance from d to the bootstrap's lower end

t the Student quantile with k − 1 degrees of freedom. That covers at least at its level whatever the parts'
sizes; with two arms a side it is wide (t = 6.3 at 90 %), as it must be. Arms that happen to agree do not make
it narrower than the bootstrap's, which is about these very arms. The p-value is 1 − the level at which this
interval ends at 0, with the normal quantile for the problems.

A side with one arm adds nothing: the interval is about this model, not about its training.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import brentq

RESAMPLES = 10_000
CELLS = 20_000_000
"""Numbers of the bootstrap held at a time."""
LEAST_P = 1e-12


class Seeds(NamedTuple):
    """The noise between the arms of one side."""

    sd: float
    """Of the arms' accuracies."""
    arms: int
    interaction: float
    """Mean square of arm × problem."""

    @property
    def variance(self) -> float:
        """Of the side's accuracy."""
        return self.sd**2 / self.arms


class Difference(NamedTuple):
    """Accuracy of B less that of A."""

    estimate: float
    low: float
    high: float
    p: float | None
    """With the noise of seeds; `None` where neither side has several arms."""
    seeds_a: Seeds | None
    seeds_b: Seeds | None


def paired_difference(
    a: np.ndarray,
    b: np.ndarray,
    *,
    level: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Difference:
    """The difference with its interval; see the module docstring.

    Args:
        a: share right of each problem; [arms of A, problems], no NaN.
        b: as `a`, [arms of B, problems].
        level: of the interval.
        rng: of the bootstrap.
        resamples: of the bootstrap.
    """
    differences = b.mean(axis=0) - a.mean(axis=0)
    estimate = float(differences.mean())
    means = bootstrap_means(differences, rng, resamples)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2]).tolist()
    sides = (between_arms(a), between_arms(b))
    seeds = [side for side in sides if side is not None]
    if not seeds:
        return Difference(estimate, min(low, estimate), max(high, estimate), None, *sides)
    kept = _share_of_problems(differences, seeds)
    apart = _reach(seeds, level)
    below, above = (
        _joined(max(reach, 0.0), kept=kept, of_seeds=apart)
        for reach in (estimate - low, high - estimate)
    )
    p = _p_value(estimate, float(means.std()), seeds, kept=kept)
    return Difference(estimate, estimate - below, estimate + above, p, *sides)


def bootstrap_means(
    differences: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES
) -> np.ndarray:
    """Means over problems drawn anew, pseudo-problems among them; [resamples].

    Equal differences are drawn as one multinomial count, which is the same and quicker.
    """
    padded = np.concatenate([differences.round(12), [-1.0, 0.0, 1.0]])
    weights = np.concatenate([np.ones(len(differences)), [0.5, 1.0, 0.5]])
    values, place = np.unique(padded, return_inverse=True)
    counts = np.bincount(place, weights=weights)
    n = len(differences) + 2
    step = max(1, CELLS // len(values))
    parts = [
        rng.multinomial(n, counts / n, size=min(step, resamples - start)) @ values
        for start in range(0, resamples, step)
    ]
    return np.concatenate(parts) / n


def between_arms(scores: np.ndarray) -> Seeds | None:
    """The noise between arms on the same problems, [arms, problems]; `None` for a single arm."""
    arms, problems = scores.shape
    if arms < 2:
        return None
    means = scores.mean(axis=1, keepdims=True)
    rest = scores - means - scores.mean(axis=0, keepdims=True) + scores.mean()
    square = float((rest**2).sum()) / ((arms - 1) * (problems - 1))
    return Seeds(float(means.std(ddof=1)), arms, square)


def _share_of_problems(differences: np.ndarray, seeds: list[Seeds]) -> float:
    """Share of the bootstrap's variance that is not arm × problem; 0 to 1."""
    whole = float(differences.var(ddof=1))
    if whole == 0:
        return 1.0
    return max(0.0, 1 - sum(side.interaction / side.arms for side in seeds) / whole)


def _reach(seeds: list[Seeds], level: float) -> float:
    """How far the interval reaches for the seeds alone."""
    squares = (
        float(stats.t.ppf(0.5 + level / 2, side.arms - 1)) ** 2 * side.variance for side in seeds
    )
    return math.sqrt(sum(squares))


def _joined(of_problems: float, *, kept: float, of_seeds: float) -> float:
    """How far the interval reaches for both."""
    return max(math.hypot(math.sqrt(kept) * of_problems, of_seeds), of_problems)


def _p_value(estimate: float, error: float, seeds: list[Seeds], *, kept: float) -> float:
    """1 − the level at which the interval ends at 0; at least `LEAST_P`."""

    def beyond(log_p: float) -> float:
        of_problems = float(stats.norm.isf(math.exp(log_p) / 2)) * error
        of_seeds = _reach(seeds, 1 - math.exp(log_p))
        return _joined(of_problems, kept=kept, of_seeds=of_seeds) - abs(estimate)

    least = math.log(LEAST_P)
    if beyond(0.0) >= 0:
        return 1.0
    if beyond(least) <= 0:
        return LEAST_P
    root: Any = brentq(beyond, least, 0.0)
    return math.exp(float(root))
