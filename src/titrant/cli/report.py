"""`titrant report`: the HTML report of a run, written again from its answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from titrant.cli.common import JsonOption, console, emit_json

if TYPE_CHECKING:
    from titrant.report.answer import Answer


def report(
    run: Annotated[Path, typer.Argument(help="The run folder, or an answer.json itself.")],
    should_open: Annotated[
        bool, typer.Option("--open/--no-open", help="Show the report in the browser.")
    ] = False,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the figure as a picture, too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write report.html again from answer.json and print the answer.

    Nothing is computed anew: the same answer gives the same file, byte for byte.
    """
    from titrant.files import write_text
    from titrant.report.html import render_report
    from titrant.report.load import find_answer, load_answer
    from titrant.report.text import summary

    source = find_answer(run)
    answer = load_answer(source)
    page = render_report(answer)
    path = source.with_name("report.html")
    write_text(path, page)
    if png is not None:
        _write_figure(answer, png)
    if as_json:
        emit_json(
            {
                "report": str(path),
                "bytes": len(page.encode("utf-8")),
                "verdict": answer.verdict,
                "ed95": answer.ed95,
                "sentence": answer.sentence,
            }
        )
    else:
        out = console()
        out.print(summary(answer))
        out.print(
            f"\n  report  {path}\n  next    titrant export {source.parent} --to DIR", markup=False
        )
    if should_open:
        typer.launch(path.resolve().as_uri())


def _write_figure(answer: Answer, path: Path) -> None:
    from titrant.files import replacing
    from titrant.report.figures import save_png

    with replacing(path) as beside:
        save_png(answer, beside)
