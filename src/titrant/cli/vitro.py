"""`titrant vitro`: small base models, made from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from titrant.cli.common import JsonOption, console, emit_json

vitro = typer.Typer(
    help="Build the small base models that titrant ships with.", add_completion=False
)


@vitro.callback()
def _group() -> None:
    """Build the small base models that titrant ships with."""


@vitro.command()
def build(
    name: Annotated[
        str, typer.Argument(help="arithmetic, or arithmetic-direct (no latent skill).")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; default: ./bases/NAME.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads to train on.", min=1)] = 2,
    json_: JsonOption = False,
) -> None:
    """Pretrain a base from nothing, measure it and write its card."""
    from titrant.run.vitro import build_base, card_text

    screen = console(stderr=True)
    with screen.status(f"{name}: starting") as status:
        card = build_base(
            name,
            out or Path("bases") / name,
            threads=threads,
            report=lambda phase: status.update(f"{name}: {phase}"),
        )
    if json_:
        emit_json(card)
    else:
        typer.echo(card_text(card))
