"""What `titrant clean` found, for people: counts, both texts side by side, recall on planted leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.report.cleaning import MOST_SHOWN, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from titrant.select.clean.report import (
        BenchmarkOverlap,
        CleaningReport,
        CopyCount,
        Evidence,
    )

FEW_PROBLEMS = 20
"""Below so many planted leaks a recall says little."""


def render(
    report: CleaningReport, pool: str, marks: tuple[str, str] = ("", "")
) -> Iterator[RenderableType]:
    """The report for people, one piece after the other.

    Args:
        report: what was found.
        pool: its name.
        marks: what stands before and after a shared run of words, where colour does not show it.
    """
    from rich.text import Text

    head = Text.assemble(
        (pool, "bold"), f"\n{report.rows:,} traces of {report.questions:,} questions"
    )
    yield head
    yield _copies(report.copies)
    for item in report.copies:
        if item.examples and item.kind != "exact":
            yield _example(item)
    for overlap in report.benchmarks:
        yield _overlap(overlap)
    for evidence in report.evidence[:MOST_SHOWN]:
        yield _side_by_side(evidence, marks)
    if report.leaks is not None:
        yield _recall(report)


def _columns(*names: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column(names[0])
    for name in names[1:]:
        table.add_column(name, justify="right")
    return table


def _copies(copies: Sequence[CopyCount]) -> Table:
    table = _columns("copies", "groups", "rows", "compared", "not compared", "other numbers")
    for item in copies:
        compared = "" if item.pairs_compared is None else f"{item.pairs_compared:,}"
        cells = (item.groups, item.copies, compared, item.pairs_left_out, item.pairs_other_figures)
        name = item.kind if item.kind == "exact" else f"{item.kind}, by {item.unit}"
        table.add_row(name, *(c if isinstance(c, str) else f"{c:,}" for c in cells))
    return table


def _example(item: CopyCount) -> Text:
    from rich.text import Text

    lines = Text(f"{item.kind} copies, the least alike first", style="dim", end="")
    for example in item.examples[:2]:
        lines.append(
            f"\n{example.similarity:.3f}  row {example.row:,} is a copy of row {example.kept_row:,}",
            style="not dim",
        )
        lines.append(f"\n       {_one_line(example.kept_text)}\n       {_one_line(example.text)}")
    return lines


def _one_line(text: str) -> str:
    return " ".join(text.split())[:120]


def _overlap(overlap: BenchmarkOverlap) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    head = Text.assemble((overlap.name, "bold"), f": {overlap.problems:,} problems, ")
    head.append(
        f"{overlap.flagged_problems:,} of them in {overlap.flagged_rows:,} traces of the pool",
        style="bold red" if overlap.flagged_rows else "green",
    )
    remarks = Text("\n".join(_remarks(overlap)), style="yellow")
    if not overlap.grades:
        return Group(head, *([remarks] if remarks else []))
    table = _columns(
        "evidence, strongest first", "rows", "in the trace only", "problems", "contaminated"
    )
    for grade in overlap.grades:
        cells = (grade.rows, grade.rows_in_trace_only, grade.problems, grade.flagged_rows)
        table.add_row(
            grade.grade,
            *(f"{cell:,}" for cell in cells),
            style="red" if grade.flagged_rows else "dim",
        )
    return Group(head, table, *([remarks] if remarks else []))


def _remarks(overlap: BenchmarkOverlap) -> Iterator[str]:
    if overlap.expressions:
        yield (
            f"bare arithmetic, without words: {overlap.expressions:,} problems; of them only the "
            "same expression counts"
        )
    if overlap.templated:
        yield (
            f"out of templates: {overlap.templated:,} problems; of them only the same question counts"
        )
    if overlap.ngrams_are_diagnostic:
        yield (
            f"n-grams hit {overlap.colliding:.0%} of the problems by themselves: they collide, and are "
            "only a diagnostic here"
        )


def _side_by_side(evidence: Evidence, marks: tuple[str, str]) -> RenderableType:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    place = "question" if evidence.place == "question" else f"{evidence.place} only"
    more = f" and {evidence.rows - 1:,} more" if evidence.rows > 1 else ""
    remark = "" if evidence.is_flagged else ", not counted"
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        header_style="dim",
        title=f"{evidence.grade} ({evidence.similarity:.2f}{remark})",
        title_justify="left",
        title_style="bold",
    )
    table.add_column(f"pool, row {evidence.row:,}{more}, {place}", ratio=1)
    table.add_column(f"{evidence.benchmark} {evidence.qid}", ratio=1)
    spans = evidence.spans
    ours = [(span.pool_start, span.pool_end) for span in spans]
    theirs = [(span.benchmark_start, span.benchmark_end) for span in spans]
    table.add_row(
        _marked(evidence.pool_text, ours, marks), _marked(evidence.benchmark_text, theirs, marks)
    )
    return table


def _marked(text: str, places: Sequence[tuple[int, int]], marks: tuple[str, str]) -> Text:
    """A text with what the other one has too set off."""
    from rich.text import Text

    shown = Text()
    for piece in pieces(text, places):
        if piece.is_marked:
            shown.append(f"{marks[0]}{piece.text}{marks[1]}", style="black on yellow")
        else:
            shown.append(piece.text)
    return shown


def _recall(report: CleaningReport) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    leaks, before = report.leaks, report.flagged_before
    table = _columns("planted leaks", "n", "found", "recall", "95 % interval")
    for item in (*leaks.recall, leaks.decoys) if leaks else ():
        name = "false alarms on decoys" if item.kind == "decoys" else item.kind
        if item.share is None or item.low is None or item.high is None:
            table.add_row(name, "0", "", "does not apply", "", style="dim")
            continue
        cells = (
            f"{item.n:,}",
            f"{item.found:,}",
            f"{item.share:.0%}",
            f"{item.low:.0%}–{item.high:.0%}",
        )
        table.add_row(name, *cells, style="yellow" if item.n < FEW_PROBLEMS else "")
    if before is None or before.share is None:
        return table
    line = Text(
        f"before planting {before.found:,} of {before.n:,} rows are flagged ({before.share:.2%}), true "
        "leaks included",
        style="dim",
    )
    return Group(table, line)


def outcome(n: int, dropped: Mapping[str, int], out: Path | None) -> Text:
    """What was written, or would be.

    Args:
        n: traces of the pool.
        dropped: reason → traces dropped for it.
        out: the file that was written.
    """
    from rich.text import Text

    parts = ", ".join(f"{count:,} {name}" for name, count in dropped.items()) or "nothing"
    kept = f"{n - sum(dropped.values()):,} of {n:,} traces (left out: {parts})"
    if out is None:
        return Text(f"--out FILE would keep {kept}", style="dim")
    return Text.assemble((str(out), "bold"), f": {kept}")
