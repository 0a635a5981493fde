"""pass@k and best-of-k: what k draws of one question would have done, from n of them.

Both are averages over all subsets of k of the n draws, in closed form, so they are unbiased and have no
resampling noise. pass@k is the share of subsets with a right draw, 1 − C(n − c, k) / C(n, k) with c right
ones, as a product of factors under 1 (Chen et al. 2021, arXiv 2107.03374, §2.1): the binomials themselves
overflow. best-of-k is the share of subsets whose draw of the highest signal is right.

A draw that was cut or cannot be read is a draw, and not right. A draw whose signal is NaN can be chosen
only where all draws of the subset are NaN, and then none is: it counts as not right.
"""

from __future__ import annotations

import numpy as np

from titrant.errors import ConfigError


def pass_at(n: np.ndarray, right: np.ndarray, k: int) -> np.ndarray:
    """pass@k of each question, float64 [questions]; NaN where it has fewer than k draws.

    Args:
        n: draws of each question, int [questions].
        right: of them, the right ones, int [questions].
        k: at least 1.

    Raises:
        ConfigError: k is under 1.

    Example:
        >>> pass_at(np.array([4, 4, 2]), np.array([1, 4, 1]), 2)
        array([0.5, 1. , 1. ])
    """
    _check(k)
    n, right = np.asarray(n, dtype=np.int64), np.asarray(right, dtype=np.int64)
    i = np.arange(k)
    # C(n − c, k) / C(n, k) = Π_i (n − c − i) / (n − i); a factor of 0 stands for "no such subset"
    wrong = np.maximum(n[:, None] - right[:, None] - i, 0)
    rest = np.maximum(n[:, None] - i, 1)
    found = 1.0 - np.prod(wrong / rest, axis=1)
    return np.where(n >= k, found, np.nan)


def best_of(signal: np.ndarray, is_right: np.ndarray, k: int) -> float:
    """Expected share of right answers among the best of k draws of one question.

    Equal signals share their chance of being the best. NaN where there are fewer than k draws.

    Args:
        signal: of each draw, high is better, float [draws].
        is_right: bool [draws].
        k: at least 1.

    Raises:
        ConfigError: k is under 1.

    Example:
        Of 3 draws the best is right; it is among 2 of the 3 pairs.

        >>> round(best_of(np.array([3.0, 2.0, 1.0]), np.array([True, False, False]), 2), 6)
        0.666667
    """
    _check(k)
    n = len(signal)
    if n < k:
        return float("nan")
    known = np.isfinite(signal)
    values, sizes = np.unique(signal[known], return_counts=True)
    hits = np.array([is_right[signal == value].mean() for value in values])
    # P(the best lies at or under a value) = C(draws at or under it, k) / C(n, k)
    missing = n - int(known.sum())
    below = missing + np.concatenate([[0], np.cumsum(sizes)])
    reached = np.array([_share_within(int(m), n, k) for m in below])
    return float((np.diff(reached) * hits).sum())


def _share_within(m: int, n: int, k: int) -> float:
    """C(m, k) / C(n, k): the share of k-subsets of n that lie within m of them."""
    if m < k:
        return 0.0
    i = np.arange(k)
    return float(np.prod((m - i) / (n - i)))


def _check(k: int) -> None:
    if k < 1:
        raise ConfigError(
            "k draws are asked for", expected="k of at least 1", came=str(k), do="raise k"
        )
