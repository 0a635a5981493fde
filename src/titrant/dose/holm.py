"""Holm's correction: p-values of a family of tests, each made valid for all of them together.

The i-th smallest of m p-values is multiplied by m − i + 1, kept at 1 at most and no smaller than the
one before it. Holding at α, the chance of one false rejection in the family is α at most, whatever
the dependence. Source: Holm (1979), *A simple sequentially rejective multiple test procedure*,
Scandinavian Journal of Statistics 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjusted p-values, in the order given.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
