"""`titrant rank`: a pool in the order of one strategy, with the reason for each row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from titrant.cli.common import ColumnsOption, JsonOption, emit_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from titrant.cli.rank_view import Shown
    from titrant.cli.waiting import Waiting
    from titrant.settings import PoolSettings
    from titrant.traces.record import Trace

TOP = 64
"""Rows that are summed up unless `--top` says otherwise."""


class Asked(NamedTuple):
    """Which ranking is asked for."""

    strategy: str
    seed: int
    draw: int
    scores: Path | None
    history: Path | None


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
    from titrant.cli.rank_view import as_tree, print_ranking, show_list
    from titrant.cli.reading import check_output, parse_columns
    from titrant.cli.waiting import Waiting
    from titrant.report.cards import write_subset
    from titrant.select.rank import write_ranking
    from titrant.settings import PoolSettings

    if list_:
        show_list(as_json=as_json)
        return
    asked = Asked(_with_per_question(strategy, per_question), seed, draw, scores, history)
    settings = PoolSettings(
        path=_given(pool), split=split, limit=limit, columns=parse_columns(columns or ())
    )
    _check_out(out, top)
    check_output("--out", out, [_given(pool), *([] if history is None else [str(history)])])
    with Waiting() as waiting:
        shown = _ranked(_read(settings, seed, base, waiting), asked, top)
    if out is not None and out.suffix == ".jsonl":
        write_subset(out, shown.first, places=shown.rows)
    elif out is not None:
        write_ranking(out, shown.ranking)
    if as_json:
        emit_json(as_tree(shown, out))
    else:
        print_ranking(shown, out)


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
    from titrant.cli.rank_view import Shown
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
