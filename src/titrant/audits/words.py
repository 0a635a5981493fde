"""How audits write numbers into sentences: shares, points, intervals, p-values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from titrant.estimate import Estimate


def percent(value: float | None) -> str:
    """A share as percent: `3.1 %`; `—` where missing."""
    return "—" if value is None else f"{100 * value:.1f} %".replace("-", "−")


def points(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign: `+4.2`."""
    return "—" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def between(estimate: Estimate, write: Callable[[float | None], str] = percent) -> str:
    """`96.9 % (92.0 to 101.3 %)`; without the bracket where there is no interval."""
    value = write(estimate.estimate)
    if estimate.low is None or estimate.high is None:
        return value
    low = write(estimate.low)
    if low.endswith(" %"):
        low = low.removesuffix(" %")
    return f"{value} ({low} to {write(estimate.high)})"


def probability(p: float) -> str:
    """`p = 0.012`, `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
