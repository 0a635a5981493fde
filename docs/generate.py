"""Writes `docs/reference/`: what can be said from the code alone is not written twice.

    config.md   every key of a config, from titrant.settings
    cli.md      every command with its flags, from titrant.cli
    signals.md  signals and strategies, from their tables
    treatments.md  what can be done to the traces of an arm, from their table
    answer.md   the schema of answer.json, from titrant.report.answer
    api.md      the public names of the package

`make docs` runs this file; a test compares the pages with what it would write.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.main import get_command

import titrant
from titrant.cli.main import app
from titrant.config import config_reference, record_reference
from titrant.report import answer
from titrant.select.strategies.table import STRATEGIES
from titrant.signals.base import signals
from titrant.treat.reference import treatments_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

Typers = Any
"""A command or context of typer, whose classes are private."""

HERE = Path(__file__).parent / "reference"


def pages() -> dict[Path, str]:
    """Every generated page: its file and its text."""
    return {
        HERE / "config.md": config_reference(),
        HERE / "cli.md": cli_reference(),
        HERE / "signals.md": signals_reference(),
        HERE / "treatments.md": treatments_reference(),
        HERE / "answer.md": answer_reference(),
        HERE / "api.md": api_reference(),
    }


def answer_reference() -> str:
    """The schema of `answer.json`."""
    about = inspect.getdoc(answer) or ""
    head = (
        f"# answer.json\n\nGenerated from the Answer record by `make docs`; do not edit.\n\n{about}"
    )
    return f"{head}\n\n{record_reference(answer.Answer)}"


def signals_reference() -> str:
    """Every signal with unit and direction, every strategy with what it needs."""
    blocks = [
        "# Signals and strategies\n\nGenerated from their tables by `make docs`; do not edit.",
        "## Signals\n\nFrom one pass of the base over the pool. Formulas, edge cases and sources stand in "
        "the docstrings of `titrant.signals`.",
        "\n".join(
            ["| signal | unit | high means | ranks first |", "|---|---|---|---|", *_signals()]
        ),
        "## Strategies\n\n`NAME[+coverage|+center|+novelty][@K|@all][~length|~difficulty|~source|"
        "~domain]`; see [how to choose](../how-to/choose-traces.md).",
        "\n".join(["| strategy | puts first | needs |", "|---|---|---|", *_strategies()]),
    ]
    return "\n\n".join(blocks) + "\n"


def _signals() -> Iterator[str]:
    for name in signals.names():
        one = signals.get(name)
        yield f"| `{name}` | {_cell(one.unit)} | {_cell(one.higher)} | {one.prefer} |"


def _strategies() -> Iterator[str]:
    for name, one in STRATEGIES.items():
        needs = ", ".join(f"`{need}`" for need in sorted(one.needs)) or "nothing"
        yield f"| `{name}` | {_cell(one.about)} | {needs} |"


def api_reference() -> str:
    """The public names: where each lives and what it is."""
    head = (
        "# Public names\n\nGenerated from the package by `make docs`; do not edit.\n\n"
        "`from titrant import …`; each is imported on first use. Other names may change without"
        " notice.\n\n| name | lives in | is |\n|---|---|---|\n"
    )
    rows = []
    for name, home in titrant.PUBLIC.items():
        lines = (inspect.getdoc(getattr(titrant, name)) or "").splitlines()
        rows.append(f"| `{name}` | `{home}` | {_cell(lines[0])} |")
    return head + "\n".join(rows) + "\n"


def cli_reference() -> str:
    """Every command: what it does, its arguments and its flags."""
    group: Typers = get_command(app)
    context = group.make_context("titrant", [], resilient_parsing=True)
    head = (
        "# Command line\n\nGenerated from the commands by `make docs`; do not edit.\n\n"
        f"{_help(group)}\n\nEvery command takes `--help`. How commands end: [exit codes](../exit-codes.md)."
    )
    blocks = [head]
    for name in group.list_commands(context):
        blocks += _command(group.get_command(context, name), f"titrant {name}", context)
    return "\n\n".join(blocks) + "\n"


def _command(command: Typers, title: str, parent: Typers) -> Iterator[str]:
    context = command.make_context(title, [], parent=parent, resilient_parsing=True)
    usage = " ".join([title, *command.collect_usage_pieces(context)])
    about = _help(command)
    yield f"## {title}\n\n{about}\n\n```console\n$ {usage}\n```"
    rows = [record for p in command.get_params(context) if (record := p.get_help_record(context))]
    rows = [(flag, text) for flag, text in rows if "--help" not in flag]
    if rows:
        lines = [f"| `{_cell(flag)}` | {_cell(text)} |" for flag, text in rows]
        yield "\n".join(["| argument or flag | meaning |", "|---|---|", *lines])
    for name in command.list_commands(context) if hasattr(command, "commands") else []:
        yield from _command(command.get_command(context, name), f"{title} {name}", context)


def _help(command: Typers) -> str:
    return inspect.cleandoc(command.help or "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write every page."""
    HERE.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
