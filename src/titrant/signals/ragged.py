"""Rows of different lengths as one array: values side by side, and where each row begins.

Reductions run over all rows at once. Those of an empty row are NaN (a count or a sum of nothing is 0,
but a signal that is a sum says so itself). NaN among a row's values makes its result NaN, so a missing
number is never passed over in silence; `finite` leaves missing ones out where that is meant.

What comes of a row depends on that row alone, to the last bit: never on its neighbours, their order or
their number. So a pool may be cut into parts anywhere. Sums that run along a row therefore start anew in
each row, by way of matrices that hold rows of similar length (`_blocks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK_VALUES = 2**20
"""Values of a block: 8 MB in float64, which a cache may hold. A longer row has a block of its own."""
SHARE_SLACK = 1e-9
"""So that 0.29 × 100 values, 28.999999999999996 in binary, are 29."""


class _Block(NamedTuple):
    """Rows of similar length, padded on the right."""

    rows: np.ndarray
    """Which ones, int64 [block rows]."""
    at: np.ndarray
    """Where their values stand, row after row, int64 [block values]."""
    is_value: np.ndarray
    """bool [block rows, longest]; false for padding."""


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows side by side; row i is `values[offsets[i]:offsets[i + 1]]`."""

    values: np.ndarray
    """[values] or [values, k]."""
    offsets: np.ndarray
    """int64 [rows + 1], ascending, from 0 to the number of values."""

    def __post_init__(self) -> None:
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values):
            message = f"offsets run to {self.offsets[-1]}, but there are {len(self.values)} values"
            raise ValueError(message)

    @classmethod
    def of_rows(cls, rows: Sequence[np.ndarray], *, width: int | None = None) -> Ragged:
        """From one array per row; `width` is k of rows [values, k] where there may be no row."""
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        empty = np.zeros(0 if width is None else (0, width), dtype=np.float32)
        return cls(np.concatenate(rows) if len(rows) else empty, offsets_of(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, i: int) -> np.ndarray:
        """One row; a view."""
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Values per row, int64 [rows]."""
        return np.diff(self.offsets)

    @property
    def row_of(self) -> np.ndarray:
        """The row that each value belongs to, int64 [values]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def place(self) -> np.ndarray:
        """How many values of its row stand before each value, int64 [values]."""
        return np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.lengths)

    def with_values(self, values: np.ndarray) -> Ragged:
        """The same rows with other values."""
        return Ragged(values, self.offsets)

    def take(self, rows: np.ndarray) -> Ragged:
        """Some rows, in the order asked for; int64 [wanted rows]."""
        rows = np.asarray(rows, dtype=np.int64)
        return Ragged(self.values[self._places(rows)], offsets_of(self.lengths[rows]))

    def keep(self, mask: np.ndarray) -> Ragged:
        """Only the values where the mask is true; rows keep their places and may become empty."""
        lengths = np.bincount(self.row_of[mask], minlength=len(self))
        return Ragged(self.values[mask], offsets_of(lengths))

    def finite(self) -> Ragged:
        """Without the values that are NaN or infinite."""
        return self.keep(np.isfinite(self.values))

    def without_first(self) -> Ragged:
        """Rows without their first value; an empty row stays empty."""
        return self.keep(self.place > 0)

    def last(self, n: int) -> Ragged:
        """The last n values of each row, all of a shorter one."""
        return self.keep(self.place >= np.repeat(self.lengths - n, self.lengths))

    def sum(self) -> np.ndarray:
        """Sum of each row, float64 [rows]; 0 for an empty row."""
        return np.bincount(self.row_of, weights=self.values, minlength=len(self))

    def mean(self) -> np.ndarray:
        """Mean of each row, float64 [rows]."""
        with np.errstate(invalid="ignore"):
            return self.sum() / self.lengths

    def min(self) -> np.ndarray:
        """Least value of each row, float64 [rows]."""
        return self._reduce(np.minimum)

    def max(self) -> np.ndarray:
        """Largest value of each row, float64 [rows]."""
        return self._reduce(np.maximum)

    def cumsum(self) -> Ragged:
        """Sums from the start of each row up to each value, float64; NaN from the first NaN on."""
        found = np.empty(len(self.values))
        for block in self._blocks():
            sums = _padded(self.values[block.at], block).cumsum(axis=1)
            found[block.at] = sums[block.is_value]
        return self.with_values(found)

    def sliding_mean(self, n: int) -> Ragged:
        """Means of all windows of n neighbouring values, float64; full windows only, one value apart.

        A row of fewer values gives one: its plain mean. An empty row gives none. A NaN makes its window
        and the later ones of its row NaN.

        Example:
            >>> rows = Ragged.of_rows([np.array([1.0, 2.0, 4.0]), np.array([5.0])])
            >>> rows.sliding_mean(2).row(0), rows.sliding_mean(2).row(1)
            (array([1.5, 3. ]), array([5.]))
        """
        lengths = self.lengths
        width = np.minimum(lengths, n)
        offsets = offsets_of(np.where(lengths > 0, lengths - width + 1, 0))
        windows = Ragged(np.empty(offsets[-1]), offsets)
        size = np.repeat(width, windows.lengths)
        last = windows.place + np.repeat(self.offsets[:-1], windows.lengths) + size - 1
        sums = self.cumsum().values
        with np.errstate(invalid="ignore"):  # after an infinite value
            found = sums[last] - np.where(windows.place > 0, sums[last - size], 0.0)
        return windows.with_values(found / size)

    def lowest_mean(self, share: float) -> np.ndarray:
        """Mean of the lowest values of each row, float64 [rows].

        Args:
            share: of the row's values, rounded down, at least one of them.

        Example:
            >>> Ragged.of_rows([np.array([3.0, 1.0, 2.0, 9.0]), np.array([7.0])]).lowest_mean(0.5)
            array([1.5, 7. ])
        """
        found = np.full(len(self), np.nan)
        for block in self._blocks():
            counts = np.maximum(1, self.lengths[block.rows] * share + SHARE_SLACK).astype(np.int64)
            ordered = np.sort(_padded(self.values[block.at], block), axis=1)  # padding is last
            sums = ordered.cumsum(axis=1)[np.arange(len(counts)), counts - 1]
            found[block.rows] = sums / counts
        return np.where(np.isnan(self.min()), np.nan, found)

    def _reduce(self, function: np.ufunc) -> np.ndarray:
        found = np.full(len(self), np.nan)
        is_filled = self.lengths > 0
        if is_filled.any():
            found[is_filled] = function.reduceat(self.values, self.offsets[:-1][is_filled])
        return found

    def _places(self, rows: np.ndarray) -> np.ndarray:
        """Where the values of some rows stand, row after row."""
        lengths = self.lengths[rows]
        offsets = offsets_of(lengths)
        return np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)

    def _blocks(self) -> Iterator[_Block]:
        """All rows that have values, in blocks: none more than twice as long as another of its block."""
        lengths = self.lengths
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > 0]
        ascending = lengths[order]
        start = 0
        while start < len(order):
            similar = int(np.searchsorted(ascending, 2 * ascending[start], side="right"))
            fitting = start + max(1, BLOCK_VALUES // int(ascending[similar - 1]))
            rows = order[start : min(similar, fitting)]
            widths = lengths[rows]
            yield _Block(rows, self._places(rows), np.arange(widths[-1]) < widths[:, None])
            start += len(rows)


def _padded(values: np.ndarray, block: _Block) -> np.ndarray:
    """A block's values as a matrix, NaN where there is none; float64 [block rows, longest]."""
    matrix = np.full(block.is_value.shape, np.nan)
    matrix[block.is_value] = values
    return matrix


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Where rows of these lengths begin and end, int64 [rows + 1]."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
