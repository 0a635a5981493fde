"""Orders by numbers: high or low first, ties by position, missing numbers last.

Candidates come sorted by uid, so ties by position are ties by uid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from titrant.select.strategies.base import Placed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

End = Literal["high", "low"]
NOT_SCORED = "not scored"
DIGITS = 9
"""Distances are rounded to so many places: 1/3 and 2/3 are equally far from 1/2."""


def by_value(values: np.ndarray, say: Callable[[int], str], *, first: End) -> list[Placed]:
    """All positions, in the order of a number.

    Args:
        values: float64 [candidates]; NaN goes to the end as not scored.
        say: the reason of a position whose number is known.
        first: the end of the scale that is placed first.
    """
    order = np.argsort(values if first == "low" else -values, kind="stable").tolist()
    missing = np.isnan(values)
    return [Placed(i, NOT_SCORED, is_last=True) if missing[i] else Placed(i, say(i)) for i in order]


def nearest_first(values: np.ndarray, centre: float, say: Callable[[int], str]) -> list[Placed]:
    """All positions, nearest to `centre` first; otherwise as `by_value`."""
    return by_value(np.abs(values - centre).round(DIGITS), say, first="low")


def percentiles(values: np.ndarray) -> np.ndarray:
    """The share of known values below each one, half of its equals included; in (0, 1), NaN stays NaN.

    Equal values have equal shares, and their mean over the known values is 1/2.
    """
    shares = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    if not known.any():
        return shares
    _, group, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    shares[known] = ((below + counts / 2) / known.sum())[group]
    return shares


def ruled_out(placed: Sequence[Placed], why: Callable[[int], str | None]) -> list[Placed]:
    """The same order with the positions that `why` gives a reason against behind the others."""
    kept, out, last = [], [], []
    for row in placed:
        reason = None if row.is_last else why(row.at)
        if row.is_last:
            last.append(row)
        elif reason is None:
            kept.append(row)
        else:
            out.append(Placed(row.at, reason, is_last=True))
    return kept + out + last


def parted(placed: Sequence[Placed]) -> tuple[list[Placed], list[Placed]]:
    """What stands in its place on merit, and what stays behind all others."""
    return [row for row in placed if not row.is_last], [row for row in placed if row.is_last]
