"""What is compared when copies are looked for: whole traces, or questions whatever was answered.

A unit is all rows that say the same to the letter: a trace with its exact copies (one `uid`), or a question
with all its traces (one `qid`). Sixteen answers to one question are sixteen units of traces and one unit of
questions; they are no copies of each other.

Of copies one is kept. The rule: a unit with a trace verified as correct comes before one without, then the
smaller `uid`. So the file's order decides nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from titrant.select.clean.words import figures, fold
from titrant.traces.record import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace

Unit = Literal["trace", "question"]

_CLAUSE = re.compile(r"(?<=[.,;:!?])\s+")


class Form(NamedTuple):
    """A text as it is compared, and its numbers and signs in order."""

    text: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Units:
    """The units of a pool, numbered in the order of their first rows."""

    unit: Unit
    traces: Sequence[Trace]
    rows: tuple[tuple[int, ...], ...]
    """Rows of each unit in the pool."""
    _figures: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _by_clause: dict[int, Form] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, i: int) -> Trace:
        """The first trace of a unit."""
        return self.traces[self.rows[i][0]]

    def text(self, i: int) -> str:
        """What a unit says, folded, in one text."""
        return f"{self.question(i)}\n{self.body(i)}" if self.unit == "trace" else self.question(i)

    def question(self, i: int) -> str:
        """The folded question."""
        return fold(self.first(i).question)

    def body(self, i: int) -> str:
        """Thinking and answer, folded; empty where questions are compared."""
        if self.unit == "question":
            return ""
        trace = self.first(i)
        return fold(
            f"{trace.thinking}\n{trace.answer_text}" if trace.thinking else trace.answer_text
        )

    def figures(self, i: int) -> tuple[str, ...]:
        """Numbers and signs of the whole unit, in order."""
        if i not in self._figures:
            self._figures[i] = figures(self.text(i))
        return self._figures[i]

    def by_clause(self, i: int) -> Form:
        """The question with its clauses in alphabetical order; figures in that order, then the body's."""
        if i not in self._by_clause:
            clauses = sorted(part.strip(".,;:!? ") for part in _CLAUSE.split(self.question(i)))
            text = " ".join(clauses)
            self._by_clause[i] = Form(text, figures(text) + figures(self.body(i)))
        return self._by_clause[i]

    def priority(self, traces: Sequence[Trace]) -> list[tuple[bool, str]]:
        """What decides which of copies is kept: the least is.

        Args:
            traces: the pool with verdicts, in the same order.
        """
        return [
            min((traces[row].verdict is not Verdict.CORRECT, traces[row].uid) for row in rows)
            for rows in self.rows
        ]


def units_of(traces: Sequence[Trace], unit: Unit) -> Units:
    """The units of a pool."""
    found: dict[str, list[int]] = {}
    for row, trace in enumerate(traces):
        found.setdefault(trace.qid if unit == "question" else trace.uid, []).append(row)
    return Units(unit, traces, tuple(tuple(rows) for rows in found.values()))
