"""Distinct whole numbers, by sorting.

`numpy.unique` of numpy 2.3 and later hashes whole numbers, and on numbers of pairs (i · n + j) its table
clusters: 6 s for 8 million where sorting takes 0.1 s. Drop this module once that is mended.
"""

from __future__ import annotations

import numpy as np


def distinct(numbers: np.ndarray) -> np.ndarray:
    """The distinct numbers, ascending; any shape in, one axis out."""
    ordered = np.sort(numbers, axis=None)
    is_new = np.ones(len(ordered), dtype=bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_new]
