"""Rows that trade: what a treatment needs that takes text from other rows.

Everything here goes by qid and uid, so that the order of the rows does not matter. Only rows with
any reasoning take part; the others are left as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import DataError
from titrant.treat.reasoning import reasoning_of, step_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace
    from titrant.treat.reasoning import Place, Reasoning


class Row(NamedTuple):
    """A trace, its reasoning, and where the steps of it are; the lead is a row of its own."""

    at: int
    """Its place among the traces that came."""
    trace: Trace
    reasoning: Reasoning
    places: list[Place]
    lead: Row | None = None
    """What the answer text says before its statement, after thinking."""

    @property
    def qid(self) -> str:
        """The question that it answers."""
        return self.trace.qid

    @property
    def texts(self) -> list[str]:
        """The steps of the reasoning."""
        return [self.reasoning.text[start:end] for start, end in self.places]

    @property
    def length(self) -> int:
        """Characters from the first step to the last, and those of the lead."""
        own = self.places[-1].end - self.places[0].start
        return own if self.lead is None else own + self.lead.length


def rows_of(traces: Sequence[Trace], name: str) -> list[Row]:
    """The rows with reasoning, by question and uid.

    Args:
        traces: all rows.
        name: of the treatment, for the message.

    Raises:
        DataError: there are such rows, and all of one question.
    """
    rows = []
    for i, trace in enumerate(traces):
        reasoning = reasoning_of(trace)
        places = step_places(trace, reasoning)
        if places:
            lead = reasoning.lead
            of_lead = lead and Row(i, trace, lead, step_places(trace, lead))
            rows.append(Row(i, trace, reasoning, places, of_lead))
    if rows and len({row.qid for row in rows}) < 2:
        raise DataError(
            f"the treatment '{name}' takes text from traces of other questions, and there are none",
            expected="traces with reasoning of 2 questions or more",
            came=f"{len(rows)} of 1 question",
            do="take a larger dose, or leave the treatment out",
        )
    return sorted(rows, key=lambda row: (row.trace.qid, row.trace.uid))
