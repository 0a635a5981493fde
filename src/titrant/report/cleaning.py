"""The report's part on the pool itself: copies, leaks of the benchmark, and how well leaks are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from titrant.estimate import Estimate
from titrant.report import typeset
from titrant.report.tables import Cell, Column, Table
from titrant.select.clean.overlap.plant import LEVEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from titrant.report.answer import Answer
    from titrant.select.clean.overlap.plant import Recall
    from titrant.select.clean.report import CleaningReport, Evidence

MOST_SHOWN = 5
"""Hits that are shown to people; `cleaning.json` has more."""
COMMAND = "titrant clean POOL --benchmark BENCHMARK"


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a text; marked where both texts have it."""

    text: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class LeakView:
    """One hit with both texts side by side."""

    facts: str
    pool: tuple[Piece, ...]
    benchmark: tuple[Piece, ...]


def copies(answer: Answer) -> Table | None:
    """What of the pool repeats something else in it."""
    found = answer.cleaning
    if found is None:
        return None
    rows = tuple(
        (
            Cell(item.kind),
            Cell(item.unit),
            Cell(typeset.count(item.copies)),
            Cell(typeset.share(item.copies / found.rows if found.rows else None)),
            Cell(typeset.count(item.pairs_left_out)),
        )
        for item in found.copies
    )
    return Table(
        title="Copies in the pool",
        lead="Rows that repeat an earlier one. Exact copies are always left out.",
        columns=(
            Column("kind", is_number=False),
            Column("of", is_number=False),
            *(Column(head) for head in ("rows", "of the pool", "pairs not compared")),
        ),
        rows=rows,
        note=f"{typeset.plural(found.rows, 'row')} as read, before anything was left out",
        command=COMMAND,
    )


def leaks(answer: Answer) -> Table | None:
    """What of each benchmark is in the pool, by strength of the evidence."""
    found = answer.cleaning
    if found is None or not found.benchmarks:
        return None
    rows = [
        (
            Cell(benchmark.name),
            Cell(grade.grade),
            Cell(typeset.count(grade.rows)),
            Cell(typeset.count(grade.problems)),
            Cell(typeset.count(grade.flagged_rows)),
        )
        for benchmark in found.benchmarks
        for grade in benchmark.grades
    ]
    quiet = [item.name for item in found.benchmarks if not item.grades]
    rows += [(Cell(name), Cell("nothing found"), *[Cell("0")] * 3) for name in quiet]
    collide = [item.name for item in found.benchmarks if item.ngrams_are_diagnostic]
    note = f"{typeset.plural(sum(b.problems for b in found.benchmarks), 'problem')}"
    if collide:
        note += f" · n-grams of {', '.join(collide)} collide everywhere and prove nothing there"
    return Table(
        title="The benchmark in the pool",
        lead="Traces that show a problem of the benchmark, the strongest evidence first. "
        "Traces of its very questions are always left out.",
        columns=(
            Column("benchmark", is_number=False),
            Column("evidence", is_number=False),
            *(Column(head) for head in ("rows", "problems", "rows that count as contaminated")),
        ),
        rows=tuple(rows),
        note=note,
        command=COMMAND,
    )


def recall(answer: Answer) -> Table | None:
    """How many leaks the search finds when they are planted."""
    found = answer.cleaning
    if found is None or found.leaks is None:
        return None
    test = found.leaks
    rows = [_recall_row(item, item.kind) for item in test.recall]
    rows.append(_recall_row(test.decoys, "none: clean questions, changed alike (false alarms)"))
    return Table(
        title="Would a leak be found?",
        lead="Problems of the benchmark planted in the pool in several disguises, and how many of "
        "them the search flags.",
        columns=(
            Column("planted", is_number=False),
            *(Column(head) for head in ("n", "flagged", "share", "95 % interval")),
        ),
        rows=tuple(rows),
        note=f"Wilson intervals · seed {test.seed}",
        command=COMMAND,
    )


def _recall_row(item: Recall, name: str) -> tuple[Cell, ...]:
    ends = Estimate(estimate=item.share, low=item.low, high=item.high, level=LEVEL)
    return (
        Cell(name),
        Cell(typeset.count(item.n)),
        Cell(typeset.count(item.found) if item.n else typeset.MISSING),
        Cell(typeset.share(item.share)),
        Cell(typeset.interval(ends, typeset.share)),
    )


def evidence(answer: Answer) -> tuple[LeakView, ...]:
    """The strongest hits, side by side."""
    found: CleaningReport | None = answer.cleaning
    if found is None:
        return ()
    return tuple(_leak(item) for item in found.evidence[:MOST_SHOWN])


def _leak(item: Evidence) -> LeakView:
    where = "in the question" if item.place == "question" else f"in its {item.place}"
    rows = f", {typeset.plural(item.rows, 'row')}" if item.rows > 1 else ""
    return LeakView(
        facts=f"{item.grade} ({item.similarity:.2f}) · row {typeset.count(item.row)}, {where}{rows} · "
        f"{item.benchmark} `{item.qid}`",
        pool=tuple(pieces(item.pool_text, [(s.pool_start, s.pool_end) for s in item.spans])),
        benchmark=tuple(
            pieces(item.benchmark_text, [(s.benchmark_start, s.benchmark_end) for s in item.spans])
        ),
    )


def pieces(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """A text cut at the spans; spans may overlap and come in any order."""
    at = 0
    for start, end in sorted(spans):
        if start > at:
            yield Piece(text[at:start], is_marked=False)
        if end > max(at, start):
            yield Piece(text[max(at, start) : end], is_marked=True)
        at = max(at, end)
    if at < len(text):
        yield Piece(text[at:], is_marked=False)
