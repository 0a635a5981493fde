"""`titrant plan`: what a run will cost and what it can tell, before anything is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from titrant.cli.common import (
    BaseOption,
    BenchmarkOption,
    ConfigArgument,
    JsonOption,
    PoolOption,
    SetOption,
    resolve,
)

if TYPE_CHECKING:
    from rich.table import Table

    from titrant.dose.plan import Estimate


def plan(
    config: ConfigArgument = None,
    base: BaseOption = None,
    pool: PoolOption = None,
    benchmark: BenchmarkOption = None,
    measure: Annotated[
        bool | None,
        typer.Option(
            "--measure/--no-measure",
            help="Time two short arms; default: if that takes a minute at most.",
        ),
    ] = None,
    sets: SetOption = None,
    json_: JsonOption = False,
) -> None:
    """Print arms, tokens, expected time, disk and statistical power of a run.

    Everything that would stop the run at its start is found here too: pool, benchmark and base are
    read and every training row is examined.
    """
    from titrant.cli.common import console, emit_json
    from titrant.cli.live import PlainWatcher
    from titrant.run.input.forecast import forecast

    found = resolve(config, sets or [], base=base, pool=pool, benchmarks=benchmark or [])
    cost = forecast(found, PlainWatcher(console(stderr=True)), measure=measure)
    if json_:
        emit_json(cost)
        return
    screen = console()
    screen.print(_table(cost))
    screen.print(f"power: {cost.power.line}", soft_wrap=True)
    for text in cost.warnings:
        screen.print(f"warning: {text}", style="yellow", soft_wrap=True)


def _table(cost: Estimate) -> Table:
    from rich.table import Table

    from titrant.report import typeset

    arms = cost.arms
    speed = "unknown" if cost.speed is None else cost.speed.source
    rows = (
        ("arms", f"{arms.fewest}–{arms.most}, expected {arms.expected}, beside the base"),
        ("doses", f"{len(cost.doses)} from {cost.doses[0]:,} to {cost.top_dose:,} {cost.unit}"),
        ("tokens trained", typeset.count(cost.train_tokens)),
        ("tokens generated", typeset.count(cost.generated_tokens)),
        ("time", f"{typeset.duration(cost.seconds)} with {cost.workers} workers"),
        ("speed from", speed),
        ("disk", f"{_size(cost.disk_bytes)}, and {_size(cost.peak_bytes)} while arms are trained"),
    )
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, text in rows:
        table.add_row(name, text)
    return table


def _size(n_bytes: int | None) -> str:
    if n_bytes is None:
        return "unknown"
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
