"""`titrant clean`: what a pool repeats, what it has of a benchmark, and the pool without that."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from titrant.cli.common import ColumnsOption, JsonOption, console, emit_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.cli.waiting import Waiting
    from titrant.select.clean.pool import Cleaning, CleanSettings, Reason
    from titrant.settings import PoolSettings
    from titrant.traces.record import Problem, Trace

WORLD = "world:"
WORLD_PROBLEMS = 500
DROP = "exact,near,contaminated"
MARKS = ("«", "»")
"""Around shared words where the output is no terminal."""

BenchmarkOption = Annotated[
    list[str] | None,
    typer.Option(help="Problems to look for: file, hub id or world:NAME; repeatable."),
]
OutOption = Annotated[
    Path | None, typer.Option(help="Write the cleaned pool here (.jsonl or .parquet).")
]
DropOption = Annotated[
    str,
    typer.Option(
        help="What --out leaves out, parted by commas: exact, near, semantic, contaminated, shared "
        "(any shared n-gram, as s1 does)."
    ),
]
UnitOption = Annotated[
    Literal["trace", "question"],
    typer.Option(help="What near copies are: whole traces, or questions whatever was answered."),
]
RatioOption = Annotated[
    float, typer.Option(min=0.8, max=1.0, help="Least similarity of a near copy.")
]
FiguresOption = Annotated[
    Literal["same", "any"],
    typer.Option(help="Whether copies must have the same numbers; any: as OpenThoughts."),
]
WordsOption = Annotated[
    Literal["letters", "blanks"],
    typer.Option(
        help="What parts words of n-grams: all but letters and digits, or blanks (as s1, open-r1)."
    ),
]


def clean(
    pool: Annotated[str, typer.Argument(help="Traces: a file, a folder, a hub id or world:NAME.")],
    benchmark: BenchmarkOption = None,
    out: OutOption = None,
    drop: DropOption = DROP,
    reasons: Annotated[
        Path | None, typer.Option(help="Write why each row is left out, as JSONL.")
    ] = None,
    unit: UnitOption = "trace",
    ratio: RatioOption = 0.95,
    figures: FiguresOption = "same",
    semantic: Annotated[bool, typer.Option(help="Look for copies in meaning too.")] = False,
    ngram: Annotated[
        int, typer.Option(min=3, help="Words of an n-gram: 8 as s1, 13 as GPT-3.")
    ] = 8,
    words: WordsOption = "letters",
    planted: Annotated[
        int, typer.Option(min=0, help="Leaks of each kind planted to measure recall; 0: none.")
    ] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Root of all seeds.")] = 0,
    columns: ColumnsOption = None,
    split: Annotated[str, typer.Option(help="Split of the pool's data set or folder.")] = "train",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Read no more than the first so many traces.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a pool repeats and what it has of a benchmark, and write it without that.

    The pool itself stays as it is. With a benchmark, leaks of several kinds are planted in copies of
    traces, to tell how many would be found.
    """
    from titrant.cli.clean_view import outcome, render
    from titrant.cli.reading import parse_columns
    from titrant.cli.waiting import Waiting
    from titrant.select.clean.pool import CleanSettings
    from titrant.select.clean.report import describe
    from titrant.settings import PoolSettings

    names = _drops(drop, semantic=semantic, has_benchmark=bool(benchmark), is_given=drop != DROP)
    _check_places(out, reasons, [pool, *(benchmark or ())])
    where = PoolSettings(path=pool, split=split, columns=parse_columns(columns or ()), limit=limit)
    how = CleanSettings(
        unit=unit,
        ratio=ratio,
        figures=figures,
        n=ngram,
        words=words,
        semantic=semantic,
        planted=planted,
        seed=seed,
    )
    with Waiting() as waiting:
        cleaning = _cleaning(where, benchmark or [], how, waiting)
    report, dropped = describe(cleaning), cleaning.reasons(names)
    counts = {name: sum(reason.drop == name for reason in dropped.values()) for name in names}
    screen = console()
    marks = ("", "") if screen.is_terminal else MARKS
    for part in () if as_json else render(report, pool, marks):
        screen.print(part)
        screen.print()
    wrote = _write(cleaning.traces, dropped, counts, out=out, reasons=reasons)
    if as_json:
        emit_json(
            {"report": report, "dropped": counts, "kept": wrote, "out": out, "reasons": reasons}
        )
        return
    screen.print(outcome(len(cleaning.traces), counts, out))
    screen.print()


def _drops(drop: str, *, semantic: bool, has_benchmark: bool, is_given: bool) -> tuple[str, ...]:
    """The names of `--drop`, checked before anything is read.

    Raises:
        ConfigError: one is unknown, or was not asked to be looked for.
    """
    from titrant.errors import ConfigError
    from titrant.registry import nearest
    from titrant.select.clean.pool import DROPS

    names = tuple(dict.fromkeys(name.strip() for name in drop.split(",") if name.strip()))
    for name in names:
        if name not in DROPS:
            raise ConfigError(f"--drop knows no '{name}'", do=nearest(name, DROPS))
    if "semantic" in names and not semantic:
        raise ConfigError(
            "--drop semantic without looking for copies in meaning",
            expected="--semantic beside it",
            do="add --semantic, or leave semantic out of --drop",
        )
    needs = [name for name in names if name in {"contaminated", "shared"}]
    if needs and is_given and not has_benchmark:
        raise ConfigError(
            f"--drop {needs[0]} without a benchmark",
            expected="--benchmark beside it",
            do="name the benchmark: --benchmark FILE",
        )
    return names


def _check_places(out: Path | None, reasons: Path | None, inputs: Sequence[str]) -> None:
    from titrant.cli.reading import check_output
    from titrant.errors import ConfigError
    from titrant.select.clean.write import check_kind

    if out is not None:
        check_kind(out)
    if reasons is not None and reasons == out:
        raise ConfigError(
            "--out and --reasons name one file",
            expected="two files",
            came=str(out),
            do="choose another name for --reasons",
        )
    for option, path in (("--out", out), ("--reasons", reasons)):
        check_output(option, path, inputs)


def _cleaning(
    where: PoolSettings, benchmarks: Sequence[str], how: CleanSettings, waiting: Waiting
) -> Cleaning:
    from titrant.cli.reading import read_given
    from titrant.select.clean.pool import clean_pool
    from titrant.traces.verify.assess import assess
    from titrant.traces.verify.verdict import Verifier

    problems = _read_benchmarks(benchmarks, how.seed, waiting)
    traces = read_given(where, how.seed, waiting)

    def judge(asked: list[Trace]) -> list[Trace]:
        with Verifier() as verifier:
            return assess(asked, verifier, progress=waiting.at("verifying copies"))

    stages = {"copies": "looking for copies", "benchmark": "looking for the benchmark"}
    return clean_pool(
        traces,
        problems,
        how,
        judge=judge,
        progress=lambda stage, done, total: waiting.at(stages[stage])(done, total),
    )


def _read_benchmarks(paths: Sequence[str], seed: int, waiting: Waiting) -> dict[str, list[Problem]]:
    """Short name → problems; a name that is taken gets a number."""
    from titrant.settings import BenchmarkSettings
    from titrant.traces.read import read_benchmark
    from titrant.worlds.pools import world_problems

    found: dict[str, list[Problem]] = {}
    for path in paths:
        if path.startswith(WORLD):
            name, problems = path.removeprefix(WORLD), world_problems(path, WORLD_PROBLEMS)
        else:
            read = read_benchmark(
                BenchmarkSettings(path=path), seed=seed, progress=waiting.at("reading")
            )
            name, problems = read.name, read.problems
        free = next(n for i in count(1) if (n := name if i == 1 else f"{name}-{i}") not in found)
        found[free] = problems
    return found


def _write(
    traces: Sequence[Trace],
    dropped: dict[int, Reason],
    counts: dict[str, int],
    *,
    out: Path | None,
    reasons: Path | None,
) -> int:
    """Write what was asked for; how many rows are kept.

    Raises:
        DataError: nothing would be left to write.
    """
    from titrant.errors import DataError
    from titrant.select.clean.write import write_pool, write_reasons

    kept = [trace for row, trace in enumerate(traces) if row not in dropped]
    if out is not None and not kept:
        raise DataError(
            f"nothing is left of the pool to write to {out}",
            expected="at least one trace that is not dropped",
            came=", ".join(f"{n:,} of {len(traces):,} {name}" for name, n in counts.items() if n),
            do="look at why (--reasons FILE): is the benchmark the pool itself? or drop less (--drop)",
        )
    if out is not None:
        write_pool(out, kept)
    if reasons is not None:
        write_reasons(reasons, traces, dropped)
    return len(kept)
