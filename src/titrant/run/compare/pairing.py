"""Sides paired by benchmark and problem, and compared: every pair, on every benchmark that both have.

Nothing is dropped without a word: problems that only one side was asked are counted, benchmarks that
only some sides have and rows without a verdict are noted.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from titrant.dose.paired.compare import PairedWish, Scores, compare_pair, correct_family
from titrant.dose.paired.findings import PairedStudy, Side
from titrant.errors import ConfigError, DataError
from titrant.registry import nearest
from titrant.report.compare import with_statements
from titrant.run.compare.given import UNNAMED, few, is_run_folder, read_given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.run.compare.given import Given


def compare_given(
    inputs: Sequence[str],
    *,
    arms: Sequence[str] = (),
    benchmarks: Sequence[str] = (),
    wish: PairedWish | None = None,
) -> PairedStudy:
    """Compare what is given, each with each; a later side is better or worse than an earlier one.

    Args:
        inputs: as in `titrant.run.compare.given`.
        arms: patterns of arms, one side each, of every run folder among the inputs.
        benchmarks: compare these alone; a task stands for all its answer filters.
        wish: level, margin, seed.

    Raises:
        ConfigError: fewer than two sides, the same one twice, an unknown name.
        DataError: a file cannot be read, or two sides share too little.
    """
    wish = wish or PairedWish()
    sides = [side for text in inputs for side in read_given(text, arms)]
    _check_sides(sides, inputs, arms)
    sides = _with_benchmarks_named(sides)
    names = _names(sides)
    tables = [_wanted(side, benchmarks, sides) for side in sides]
    found, notes = [], [note for side in sides for note in side.notes]
    for i, j in combinations(range(len(sides)), 2):
        shared = _shared(tables[i], tables[j])
        if not shared:
            raise _nothing_shared((names[i], tables[i]), (names[j], tables[j]))
        found += [
            compare_pair(*_scores(tables, names, (i, j), name), benchmark=name, wish=wish)
            for name in shared
        ]
    order = list(dict.fromkeys(name for table in tables for name in _benchmarks(table)))
    found.sort(key=lambda one: order.index(one.benchmark))
    study = PairedStudy(
        sides=tuple(_record(side, name) for side, name in zip(sides, names, strict=True)),
        comparisons=correct_family(found),
        level=wish.confidence,
        margin=wish.margin,
        resamples=wish.resamples,
        seed=wish.seed,
        notes=(*notes, *_left_out(tables, names), *_seeds_unknown(sides, names)),
    )
    return with_statements(study)


def _check_sides(sides: Sequence[Given], inputs: Sequence[str], arms: Sequence[str]) -> None:
    if arms and not any(is_run_folder(text) for text in inputs):
        raise ConfigError(
            f"--arms {arms[0]} names arms, and no run folder is given",
            expected="a run folder, as titrant run made it",
            came=", ".join(inputs),
            do="titrant compare RUN --arms base-n000000-s00 --arms 'random-n000512-*'",
        )
    if len(sides) < 2:
        raise ConfigError(
            "one side alone cannot be compared",
            expected="two or more models or arms",
            came=", ".join(side.text for side in sides) or "none",
            do="name another one, or another --arms of the same run",
        )
    for one, other in combinations(sides, 2):
        both = set(one.sources) & set(other.sources)
        if both:
            raise ConfigError(
                "the same answers stand on both sides",
                expected="sides that share no file and no arm",
                came=f"{sorted(both)[0]} in {one.text} and in {other.text}",
                do="name another file or arm for one of them",
            )


def _names(sides: Sequence[Given]) -> list[str]:
    """The shortest names that tell the sides apart; as typed where none do."""
    for k in range(max(len(side.names) for side in sides)):
        names = [side.names[min(k, len(side.names) - 1)] for side in sides]
        if len(set(names)) == len(names):
            return names
    return [side.text for side in sides]


def _with_benchmarks_named(sides: Sequence[Given]) -> list[Given]:
    """Rows that name no benchmark are of the one that the other sides name, where it is one."""
    named = {name for side in sides if side.is_named for name in _benchmarks(side.rows)}
    tasks = {name.partition(",")[0] for name in named}
    if len(tasks) != 1:
        return list(sides)
    task = tasks.pop()
    found = []
    for side in sides:
        own = _benchmarks(side.rows)
        if not side.is_named:
            name = pl.col("benchmark").str.replace(UNNAMED, task, literal=True)
            new = pl.lit(next(iter(named))) if len(named) == len(own) == 1 else name
            side = side._replace(rows=side.rows.with_columns(new.alias("benchmark")))  # noqa: PLW2901
        found.append(side)
    return found


def _benchmarks(rows: pl.DataFrame) -> list[str]:
    return rows["benchmark"].unique(maintain_order=True).to_list()


def _wanted(side: Given, benchmarks: Sequence[str], sides: Sequence[Given]) -> pl.DataFrame:
    """The answers of a side that count: with a verdict, on the wanted benchmarks."""
    rows = side.rows.filter(pl.col("correct").is_not_null())
    if not benchmarks:
        return rows
    known = {name for other in sides for name in _benchmarks(other.rows)}
    known |= {name.partition(",")[0] for name in known}
    for name in benchmarks:
        if name not in known:
            raise ConfigError(
                f"no answers on the benchmark '{name}'",
                expected="a benchmark or task that a side names",
                came=f"--benchmark {name}",
                do=nearest(name, known),
            )
    task = pl.col("benchmark").str.split(",").list.first()
    return rows.filter(pl.col("benchmark").is_in(benchmarks) | task.is_in(benchmarks))


def _shared(a: pl.DataFrame, b: pl.DataFrame) -> list[str]:
    also = set(_benchmarks(b))
    return [name for name in _benchmarks(a) if name in also]


def _scores(
    tables: Sequence[pl.DataFrame], names: Sequence[str], pair: tuple[int, int], benchmark: str
) -> tuple[Scores, Scores]:
    """Both sides over all problems that either was asked, in one order."""
    asked = [tables[i].filter(pl.col("benchmark") == benchmark) for i in pair]
    one, other = (set(rows["qid"]) for rows in asked)
    if not one & other:
        raise _no_problem_shared(benchmark, (names[pair[0]], one), (names[pair[1]], other))
    place = {qid: column for column, qid in enumerate(sorted(one | other))}
    a, b = (
        _matrix(names[i], rows, tables[i]["arm"].unique().sort().to_list(), place)
        for i, rows in zip(pair, asked, strict=True)
    )
    return a, b


def _matrix(name: str, rows: pl.DataFrame, arms: list[str], place: dict[str, int]) -> Scores:
    cells = rows.group_by("arm", "qid").agg(
        pl.col("correct").mean().alias("right"), pl.len().alias("answers")
    )
    right = np.full((len(arms), len(place)), np.nan)
    line = {arm: i for i, arm in enumerate(arms)}
    for arm, qid, value, _ in cells.iter_rows():
        right[line[arm], place[qid]] = value
    return Scores(name, right, int(cells["answers"].to_numpy().max()))


def _record(side: Given, name: str) -> Side:
    return Side(
        name=name,
        sources=side.sources,
        arms=side.rows["arm"].n_unique(),
        rows=len(side.rows),
        unasked=side.rows["correct"].null_count(),
    )


def _nothing_shared(a: tuple[str, pl.DataFrame], b: tuple[str, pl.DataFrame]) -> DataError:
    came = [f"{name}: {', '.join(_benchmarks(rows)) or 'no answers'}" for name, rows in (a, b)]
    return DataError(
        f"{a[0]} and {b[0]} were read on different tasks",
        expected="a task, under the same answer filter, that both were read on",
        came="; ".join(came),
        do="read both on the same task, or compare others",
    )


def _no_problem_shared(
    benchmark: str, a: tuple[str, set[str]], b: tuple[str, set[str]]
) -> DataError:
    return DataError(
        f"no problem of {benchmark} was asked of both {a[0]} and {b[0]}",
        expected="the same names of problems on both sides",
        came="; ".join(f"{name}: {few(sorted(qids))}" for name, qids in (a, b)),
        do="compare answers to the same problems, named alike",
    )


def _left_out(tables: Sequence[pl.DataFrame], names: Sequence[str]) -> list[str]:
    """Benchmarks that not all sides have."""
    has = {name: _benchmarks(rows) for name, rows in zip(names, tables, strict=True)}
    every = list(dict.fromkeys(b for own in has.values() for b in own))
    notes = []
    for benchmark in every:
        lacking = [name for name, own in has.items() if benchmark not in own]
        if lacking:
            notes.append(f"{benchmark} was not read on {', '.join(lacking)}")
    return notes


def _seeds_unknown(sides: Sequence[Given], names: Sequence[str]) -> list[str]:
    """Where some sides have several arms: the others that have one, and are no base."""
    single = [
        name
        for side, name in zip(sides, names, strict=True)
        if side.rows["arm"].n_unique() == 1 and not side.is_base
    ]
    if len(single) == len(sides) or not single:
        return []
    if not any(side.rows["arm"].n_unique() > 1 for side in sides):
        return []
    return [f"one arm alone does not tell how seeds differ: {', '.join(single)}"]
