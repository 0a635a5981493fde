"""Which doses to read next: those whose readings tell most about the end point.

The curves that are still likely are sorted into bins that one more reading at a dose could tell apart;
the variance of the log end point within the bins is what would remain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.judge.verdict import Judgement


def most_telling(found: Judgement, doses: Sequence[int], n_arms: int) -> list[int]:
    """Doses whose readings are expected to leave the least variance of the log end point.

    Greedy: the second arm is chosen given the first. Ties go to the smaller dose.
    """
    fit, means = found.fit, found.means
    weights = fit.curve_weights
    use = weights > 1e-6
    weights, log_end = weights[use] / weights[use].sum(), np.log(fit.end_points[use])
    expected = fit.responses(np.array(doses, dtype=float))[use]
    dispersion = fit.dispersion_at(doses)
    width = 2.0 * np.sqrt(_reading_variance(dispersion, expected, weights, means.n_problems))
    cells = np.floor(expected / width).astype(np.int64)
    bins = np.zeros(len(weights), dtype=np.int64)
    chosen: list[int] = []
    for _ in range(n_arms):
        left = [
            _variance_within(_merge(bins, cells[:, i], seen=doses[i] in chosen), weights, log_end)
            for i in range(len(doses))
        ]
        best = int(np.argmin(np.round(left, 9)))
        chosen.append(int(doses[best]))
        bins = _merge(bins, cells[:, best], seen=False)
    return chosen


def _reading_variance(
    dispersion: np.ndarray, expected: np.ndarray, weights: np.ndarray, n_problems: int
) -> np.ndarray:
    mean = np.clip(weights @ expected, 0.02, 0.98)
    return mean * (1 - mean) * (dispersion + 0.5 / n_problems)


def _merge(bins: np.ndarray, cells: np.ndarray, *, seen: bool) -> np.ndarray:
    if seen:  # a second reading at the same dose tells little that the first does not
        return bins
    offset = cells - cells.min()
    return np.unique(bins * (offset.max() + 1) + offset, return_inverse=True)[1].ravel()


def _variance_within(bins: np.ndarray, weights: np.ndarray, values: np.ndarray) -> float:
    mass = np.bincount(bins, weights=weights)
    first = np.bincount(bins, weights=weights * values)
    second = np.bincount(bins, weights=weights * values**2)
    return float((second - first**2 / np.maximum(mass, 1e-300)).sum())
