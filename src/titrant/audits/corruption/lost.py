r"""The share of a model's own accuracy that goes when another problem's trace stands in its place.

    lost = (own − foreign) / (own − chance)

over accuracies of the same arms on the same problems; `chance` is how often the answer that the foreign trace
led to is right here too. An answer that follows a foreign trace is right just then, so a model that follows
loses 1, however few answers there are to choose from; one that guesses among them loses 1 as well; one that
answers as before loses 0. Without choices chance is next to nothing, and lost is (own − foreign) / own.

Noise is that of `audits.arms`, of numerator and denominator together:

* problems: the covariance over problems of the means over arms; two pseudo-problems are counted with them,
  coins for own, foreign and chance, so that a model right on all under both leaves doubt;
* arms: the covariance of the arms' means, less what single problems explain of it, over k arms. Where arms
  finished different problems their means differ by these too, which widens.

The interval is Fieller's, with the degrees of freedom of Satterthwaite at the estimate (`audits.share`).
"""

from __future__ import annotations

import numpy as np

from titrant.audits.arms import PSEUDO_PROBLEMS, satterthwaite
from titrant.audits.share import ratio_interval
from titrant.estimate import Estimate

_WEIGHTS = np.array([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]])
"""Numerator and denominator over own, foreign and chance."""
COINS = _WEIGHTS @ _WEIGHTS.T / 4
"""Covariance of the two on a pseudo-problem."""


def lost_share(own: np.ndarray, foreign: np.ndarray, chance: np.ndarray, level: float) -> Estimate:
    """The share with its interval.

    Args:
        own: right (1) or wrong (0) with the own trace, float64 [arms, problems]; NaN where it was not asked.
        foreign: the same with another problem's.
        chance: whether the answer behind that trace is right here too.
        level: of the interval.

    Returns:
        Nothing but the level and n where own is not over chance by two standard errors. A problem counts for
        an arm where all three are known.

    Example:
        Right on 3 of 4 with its own trace, on 1 of 4 with another's, which is right there by chance.

        >>> own, other = np.array([[1.0, 1.0, 1.0, 0.0] * 20]), np.array([[1.0, 0.0, 0.0, 0.0] * 20])
        >>> round(lost_share(own, other, other, 0.9).estimate, 6)
        1.0
    """
    values = np.stack([own - foreign, own - chance])
    values = np.where(np.isfinite(values).all(axis=0), values, np.nan)
    known = np.isfinite(values[0])
    values = values[:, known.any(axis=1)][:, :, known.any(axis=0)]
    _, k, n = values.shape
    if n < 2:
        return Estimate(estimate=None, low=None, high=None, level=level, n=n, seeds=k)
    per_problem = np.nanmean(values, axis=1)
    num, den = per_problem.mean(axis=1)
    of_problems, of_arms = _problem_cov(per_problem), _arm_cov(values)
    at = np.array([1.0, -num / den if den else 0.0])
    df = satterthwaite(
        np.array([at @ of_problems @ at]), n + 1, np.array([at @ of_arms @ at]), k - 1
    )
    cov = of_problems + of_arms
    found = ratio_interval(
        float(num),
        float(den),
        var_num=float(cov[0, 0]),
        var_den=float(cov[1, 1]),
        cov=float(cov[0, 1]),
        df=float(df[0]),
        level=level,
    )
    return found.model_copy(update={"n": n, "seeds": k})


def _problem_cov(per_problem: np.ndarray) -> np.ndarray:
    """Of the means over problems; [2, 2]."""
    away = per_problem - per_problem.mean(axis=1, keepdims=True)
    total = per_problem.shape[1] + PSEUDO_PROBLEMS
    return (away @ away.T + PSEUDO_PROBLEMS * COINS) / (total * (total - 1))


def _arm_cov(values: np.ndarray) -> np.ndarray:
    """Of the mean over arms, from what they differ by as a whole; [2, 2], without negative variances."""
    k = values.shape[1]
    if k < 2:
        return np.zeros((2, 2))
    means = np.nanmean(values, axis=2)
    centred = values - means[:, :, None]
    apart = np.nan_to_num(centred - np.nanmean(centred, axis=1, keepdims=True))
    count = np.isfinite(values[0]).sum(axis=0)
    shared = count > 1
    scatter = np.einsum("iap,jap->pij", apart, apart)[shared] / (count[shared] - 1)[:, None, None]
    each = count.sum() / k  # problems of an arm
    explained = scatter.mean(axis=0) / each if shared.any() else np.zeros((2, 2))
    size, axes = np.linalg.eigh(np.cov(means) - explained)
    return (axes * size.clip(min=0.0)) @ axes.T / k
