"""A pool of traces, or a benchmark of problems, out of a file; and a report of what was read.

Reading recognises the schema, makes a Trace (or Problem) of each row, and counts what it could not
use, by reason, with the first row of each. It does not verify: see `assess`. Traces that occur twice
stay twice: `distinct_traces` drops them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from titrant.errors import DataError
from titrant.records import Record
from titrant.seeds import derive_rng
from titrant.traces.bulk import identify, make_trace, paused_collector
from titrant.traces.files import RowSource, open_rows
from titrant.traces.formats.draft import (
    NO_ATTEMPT,
    NO_QUESTION,
    Draft,
    Row,
    Unusable,
    gold_in,
    gold_of_completion,
    text_in,
)
from titrant.traces.record import Problem, Trace, normalise, question_id
from titrant.traces.schema import SAMPLE_ROWS, Recognised, recognise
from titrant.traces.steps import cut_steps, steps_of_pieces

if TYPE_CHECKING:
    from titrant.settings import BenchmarkSettings, PoolSettings

Progress = Callable[[int, int | None], None]
"""Called now and then with (rows read, rows in all or `None` where unknown)."""
PROGRESS_ROWS = 500

NO_GOLD = Unusable("no gold answer")
LATER_TURNS = "conversations have more turns; only the first question and its answer are read"
"""A note of the report, after the number of them."""


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


class Pool(NamedTuple):
    """The traces of a file, in its order."""

    traces: list[Trace]
    report: ReadReport


class Benchmark(NamedTuple):
    """The problems that a benchmark asks."""

    name: str
    problems: list[Problem]
    report: ReadReport


def read_pool(settings: PoolSettings, *, progress: Progress | None = None) -> Pool:
    """The traces of a file, folder or data set; at most `limit` of them, the first ones.

    Raises:
        ConfigError: `columns` names what is not there.
        DataError: the file cannot be read, is in no known schema, or no row of it can be used.
        MissingPackageError: a hub data set, and `datasets` is not installed.
    """
    source = open_rows(
        settings.path,
        split=settings.split,
        config=settings.config,
        revision=settings.revision,
        limit=settings.limit,
    )
    reading = _begin(source, settings.columns, progress)
    traces: list[Trace] = []
    with paused_collector():
        for item in reading.items():
            trace = _trace(reading, item)
            if trace is not None:
                traces.append(trace)
                if len(traces) == settings.limit:
                    break
    if not traces:
        raise _nothing_usable(reading, "trace")
    with_gold = sum(trace.gold is not None for trace in traces)
    notes = [] if with_gold else ["no gold answers: the traces can be trained on, not verified"]
    return Pool(
        traces,
        reading.report(
            used=len(traces),
            questions=len({trace.qid for trace in traces}),
            with_gold=with_gold,
            notes=notes,
        ),
    )


def read_benchmark(
    settings: BenchmarkSettings, *, seed: int, progress: Progress | None = None
) -> Benchmark:
    """The problems of a file, folder or data set, each question once, in the order of the file.

    A question that comes again is merged with its first occurrence, whose gold answer stays; other
    golds are counted in the report. `limit` draws from all problems with the seed.

    Raises:
        ConfigError: `columns` or `answer_pattern` cannot be used.
        DataError: the file cannot be read, is in no known schema, or gives no gold answers.
        MissingPackageError: a hub data set, and `datasets` is not installed.
    """
    source = open_rows(
        settings.path,
        split=settings.split,
        config=settings.config,
        revision=settings.revision,
    )
    reading = _begin(source, settings.columns, progress)
    merged = _Merged()
    for item in reading.items():
        problem = _problem(reading, item, settings.answer_pattern)
        if problem is not None:
            merged.add(problem)
    if not merged.problems:
        raise _nothing_usable(reading, "problem")
    name = settings.name or benchmark_name(settings.path)
    problems = _drawn(list(merged.problems.values()), settings.limit, seed=seed, name=name)
    notes = merged.notes()
    if len(problems) < len(merged.problems):
        notes.append(f"{len(problems)} of {len(merged.problems)} problems drawn (limit)")
    report = reading.report(
        used=len(problems), questions=len(problems), with_gold=len(problems), notes=notes
    )
    return Benchmark(name, problems, report)


def distinct_traces(traces: Iterable[Trace]) -> list[Trace]:
    """The traces without those that repeat an earlier one (same `uid`), in their order."""
    first: dict[str, Trace] = {}
    for trace in traces:
        first.setdefault(trace.uid, trace)
    return list(first.values())


def row_of(trace: Trace, position: int) -> int:
    """The row of the file that a trace was read from; its position in the pool if unknown."""
    row = trace.meta.get("row")
    return row if isinstance(row, int) else position


def benchmark_name(path: str) -> str:
    """A short name for tables: the file's, with its folder's where the file is named "test"."""
    place = Path(path)
    stem = place.name.partition(".")[0]
    is_bland = stem.lower() in {"test", "train", "data", "validation", "dev", "problems"}
    folder = place.absolute().parent.name
    return f"{folder}-{stem}" if is_bland and folder else stem


class _Item(NamedTuple):
    """One attempt of one row."""

    number: int
    row: Row
    draft: Draft


@dataclass(slots=True)
class _Reading:
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

    def items(self) -> Iterator[_Item]:
        for number, row in enumerate(self.rows, start=1):
            self.n_rows = number
            if self.progress and number % PROGRESS_ROWS == 0:
                self.progress(number, None)
            for draft in self.schema.drafts(row):
                if isinstance(draft, Unusable):
                    self.refuse(draft, number)
                else:
                    yield _Item(number, row, draft)

    @property
    def source_name(self) -> str:
        return self.source.path.rpartition("/")[2]

    def cell(self, row: Row, field: str) -> str | None:
        """The text of an optional field."""
        column = self.schema.columns.get(field)
        return None if column is None else text_in(row, column)

    def refuse(self, why: Unusable, number: int) -> None:
        self.refused.setdefault(why.reason, [0, number])[0] += 1

    def remark(self, words: str) -> None:
        self.notes[words] = self.notes.get(words, 0) + 1

    def report(self, *, used: int, questions: int, with_gold: int, notes: list[str]) -> ReadReport:
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


def _begin(source: RowSource, overrides: Mapping[str, str], progress: Progress | None) -> _Reading:
    """Look at the first rows, recognise the schema, and put the rows back."""
    first = list(islice(source.rows, SAMPLE_ROWS))
    if not first:
        raise DataError(
            f"{source.path} has no rows",
            expected="at least one row",
            came=f"{source.format} without any",
            do="write or download it again, or choose another split",
        )
    schema = recognise(first, overrides=overrides, path=source.path)
    return _Reading(source, schema, chain(first, source.rows), progress)


def _trace(reading: _Reading, item: _Item) -> Trace | None:
    draft, row = item.draft, item.row
    question = draft.question.strip()
    body = draft.answer_text if draft.thinking is None else draft.thinking
    if not question or not body or body.isspace():
        reading.refuse(NO_ATTEMPT if question else NO_QUESTION, item.number)
        return None
    if "turns" in draft.meta:
        reading.remark(LATER_TURNS)
    identity = identify(question, draft.thinking, draft.answer_text)
    return make_trace(
        {
            "uid": identity.uid,
            "qid": identity.qid,
            "question": question,
            "system": draft.system or reading.cell(row, "system"),
            "thinking": draft.thinking,
            "answer_text": draft.answer_text,
            "unfinished": draft.unfinished,
            "gold": gold_in(row, reading.schema.columns) or draft.gold,
            "gold_kind": draft.gold_kind,
            "source": reading.cell(row, "source") or reading.source_name,
            "domain": reading.cell(row, "domain") or "",
            "steps": cut_steps(body) if draft.pieces is None else steps_of_pieces(draft.pieces),
            "meta": _meta(reading, item),
        }
    )


def _meta(reading: _Reading, item: _Item) -> dict[str, Any]:
    meta = {**reading.schema.kept(item.row), **item.draft.meta}
    return {"row": item.number} | {name: _plain(value) for name, value in meta.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any cell
    """A cell as JSON can say it: NaN is null, dates and such are texts."""
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)


def _problem(reading: _Reading, item: _Item, pattern: str | None) -> Problem | None:
    draft, row = item.draft, item.row
    question = draft.question.strip()
    if not question:
        reading.refuse(NO_QUESTION, item.number)
        return None
    gold = gold_in(row, reading.schema.columns) or draft.gold
    if gold is None and reading.schema.schema.answer_is_gold:
        gold = gold_of_completion(draft.answer_text, pattern=pattern)
        if gold is not None:
            reading.remark("gold answers were read out of the answers given")
    if gold is None:
        reading.refuse(NO_GOLD, item.number)
        return None
    return Problem(
        qid=question_id(question),
        question=question,
        gold=gold,
        gold_kind=draft.gold_kind,
        source=reading.cell(row, "source") or reading.source_name,
        domain=reading.cell(row, "domain") or "",
        meta=_meta(reading, item._replace(draft=draft._replace(meta={}))),
    )


@dataclass(slots=True)
class _Merged:
    """Problems by question."""

    problems: dict[str, Problem] = field(default_factory=dict)
    n_repeated: int = 0
    conflicts: list[tuple[Problem, str]] = field(default_factory=list)
    """The problem that stays and another gold answer to the same question."""

    def add(self, problem: Problem) -> None:
        first = self.problems.setdefault(problem.qid, problem)
        if first is problem:
            return
        self.n_repeated += 1
        if normalise(first.gold or "") != normalise(problem.gold or ""):
            self.conflicts.append((first, problem.gold or ""))

    def notes(self) -> list[str]:
        notes = []
        if self.n_repeated:
            notes.append(f"{self.n_repeated} questions repeat an earlier one and were merged")
        if self.conflicts:
            first, other = self.conflicts[0]
            notes.append(
                f"{len(self.conflicts)} of them have another gold answer, and the first one stays: "
                f"row {first.meta['row']} says {first.gold!r}, a later one {other!r}"
            )
        return notes


def _drawn(problems: list[Problem], limit: int | None, *, seed: int, name: str) -> list[Problem]:
    if limit is None or limit >= len(problems):
        return problems
    rng = derive_rng(seed, "benchmark", name, "limit")
    chosen = rng.choice(len(problems), size=limit, replace=False)
    return [problems[i] for i in sorted(chosen.tolist())]


def _nothing_usable(reading: _Reading, what: str) -> DataError:
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
