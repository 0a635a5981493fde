"""Degenerate signals: one that gives nearly every trace the same value ranks nothing.

A scorer can fail without an error. DEITA's complexity scorer, put before a base it was not made for,
gave a constant 3; ties then break by uid, and the "selected" subset was a random one with a learned name.
So every signal is looked at before it is ranked by:

    missing    more than half of the traces have no value: what is ranked is who has one
    commonest  one value is shared by more than nine tenths of those that have one: a subset of up to a
               tenth of the pool may be cut from ties alone
    spread     the middle nine tenths of values lie within a thousandth of their magnitude: a
               half-precision model rounds a logit by up to 4e-3 of itself, some 1e-4 in the mean over a
               trace, and what differs by not much more is an order of rounding

Magnitude is the larger of the two ends of the middle nine tenths, without sign, so that a few stray
traces do not hide a constant. Scaling a signal changes nothing; adding a large constant does, and should:
1000.1 and 1000.2 are hardly different where 0.1 and 0.2 are. Left out: whether a signal that varies means
anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

MOST_MISSING = 0.5
MOST_COMMON = 0.9
LEAST_SPREAD = 1e-3
OUTER = 0.05
"""Share of values on either side that are not of the middle."""
LEAST_VALUES = 2
"""One value is constant by itself, and says nothing."""


@dataclass(frozen=True, slots=True)
class Variety:
    """How different the values of a signal are over a pool."""

    n: int
    """Traces."""
    missing_share: float
    """Of the traces; NaN in an empty pool."""
    distinct: int
    """Different values."""
    commonest: float
    """The value that most traces have, the least of several; NaN without any."""
    commonest_share: float
    """Of the traces that have a value; NaN without any."""
    spread: float
    """Width of the middle nine tenths of values over their magnitude; 0 where all are 0, NaN without
    any."""
    warning: str | None
    """What is wrong, in a sentence; `None` where the signal can rank."""


def variety(values: np.ndarray, *, name: str) -> Variety:
    """Look at the values of a signal over a pool.

    Args:
        values: one per trace, in any order; NaN (or infinite) where it cannot be computed.
        name: of the signal, for the warning.

    Example:
        >>> variety(np.array([3.0, 3.0, 3.0, 3.0]), name="complexity").warning
        'The signal complexity is 3 for every trace that has a value, so it ranks nothing.'
        >>> variety(np.linspace(0, 1, 100), name="length").warning is None
        True
    """
    known = np.asarray(values, dtype=np.float64)
    n = len(known)
    known = known[np.isfinite(known)]
    if len(known) == 0:
        warning = f"The signal {name} could not be computed for any trace." if n else None
        return Variety(n, 1.0 if n else np.nan, 0, np.nan, np.nan, np.nan, warning)
    distinct, counts = np.unique(known, return_counts=True)
    at = int(counts.argmax())
    seen = Variety(
        n=n,
        missing_share=1 - len(known) / n,
        distinct=len(distinct),
        commonest=float(distinct[at]),
        commonest_share=float(counts[at]) / len(known),
        spread=_spread(known),
        warning=None,
    )
    return replace(seen, warning=_warning(seen, name))


def _spread(known: np.ndarray) -> float:
    cut = int(OUTER * len(known))
    low, high = np.sort(known)[[cut, -1 - cut]].tolist()
    magnitude = max(abs(low), abs(high))
    return (high - low) / magnitude if magnitude > 0 else 0.0


def _warning(seen: Variety, name: str) -> str | None:
    if seen.missing_share > MOST_MISSING:
        return (
            f"The signal {name} is missing for {seen.missing_share:.0%} of {seen.n} traces, so a "
            "ranking by it says more of who has a value than of the values."
        )
    if seen.n * (1 - seen.missing_share) < LEAST_VALUES:
        return None
    if seen.distinct == 1:
        return (
            f"The signal {name} is {seen.commonest:.6g} for every trace that has a value, so it ranks "
            "nothing."
        )
    if seen.commonest_share > MOST_COMMON:
        return (
            f"The signal {name} is {seen.commonest:.6g} for {seen.commonest_share:.1%} of the traces "
            "that have a value, so a ranking by it mostly breaks ties."
        )
    if seen.spread < LEAST_SPREAD:
        return (
            f"The signal {name} is nearly constant: nine tenths of its values differ by no more than "
            f"{seen.spread:.1g} of their size, so a ranking by it follows noise."
        )
    return None
