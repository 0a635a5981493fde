"""`titrant calibrate`: simulated ladders with known end points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from titrant.dose.calibration.calibrate import Calibration


def calibrate(
    ladders: Annotated[
        int | None, typer.Option(help="Ladders per shape; default: the committed settings.", min=1)
    ] = None,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1)] = 2,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Simulate titrations of each shape and print coverage and bias of the interval.

    Beside it: a fit that knows the shape, and a single power law with a normal interval.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    from titrant.dose.calibration.calibrate import calibrate as run

    console = Console(stderr=json_)
    columns = ("simulated ladders", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        found = run(
            ladders_per_shape=ladders,
            workers=workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if json_:
        typer.echo(found.model_dump_json(indent=2))
        return
    console.print(_table(found))
    base = found.baseline
    console.print(
        f"single power law, normal interval: coverage {base['coverage']:.1%}, "
        f"bias ×{2.718281828 ** base['bias']:.2f}, no interval {base['no_interval']:.1%}"
    )
    console.print(f"flat ladders that end with an end point: {found.flat_false_enough:.1%}")


def _table(found: Calibration) -> Table:
    import math

    from rich.table import Table

    table = Table(title="Calibration of the end point's 90 % interval")
    for name in (
        "shape",
        "ladders",
        "coverage",
        "bias",
        "width",
        "÷ known shape",
        "arms",
        "verdicts",
    ):
        table.add_column(name, justify="left" if name in ("shape", "verdicts") else "right")
    for shape, row in [*found.shapes.items(), ("overall", {**found.overall, "verdicts": {}})]:
        verdicts = ", ".join(f"{name} {share:.0%}" for name, share in row["verdicts"].items())
        table.add_row(
            shape,
            str(row["ladders"]),
            f"{row['coverage']:.1%}",
            _times(math.exp(row["bias"])),
            _times(math.exp(row["log_width"])),
            f"{row['log_width_ratio']:.2f}"
            if row["log_width_ratio"] == row["log_width_ratio"]
            else "—",
            f"{row['arms']:.1f}",
            verdicts,
        )
    return table


def _times(value: float) -> str:
    return f"×{value:.2f}" if value == value else "—"
