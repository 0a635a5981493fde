"""`titrant compare`: any two evaluated models or arms, paired by problem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from titrant.cli.common import JsonOption, console, emit_json

SidesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="A B [C …]",
        help="Arms as RUN:ARM, files or folders of lm-eval or Inspect samples, or tables with "
        "problem and correct; a run folder alone with --arms.",
        show_default=False,
    ),
]
ArmsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Arms of the run folder that make one side, such as 'random-n000512-*': seeds are "
        "averaged, and their noise counts; repeatable.",
    ),
]
BenchmarksOption = Annotated[
    list[str] | None,
    typer.Option("--benchmark", help="Compare on these alone; default: all shared; repeatable."),
]
ConfidenceOption = Annotated[
    float, typer.Option(help="Level of the intervals; told apart is p at most 1 less this.")
]
MarginOption = Annotated[
    float, typer.Option(help="Smallest difference of interest, in shares: 0.02 is two points.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Root of bootstrap and sign-flips.")]
FigureOption = Annotated[
    Path | None, typer.Option(help="Differences with intervals as a picture (.png or .svg).")
]


def compare(
    sides: SidesArgument,
    arms: ArmsOption = None,
    benchmarks: BenchmarksOption = None,
    confidence: ConfidenceOption = 0.9,
    margin: MarginOption = 0.02,
    seed: SeedOption = 0,
    figure: FigureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell two models apart, or say that their answers do not: paired tests by problem.

    Each is compared with each, on every benchmark that both were read on, and p-values are corrected
    for that (Holm). The unpaired test of lm-eval stands beside.
    """
    from titrant.cli.reading import check_output
    from titrant.dose.paired.compare import PairedWish
    from titrant.report.compare import render
    from titrant.report.compare_figure import write_figure
    from titrant.report.votes_figure import check_figure
    from titrant.run.compare.pairing import compare_given

    if figure is not None:
        check_figure(figure)
        check_output("--figure", figure, sides)
    wish = PairedWish(confidence=confidence, margin=margin, seed=seed)
    study = compare_given(sides, arms=arms or (), benchmarks=benchmarks or (), wish=wish)
    if figure is not None:
        write_figure(figure, study)
    if as_json:
        emit_json(study)
        return
    screen = console()
    for part in render(study):
        screen.print(part)
        screen.print()
    if figure is not None:
        screen.print(f"picture: {figure}", soft_wrap=True, markup=False)
