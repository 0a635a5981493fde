"""What all commands share: their common options, their output, and how an error becomes a message.

This module is imported whenever `titrant --help` is asked for, so it imports nothing heavier than
typer at the top.
"""

from __future__ import annotations

import errno
import inspect
import json
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from titrant.errors import ResourceError, TitrantError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from titrant.settings import Config

ConfigArgument = Annotated[
    Path | None, typer.Argument(help="YAML file with base, pool and benchmark.")
]
BaseOption = Annotated[str | None, typer.Option(help="Model folder, hub id or vitro:NAME.")]
PoolOption = Annotated[str | None, typer.Option(help="Traces: file, hub id or world:NAME.")]
BenchmarkOption = Annotated[
    list[str] | None, typer.Option(help="Problems: file, hub id or world:NAME; repeatable.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="A.B=VALUE",
        help="Override one key of the config, for example recipe.updates=128; repeatable.",
    ),
]

ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="OURS=THEIRS",
        help="Where a field stands, such as question=problem; repeatable.",
    ),
]

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells count it."""

_NO_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Failure(NamedTuple):
    """An error as it is shown; `text` is whole, the parts are for `--json`."""

    kind: str
    exit_code: int
    what: str
    expected: str = ""
    came: str = ""
    do: str = ""

    @property
    def text(self) -> str:
        """The message, one part per line."""
        return str(TitrantError(self.what, expected=self.expected, came=self.came, do=self.do))


INTERRUPTION = Failure(
    "Interrupted",
    INTERRUPTED,
    "interrupted",
    do="run the same command again to go on; a folder of a run, of scores or of draws keeps what is finished",
)


def resolve(
    path: Path | None,
    overrides: list[str],
    *,
    base: str | None = None,
    pool: str | None = None,
    benchmarks: list[str] | None = None,
    defaults: Mapping[str, str] = MappingProxyType({}),
) -> Config:
    """The config of a file, of the three options, or of the file with the options on top.

    Args:
        path: of the file, if there is one.
        overrides: of `--set`, on top of everything.
        base: of `--base`.
        pool: of `--pool`.
        benchmarks: of `--benchmark`.
        defaults: sections that stand in where neither file nor options have one.

    Raises:
        ConfigError: something is missing or wrong.
    """
    from titrant.config import load_config, make_config

    if path is None:
        given = {"base": base, "pool": pool, "benchmark": benchmarks or None}
        tree = dict(defaults) | {key: value for key, value in given.items() if value is not None}
        return make_config(tree, overrides)
    keys: dict[str, object] = {"base.path": base, "pool.path": pool}
    if benchmarks and len(benchmarks) == 1:
        keys["benchmark.0.path"] = benchmarks[0]
    elif benchmarks:  # as many as that: the file's own are replaced whole
        keys["benchmark"] = benchmarks
    named = [f"{key}={json.dumps(text)}" for key, text in keys.items() if text is not None]
    return load_config(path, [*named, *overrides], defaults=defaults)


def console(*, stderr: bool = False) -> Console:
    """A rich console on standard output or standard error."""
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=False, highlight=False)


def emit_json(value: object) -> None:
    """Print one JSON object on standard output; records are dumped, NaN and infinity become null."""
    sys.stdout.write(json.dumps(_plain(value), ensure_ascii=False, indent=2) + "\n")


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON is any of its types
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def as_failure(error: BaseException) -> Failure | None:
    """The message for an error that a user or the machine caused; `None` for a bug of ours."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTION
    if isinstance(error, MemoryError):
        error = ResourceError(
            "out of memory",
            do="lower decode.batch_tokens, recipe.rows_per_device or executor.workers",
        )
    if isinstance(error, OSError):
        error = _of_the_system(error) or error
    if not isinstance(error, TitrantError):
        return None
    parts = (error.what, error.expected, error.came, error.do)
    return Failure(type(error).__name__, error.exit_code, *parts)


def _of_the_system(error: OSError) -> ResourceError | None:
    where = f": {error.filename}" if error.filename else ""
    if error.errno in _NO_SPACE:
        return ResourceError(
            f"the disk is full{where}",
            came=error.strerror or "",
            do="free some space and run the same command again; what is finished is kept",
        )
    if error.errno in _NO_WRITE:
        return ResourceError(
            f"no permission{where}",
            came=error.strerror or "",
            do="choose a folder you may read and write (--out DIR), or change its permissions",
        )
    return None


def show(failure: Failure, *, as_json: bool) -> None:
    """Print a failure: JSON on standard output, or words on standard error, the first line red."""
    if as_json:
        keys = {"kind": failure.kind, "exit_code": failure.exit_code, "what": failure.what}
        parts = {"expected": failure.expected, "found": failure.came, "do": failure.do}
        emit_json({"error": keys | {key: text for key, text in parts.items() if text}})
        return
    from rich.text import Text

    first, _, rest = failure.text.partition("\n")
    out = console(stderr=True)
    out.print(Text(first, style="bold red"), soft_wrap=True)
    if rest:
        out.print(Text(rest), soft_wrap=True)


def exit_codes() -> dict[int, str]:
    """Every exit code and what it means, taken from the error classes themselves."""
    codes = {0: "done", 1: "a bug in titrant: please report the traceback"}
    codes |= {kind.exit_code: _first_line(kind) for kind in _family(TitrantError)}
    return dict(sorted((codes | {INTERRUPTED: "interrupted with Ctrl-C"}).items()))


def _family(kind: type[TitrantError]) -> Iterator[type[TitrantError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _family(child)


def _first_line(kind: type[TitrantError]) -> str:
    line = (inspect.getdoc(kind) or kind.__name__).splitlines()[0].rstrip(".")
    return line[0].lower() + line[1:]
