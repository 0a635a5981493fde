"""Rows of one file, attempt by attempt, with a count of what could not be used and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from titrant.errors import DataError
from titrant.records import Record
from titrant.traces.formats.draft import (
    Draft,
    Row,
    Unusable,
    text_in,
)
from titrant.traces.schema import SAMPLE_ROWS, Recognised, recognise

if TYPE_CHECKING:
    from titrant.traces.files import RowSource

Progress = Callable[[int, int | None], None]
"""Called now and then with (rows read, rows in all or `None` where unknown)."""
PROGRESS_ROWS = 500
NO_GOLD = Unusable("no gold answer")


class Unread(Record):
    """Rows, or attempts of them, that could not be used for one reason."""

    reason: str
    n: int
    first_row: int
    """Number of the first of them in the file, from 1."""


class ReadReport(Record):
    """What was read and what was not."""

    version: int = 1
    path: str
    format: str
    """Kind of file, in words."""
    schema_name: str
    why: str
    """What the schema was recognised by."""
    columns: dict[str, str]
    """Our field → the column it was read from."""
    ignored: tuple[str, ...] = ()
    """Columns that were not used."""
    rows: int
    """Rows read, usable or not."""
    used: int
    """Traces of a pool, problems of a benchmark."""
    questions: int
    """Different questions among them."""
    with_gold: int
    """How many of `used` have a gold answer."""
    has_traces: bool = True
    """False where the schema gives answers without a way to them, as a benchmark does."""
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()
    """Whatever else a user should know, one sentence each."""

    def lines(self) -> list[str]:
        """The report in words, one statement per line."""
        used = ", ".join(f"{ours} from {theirs}" for ours, theirs in self.columns.items())
        lines = [f"{self.path}: {self.format}, read as {self.schema_name} ({self.why})"]
        lines.append(f"columns: {used}")
        if self.ignored:
            lines.append(f"columns not used: {', '.join(self.ignored)}")
        lines += [f"{u.n} not read: {u.reason} (first: row {u.first_row})" for u in self.unread]
        return [*lines, *self.notes]


class Item(NamedTuple):
    """One attempt of one row."""

    number: int
    row: Row
    draft: Draft


@dataclass(slots=True)
class RowReader:
    """A reading under way."""

    source: RowSource
    schema: Recognised
    rows: Iterator[Any]
    progress: Progress | None
    n_rows: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    """Remark → how often."""
    refused: dict[str, list[int]] = field(default_factory=dict)
    """Reason → [how often, first row]."""

    def items(self) -> Iterator[Item]:
        """Every attempt of every row; what is none is counted."""
        for number, row in enumerate(self.rows, start=1):
            self.n_rows = number
            if self.progress and number % PROGRESS_ROWS == 0:
                self.progress(number, None)
            for draft in self.schema.drafts(row):
                if isinstance(draft, Unusable):
                    self.refuse(draft, number)
                else:
                    yield Item(number, row, draft)

    @property
    def source_name(self) -> str:
        """The file's name, which stands in for a missing source."""
        return self.source.path.rpartition("/")[2]

    def cell(self, row: Row, field: str) -> str | None:
        """The text of an optional field."""
        column = self.schema.columns.get(field)
        return None if column is None else text_in(row, column)

    def refuse(self, why: Unusable, number: int) -> None:
        """Count a row, or an attempt of it, that cannot be used."""
        self.refused.setdefault(why.reason, [0, number])[0] += 1

    def remark(self, words: str) -> None:
        """Count something worth a note."""
        self.notes[words] = self.notes.get(words, 0) + 1

    def report(self, *, used: int, questions: int, with_gold: int, notes: list[str]) -> ReadReport:
        """The report, once all rows are read."""
        return ReadReport(
            path=self.source.path,
            format=self.source.format,
            schema_name=self.schema.schema.name,
            why=self.schema.why,
            columns=dict(self.schema.columns),
            ignored=self.schema.ignored,
            rows=self.n_rows,
            used=used,
            questions=questions,
            with_gold=with_gold,
            has_traces=self.schema.schema.has_traces,
            unread=tuple(
                Unread(reason=reason, n=n, first_row=first)
                for reason, (n, first) in self.refused.items()
            ),
            notes=(*notes, *(f"{n} {words}" for words, n in self.notes.items())),
        )


def begin(
    source: RowSource,
    overrides: Mapping[str, str],
    progress: Progress | None,
    *,
    bare: bool = False,
) -> RowReader:
    """Look at the first rows, recognise the schema, and put the rows back.

    Args:
        source: of the rows.
        overrides: our field → a column of the file.
        progress: told how many rows were read.
        bare: whether questions without any answer will do.
    """
    first = list(islice(source.rows, SAMPLE_ROWS))
    if not first:
        raise DataError(
            f"{source.path} has no rows",
            expected="at least one row",
            came=f"{source.format} without any",
            do="write or download it again, or choose another split",
        )
    schema = recognise(first, overrides=overrides, path=source.path, bare=bare)
    return RowReader(source, schema, chain(first, source.rows), progress)


def nothing_usable(reading: RowReader, what: str) -> DataError:
    """The error of a file of which nothing is left."""
    reasons = [f"{n} × {reason}" for reason, (n, _) in reading.refused.items()]
    if set(reading.refused) == {NO_GOLD.reason}:
        return DataError(
            f"{reading.source.path} is a benchmark without gold answers",
            expected="a right answer for each problem",
            came=f"{reading.n_rows} rows read as {reading.schema.schema.name}, none with one",
            do="name its column: --columns gold=… (in a config: columns: {gold: …})",
        )
    return DataError(
        f"no {what} in {reading.source.path} can be used",
        expected=f"rows in the schema {reading.schema.schema.name} ({reading.schema.why})",
        came="; ".join(reasons),
        do="correct the file, or say which columns to use: columns: {question: …}",
    )
