"""Numbers to text: one way of writing a share, a gain, a dose, an interval, wherever it is printed.

Missing (`None`, NaN) is written as "—", never as 0. Shares are percentages with a space before the
sign, gains are points with a sign of their own, doses are whole traces with thousands commas.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from titrant.estimate import Estimate

MISSING = "—"
MINUS = "\u2212"
_SIZES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def is_missing(value: float | None) -> bool:
    """Whether there is no number: `None` or NaN."""
    return value is None or math.isnan(value)


def share(value: float | None, places: int = 1) -> str:
    """A share of one as a percentage: 0.065 → "6.5 %"."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{_signed(value * 100, places)} %"


def level(value: float) -> str:
    """A level as a percentage without idle zeros: 0.9 → "90 %", 0.975 → "97.5 %"."""
    return f"{round(value * 100, 4):g} %"


def points(value: float | None) -> str:
    """A difference of two accuracies in points, always with its sign: 0.855 → "+85.5"."""
    if value is None or math.isnan(value):
        return MISSING
    text = _signed(value * 100, 1)
    return text if text.startswith(MINUS) or text == "0.0" else f"+{text}"


def count(value: float | None) -> str:
    """A whole number with thousands commas: 4096 → "4,096"."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{round(value):,}".replace("-", MINUS) if math.isfinite(value) else "∞"


def dose(value: float | None) -> str:
    """A dose in whole traces, rounded up as a subset must be; one that is not missing is 1 or more."""
    if value is None or math.isnan(value) or math.isinf(value):
        return count(value)
    return count(max(math.ceil(value), 1))


def low_dose(value: float | None) -> str:
    """The lower end of a dose's interval: rounded down, so that the interval is not narrowed."""
    if value is None or math.isnan(value) or math.isinf(value):
        return count(value)
    return count(max(math.floor(value), 1))


def dose_of(value: float | None, unit: str) -> str:
    """A dose with its unit: 186.2 → "187 traces"."""
    text = dose(value)
    return f"{text} {unit}" if text == "1" else f"{text} {unit}s"


def plural(value: float | None, noun: str) -> str:
    """A count with its noun: 1 → "1 trace", 4096 → "4,096 traces"."""
    text = count(value)
    return f"{text} {noun}" if text == "1" else f"{text} {noun}s"


def short(value: float | None) -> str:
    """A large count in three digits: 1234567 → "1.23 M"."""
    if value is None or math.isnan(value):
        return MISSING
    for size, letter in _SIZES:
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}".replace("-", MINUS)
    return count(value)


def duration(seconds: float | None) -> str:
    """A time a person can read: "12 s", "4 min 12 s", "3 h 5 min", "6 d 4 h"."""
    if seconds is None or math.isnan(seconds):
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for big, small, names in ((86_400, 3_600, "d h"), (3_600, 60, "h min"), (60, 1, "min s")):
        if whole >= big:
            first, second = names.split()
            rest = whole % big // small
            return f"{whole // big} {first}" + (f" {rest} {second}" if rest else "")
    return f"{whole} s"


def rate(value: float | None) -> str:
    """A learning rate as people write it: 0.0003 → "3e-4"."""
    if value is None or math.isnan(value):
        return MISSING
    digits, _, exponent = f"{value:.3e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"


def interval(estimate: Estimate, write: Callable[[float | None], str]) -> str:
    """The two ends: "128–260", "−0.8 to +1.8", "128 or more", "up to 260", or "—".

    An end that is missing is an interval that is open on that side.
    """
    low = (low_dose if write is dose else write)(estimate.low)
    high = write(estimate.high)
    if low == MISSING or high == MISSING:
        if low == high:
            return MISSING
        return f"up to {high}" if low == MISSING else f"{low} or more"
    if low.endswith(" %") and high.endswith(" %"):
        low = low.removesuffix(" %")
    joint = " to " if any(sign in low + high for sign in (MINUS, "+")) else "–"
    return f"{low}{joint}{high}"


def interval_clause(estimate: Estimate, write: Callable[[float | None], str]) -> str:
    """The interval with its level, for running text: "90 % interval 128–260"."""
    ends = interval(estimate, write)
    return "interval not known" if ends == MISSING else f"{level(estimate.level)} interval {ends}"


def with_interval(estimate: Estimate, write: Callable[[float | None], str]) -> str:
    """An estimate with its interval in brackets: "187 (128–260)"; the brackets go if unknown."""
    ends = interval(estimate, write)
    return write(estimate.estimate) + ("" if ends == MISSING else f" ({ends})")


def _signed(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    zero = f"{0:.{places}f}"
    return zero if text == f"-{zero}" else text.replace("-", MINUS)
