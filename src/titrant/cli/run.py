"""`titrant run` and `titrant demo`: a titration from config to answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from titrant.cli.common import (
    BaseOption,
    BenchmarkOption,
    ConfigArgument,
    JsonOption,
    PoolOption,
    SetOption,
    resolve,
)

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
AuditOption = Annotated[
    bool, typer.Option("--audit", help="Then ask whether the gain is real; see titrant audit.")
]


def run(
    config: ConfigArgument = None,
    base: BaseOption = None,
    pool: PoolOption = None,
    benchmark: BenchmarkOption = None,
    out: OutOption = None,
    sets: SetOption = None,
    wait: WaitOption = False,
    audit: AuditOption = False,
    json_: JsonOption = False,
) -> None:
    """Titrate: find out how many traces are enough.

    Killed at any moment, the same command goes on where it was. Three keys suffice, in the file or as
    options: base, pool and benchmark.
    """
    found = resolve(config, sets or [], base=base, pool=pool, benchmarks=benchmark or [])
    folder = out or Path("runs") / (config.stem if config is not None else "titration")
    _titrate(found, folder, wait=wait, audit=audit, as_json=json_)


def demo(
    out: OutOption = None,
    sets: SetOption = None,
    wait: WaitOption = False,
    audit: AuditOption = False,
    json_: JsonOption = False,
) -> None:
    """Titrate the embedded base on the embedded world: no network, no account, minutes."""
    from titrant.config import demo_config

    _titrate(
        demo_config(sets or []), out or Path("runs") / "demo", wait=wait, audit=audit, as_json=json_
    )


def _titrate(config: Config, out: Path, *, wait: bool, audit: bool, as_json: bool) -> None:
    import signal

    from titrant.cli.common import console, emit_json
    from titrant.cli.live import LiveWatcher, PlainWatcher, show_answer
    from titrant.run.titrate import titrate

    # A batch system's polite end is treated as Ctrl-C: workers are ended, the folder is resumable.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    screen = console(stderr=as_json)
    kind = LiveWatcher if screen.is_terminal else PlainWatcher
    with kind(screen) as watcher:
        answer: Answer = titrate(config, out, watcher=watcher, wait=wait, audit=audit)
    if as_json:
        emit_json(answer)
    else:
        show_answer(screen, answer, out)
