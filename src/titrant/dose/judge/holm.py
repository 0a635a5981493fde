"""Holm's correction: p-values of a family of tests, each made valid for all of them together.

Holding an adjusted value at α, the chance of one false rejection in the family is α at most, whatever
the dependence. By statsmodels; source: Holm (1979), *A simple sequentially rejective multiple test
procedure*, Scandinavian Journal of Statistics 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from statsmodels.stats.multitest import multipletests

if TYPE_CHECKING:
    from collections.abc import Sequence


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjusted p-values, in the order given; an empty family gives an empty array."""
    if not len(p_values):
        return np.empty(0)
    return np.asarray(multipletests(p_values, method="holm")[1], dtype=float)
