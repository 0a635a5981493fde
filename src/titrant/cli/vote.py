"""`titrant vote`: what votes and stopping rules make of draws that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from titrant.cli.common import JsonOption, console, emit_json

DrawsArgument = Annotated[
    str, typer.Argument(help="Folder of titrant sample, or a pool with several traces a question.")
]
ScoresOption = Annotated[
    Path | None, typer.Option(help="For a pool: the folder that titrant score made.")
]
SignalsOption = Annotated[
    str | None, typer.Option(help="Names, parted by commas; default: all that the draws allow.")
]
EtaOption = Annotated[str, typer.Option(help="Shares to keep, in percent, parted by commas (η).")]
WindowOption = Annotated[
    int | None, typer.Option(min=1, help="Tokens of a window; default: by the draws' length.")
]
TopOption = Annotated[
    int | None,
    typer.Option(min=2, help="Likeliest tokens that confidence is made of; default: all kept."),
]
ReplayOption = Annotated[
    bool, typer.Option("--replay", help="Replay every stopping rule too, and its control.")
]
BudgetOption = Annotated[
    int | None,
    typer.Option(min=1, help="Draws per question; default: as many as nine in ten have."),
]
WarmupOption = Annotated[int, typer.Option(min=1, help="Draws that set a rule's bar.")]
TauOption = Annotated[float, typer.Option(min=0.01, help="Share of votes that settles it.")]
MinVotesOption = Annotated[
    int, typer.Option(min=1, help="Votes without which no consensus counts.")
]
ResamplesOption = Annotated[int, typer.Option(min=1, help="Orders of draws that are tried.")]
LevelOption = Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Root of all seeds.")]
FigureOption = Annotated[
    Path | None, typer.Option(help="Accuracy against tokens as a picture (.png or .svg).")
]


def vote(
    draws: DrawsArgument,
    scores: ScoresOption = None,
    replay: ReplayOption = False,
    budget: BudgetOption = None,
    signals: SignalsOption = None,
    eta: EtaOption = "10,50,90",
    window: WindowOption = None,
    top: TopOption = None,
    warmup: WarmupOption = 16,
    tau: TauOption = 0.95,
    min_votes: MinVotesOption = 4,
    resamples: ResamplesOption = 64,
    level: LevelOption = 0.9,
    seed: SeedOption = 0,
    figure: FigureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Vote among drawn answers, and tell what each rule would have answered and saved.

    Nothing is drawn. Everything is compared with majority over the same draws, paired by question.
    """
    from titrant.cli.reading import check_output
    from titrant.cli.waiting import Waiting
    from titrant.report.votes import render
    from titrant.report.votes_figure import check_figure, write_figure
    from titrant.run.sample.replay import open_log
    from titrant.vote.study import Wish, study

    if figure is not None:
        check_figure(figure)
        check_output("--figure", figure, [draws])
    wish = Wish(
        budget=budget,
        signals=_names(signals),
        etas=_etas(eta),
        with_rules=replay,
        warmup=warmup,
        tau=tau,
        min_votes=min_votes,
        resamples=resamples,
        level=level,
        seed=seed,
    )
    with Waiting() as waiting:
        log, notes = open_log(
            draws,
            scores=scores,
            window=window,
            top=top,
            progress=waiting.at("reading draws"),
            is_replayed=replay,
        )
        found = study(log, wish, progress=lambda what, n, total: waiting.at(what)(n, total))
    if figure is not None:
        write_figure(figure, found)
    if as_json:
        emit_json({"study": found, "notes": notes, "figure": figure})
        return
    screen = console()
    for part in render(found, notes):
        screen.print(part)
        screen.print()
    if figure is not None:
        screen.print(f"picture: {figure}", soft_wrap=True)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _etas(text: str) -> tuple[float, ...]:
    from titrant.errors import ConfigError

    try:
        etas = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        etas = ()
    if not etas or not all(0 < eta <= 100 for eta in etas):
        raise ConfigError(
            f"--eta {text} is no list of shares",
            expected="numbers over 0 and at most 100, parted by commas",
            came=text,
            do="write it as --eta 10,50,90",
        )
    return etas
