"""Rows of different lengths as one array: values side by side, and where each row begins.

Reductions run over all rows at once. Those of an empty row are NaN (a count or a sum of nothing is 0,
but a signal that is a sum says so itself). NaN among a row's values makes its result NaN, so a missing
number is never passed over in silence; `finite` leaves missing ones out where that is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


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

    def with_values(self, values: np.ndarray) -> Ragged:
        """The same rows with other values."""
        return Ragged(values, self.offsets)

    def keep(self, mask: np.ndarray) -> Ragged:
        """Only the values where the mask is true; rows keep their places and may become empty."""
        lengths = np.bincount(self.row_of[mask], minlength=len(self))
        return Ragged(self.values[mask], offsets_of(lengths))

    def finite(self) -> Ragged:
        """Without the values that are NaN or infinite."""
        return self.keep(np.isfinite(self.values))

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

    def _reduce(self, function: np.ufunc) -> np.ndarray:
        found = np.full(len(self), np.nan)
        is_filled = self.lengths > 0
        if is_filled.any():
            found[is_filled] = function.reduceat(self.values, self.offsets[:-1][is_filled])
        return found


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Where rows of these lengths begin and end, int64 [rows + 1]."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
