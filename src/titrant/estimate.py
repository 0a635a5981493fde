"""Estimate: a number with its interval, the one form in which audits, answers and reports carry figures."""

from __future__ import annotations

from titrant.records import Record


class Estimate(Record):
    """A number with its interval; `None` where it does not exist or was not measured."""

    estimate: float | None
    """The number itself."""
    low: float | None
    """Lower end of the interval."""
    high: float | None
    """Upper end of the interval."""
    level: float
    """Confidence level of the interval."""
    n: int | None = None
    """Problems behind it."""
    seeds: int | None = None
    """Arms behind it, over all doses that it rests on."""
