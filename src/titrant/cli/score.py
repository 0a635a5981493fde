"""`titrant score`: numbers about every trace of a pool, from one pass of a base model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from titrant.cli.common import ConfigArgument, JsonOption, PoolOption, SetOption, resolve

if TYPE_CHECKING:
    from rich.table import Table

    from titrant.run.scores.wanted import Wanted
    from titrant.signals.meta import ScoresMeta

UNREAD = "world:arithmetic"
"""Stands where a config needs a benchmark; scoring reads none."""


def score(
    config: ConfigArgument = None,
    pool: PoolOption = None,
    base: Annotated[
        str | None, typer.Option(help="Model folder, hub id or vitro:NAME that scores.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the scores go.")
    ] = None,
    signals: Annotated[
        str | None,
        typer.Option(help="Names, parted by commas; default: all that one pass gives."),
    ] = None,
    strategy: Annotated[
        list[str] | None, typer.Option(help="What this strategy needs; repeatable.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the signals and stop.")] = False,
    sets: SetOption = None,
    json_: JsonOption = False,
) -> None:
    """Score every trace of a pool with one forward pass of a base model.

    Leaves per-token numbers, a table per signal and hidden states in a folder that `titrant rank
    --scores` reads. Killed at any moment, the same command goes on where it was.
    """
    from titrant.cli.common import console, emit_json
    from titrant.cli.live import LiveWatcher, PlainWatcher
    from titrant.run.scores.alone import score_alone

    if show:
        console().print(_signals())
        return
    benchmarks = [] if config is not None else [UNREAD]
    found = resolve(config, sets or [], base=base, pool=pool, benchmarks=benchmarks)
    folder = out or Path("scores") / (config.stem if config is not None else "pool")
    screen = console(stderr=json_)
    kind = LiveWatcher if screen.is_terminal else PlainWatcher
    with kind(screen) as watcher:
        meta = score_alone(found, _wanted(signals, strategy or []), folder, watcher)
    if json_:
        emit_json(meta)
        return
    screen.print(_summary(meta))
    for text in meta.warnings.values():
        screen.print(f"warning: {text}", style="yellow", soft_wrap=True)
    screen.print(
        f"{meta.traces:,} traces, {meta.failed:,} not scored; what signals share is counted for each\n"
        f"next: titrant rank {found.pool.path} --scores {folder} --strategy NAME",
        soft_wrap=True,
    )


def _wanted(names: str | None, strategies: list[str]) -> Wanted:
    from titrant.errors import ConfigError
    from titrant.registry import nearest
    from titrant.run.scores.wanted import HIDDEN, wanted_by, wanted_of
    from titrant.signals.base import signals

    if names is None and strategies:
        return wanted_by(strategies)
    if names is None:
        return wanted_of([*signals.names(), HIDDEN])
    asked = [name.strip() for name in names.split(",") if name.strip()]
    known = {*signals.names(), *_MORE}
    for name in asked:
        if name not in known:
            raise ConfigError(f"unknown signal '{name}'", do=nearest(name, known))
    return wanted_of(asked)


_MORE = {
    "difficulty": "pass rate of the base on the trace's question, from sampled answers",
    "influence": "LESS: how a gradient step on the trace would lower the loss on held-out ones",
    "hidden": "mean hidden state of the trace and of each step",
}
"""What can be asked for beside the signals of one pass."""


def _signals() -> Table:
    from rich.table import Table

    from titrant.signals.base import signals

    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("signal", "unit", "high means", "ranks first"):
        table.add_column(head)
    for name in signals.names():
        known = signals.get(name)
        table.add_row(name, known.unit, known.higher, known.prefer)
    for name, about in _MORE.items():
        table.add_row(name, "", about, "")
    return table


def _summary(meta: ScoresMeta) -> Table:
    from rich.table import Table

    from titrant.report import typeset

    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("signal", "tokens", "FLOP", "time"):
        table.add_column(head, justify="left" if head == "signal" else "right")
    costs = dict(meta.costs)
    if meta.hidden_cost is not None:
        costs["hidden"] = meta.hidden_cost
    for name, cost in costs.items():
        table.add_row(
            name,
            typeset.count(cost.tokens),
            typeset.short(cost.flops),
            typeset.duration(cost.seconds),
        )
    return table
