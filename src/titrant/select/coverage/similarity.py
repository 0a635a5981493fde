"""Similarity of embeddings: unit rows, and the two ways in which all pairs are held.

The similarity of two rows is their cosine, in float32, and never under 0:

    s_ij = max(x_i · x_j / (|x_i| |x_j|), 0)

**Dense**: all n² values, 4 bytes each; exact. **Neighbours**: only s_ij where j is among the m rows
most similar to i, or i among those of j, and s_ii = 1; all other pairs count as 0. It is built from blocks
of rows, so memory grows with n·m and a block, time with n². What the second leaves out only makes
coverage look smaller than it is.

Both answer the two questions of a greedy choice, given the `level` at which each row is represented:
how much would a candidate add (`gains`), and by how much did these gains fall when some rows were
lifted from an old level to a new one (`drops`).

Missing: a row that holds NaN or infinity, or only zeros, has no direction. It is not scored, and
callers leave it out.

Left out: approximate neighbours (USearch, faiss): 50,000 rows need no index, and no row may be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from scipy import sparse

from titrant.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

COPY = 1e-6
"""A cosine within this of 1 is that of a copy. Rounding of a float32 product of 256–4,096 terms
stays under it."""
ROUNDING = 1e-5
"""Share by which a drop summed in float32 may be off: 64 terms of 2⁻²⁴ (4e-6), doubled and rounded up."""
ROWS_AT_ONCE = 64
"""Most rows whose drops are added up in float32, see `ROUNDING`."""
BLOCK_VALUES = 2**17
"""Values of a block that is worked on in the processor's cache: 512 KiB."""
NEIGHBOUR_BLOCK_VALUES = 2**23
"""Values of a block of similarities when neighbours are searched: 32 MiB."""


class UnitRows(NamedTuple):
    """Embeddings of length 1, those that have a direction."""

    at: np.ndarray
    """Their positions in the embedding as handed in, int64 [rows], ascending."""
    values: np.ndarray
    """float32 [rows, width], C order."""


def unit_rows(embedding: np.ndarray) -> UnitRows:
    """The rows with a direction, scaled to length 1.

    Args:
        embedding: [traces, width]; NaN rows where not scored.

    Raises:
        DataError: it is no matrix.
    """
    given = np.asarray(embedding)
    if given.ndim != 2:
        raise DataError(
            "an embedding must be a matrix",
            expected="one row per trace: [traces, width]",
            came=f"shape {list(given.shape)}",
            do="pass Candidates.hidden(), or stack the vectors with np.stack",
        )
    length = np.sqrt(np.einsum("ij,ij->i", given, given, dtype=np.float64))
    at = np.flatnonzero(np.isfinite(length) & (length > 0))
    values = np.divide(given[at], length[at, None], dtype=np.float64, casting="same_kind")
    return UnitRows(at, values.astype(np.float32, order="C"))


class Similarity(Protocol):
    """All pairs, in the form that a greedy choice asks for."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def row(self, j: int) -> np.ndarray:
        """A copy of the similarities of all rows to row `j`, float32 [rows]."""
        ...

    def gains(self, of: np.ndarray, level: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Σ_i w_i max(s_ij − level_i, 0) for each j of `of`, float64; float32 terms, float64 sum."""
        ...

    def drops(
        self, lifted: np.ndarray, old: np.ndarray, new: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        """Fall of every row's gain when the rows `lifted` rise from `old` to `new`; float64 [rows].

        That is Σ_i w_i (min(max(s_ij, old_i), new_i) − old_i) over the lifted rows, right within
        a share of `ROUNDING`. `old`, `new` and `weight` are float32 [lifted].
        """
        ...


class DenseSimilarity:
    """All n² values. Negative cosines stay as they are: no level is under 0, so they never count."""

    def __init__(self, unit: np.ndarray) -> None:
        self.values = unit @ unit.T  # BLAS syrk: half the work, and exactly symmetric
        self._at_once = int(np.clip(BLOCK_VALUES // max(len(unit), 1), 4, ROWS_AT_ONCE))

    def __len__(self) -> int:
        return len(self.values)

    def row(self, j: int) -> np.ndarray:
        """A copy of the similarities of all rows to row `j`, float32 [rows]."""
        return self.values[j].copy()

    def gains(self, of: np.ndarray, level: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """See `Similarity.gains`. A row of the matrix stands in for the column, which is the same."""
        gains = np.empty(len(of))
        for part in _parts(len(of), self._at_once):
            block = np.maximum(self.values[of[part]], level)
            block -= level
            block *= weight
            gains[part] = block.sum(axis=1, dtype=np.float64)
        return gains

    def drops(
        self, lifted: np.ndarray, old: np.ndarray, new: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        """See `Similarity.drops`."""
        drops = np.zeros(len(self))
        for part in _parts(len(lifted), self._at_once):
            block = self.values[lifted[part]]
            np.clip(block, old[part, None], new[part, None], out=block)
            block -= old[part, None]
            drops += weight[part] @ block
        return drops


class NeighbourSimilarity:
    """The values between near rows, symmetric, as a sparse matrix."""

    def __init__(self, unit: np.ndarray, neighbours: int) -> None:
        near = _nearest(unit, min(neighbours, len(unit)))
        itself = sparse.diags_array(np.ones(len(unit), dtype=np.float32), format="csr")
        # Where `itself` holds nothing it counts as 0, so no negative cosine is left.
        self.values = near.maximum(near.T.tocsr()).maximum(itself).tocsr()

    def __len__(self) -> int:
        return self.values.shape[0]

    def row(self, j: int) -> np.ndarray:
        """A copy of the similarities of all rows to row `j`, float32 [rows]."""
        start, end = self.values.indptr[j : j + 2]
        row = np.zeros(len(self), dtype=np.float32)
        row[self.values.indices[start:end]] = self.values.data[start:end]
        return row

    def gains(self, of: np.ndarray, level: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """See `Similarity.gains`."""
        gains = np.empty(len(of))
        for part in _parts(len(of), BLOCK_VALUES // ROWS_AT_ONCE):
            number, other, value = self._entries(of[part])
            rises = np.maximum(value - level[other], 0) * weight[other]
            gains[part] = np.bincount(number, rises, minlength=len(gains[part]))
        return gains

    def drops(
        self, lifted: np.ndarray, old: np.ndarray, new: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        """See `Similarity.drops`."""
        number, other, value = self._entries(lifted)
        falls = (np.clip(value, old[number], new[number]) - old[number]) * weight[number]
        return np.bincount(other, falls, minlength=len(self))

    def _entries(self, of: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Entries of some rows: number of the row in `of`, column, value.

        Slicing by scipy gives the same and takes ten times as long for a few short rows.
        """
        starts = self.values.indptr[of].astype(np.int64)
        counts = self.values.indptr[of + 1] - starts
        number = np.repeat(np.arange(len(of)), counts)
        skipped = starts - (np.cumsum(counts) - counts)
        at = skipped[number] + np.arange(len(number))
        return number, self.values.indices[at], self.values.data[at]


def _parts(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _nearest(unit: np.ndarray, m: int) -> sparse.csr_array:
    """The `m` most similar rows of each row, itself among them as a rule; ties by index."""
    n = len(unit)
    size = max(1, NEIGHBOUR_BLOCK_VALUES // max(n, 1))
    blocks = [_nearest_of(unit[part] @ unit.T, m) for part in _parts(n, size)]
    if not blocks:
        return sparse.csr_array((n, n), dtype=np.float32)
    columns, values = (np.concatenate(each) for each in zip(*blocks, strict=True))
    return sparse.csr_array((values, columns, np.arange(0, n * m + 1, m)), shape=(n, n))


def _nearest_of(block: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of the `m` largest of each row of a block, row by row.

    A full partition is most of the work, so a floor comes first: the m-th largest of the maxima of groups
    of columns is at most the m-th largest value, and few values lie between the two. Copies tie, so all
    of more than m copies see the first m of them, and each of these stands for all.
    """
    rows, n = block.shape
    size = max(1, min(64, n // (4 * m)))  # at least 4 m groups, or every column for itself
    groups = n // size
    maxima = block[:, : groups * size].reshape(rows, size, groups).max(axis=1)
    floor = np.partition(maxima, groups - m, axis=1)[:, groups - m]
    floor = np.minimum(floor, np.float32(1 - COPY))
    row, column = np.divmod(np.flatnonzero(block >= floor[:, None]), n)
    value = block[row, column]
    value[value >= 1 - COPY] = 1
    order = np.lexsort((column, -value, row))
    starts = np.searchsorted(row, np.arange(rows))
    chosen = order[(starts[:, None] + np.arange(m)).ravel()]
    return column[chosen].astype(np.int32), value[chosen]
