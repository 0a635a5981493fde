"""`titrant sample`: answers drawn from a model, stopped when the vote is settled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from titrant.cli.common import ColumnsOption, ConfigArgument, JsonOption, SetOption, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table
    from rich.text import Text

    from titrant.run.sample.folder import SampleMeta
    from titrant.settings import Config

UNREAD = "no pool"
"""Stands where a config needs a pool and has none: drawing reads it for worked examples only."""

ModelOption = Annotated[
    str | None,
    typer.Option(help="Model folder, hub id, vitro:NAME, or the name of a server's model."),
]
PoolOption = Annotated[
    Path | None,
    typer.Option(help="Write the draws that ran to their end as a pool (.jsonl or .parquet)."),
]
ProblemsOption = Annotated[
    str | None,
    typer.Option("--problems", help="What is asked: file, hub id or world:NAME."),
]
RuleOption = Annotated[
    str | None,
    typer.Option(help="fixed, adaptive, esc, deepconf-high or deepconf-low; default: fixed."),
]


BudgetOption = Annotated[
    int | None, typer.Option(min=1, help="Draws per question at most; default: 64.")
]
EngineOption = Annotated[
    str | None, typer.Option(help="transformers, vllm or openai; default: transformers.")
]
UrlOption = Annotated[
    str | None, typer.Option(help="Base address of a server, as http://localhost:8000/v1.")
]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the draws go.")]
KeepOption = Annotated[
    str,
    typer.Option(
        help="What --to-pool keeps of the draws with an answer: correct, voted (the answer that won), all."
    ),
]


def sample(
    config: ConfigArgument = None,
    base: ModelOption = None,
    problems: ProblemsOption = None,
    rule: RuleOption = None,
    budget: BudgetOption = None,
    engine: EngineOption = None,
    url: UrlOption = None,
    out: OutOption = None,
    to_pool: PoolOption = None,
    keep: KeepOption = "correct",
    columns: ColumnsOption = None,
    sets: SetOption = None,
    json_: JsonOption = False,
) -> None:
    """Draw answers to problems until the vote on each is settled.

    Every draw is kept with the logprobs of its tokens, so that titrant vote can tell what any rule would
    have answered and saved. Gold answers are optional: with them it is told how many answers are right.
    Killed at any moment, the same command goes on where it was.
    """
    from titrant.cli.common import console, emit_json
    from titrant.cli.live import LiveWatcher, PlainWatcher
    from titrant.run.sample.alone import sample_alone
    from titrant.run.sample.pool import write_kept

    check_pool(to_pool, keep)
    _check_given(config, base, problems)
    found = resolve(
        config,
        [*(sets or []), *_named(rule, budget, url, engine), *_columns(columns)],
        base=base,
        benchmarks=None if problems is None else [problems],
        defaults={"pool": UNREAD},
    )
    _check_found(found, url)
    folder = out or Path("draws") / (config.stem if config is not None else "problems")
    screen = console(stderr=json_)
    kind = LiveWatcher if screen.is_terminal else PlainWatcher
    with kind(screen) as watcher:
        needs_gold = to_pool is not None and keep == "correct"
        meta = sample_alone(found, folder, watcher, needs_gold=needs_gold)
    kept = None if to_pool is None else write_kept(folder, to_pool, keep)
    if json_:
        emit_json({"meta": meta, "out": folder, "to_pool": to_pool, "kept": kept})
        return
    screen.print(_summary(meta))
    for line in last_words(meta, folder, to_pool, kept):
        screen.print(line, soft_wrap=True)


def _check_given(config: Path | None, base: str | None, problems: str | None) -> None:
    """Refuse a command that says neither by a config nor by options who is asked, and what."""
    from titrant.errors import ConfigError

    missing = [o for o, given in (("--base", base), ("--problems", problems)) if given is None]
    if config is None and missing:
        raise ConfigError(
            f"{' and '.join(missing)} missing",
            expected="a model and problems, or a config with both",
            came="neither" if len(missing) == 2 else f"no {missing[0]}",
            do="titrant sample --base MODEL --problems FILE",
        )


def _named(rule: str | None, budget: int | None, url: str | None, engine: str | None) -> list[str]:
    """The options that stand for a key of the config."""
    given = {"sample.rule": rule, "sample.budget": budget, "server.url": url}
    given["decode.engine"] = engine or (None if url is None else "openai")
    return [f"{key}={json.dumps(value)}" for key, value in given.items() if value is not None]


def _columns(pairs: list[str] | None) -> list[str]:
    from titrant.cli.reading import parse_columns

    columns = parse_columns(pairs or [])
    return [f"benchmark.0.columns.{ours}={json.dumps(name)}" for ours, name in columns.items()]


def _check_found(config: Config, url: str | None) -> None:
    """Refuse the address of a server beside an engine that asks none, and examples from no pool."""
    from titrant.errors import ConfigError

    if config.prompt.few_shot and config.pool.path == UNREAD:
        raise ConfigError(
            "prompt.few_shot takes worked examples from a pool, and none is named",
            expected="a pool beside prompt.few_shot",
            came=f"few_shot = {config.prompt.few_shot} alone",
            do="--set pool.path=FILE, or leave few_shot out",
        )
    if url is not None and config.decode.engine != "openai":
        raise ConfigError(
            f"--url beside the engine {config.decode.engine}, which asks no server",
            expected="--engine openai beside --url",
            came=f"--engine {config.decode.engine} --url {url}",
            do="leave out one of the two",
        )


def check_pool(path: Path | None, keep: str) -> None:
    """Refuse, before anything is drawn, a pool that cannot be written or a filter that is unknown."""
    from titrant.cli.reading import check_output
    from titrant.run.sample.pool import check_keep
    from titrant.select.clean.write import check_kind

    check_keep(keep)
    if path is not None:
        check_kind(path)
        check_output("--to-pool", path, [])


def last_words(
    meta: SampleMeta, folder: Path, to_pool: Path | None, kept: int | None
) -> Iterator[Text]:
    """What there is to say below the summary, a line each."""
    from rich.text import Text

    from titrant.report import typeset

    for note in meta.notes:
        yield Text(f"note: {note}", style="yellow")
    if meta.failed:
        yield Text(
            f"note: {typeset.plural(meta.failed, 'draw')} that failed said: {meta.failure}; the same "
            "command makes what failed again",
            style="yellow",
        )
    if kept is not None:
        yield Text(f"{typeset.plural(kept, 'different text')} in {to_pool}; each stands there once")
    can_replay = " --replay" if meta.rule.startswith("fixed") and meta.with_gold else ""
    if meta.with_gold and meta.budget > 1:
        yield Text(f"next: titrant vote {folder}{can_replay}")
    else:
        yield Text(f"next: read {folder / 'answers.parquet'}")


def _summary(meta: SampleMeta) -> Table:
    from rich.table import Table

    from titrant.report import typeset

    rows = {
        "model": f"{meta.base} ({meta.engine})",
        "rule": f"{meta.rule}, at most {typeset.plural(meta.budget, 'draw')} a question at temperature "
        f"{meta.temperature:g}",
        "drawn": f"{typeset.plural(meta.draws, 'draw')} for {typeset.plural(meta.questions, 'question')}",
        "of these": _parts(meta),
        "tokens": typeset.count(meta.tokens),
        "time": typeset.duration(meta.seconds),
    }
    if meta.correct is not None:
        share = typeset.share(meta.correct / meta.with_gold)
        which = "the questions" if meta.with_gold == meta.questions else "those with a gold answer"
        rows["right"] = f"{share} of {which} ({meta.correct:,} of {meta.with_gold:,})"
    table = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        if text:
            table.add_row(name, text)
    return table


def _parts(meta: SampleMeta) -> str:
    """Draws that are no whole answer, by kind; empty where there are none."""
    from titrant.report import typeset

    kinds = {"stopped by the rule": meta.stopped, "cut by the limit": meta.truncated}
    kinds |= {"unreadable": meta.unreadable, "failed": meta.failed}
    total = max(1, meta.draws)
    return ", ".join(f"{typeset.share(n / total)} {kind}" for kind, n in kinds.items() if n)
