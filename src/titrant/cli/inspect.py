"""`titrant inspect`: what is in a file of traces or problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from titrant.cli.common import ColumnsOption, JsonOption, console, emit_json

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from titrant.traces.inspect.overview import CountTokens, Inspection, Spread

BAR_WIDTH = 24
VERDICT_STYLES = {"correct": "green", "wrong": "red", "unreadable": "yellow", "truncated": "yellow"}


def inspect(
    path: Annotated[str, typer.Argument(help="A file, a folder, or a hub id such as owner/name.")],
    columns: ColumnsOption = None,
    split: Annotated[str, typer.Option(help="Split of a hub data set or a folder.")] = "train",
    config: Annotated[
        str | None, typer.Option(help="Configuration name of a hub data set.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Read no more than the first so many traces.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Count tokens as this base model's tokenizer does.")
    ] = None,
    answer_pattern: Annotated[
        str | None, typer.Option(help="Regular expression with one group for final answers.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    r"""Show what a file holds: schema, sizes, verdicts, duplicates, the oddest rows.

    Reads what `pool:` of a config reads and changes nothing.
    """
    from titrant.cli.reading import parse_columns, token_counter
    from titrant.settings import PoolSettings
    from titrant.traces.verify.answer import compile_pattern

    if answer_pattern is not None:
        compile_pattern(answer_pattern)
    settings = PoolSettings(
        path=path,
        config=config,
        split=split,
        columns=parse_columns(columns or ()),
        answer_pattern=answer_pattern,
        limit=limit,
    )
    inspection = _look(settings, count_tokens=None if base is None else token_counter(base))
    if as_json:
        emit_json(inspection)
    else:
        out = console()
        for part in render(inspection):
            out.print(part)
            out.print()


def _look(settings: Any, *, count_tokens: CountTokens | None) -> Inspection:  # noqa: ANN401
    from titrant.cli.waiting import Waiting
    from titrant.traces.inspect.overview import inspect_pool
    from titrant.traces.read import Pool, read_pool
    from titrant.traces.verify.assess import assess
    from titrant.traces.verify.verdict import Verifier

    with Waiting() as waiting:
        traces, report = read_pool(settings, progress=waiting.at("reading"))
        with Verifier() as verifier:
            traces = assess(
                traces,
                verifier,
                pattern=settings.answer_pattern,
                progress=waiting.at("verifying"),
            )
        return inspect_pool(
            Pool(traces, report), count_tokens=count_tokens, progress=waiting.at("measuring")
        )


def render(inspection: Inspection) -> list[RenderableType]:
    """The inspection for people, one piece after the other."""
    from rich.padding import Padding
    from rich.text import Text

    report = inspection.report
    head = Text.assemble((report.path, "bold"), "\n")
    head.append(f"{report.schema_name}", style="bold cyan")
    head.append(f" ({report.format}): {report.why}\n", style="none")
    used = ", ".join(f"{ours} ← {theirs}" for ours, theirs in report.columns.items())
    head.append(f"read     {used}\n", style="dim")
    if report.ignored:
        head.append(f"not used {', '.join(report.ignored)}\n", style="dim")
    head.rstrip()
    pieces = [
        head,
        _sizes(inspection),
        _verdicts(inspection),
        Text("\n".join(_remarks(inspection))),
        _oddest(inspection),
    ]
    return [Padding(piece, (0, 0, 0, 1), expand=False) for piece in pieces]


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column(columns[0])
    for name in columns[1:]:
        table.add_column(name, justify="right")
    return table


def _sizes(inspection: Inspection) -> Table:
    table = _table("", "min", "median", "90 %", "max", "in all")
    spreads: dict[str, Spread | None] = {
        "traces per question": inspection.per_question,
        "characters": inspection.characters,
        "words": inspection.words,
        "tokens": inspection.tokens,
        "steps": inspection.steps,
    }
    for name, spread in spreads.items():
        if spread is not None:
            cells = (spread.minimum, spread.median, spread.p90, spread.maximum, spread.total)
            table.add_row(name, *(f"{cell:,.10g}" for cell in cells))
    return table


def _verdicts(inspection: Inspection) -> Table:
    table = _table("verdict", "traces", "share")
    table.add_column("")
    for name, n in inspection.verdicts.items():
        share = n / inspection.n_traces
        bar = "█" * max(round(share * BAR_WIDTH), 1 if n else 0)
        style = VERDICT_STYLES.get(name, "dim") if n else "dim"
        table.add_row(name, f"{n:,}", f"{share:.1%}", bar, style=style)
    return table


def _remarks(inspection: Inspection) -> list[str]:
    report, repeats = inspection.report, inspection.repeats
    lines = [
        f"{report.rows:,} rows, {inspection.n_traces:,} traces of "
        f"{inspection.n_questions:,} questions, {report.with_gold:,} with a gold answer",
        f"{inspection.n_thinking:,} with thinking apart from the answer, "
        f"{inspection.n_unfinished:,} unfinished",
        f"{repeats.exact:,} repeat an earlier trace exactly{_at(repeats.first_exact)}, "
        f"{repeats.near:,} nearly{_at(repeats.first_near)}",
    ]
    if repeats.pairs_left_out:
        lines.append(
            f"{repeats.pairs_left_out:,} pairs of traces were not compared, so more may repeat"
        )
    lines += [f"{u.n:,} not read: {u.reason} (first: row {u.first_row})" for u in report.unread]
    lines += report.notes
    return [*lines, inspection.benchmark_hint] if inspection.benchmark_hint else lines


def _at(rows: tuple[int, int] | None) -> str:
    return f" (row {rows[1]} repeats row {rows[0]})" if rows and rows[0] != rows[1] else ""


def _oddest(inspection: Inspection) -> Text:
    from rich.text import Text

    lines = Text("oddest rows", style="dim", end="")
    for odd in inspection.oddest:
        lines.append(f"\n{odd.row:>7,}  ", style="not dim")
        lines.append(odd.reason, style="not dim")
        lines.append(f"\n         {odd.excerpt}")
    return lines
