"""`titrant fit`: the analysis half alone, on readings from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from titrant.cli.common import JsonOption, console, emit_json
from titrant.errors import ConfigError


def fit(
    readings: Annotated[
        Path,
        typer.Argument(
            help="Table with dose, problem, correct (strategy, seed), or a folder of lm-eval or "
            "Inspect samples."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for answer.json and report.html.")
    ] = None,
    pool_size: Annotated[
        int | None, typer.Option(help="Traces of the whole pool, if more than the top dose.", min=1)
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="The benchmark that decides; default: the first.")
    ] = None,
    level: Annotated[float, typer.Option(help="Share of the gain to reach.")] = 0.95,
    margin: Annotated[float, typer.Option(help="Smallest gain of interest.")] = 0.02,
    json_: JsonOption = False,
) -> None:
    """Read the dose–response curve off readings: end point, interval, verdict. Needs no torch."""
    from titrant.files import write_text
    from titrant.report.html import render_report
    from titrant.report.text import summary
    from titrant.run.result.fit import fit_readings
    from titrant.settings import LadderSettings

    for name, share in (("level", level), ("margin", margin)):
        if not 0 < share < 1:
            raise ConfigError(
                f"--{name} {share:g} cannot be used",
                expected="a share between 0 and 1",
                came=f"{share:g}",
                do=f"write 95 % as --{name} 0.95" if share > 1 else f"for example --{name} 0.02",
            )
    settings = LadderSettings(level=level, margin=margin)
    answer = fit_readings(readings, settings, pool_size=pool_size, benchmark=benchmark)
    if out is not None:
        write_text(out / "answer.json", answer.model_dump_json(indent=2) + "\n")
        write_text(out / "report.html", render_report(answer))
    if json_:
        emit_json(answer)
        return
    screen = console()
    screen.print(summary(answer))
    if out is not None:
        screen.print(f"\n  report  {out / 'report.html'}", markup=False)
