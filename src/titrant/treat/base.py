"""What a treatment is: a function over traces that changes what they say and marks what it changed.

A treatment sees all rows of an arm's subset at once, since some of them trade between traces. It
keeps questions, order and number of rows; identities (`uid`) follow from the new text. Its chance
comes from a seed and the trace's uid, so a row's treatment does not depend on its place; where rows
trade, it depends on the set of rows and not on their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from titrant.traces.record import Trace


class Span(NamedTuple):
    """A changed piece of a treated trace: characters `start` to `end` of one of its texts."""

    field: str
    """`thinking` or `answer_text`."""
    start: int
    end: int
    """Equal to `start` where something was taken out."""


class Treated(NamedTuple):
    """A trace after treatment."""

    trace: Trace
    spans: tuple[Span, ...]
    """What is not as it was, in order; empty where the trace was left as it is."""


Apply = Callable[[Sequence["Trace"], float, int], list[Treated]]
"""(traces, ratio, seed) → as many, in the same order; without spans it is the trace that came."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """One way of corrupting or reducing traces."""

    name: str
    does: str
    """What it does, as a clause: "replaces digits by random ones"."""
    asks: str
    """What a loss under it would show."""
    apply: Apply
    ratio: float | None = None
    """Default share of what it works on; `None`: it has no ratio."""
    trades: bool = False
    """Whether rows take text from each other: a row's treatment then depends on the set of rows."""
