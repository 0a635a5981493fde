"""The problems of the audits: the benchmark, fresh ones of its kind, and ones out of distribution.

They are frozen into `audit.parquet` before the first arm is read on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.audits.base import Material
from titrant.audits.contamination.fresh import fresh_problems
from titrant.errors import ConfigError
from titrant.run.audit.plan import FRESH, OUT
from titrant.run.input.inputs import Named, freeze_problems, load_sets, read_named
from titrant.settings import BenchmarkSettings
from titrant.traces.verify.assess import WORLD
from titrant.worlds.pools import out_of_distribution, world_problems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.traces.record import Problem, Trace


class Sets(NamedTuple):
    """The sets of problems, and how they were made."""

    named: tuple[Named, ...]
    notes: tuple[str, ...]


def make_sets(config: Config, name: str, benchmark: Sequence[Problem], watcher: Watcher) -> Sets:
    """Benchmark, fresh and out-of-distribution problems; the made ones only where they can be.

    Args:
        config: of the run; `audit` says which sets are wanted.
        name: of the benchmark that decides.
        benchmark: its problems.
        watcher: is told what is read.

    Raises:
        ConfigError: the benchmark has a name of ours.
        DataError: the problems that the config names cannot be read.
    """
    if name in (FRESH, OUT):
        raise ConfigError(
            f"the benchmark is called {name}, as the audits call problems of their own",
            do="give it another name: benchmark: {path: …, name: …}",
        )
    fresh, notes = _fresh(config, benchmark, watcher)
    out, more = _out(config, benchmark, watcher)
    asked = {problem.qid for problem in benchmark}
    sets = [Named(name, list(benchmark))]
    for label, problems in ((FRESH, fresh), (OUT, out)):
        kept = [problem for problem in problems if problem.qid not in asked]
        asked |= {problem.qid for problem in kept}
        sets += [Named(label, kept)] if kept else []
    return Sets(tuple(sets), (*notes, *more))


def _fresh(
    config: Config, benchmark: Sequence[Problem], watcher: Watcher
) -> tuple[list[Problem], list[str]]:
    settings = config.audit
    if settings.fresh is not None:
        return _read(settings.fresh, config, watcher), [f"fresh: {settings.fresh}"]
    made = fresh_problems(benchmark, settings.problems, root=config.seed)
    return list(made.problems), [f"fresh: {made.how}", *made.notes]


def _out(
    config: Config, benchmark: Sequence[Problem], watcher: Watcher
) -> tuple[list[Problem], list[str]]:
    settings = config.audit
    if settings.out is not None:
        return _read(settings.out, config, watcher), [f"out: {settings.out}"]
    source = benchmark[0].source
    path = out_of_distribution(source) if source.startswith(WORLD) else None
    if path is None:
        return [], ["out: none; name a set with audit.out"]
    return world_problems(path, settings.problems), [f"out: {path}"]


def _read(path: str, config: Config, watcher: Watcher) -> list[Problem]:
    """Problems that the user names, read as a benchmark is."""
    first = config.benchmark[0]
    asked = BenchmarkSettings(
        path=path, limit=config.audit.problems, answer_pattern=first.answer_pattern
    )
    return read_named(asked, config, watcher).problems


def load_material(
    path: Path,
    config: Config,
    *,
    benchmark: str,
    pool: Sequence[Trace] = (),
    evidence: Mapping[str, pl.DataFrame] | None = None,
) -> Material:
    """The frozen sets as material for parts.

    Args:
        path: `audit.parquet`.
        config: of the run.
        benchmark: name of the deciding one.
        pool: what the clean arms were trained on.
        evidence: what earlier parts have found.
    """
    sets = load_sets(path)
    return Material(
        config=config,
        benchmark=tuple(sets[benchmark]),
        fresh=tuple(sets.get(FRESH, ())),
        out=tuple(sets.get(OUT, ())),
        pool=tuple(pool),
        evidence=evidence or {},
    )


def freeze_sets(path: Path, sets: Sets) -> None:
    """Write `audit.parquet`."""
    freeze_problems(path, sets.named)
