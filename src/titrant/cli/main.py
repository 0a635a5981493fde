"""The command line: a lazy group of commands, and the one place where errors become messages.

A command is named by a string and imported when it is asked for (or listed in `--help`), and the
modules under `titrant.cli` import heavy things only inside their functions; so `titrant --help`
stays under 0.3 s and needs no torch.

What a user or the machine caused is shown as a message without a traceback, with the exit code of
its error class (`docs/exit-codes.md`). Anything else is a bug of ours: it keeps its traceback and
ends with code 1.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, MutableMapping
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from titrant.cli.common import INTERRUPTION, as_failure, exit_codes, show

TITRATE, CHOOSE, DRAW = "Titrate", "Choose traces", "Draw answers and vote"
LOOK, CHECK = "Look at data and results", "Check"


class Entry(NamedTuple):
    """Where a command lives and under which heading of `--help` it stands."""

    path: str
    """"module:attribute"; the attribute is a function or a typer application."""
    panel: str


COMMANDS = {
    "run": Entry("titrant.cli.run:run", TITRATE),
    "demo": Entry("titrant.cli.run:demo", TITRATE),
    "audit": Entry("titrant.cli.audit:audit", TITRATE),
    "plan": Entry("titrant.cli.plan:plan", TITRATE),
    "score": Entry("titrant.cli.score:score", CHOOSE),
    "rank": Entry("titrant.cli.rank:rank", CHOOSE),
    "clean": Entry("titrant.cli.clean:clean", CHOOSE),
    "sample": Entry("titrant.cli.sample:sample", DRAW),
    "vote": Entry("titrant.cli.vote:vote", DRAW),
    "inspect": Entry("titrant.cli.inspect:inspect", LOOK),
    "compare": Entry("titrant.cli.compare:compare", LOOK),
    "fit": Entry("titrant.cli.fit:fit", LOOK),
    "report": Entry("titrant.cli.report:report", LOOK),
    "export": Entry("titrant.cli.export:export", LOOK),
    "doctor": Entry("titrant.cli.doctor:doctor", CHECK),
    "calibrate": Entry("titrant.cli.calibrate:calibrate", CHECK),
    "vitro": Entry("titrant.cli.vitro:vitro", CHECK),
}

_AS_JSON = "titrant.json"


class LazyCommands(MutableMapping[str, Any]):
    """Name → command; a command is imported on first use."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self._entries = entries
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer's command classes are private
        if name not in self._loaded:
            self._loaded[name] = _build(name, self._entries[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401 - see above
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _build(name: str, entry: Entry) -> Any:  # noqa: ANN401 - see above
    module, _, attribute = entry.path.partition(":")
    target = getattr(importlib.import_module(module), attribute)
    single = target
    if not isinstance(target, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name, rich_help_panel=entry.panel)(target)
    command = get_command(single)
    command.name = name
    command.rich_help_panel = entry.panel  # pyright: ignore[reportAttributeAccessIssue]
    return command


class LazyGroup(TyperGroup):
    """The group of `COMMANDS`; turns known errors into messages and exit codes."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - passed on to TyperGroup
        super().__init__(**attributes)
        self.commands = LazyCommands(dict(COMMANDS))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's context
        """Note whether the command was asked for JSON, for the errors it may end with."""
        ctx.meta[_AS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's classes
        """List the commands under their headings."""
        for panel in dict.fromkeys(entry.panel for entry in COMMANDS.values()):
            rows = [
                (name, (self.commands[name].help or "").partition("\n")[0])
                for name in self.list_commands(ctx)
                if COMMANDS[name].panel == panel
            ]
            with formatter.section(panel):
                formatter.write_dl(rows)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's context
        """Run the command; a known error is shown and becomes its exit code."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (Exception, KeyboardInterrupt) as error:
            failure = as_failure(error)
            if failure is None:
                raise
            show(failure, as_json=ctx.meta[_AS_JSON])
            raise typer.Exit(failure.exit_code) from None


def _epilog() -> str:
    codes = [f"  {code:<4} {meaning}" for code, meaning in exit_codes().items()]
    return "\n".join(["\b", "Exit codes:", *codes])  # \b: click keeps the line breaks


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,  # rich's Markdown alone would cost half of the 0.3 s
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_epilog(),
)


def _print_version(value: bool) -> None:
    if value:
        from titrant import __version__

        typer.echo(f"titrant {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """How many reasoning traces does this base model need, and which ones?

    Start with `titrant demo`, which needs no model and no data of yours. For a model of your own
    write three keys into a file, base, pool and benchmark, then `titrant plan` and `titrant run`.
    """


def main() -> None:
    """The entry point of the `titrant` script."""
    try:
        app()
    except KeyboardInterrupt:  # before a command was reached; the group handles it after
        show(INTERRUPTION, as_json="--json" in sys.argv)
        sys.exit(INTERRUPTION.exit_code)
