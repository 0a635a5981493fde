"""The first stage: pool and benchmarks from wherever they lie into `pool.parquet`, `benchmark.parquet`.

What is read here is frozen: later stages and a resumed run read the run folder only. Refused are an
empty or tiny pool and a benchmark that cannot tell anything. Questions of the pool that also stand in
a benchmark are left out of the pool, exact duplicates too; both are counted and said.
"""

from __future__ import annotations

from collections import Counter
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from titrant.dose.plan import FEW_PROBLEMS, FEWEST_PROBLEMS, power_of
from titrant.dose.work.layout import MOST_WORKERS, usable_cores
from titrant.errors import DataError
from titrant.files import write_table
from titrant.records import Record
from titrant.run.input.cleaning import look_for_leaks
from titrant.run.input.prepare import FEWEST_TRACES, hash_of
from titrant.traces.files import check_place
from titrant.traces.read import distinct_traces, read_benchmark, read_pool
from titrant.traces.record import Problem, Verdict
from titrant.traces.table import load_problems, problems_table, write_traces
from titrant.traces.verify.assess import assess
from titrant.traces.verify.verdict import Verifier
from titrant.worlds.pools import DEFAULT_SIZE, make_pool, world_problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.run.store.folder import RunFolder
    from titrant.run.watch import Watcher
    from titrant.settings import BenchmarkSettings, Config
    from titrant.traces.record import Trace

WORLD = "world:"
WORLD_PROBLEMS = 500
"""Problems of a world's benchmark unless `limit` says otherwise."""


class Inputs(Record):
    """What was read; `inputs.json`."""

    version: int = 1
    pool: str
    pool_rows: int
    pool_questions: int
    pool_hash: str
    """Hash of the pool's uids in order."""
    verdicts: dict[str, int]
    """Traces by verdict; `unverified` where there is no gold answer."""
    benchmarks: dict[str, int]
    """Name → problems, in the order of the config; the first one decides."""
    guess: str | None
    """The commonest right answer of the pool, one vote per question; `None` without gold answers."""
    warnings: tuple[str, ...]
    """Deterministic; they go to the answer."""


class Named(NamedTuple):
    """A benchmark by its short name."""

    name: str
    problems: list[Problem]
    left_out: tuple[str, ...] = ()
    """What of its file is not asked, and why; one line each."""


def gather(config: Config, folder: RunFolder, watcher: Watcher) -> Inputs:
    """Read, verify, clean and freeze pool and benchmarks.

    Raises:
        DataError: a file cannot be read, the pool is too small, a benchmark cannot tell anything.
    """
    check_places(config)
    benchmarks = read_benchmarks(config, watcher)
    warnings = [
        text for named in benchmarks for text in (*named.left_out, *check_size(named, config))
    ]
    traces, unread = read_traces(config, watcher)
    problems = {named.name: named.problems for named in benchmarks}
    traces, leaked = look_for_leaks(traces, problems, config, folder=folder, watcher=watcher)
    kept, left_out = clean(traces, benchmarks, config)
    warnings += [*unread, *leaked, *left_out]
    for text in warnings:
        watcher.warn(text)
    write_traces(folder.pool, kept)
    freeze_problems(folder.benchmark, benchmarks)
    return _describe(config.pool.path, kept, benchmarks, warnings)


def is_outdated(config: Config, folder: RunFolder) -> bool:
    """Whether a file of pool or benchmark was written after it was read into the folder."""
    read_at = folder.stage("inputs").stat().st_mtime
    places = [Path(item.path).expanduser() for item in (config.pool, *config.benchmark)]
    files = [file for place in places for file in (place, *place.rglob("*")) if file.is_file()]
    return any(file.stat().st_mtime > read_at for file in files)


def check_places(config: Config) -> None:
    """Find out that a file is missing before another one is read for minutes.

    Raises:
        DataError: nothing is where the config says; names the key.
    """
    places = {"pool.path": config.pool.path}
    places |= {f"benchmark.{i}.path": item.path for i, item in enumerate(config.benchmark)}
    for key, path in places.items():
        if path.startswith(WORLD):
            continue
        try:
            check_place(path)
        except DataError as error:
            parts = {"expected": error.expected, "came": error.came, "do": error.do}
            raise DataError(f"{key}: {error.what}", **parts) from error


def read_benchmarks(config: Config, watcher: Watcher) -> list[Named]:
    """All benchmarks, each with its problems that have a gold answer, each question once."""
    found: list[Named] = []
    for settings in config.benchmark:
        named = read_named(settings, config, watcher)
        name, taken = named.name, {other.name for other in found}
        free = next(n for i in count(1) if (n := name if i == 1 else f"{name}-{i}") not in taken)
        problems = _with_gold(settings.path, named.problems)
        found.append(named._replace(name=free, problems=problems))
    return found


def read_named(
    settings: BenchmarkSettings, config: Config, watcher: Watcher, *, needs_gold: bool = True
) -> Named:
    """One benchmark, or whatever else is asked, as it is; a report of it goes to the watcher.

    Args:
        settings: where it is.
        config: the seed of a limit.
        watcher: is told what was read.
        needs_gold: whether rows without a gold answer are left out.

    Raises:
        DataError: it cannot be read, or nothing is left.
    """
    if settings.path.startswith(WORLD):
        problems = world_problems(settings.path, settings.limit or WORLD_PROBLEMS)
        return Named(settings.name or settings.path.removeprefix(WORLD), problems)
    found = read_benchmark(settings, seed=config.seed, needs_gold=needs_gold)
    for line in found.report.lines():
        watcher.note(line)
    unread = tuple(
        f"{u.n:,} rows of the benchmark {found.name} are not asked: {u.reason}"
        for u in found.report.unread
    )
    notes = tuple(f"benchmark {found.name}: {note}" for note in found.report.notes)
    return Named(found.name, found.problems, unread + notes)


def _with_gold(path: str, problems: Sequence[Problem]) -> list[Problem]:
    if not problems:
        raise DataError(
            f"the benchmark {path} is empty",
            expected="problems with gold answers",
            came="no rows",
            do="give another file, or another split of the data set",
        )
    unique = {problem.qid: problem for problem in problems if problem.gold is not None}
    if not unique:
        raise DataError(
            f"no problem of the benchmark {path} has a gold answer",
            expected="a gold answer for each problem",
            came=f"{len(problems):,} problems without one",
            do="name its column: columns: {gold: NAME}",
        )
    return list(unique.values())


def check_size(named: Named, config: Config) -> list[str]:
    """Refuse a benchmark that cannot tell anything, warn of one that can tell little.

    Raises:
        DataError: fewer than 20 problems.
    """
    n = len(named.problems)
    power = power_of(n, config.decode, confidence=config.ladder.confidence)
    if n < FEWEST_PROBLEMS:
        raise DataError(
            f"the benchmark {named.name} is too small to tell anything",
            expected=f"{FEWEST_PROBLEMS} problems at the very least; a gain of 2 points takes about "
            f"{power.needed:,}",
            came=f"{n} problems, which tell differences of {power.smallest * 100:.0f} points and more",
            do="give a larger benchmark, or put several of its kind into one file",
        )
    return [f"{named.name} is small: {power.line}"] if n < FEW_PROBLEMS else []


def read_traces(config: Config, watcher: Watcher) -> tuple[list[Trace], list[str]]:
    """The pool with verdicts, and what of it could not be read.

    Raises:
        DataError: the pool cannot be read or is empty.
    """
    settings, words = config.pool, []
    if settings.path.startswith(WORLD):
        world = settings.path.removeprefix(WORLD)
        traces = make_pool(world, settings.limit or DEFAULT_SIZE, config.seed)
    else:
        traces, report = read_pool(
            settings, progress=lambda n, total: watcher.progress("inputs", "reading", n, total or 0)
        )
        for line in report.lines():
            watcher.note(line)
        words = [f"{u.n:,} rows of the pool were not read: {u.reason}" for u in report.unread]
    watcher.note(f"{len(traces):,} traces from {settings.path}")
    with Verifier(workers=min(usable_cores(), MOST_WORKERS)) as verifier:
        judged = assess(
            traces,
            verifier,
            pattern=settings.answer_pattern,
            progress=lambda n, total: watcher.progress("inputs", "verifying", n, total),
        )
    return judged, words


def clean(
    traces: Sequence[Trace], benchmarks: Sequence[Named], config: Config
) -> tuple[list[Trace], list[str]]:
    """The traces that may be trained on, and what was left out, in words.

    Raises:
        DataError: `keep: correct` without gold answers, or too few traces are left.
    """
    asked = {problem.qid for named in benchmarks for problem in named.problems}
    apart = [trace for trace in traces if trace.qid not in asked]
    unique = distinct_traces(apart)
    kept, words = unique, []
    if len(apart) < len(traces):
        questions = len({trace.qid for trace in traces} & asked)
        words.append(
            f"{len(traces) - len(apart):,} traces of {questions:,} questions that also stand in a "
            "benchmark are left out of the pool"
        )
    if len(unique) < len(apart):
        words.append(f"{len(apart) - len(unique):,} exact duplicates are left out of the pool")
    if unique and all(trace.gold is None for trace in unique):
        words.append(
            "the pool has no gold answers: its verdicts are unknown and the learning-rate pilot "
            "cannot be read"
        )
    if config.pool.keep == "correct":
        kept = _correct(unique)
        words.append(f"{len(unique) - len(kept):,} traces not verified as correct are left out")
    if len(kept) < FEWEST_TRACES:
        raise DataError(
            f"the pool {config.pool.path} is too small for a curve",
            expected=f"{FEWEST_TRACES} traces or more",
            came="; ".join([f"{len(kept)} of {len(traces)} traces", *words]),
            do="add traces",
        )
    return kept, words


def _correct(traces: Sequence[Trace]) -> list[Trace]:
    if all(trace.verdict is None for trace in traces):
        raise DataError(
            "pool.keep is correct, but no trace can be verified",
            expected="gold answers in the pool",
            came="none",
            do="name their column (columns: {gold: NAME}), or leave pool.keep out",
        )
    return [trace for trace in traces if trace.verdict == Verdict.CORRECT]


def freeze_problems(path: Path, benchmarks: Sequence[Named]) -> None:
    """Write problems with the column `benchmark`."""
    problems = [problem for named in benchmarks for problem in named.problems]
    names = [named.name for named in benchmarks for _ in named.problems]
    write_table(path, problems_table(problems).append_column("benchmark", pa.array(names)))


def load_benchmarks(folder: RunFolder) -> dict[str, list[Problem]]:
    """The frozen benchmarks by name, in the order of the config."""
    return load_sets(folder.benchmark)


def load_sets(path: Path) -> dict[str, list[Problem]]:
    """Problems that `freeze_problems` has written, by the name of their set, in its order."""
    problems = load_problems(path)
    names = pq.ParquetFile(path).read(columns=["benchmark"])["benchmark"]
    found: dict[str, list[Problem]] = {}
    for name, problem in zip(names.to_pylist(), problems, strict=True):
        found.setdefault(name, []).append(problem)
    return found


def _describe(
    path: str, traces: Sequence[Trace], benchmarks: Sequence[Named], warnings: Sequence[str]
) -> Inputs:
    verdicts = Counter(trace.verdict or "unverified" for trace in traces)
    return Inputs(
        pool=path,
        pool_rows=len(traces),
        pool_questions=len({trace.qid for trace in traces}),
        pool_hash=hash_of(traces),
        verdicts={str(name): verdicts[name] for name in sorted(verdicts)},
        benchmarks={named.name: len(named.problems) for named in benchmarks},
        guess=best_guess(traces),
        warnings=tuple(warnings),
    )


def best_guess(traces: Sequence[Trace]) -> str | None:
    """The commonest gold answer, one vote per question; ties go to the first in the alphabet."""
    gold = {trace.qid: trace.gold.strip() for trace in traces if trace.gold}
    votes = Counter(gold.values())
    return min(votes, key=lambda answer: (-votes[answer], answer)) if votes else None
