"""`titrant inspect`: what is in a file of traces or problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from titrant.cli.common import JsonOption, console, emit_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from titrant.traces.inspect.overview import CountTokens, Inspection, Spread

QUIET_S = 2.0
"""Progress is shown from then on."""
BAR_WIDTH = 24
VERDICT_STYLES = {"correct": "green", "wrong": "red", "unreadable": "yellow", "truncated": "yellow"}


def inspect(
    path: Annotated[str, typer.Argument(help="A file, a folder, or a hub id such as owner/name.")],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="OURS=THEIRS",
            help="Where a field stands, such as question=problem; repeatable.",
        ),
    ] = None,
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
    inspection = _look(settings, count_tokens=None if base is None else _tokenizer(base))
    if as_json:
        emit_json(inspection)
    else:
        out = console()
        for part in render(inspection):
            out.print(part)
            out.print()


def parse_columns(pairs: Sequence[str]) -> dict[str, str]:
    """The columns of `--columns`, each `ours=theirs`; commas part several of them.

    Raises:
        ConfigError: a part is no pair.
    """
    from titrant.errors import ConfigError

    columns: dict[str, str] = {}
    for pair in (pair for text in pairs for pair in text.split(",")):
        ours, sign, theirs = pair.partition("=")
        if not (sign and ours.strip() and theirs.strip()):
            raise ConfigError(
                f"--columns {pair} is no pair",
                expected="our field, an equals sign, a column of the file: question=problem",
                came=pair,
                do="write it as --columns question=problem, once per column",
            )
        columns[ours.strip()] = theirs.strip()
    return columns


def _look(settings: Any, *, count_tokens: CountTokens | None) -> Inspection:  # noqa: ANN401
    from titrant.traces.inspect.overview import inspect_pool
    from titrant.traces.read import Pool, read_pool
    from titrant.traces.verify.assess import assess
    from titrant.traces.verify.verdict import Verifier

    with _Waiting() as waiting:
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


def _tokenizer(base: str) -> CountTokens:
    from titrant.engines.locate import find_base
    from titrant.lazy import load
    from titrant.settings import BaseSettings

    folder = find_base(BaseSettings(path=base)).folder
    tokenizer = load("transformers:AutoTokenizer").from_pretrained(folder)

    def count(texts: list[str]) -> list[int]:
        # Not a word about texts longer than the model's context: that is the doctor's affair.
        rows = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return [len(row) for row in rows]

    return count


class _Waiting:
    """A progress line on standard error for what takes over two seconds."""

    def __init__(self) -> None:
        import time

        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._clock = time.monotonic
        self._began = self._clock()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(BAR_WIDTH),
            MofNCompleteColumn(),
            console=console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def at(self, stage: str) -> Callable[[int, int | None], None]:
        """The callback of one stage."""

        def tell(done: int, total: int | None) -> None:
            if self._clock() - self._began < QUIET_S:
                return
            if stage not in self._tasks:
                self._progress.start()
                self._tasks[stage] = self._progress.add_task(stage, total=total)
            self._progress.update(self._tasks[stage], completed=done, total=total)

        return tell


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
