"""k-center: rows such that none is far from all picked ones; farthest-first traversal.

    radius(S) = max_i min_{j ∈ S} d(x_i, x_j),    d euclidean on rows of length 1: √(2 − 2 cos)

Picking the row that is farthest from all picks each time ends within twice the least radius of any k rows
(Gonzalez 1985, Theor. Comput. Sci. 38; whatever the first row). Unlike facility location it goes for outliers, so it
shows what is rare in a pool, broken rows first.

The first row is the one nearest to the mean direction, since that is determined by the pool. Ties (squared
distances within 2e-6, a cosine of 1e-6) go to the first by index, so once only copies of picked rows are
left they follow by index at distance 0. Rows not scored come last, by index, with distance NaN.

One matrix-vector product per pick: time n·k·width, memory one value per row beside the embedding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from titrant.errors import ConfigError
from titrant.select.coverage.similarity import COPY, unit_rows


class Centers(NamedTuple):
    """Rows in the order of picking. The first m are what a call for m rows gives."""

    rows: np.ndarray
    """Positions in the embedding, int64 [picks]."""
    distances: np.ndarray
    """Distance of each pick to the nearest pick before it, float64 [picks]; NaN for the first and for
    rows not scored. So the radius of the first m picks is `distances[m]`."""
    radius: float
    """Largest distance of a scored row to its nearest pick; NaN where no row is scored."""


def k_center(embedding: np.ndarray, k: int) -> Centers:
    """Pick `k` rows, each the farthest from those before it.

    Args:
        embedding: [traces, width]; NaN rows where not scored.
        k: how many to pick; all of them is a ranking.

    Raises:
        ConfigError: `k` is not between 1 and the number of rows.
        DataError: the embedding is no matrix.

    Example:
        >>> k_center(np.array([[1, 0], [1, 0.1], [0, 1], [1, 0.8]]), 3).rows.tolist()
        [3, 2, 0]
    """
    n = len(embedding)
    unit = unit_rows(embedding)
    if not 1 <= k <= n:
        raise ConfigError(
            f"cannot pick {k} rows",
            expected=f"1 to {n}, the number of rows",
            came=str(k),
            do="ask for fewer rows, or add traces to the pool",
        )
    rows, distances, radius = _traverse(unit.values, min(k, len(unit.at)))
    unscored = np.setdiff1d(np.arange(n), unit.at)[: k - len(rows)]
    return Centers(
        np.concatenate([unit.at[rows], unscored]),
        np.concatenate([distances, np.full(len(unscored), np.nan)]),
        radius,
    )


def _traverse(unit: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, float]:
    rows, distances = np.zeros(k, dtype=np.int64), np.full(k, np.nan)
    if not k:
        return rows, distances, np.nan
    # The largest cosine of each row to a pick: the row where it is least is the farthest.
    nearest = np.full(len(unit), -1.0, dtype=np.float32)
    wanted = unit @ unit.mean(axis=0)
    for place in range(k):
        rows[place] = pick = int(np.argmax(wanted >= wanted.max() - COPY))
        if place:
            distances[place] = _distance(nearest[pick])
        np.maximum(nearest, unit @ unit[pick], out=nearest)
        nearest[nearest >= 1 - COPY] = 1
        wanted = -nearest
        wanted[rows[: place + 1]] = -np.inf
    return rows, distances, _distance(nearest.min())


def _distance(cosine: float) -> float:
    return float(np.sqrt(max(2 - 2 * float(cosine), 0.0)))
