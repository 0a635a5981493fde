"""`titrant rank`: a pool in the order of one strategy, with the reason for each row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from titrant.cli.common import JsonOption, console, emit_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from rich.table import Table

    from titrant.cli.waiting import Waiting
    from titrant.select.overview import Overview
    from titrant.select.rank import RankedRow, Ranking
    from titrant.settings import PoolSettings
    from titrant.traces.record import Trace

ROWS_SHOWN = 10
TOP = 64
"""Rows that are summed up unless `--top` says otherwise."""
EXCERPT = 60
"""Characters of a trace."""


class Asked(NamedTuple):
    """Which ranking is asked for."""

    strategy: str
    seed: int
    draw: int
    scores: Path | None
    history: Path | None


class Shown(NamedTuple):
    """What is told of it."""

    ranking: Ranking
    first: list[Trace]
    """The traces of its first rows."""
    traces: list[Trace]
    """All of them."""
    n_repeats: int
    """Exact repeats that were left out."""

    @property
    def rows(self) -> tuple[RankedRow, ...]:
        """The first rows."""
        return self.ranking.rows[: len(self.first)]


StrategyOption = Annotated[
    str,
    typer.Option(
        help="NAME, or a combination NAME[+coverage|+center|+novelty][@K|@all][~CONTROL]; CONTROL is "
        "length, difficulty, source or domain. --list shows the names."
    ),
]
ScoresOption = Annotated[
    Path | None, typer.Option(help="Folder that titrant score made, or a run folder.")
]
TokensOption = Annotated[
    str | None, typer.Option(help="Count tokens as this base model's tokenizer does.")
]
HistoryOption = Annotated[
    Path | None, typer.Option(help="JSON of accuracies per question over an earlier run's epochs.")
]
PerQuestionOption = Annotated[
    str | None,
    typer.Option(metavar="K", help="Rows of a question before any has more, or all; as @K."),
]
TopOption = Annotated[
    int | None, typer.Option(min=1, help=f"The first so many rows; default for tables: {TOP}.")
]
OutOption = Annotated[
    Path | None,
    typer.Option(help="File: the whole ranking (.parquet), or the first --top rows (.jsonl)."),
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="OURS=THEIRS",
        help="Where a field stands, such as question=problem; repeatable.",
    ),
]


def rank(
    pool: Annotated[
        str | None, typer.Argument(help="Traces: a file, a folder, a hub id or world:NAME.")
    ] = None,
    strategy: StrategyOption = "random",
    scores: ScoresOption = None,
    base: TokensOption = None,
    history: HistoryOption = None,
    per_question: PerQuestionOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Root seed of the run.")] = 0,
    draw: Annotated[int, typer.Option(min=0, help="Draw of a strategy with chance.")] = 0,
    top: TopOption = None,
    out: OutOption = None,
    columns: ColumnsOption = None,
    split: Annotated[str, typer.Option(help="Split of a hub data set or a folder.")] = "train",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Read no more than the first so many traces.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Show all strategies and what they need.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a pool in the order of a strategy, with a reason for each row."""
    from titrant.cli.reading import parse_columns
    from titrant.cli.waiting import Waiting
    from titrant.report.cards import write_subset
    from titrant.select.rank import write_ranking
    from titrant.settings import PoolSettings

    if list_:
        _show_list(as_json=as_json)
        return
    asked = Asked(_with_per_question(strategy, per_question), seed, draw, scores, history)
    settings = PoolSettings(
        path=_given(pool), split=split, limit=limit, columns=parse_columns(columns or ())
    )
    _check_out(out, top)
    with Waiting() as waiting:
        shown = _ranked(_read(settings, seed, base, waiting), asked, top)
    if out is not None and out.suffix == ".jsonl":
        write_subset(out, shown.first, places=shown.rows)
    elif out is not None:
        write_ranking(out, shown.ranking)
    if as_json:
        emit_json(_as_tree(shown, out))
    else:
        _print(shown, out)


def _given(pool: str | None) -> str:
    from titrant.errors import ConfigError

    if pool is not None:
        return pool
    raise ConfigError(
        "no pool was given",
        expected="titrant rank POOL --strategy NAME",
        came="no POOL",
        do="name a file of traces, or ask for --list",
    )


def _with_per_question(strategy: str, per_question: str | None) -> str:
    """The strategy's name with `--per-question` in its place; the name is checked."""
    from titrant.errors import ConfigError
    from titrant.select.rank import find_strategy

    name = find_strategy(strategy).name
    if per_question is None:
        return name.text
    if name.per_question is not None:
        raise ConfigError(
            f"rows per question are given twice: @{name.per_question} and --per-question",
            expected="one of them",
            came=f"--strategy {strategy} --per-question {per_question}",
            do="leave --per-question out",
        )
    return find_strategy(name._replace(per_question=per_question).text).name.text


def _check_out(out: Path | None, top: int | None) -> None:
    from titrant.errors import ConfigError

    if out is None or out.suffix == ".parquet" or (out.suffix == ".jsonl" and top is not None):
        return
    if out.suffix == ".jsonl":
        raise ConfigError(
            "a subset needs its size",
            expected="--top N beside --out FILE.jsonl",
            came=f"--out {out}",
            do="add --top, or write the whole ranking as .parquet",
        )
    raise ConfigError(
        f"--out {out} cannot be written",
        expected="a name that ends in .parquet (the whole ranking) or .jsonl (a subset)",
        came=out.suffix or "no ending",
        do=f"--out {out.with_suffix('.parquet').name}",
    )


def _read(settings: PoolSettings, seed: int, base: str | None, waiting: Waiting) -> list[Trace]:
    """The pool with verdicts and, given a base, with token counts."""
    from titrant.cli.reading import read_given, token_counter
    from titrant.traces.verify.assess import assess
    from titrant.traces.verify.verdict import Verifier

    with Verifier() as verifier:
        traces = assess(
            read_given(settings, seed, waiting), verifier, progress=waiting.at("verifying")
        )
    if base is None:
        return traces
    counts = token_counter(base)([f"{trace.thinking or ''}{trace.answer_text}" for trace in traces])
    pairs = zip(traces, counts, strict=True)
    return [trace.model_copy(update={"n_tokens": n}) for trace, n in pairs]


def _ranked(read: Sequence[Trace], asked: Asked, top: int | None) -> Shown:
    from titrant.errors import ConfigError
    from titrant.select.candidates import BANDS
    from titrant.select.rank import draw_of
    from titrant.select.rank import rank as rank_pool
    from titrant.select.scores import NoScores, open_scores
    from titrant.traces.read import distinct_traces

    traces = distinct_traces(read)
    if top is not None and top > len(traces):
        raise ConfigError(
            f"--top {top} asks for more than the pool has",
            expected=f"at most {len(traces)}, each trace once",
            came=str(top),
            do=f"--top {len(traces)}",
        )
    name, history = asked.strategy, _history(asked.history, read)
    if asked.scores is None:
        scores, bands = NoScores(name, history), BANDS
    else:
        scores = open_scores(asked.scores, history=history)
        bands = scores.meta.bands or BANDS
    ranking = rank_pool(
        traces,
        strategy=name,
        root=asked.seed,
        draw=draw_of(name, asked.draw),
        scores=scores,
        bands=bands,
    )
    by_uid = {trace.uid: trace for trace in traces}
    first = [by_uid[uid] for uid in ranking.subset(min(top or TOP, len(traces)))]
    return Shown(ranking, first, traces, len(read) - len(traces))


def _history(path: Path | None, traces: Sequence[Trace]) -> Mapping[str, np.ndarray] | None:
    from titrant.select.strategies.history_file import load_history

    return None if path is None else load_history(path, traces)


def _as_tree(shown: Shown, out: Path | None) -> dict[str, object]:
    from titrant.select.overview import overviews

    first, pool = overviews(shown.first, shown.traces)
    pairs = zip(shown.rows, shown.first, strict=True)
    return {
        "strategy": shown.ranking.strategy,
        "draw": shown.ranking.draw,
        "repeats_left_out": shown.n_repeats,
        "first": first,
        "pool": pool,
        "rows": [{**row._asdict(), "qid": trace.qid} for row, trace in pairs],
        "out": out,
    }


def _print(shown: Shown, out: Path | None) -> None:
    from rich.padding import Padding

    from titrant.select.overview import overviews

    screen = console()
    title = f"{shown.ranking.strategy}, draw {shown.ranking.draw}"
    screen.print(f" {title}: {len(shown.traces):,} traces\n", markup=False)
    for table in (_rows_table(shown), _views_table(*overviews(shown.first, shown.traces))):
        screen.print(Padding(table, (0, 0, 1, 1), expand=False))
    if shown.n_repeats:
        screen.print(f" {shown.n_repeats:,} exact repeats of a trace were left out")
    if out is not None:
        screen.print(f" {out}", markup=False, soft_wrap=True)


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column)
    return table


def _rows_table(shown: Shown) -> Table:
    from rich.text import Text

    table = _table("rank", "reason", "question", "trace")
    rows = zip(shown.rows[:ROWS_SHOWN], shown.first, strict=False)
    for row, trace in rows:
        texts = (row.reason, _excerpt(trace.question), _excerpt(trace.body))
        table.add_row(str(row.rank), *(Text(text) for text in texts))
    return table


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"


def _views_table(first: Overview, pool: Overview) -> Table:
    table = _table("", f"first {first.traces:,}", "pool")
    for column in table.columns[1:]:
        column.justify = "right"
    views = (first, pool)
    table.add_row("questions", *(f"{view.questions:,}" for view in views))
    length = [_number(view.mean_length, ",.1f") for view in views]
    table.add_row(f"mean length in {first.length_unit}", *length)
    table.add_row("wrong, of those verified", *(_number(view.wrong, ".1%") for view in views))
    table.add_row("truncated or unreadable", *(_number(view.unread, ".1%") for view in views))
    table.add_row("near repeats", *(_number(view.near_repeats, ".1%") for view in views))
    return table


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _show_list(*, as_json: bool) -> None:
    from titrant.select.rank import STRATEGIES
    from titrant.select.strategies.grammar import FORM
    from titrant.signals.base import signals

    outside = sorted(set(signals.names()) - set(STRATEGIES))
    if as_json:
        rows = [
            {"name": name, "needs": sorted(row.needs), "draws": row.draws, "about": row.about}
            for name, row in STRATEGIES.items()
        ]
        emit_json({"form": FORM, "strategies": rows, "outside_signals": outside})
        return
    table = _table("strategy", "needs", "")
    for name, row in STRATEGIES.items():
        about = f"{row.about} (draws)" if row.draws else row.about
        table.add_row(name, ", ".join(sorted(row.needs)) or "–", about)
    for name in outside:
        table.add_row(name, name, "a signal from outside, in the direction that it prefers")
    screen = console()
    screen.print(table)
    screen.print(f"\n {FORM}", markup=False)
