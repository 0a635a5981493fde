"""`titrant run` and `titrant demo`: a titration from config to answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from titrant.cli.common import JsonOption, SetOption

if TYPE_CHECKING:
    from titrant.report.answer import Answer
    from titrant.settings import Config

OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Run folder; the same one resumes.")
]
WaitOption = Annotated[
    bool,
    typer.Option("--wait", help="Wait for another process on the folder, then use its answer."),
]


def run(
    config: Annotated[
        Path | None, typer.Argument(help="YAML file with base, pool and benchmark.")
    ] = None,
    base: Annotated[str | None, typer.Option(help="Model folder, hub id or vitro:NAME.")] = None,
    pool: Annotated[str | None, typer.Option(help="Traces: file, hub id or world:NAME.")] = None,
    benchmark: Annotated[
        list[str] | None, typer.Option(help="Problems: file, hub id or world:NAME; repeatable.")
    ] = None,
    out: OutOption = None,
    sets: SetOption = None,
    wait: WaitOption = False,
    json_: JsonOption = False,
) -> None:
    """Titrate: find out how many traces are enough.

    Killed at any moment, the same command goes on where it was. Three keys suffice, in the file or as
    options: base, pool and benchmark.
    """
    found = resolve(config, sets or [], base=base, pool=pool, benchmarks=benchmark or [])
    folder = out or Path("runs") / (config.stem if config is not None else "titration")
    _titrate(found, folder, wait=wait, as_json=json_)


def demo(
    out: OutOption = None,
    sets: SetOption = None,
    wait: WaitOption = False,
    json_: JsonOption = False,
) -> None:
    """Titrate the embedded base on the embedded world: no network, no account, minutes."""
    from titrant.config import demo_config

    _titrate(demo_config(sets or []), out or Path("runs") / "demo", wait=wait, as_json=json_)


def resolve(
    path: Path | None,
    overrides: list[str],
    *,
    base: str | None = None,
    pool: str | None = None,
    benchmarks: list[str] | None = None,
) -> Config:
    """The config of a file, of the three options, or of the file with the options on top.

    Raises:
        ConfigError: something is missing or wrong.
    """
    import json
    import tempfile

    from titrant.config import load_config

    given: dict[str, object] = {"base.path": base, "pool.path": pool}
    if benchmarks:
        given["benchmark.0.path"] = benchmarks[0]
    if benchmarks and len(benchmarks) > 1:  # as many as that: the file's own are replaced whole
        given = {"base.path": base, "pool.path": pool, "benchmark": benchmarks}
    if path is not None:
        named = [f"{key}={json.dumps(text)}" for key, text in given.items() if text is not None]
        return load_config(path, [*named, *overrides])
    tree = {"base": base, "pool": pool, "benchmark": benchmarks or None}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "options"
        file.write_text(json.dumps({k: v for k, v in tree.items() if v is not None}))
        return load_config(file, overrides)


def _titrate(config: Config, out: Path, *, wait: bool, as_json: bool) -> None:
    import signal

    from titrant.cli.common import console, emit_json
    from titrant.cli.live import LiveWatcher, PlainWatcher, show_answer
    from titrant.run.titrate import titrate

    # A batch system's polite end is treated as Ctrl-C: workers are ended, the folder is resumable.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    screen = console(stderr=as_json)
    kind = LiveWatcher if screen.is_terminal else PlainWatcher
    with kind(screen) as watcher:
        answer: Answer = titrate(config, out, watcher=watcher, wait=wait)
    if as_json:
        emit_json(answer)
    else:
        show_answer(screen, answer, out)
