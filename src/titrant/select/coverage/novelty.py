"""Novelty filter: of rows in a given order, those not too close to any row kept before.

A row is kept if its largest cosine to all kept rows is under `threshold`. DEITA (Liu et al. 2024,
2312.15685) walks so in descending order of complexity times quality, with 0.9, and stops at a budget.
Its code (`IterativeFilter`) calls the number a distance and compares the cosine similarity, as here;
there, in batches of more than one, a row that is near to a dropped row of its batch is dropped too.

A cosine within 1e-6 under the threshold has reached it: float32 cannot tell them apart, and so a
threshold of 1 drops exact copies. Rows not scored (NaN, infinite, all zero) are not kept, since nothing
can be said about them, and keep nobody out.

Blocks of rows meet all kept rows in one matrix product and each other in a second one; only rows that
are left after both are walked one by one. The result is that of the plain loop.
"""

from __future__ import annotations

import numpy as np

from titrant.errors import ConfigError, DataError
from titrant.select.coverage.similarity import COPY, unit_rows

BLOCK_ROWS = 512
"""Rows that are compared with all kept ones at once."""
KEPT_AT_ONCE = 8192
"""Kept rows in one product: a block of 16 MiB."""


def novelty_filter(
    embedding: np.ndarray,
    order: np.ndarray,
    *,
    threshold: float = 0.9,
    most: int | None = None,
) -> np.ndarray:
    """Which rows of a walk are kept.

    Args:
        embedding: [traces, width]; NaN rows where not scored.
        order: positions in the embedding, each at most once, int [walked].
        threshold: largest cosine to a kept row that is too near, over 0 and at most 1.
        most: stop after so many kept rows; the rest of the walk is not kept.

    Returns:
        bool [walked], in the order of the walk: `order[kept]` are the kept rows.

    Raises:
        ConfigError: the threshold is out of its range, or `most` is under 1.
        DataError: the embedding is no matrix, or the order names a row twice or none of its rows.

    Example:
        >>> novelty_filter(np.array([[1, 0], [1, 0.1], [0, 1]]), np.array([1, 0, 2])).tolist()
        [True, False, True]
    """
    _check_settings(threshold, most)
    walk = _checked(order, len(embedding))
    unit = unit_rows(embedding)
    place = np.full(len(embedding), -1)
    place[unit.at] = np.arange(len(unit.at))
    scored = np.flatnonzero(place[walk] >= 0)
    kept = np.zeros(len(walk), dtype=bool)
    kept[scored[_walk(unit.values, place[walk[scored]], threshold - COPY, most)]] = True
    return kept


def _walk(unit: np.ndarray, order: np.ndarray, near: float, most: int | None) -> np.ndarray:
    """Steps of the walk whose rows are kept."""
    limit = len(order) if most is None else min(most, len(order))
    kept, steps = np.empty((limit, unit.shape[1]), dtype=np.float32), np.empty(limit, dtype=int)
    n_kept = 0
    for start in range(0, len(order), BLOCK_ROWS):
        block = unit[order[start : start + BLOCK_ROWS]]
        left = _far_from(block, kept[:n_kept], near)
        left = left[_novel(block[left], near)][: limit - n_kept]
        kept[n_kept : n_kept + len(left)] = block[left]
        steps[n_kept : n_kept + len(left)] = start + left
        n_kept += len(left)
        if n_kept == limit:
            break
    return steps[:n_kept]


def _far_from(block: np.ndarray, kept: np.ndarray, near: float) -> np.ndarray:
    """Rows of the block that are near to no kept row."""
    left = np.arange(len(block))
    for start in range(0, len(kept), KEPT_AT_ONCE):
        cosine = block[left] @ kept[start : start + KEPT_AT_ONCE].T
        left = left[cosine.max(axis=1, initial=-1) < near]
    return left


def _novel(block: np.ndarray, near: float) -> np.ndarray:
    """The plain walk within a block."""
    too_near = block @ block.T >= near
    novel = np.ones(len(block), dtype=bool)
    for i in range(len(block)):
        if novel[i]:
            novel[i + 1 :] &= ~too_near[i, i + 1 :]
    return np.flatnonzero(novel)


def _check_settings(threshold: float, most: int | None) -> None:
    if not 0 < threshold <= 1:
        raise ConfigError(
            "the novelty threshold is a cosine",
            expected="a number over 0 and at most 1",
            came=str(threshold),
            do="take 0.9, or 1 to drop only copies",
        )
    if most is not None and most < 1:
        raise ConfigError(
            f"cannot keep {most} rows",
            expected="1 or more",
            came=str(most),
            do="leave `most` out to keep every novel row",
        )


def _checked(order: np.ndarray, n: int) -> np.ndarray:
    walk = np.asarray(order, dtype=np.int64)
    inside = walk[(walk >= 0) & (walk < n)]
    if len(inside) < len(walk) or len(np.unique(inside)) < len(walk):
        raise DataError(
            "the order of a walk does not fit the embedding",
            expected=f"positions from 0 to {n - 1}, each at most once",
            came=f"{len(walk)} positions, {len(np.unique(inside))} different ones in that range",
            do="pass the positions of a ranking of the same pool",
        )
    return walk
