"""`titrant sample`: answers drawn from a model, stopped when the vote is settled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from titrant.cli.common import ConfigArgument, JsonOption, SetOption, resolve

if TYPE_CHECKING:
    from rich.table import Table

    from titrant.run.sample.folder import SampleMeta

UNREAD = "world:arithmetic"
"""Stands where a config needs a pool; drawing reads none."""

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


def sample(
    config: ConfigArgument = None,
    base: ModelOption = None,
    problems: ProblemsOption = None,
    rule: RuleOption = None,
    budget: Annotated[
        int | None, typer.Option(min=1, help="Draws per question at most; default: 64.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="transformers, vllm or openai; default: transformers.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Base address of a server, as http://localhost:8000/v1.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the draws go.")
    ] = None,
    to_pool: PoolOption = None,
    keep: Annotated[
        str,
        typer.Option(
            help="What --to-pool keeps: all, correct, or voted (with the winning answer)."
        ),
    ] = "correct",
    sets: SetOption = None,
    json_: JsonOption = False,
) -> None:
    """Draw answers to problems until the vote on each is settled.

    Every draw is kept with the logprobs of its tokens, so that titrant vote can tell what any rule would
    have answered and saved. Killed at any moment, the same command goes on where it was.
    """
    from titrant.cli.common import console, emit_json
    from titrant.cli.live import LiveWatcher, PlainWatcher
    from titrant.run.sample.alone import sample_alone
    from titrant.run.sample.pool import write_kept

    check_pool(to_pool, keep)
    given = {"sample.rule": rule, "sample.budget": budget, "server.url": url}
    given["decode.engine"] = engine or (None if url is None else "openai")
    named = [f"{key}={value}" for key, value in given.items() if value is not None]
    found = resolve(
        config,
        [*(sets or []), *named],
        base=base,
        pool=None if config is not None else UNREAD,
        benchmarks=None if problems is None else [problems],
    )
    folder = out or Path("draws") / (config.stem if config is not None else "problems")
    screen = console(stderr=json_)
    kind = LiveWatcher if screen.is_terminal else PlainWatcher
    with kind(screen) as watcher:
        meta = sample_alone(found, folder, watcher)
    kept = None if to_pool is None else write_kept(folder, to_pool, keep)
    if json_:
        emit_json({"meta": meta, "out": folder, "to_pool": to_pool, "kept": kept})
        return
    screen.print(_summary(meta))
    for note in meta.notes:
        screen.print(f"note: {note}", style="yellow", soft_wrap=True)
    if kept is not None:
        screen.print(
            f"{kept:,} different texts in {to_pool}; each stands there once", soft_wrap=True
        )
    can_replay = " --replay" if meta.rule.startswith("fixed") else ""
    screen.print(f"next: titrant vote {folder}{can_replay}", soft_wrap=True)


def check_pool(path: Path | None, keep: str) -> None:
    """Refuse, before anything is drawn, a pool that cannot be written or a filter that is unknown."""
    from titrant.cli.reading import check_output
    from titrant.run.sample.pool import check_keep
    from titrant.select.clean.write import check_kind

    check_keep(keep)
    if path is not None:
        check_kind(path)
        check_output("--to-pool", path, [])


def _summary(meta: SampleMeta) -> Table:
    from rich.table import Table

    from titrant.report import typeset

    rows = {
        "model": f"{meta.base} ({meta.engine})",
        "rule": f"{meta.rule}, at most {typeset.plural(meta.budget, 'draw')} a question",
        "drawn": f"{typeset.plural(meta.draws, 'draw')} for {typeset.plural(meta.questions, 'question')}",
        "of these": _parts(meta),
        "tokens": typeset.count(meta.tokens),
        "time": typeset.duration(meta.seconds),
    }
    if meta.correct is not None:
        share = typeset.share(meta.correct / meta.questions)
        rows["right"] = f"{share} of the questions ({meta.correct:,} of {meta.questions:,})"
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
