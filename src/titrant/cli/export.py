"""`titrant export`: a run's results for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from titrant.cli.common import JsonOption, console, emit_json

if TYPE_CHECKING:
    from titrant.report.export.tables import Pick

What = Literal["subset", "readings", "curve", "answer", "lm-eval"]
Form = Literal["jsonl", "parquet", "csv", "json"]

FORMS: dict[str, tuple[str, ...]] = {
    "subset": ("jsonl", "parquet", "csv"),
    "readings": ("csv", "parquet", "jsonl"),
    "curve": ("csv", "parquet", "jsonl"),
    "answer": ("json", "csv"),
    "lm-eval": ("jsonl",),
}
"""Formats of each kind; the first is the default."""


class Order(NamedTuple):
    """What is to be written in which format."""

    what: What
    form: str


def export(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write to.")],
    what: Annotated[
        What,
        typer.Option(
            help="subset: traces in messages, with a data set card; readings: every attempt; curve: "
            "readings per arm and the fitted band; answer: the key figures; lm-eval: results and "
            "samples of every arm as lm-eval writes them."
        ),
    ] = "subset",
    form: Annotated[
        Form | None, typer.Option("--format", help="Default: what fits best, JSONL for traces.")
    ] = None,
    dose: Annotated[
        int | None,
        typer.Option(min=1, help="Traces of the subset, or arms of lm-eval; default: as chosen."),
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Ranking; default: the answer's.")] = None,
    draw: Annotated[
        int | None, typer.Option(min=0, help="Draw of a random ranking; default: 0.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a subset of any dose, the readings, the curve or the answer for other tools."""
    from titrant.report.export.tables import Pick

    order = Order(what, _form(what, form))
    paths = _write(run, to, order=order, pick=Pick(dose, strategy, draw))
    if as_json:
        emit_json({"what": what, "format": order.form, "files": paths})
        return
    out = console()
    for path in paths[:20]:
        out.print(str(path), markup=False, soft_wrap=True)
    if len(paths) > 20:
        out.print(f"and {len(paths) - 20:,} more in {to}", markup=False)


def _form(what: What, form: Form | None) -> str:
    from titrant.errors import ConfigError

    forms = FORMS[what]
    if form is None or form in forms:
        return form or forms[0]
    raise ConfigError(
        f"--what {what} cannot be written as {form}",
        expected=" or ".join(forms),
        came=f"--format {form}",
        do=f"--format {forms[0]}, or leave it out",
    )


def _write(run: Path, to: Path, *, order: Order, pick: Pick) -> list[Path]:
    from titrant.report.export import lm_eval, tables
    from titrant.report.load import load_answer

    answer = load_answer(run)
    run = run if run.is_dir() else run.parent
    if order.what == "subset":
        return tables.export_subset(run, to, answer=answer, pick=pick, form=order.form)
    if order.what == "readings":
        return tables.export_readings(run, to, form=order.form)
    if order.what == "curve":
        return tables.export_curve(to, answer=answer, form=order.form)
    if order.what == "answer":
        return tables.export_answer(to, answer=answer, form=order.form)
    wanted = lm_eval.Wanted(pick.dose, pick.strategy)
    return lm_eval.export_lm_eval(run, to, answer=answer, wanted=wanted)
