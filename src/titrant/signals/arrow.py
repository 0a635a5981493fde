"""Rows of different lengths as one Arrow list column, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from titrant.signals.ragged import Ragged, offsets_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def as_lists(rows: Sequence[np.ndarray | None], kind: pa.DataType) -> pa.Array:
    """Rows as one list column; a matrix row after row, null for `None`."""
    flat = [np.zeros(0) if row is None else row.ravel() for row in rows]
    offsets = offsets_of(np.array([len(row) for row in flat], dtype=np.int64))
    values = pa.array(np.concatenate(flat) if flat else np.zeros(0), kind)
    is_null = [row is None for row in rows]
    mask = pa.array(is_null, pa.bool_()) if any(is_null) else None
    return pa.LargeListArray.from_arrays(pa.array(offsets), values, mask=mask)


def as_ragged(column: pa.ChunkedArray, *, width: int | None = None) -> Ragged:
    """The rows of a list column; null is an empty row.

    Args:
        column: lists of numbers.
        width: numbers per value, for rows that are matrices [values, width].
    """
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.chunk(0) if lists.num_chunks else pa.array([], column.type)
    values = lists.flatten().to_numpy(zero_copy_only=False)
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if width is not None:
        values, lengths = values.reshape(-1, max(width, 1)), lengths // max(width, 1)
    return Ragged(values, offsets_of(lengths))
