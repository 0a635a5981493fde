"""The problems of the audits: the benchmark, fresh ones of its kind, and ones out of distribution.

They are frozen into `audit.parquet` before the first arm is read on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.audits.base import Material
from titrant.audits.contamination.fresh import GIVEN, FreshSet, fresh_problems, solutions_in
from titrant.errors import ConfigError
from titrant.records import Record
from titrant.run.input.inputs import Named, freeze_problems, load_sets, read_named
from titrant.settings import BenchmarkSettings
from titrant.traces.files import open_rows
from titrant.traces.verify.assess import WORLD
from titrant.worlds.pools import out_of_distribution, world_problems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.traces.record import Problem, Trace


FRESH, OUT = "fresh", "out"
"""Names of the sets that are made for the audits, in the readings of their arms."""


class FreshNote(Record):
    """How the fresh problems were made; what `FreshSet` says beside them."""

    how: str
    is_exchangeable: bool
    notes: tuple[str, ...] = ()

    @property
    def as_set(self) -> FreshSet:
        """The set without its problems, for judges."""
        return FreshSet((), self.how, is_exchangeable=self.is_exchangeable, notes=self.notes)


class Sets(NamedTuple):
    """The sets of problems, and how they were made."""

    named: tuple[Named, ...]
    fresh: FreshNote
    out: str | None
    """Where problems out of distribution come from; `None`: there are none."""


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
    made = _fresh(config, benchmark, watcher)
    where, out = _out(config, benchmark, watcher)
    asked = {problem.qid for problem in benchmark}
    sets = [Named(name, list(benchmark))]
    for label, problems in ((FRESH, made.problems), (OUT, out)):
        kept = [problem for problem in problems if problem.qid not in asked]
        asked |= {problem.qid for problem in kept}
        sets += [Named(label, kept)] if kept else []
    note = FreshNote(how=made.how, is_exchangeable=made.is_exchangeable, notes=made.notes)
    return Sets(tuple(sets), note, where)


def _fresh(config: Config, benchmark: Sequence[Problem], watcher: Watcher) -> FreshSet:
    settings = config.audit
    if settings.fresh is not None:
        given = tuple(_read(settings.fresh, config, watcher))
        return FreshSet(given, GIVEN, is_exchangeable=settings.fresh_is_alike)
    solutions = _solutions(config.benchmark[0])
    return fresh_problems(benchmark, settings.problems, root=config.seed, solutions=solutions)


def _solutions(settings: BenchmarkSettings) -> dict[str, str]:
    """Gold solutions with calculator annotations in the benchmark's file, by qid."""
    if settings.path.startswith(WORLD):
        return {}
    source = open_rows(
        settings.path, split=settings.split, config=settings.config, revision=settings.revision
    )
    return solutions_in(source.rows, settings.columns.get("question", "question"))


def _out(
    config: Config, benchmark: Sequence[Problem], watcher: Watcher
) -> tuple[str | None, list[Problem]]:
    settings = config.audit
    if settings.out is not None:
        return settings.out, _read(settings.out, config, watcher)
    source = benchmark[0].source
    path = out_of_distribution(source) if source.startswith(WORLD) else None
    return path, [] if path is None else world_problems(path, settings.problems)


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
