"""`titrant audit`: is the gain real? Of a run folder, or of two models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from titrant.cli.common import BenchmarkOption, JsonOption, PoolOption, SetOption, resolve
from titrant.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.report.answer import Answer
    from titrant.run.audit.alone import TwoModelAudit
    from titrant.run.watch import Watcher
    from titrant.settings import Config

UNREAD = "world:arithmetic"
"""Stands where a config needs a pool and none was named; it is not read."""


def audit(
    subjects: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN | BASE TUNED",
            help="A run folder; or a base and a model (or adapter) that was made of it.",
        ),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(help="This audit alone; repeatable. corruption, contamination …"),
    ] = None,
    benchmark: BenchmarkOption = None,
    pool: PoolOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for two models; the same one resumes."),
    ] = None,
    sets: SetOption = None,
    json_: JsonOption = False,
) -> None:
    """Ask what a gain is made of: corruption, contamination, faithfulness, thinking time.

    Of a run folder the audits are added to its answer and report; arms on treated traces are trained. Of
    two models everything is asked that needs no training. Killed at any moment, the same command goes on.
    """
    from titrant.cli.common import console, emit_json
    from titrant.cli.live import LiveWatcher, PlainWatcher, show_findings

    more, named = list(sets or []), tuple(only or ())
    screen = console(stderr=json_)
    kind = LiveWatcher if screen.is_terminal else PlainWatcher
    with kind(screen) as watcher:
        if len(subjects) == 1:
            found, page = _of_run(Path(subjects[0]), more, watcher, only=named)
        else:
            more += [f"audit.names=[{', '.join(named)}]"] if named else []
            found, page = _of_models(
                subjects, more, watcher, benchmarks=benchmark or [], pool=pool, out=out
            )
    if json_:
        emit_json(found)
        return
    show_findings(screen, found.audits)
    screen.print(f"\n  report  {page}", markup=False, soft_wrap=True)


def _of_run(
    path: Path, sets: list[str], watcher: Watcher, *, only: tuple[str, ...]
) -> tuple[Answer, Path]:
    from titrant.config import load_config
    from titrant.run.store.folder import RunFolder, read_config
    from titrant.run.titrate import titrate

    folder = RunFolder(path)
    read_config(folder)  # whether it is a run folder at all
    config = load_config(folder.config, sets)
    return titrate(config, path, watcher=watcher, audit=True, only=only), folder.report


def _of_models(
    subjects: Sequence[str],
    sets: list[str],
    watcher: Watcher,
    *,
    benchmarks: list[str],
    pool: str | None,
    out: Path | None,
) -> tuple[TwoModelAudit, Path]:
    from titrant.run.audit.alone import audit_models

    if len(subjects) > 2 or not benchmarks:
        raise ConfigError(
            "this cannot be audited",
            expected="one run folder, or a base and a model made of it with --benchmark",
            came=f"{len(subjects)} names{'' if benchmarks else ' and no --benchmark'}",
            do="titrant audit BASE TUNED --benchmark PROBLEMS, or titrant audit RUN",
        )
    base, tuned = subjects
    config: Config = resolve(None, sets, base=base, pool=pool or UNREAD, benchmarks=benchmarks)
    folder = out or Path("audits") / Path(tuned).name
    found = audit_models(config, Path(tuned), folder, watcher, has_pool=pool is not None)
    return found, folder / "audit.html"
