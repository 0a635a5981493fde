"""Rankings of a pool: an order by one strategy. A subset of size n is its first n rows.

Subsets are nested by construction, since all of one strategy and draw are cut from the same ranking.
A strategy is a function in a plain table; it gives the order and, for each row, its reason in words.
Ties break by uid, never by position, so the order of the pool's file does not matter.

Left out: strategies that need a model or another trace (they live beside this module).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from titrant.errors import ConfigError, DataError
from titrant.files import write_table
from titrant.registry import nearest
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from pathlib import Path

    from titrant.traces.record import Trace


class RankedRow(NamedTuple):
    """One place in a ranking."""

    rank: int
    """1 for the first."""
    uid: str
    reason: str
    """Why it stands there, in words."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """An order of the whole pool by one strategy."""

    strategy: str
    draw: int
    """Ordinal of the draw; 0 for a strategy without chance."""
    rows: tuple[RankedRow, ...]

    def subset(self, n: int) -> tuple[str, ...]:
        """The uids of the first `n` rows.

        Raises:
            ConfigError: the pool has fewer traces.
        """
        if n > len(self.rows):
            raise ConfigError(
                f"a dose of {n} traces asks for more than the pool has",
                expected=f"at most {len(self.rows)}",
                came=str(n),
                do="take the dose from ladder.doses, or add traces to the pool",
            )
        return tuple(row.uid for row in self.rows[:n])


class Placed(NamedTuple):
    """A position in the pool as handed in, with its reason."""

    at: int
    reason: str


Strategy = Callable[[Sequence["Trace"], np.random.Generator], list[Placed]]
"""Gives the order of traces that come sorted by uid."""


def _random(traces: Sequence[Trace], rng: np.random.Generator) -> list[Placed]:
    return [Placed(int(i), "drawn at random") for i in rng.permutation(len(traces))]


def _shortest(traces: Sequence[Trace], _: np.random.Generator) -> list[Placed]:
    return _by_length(traces, 1)


def _longest(traces: Sequence[Trace], _: np.random.Generator) -> list[Placed]:
    return _by_length(traces, -1)


def _by_length(traces: Sequence[Trace], sign: int) -> list[Placed]:
    """By tokens where every trace has a count, else by characters: never by a mixture of both."""
    tokens = [trace.n_tokens for trace in traces]
    counted = [n for n in tokens if n is not None]
    if len(counted) == len(traces):
        lengths, unit = counted, "tokens"
    else:
        lengths, unit = [_characters(trace) for trace in traces], "characters"
    order = sorted(range(len(traces)), key=lambda i: (sign * lengths[i], i))
    return [Placed(i, f"{lengths[i]} {unit}") for i in order]


def _characters(trace: Trace) -> int:
    return len(trace.thinking or "") + len(trace.answer_text)


STRATEGIES: dict[str, Strategy] = {
    "random": _random,
    "shortest": _shortest,
    "longest": _longest,
}
WITH_DRAWS = frozenset({"random"})
"""Strategies that depend on chance: each seed of an arm sees a draw of its own."""


def find_strategy(name: str) -> Strategy:
    """The strategy of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in STRATEGIES:
        raise ConfigError(f"unknown strategy '{name}'", do=nearest(name, STRATEGIES))
    return STRATEGIES[name]


def draw_of(strategy: str, seed: int) -> int:
    """The draw that an arm with this seed trains on: the seed itself, or 0 without chance."""
    find_strategy(strategy)
    return seed if strategy in WITH_DRAWS else 0


def rank(traces: Sequence[Trace], *, strategy: str, root: int, draw: int) -> Ranking:
    """Rank a pool.

    Args:
        traces: the pool, in any order.
        strategy: a name of `STRATEGIES`.
        root: the root seed of the run; only strategies with draws look at it.
        draw: ordinal of the draw.

    Raises:
        ConfigError: the strategy is unknown.
        DataError: two traces have the same uid.
    """
    place = find_strategy(strategy)
    ordered = sorted(traces, key=lambda trace: trace.uid)
    for one, other in itertools.pairwise(ordered):
        if one.uid == other.uid:
            raise DataError(
                f"the trace {one.uid} stands twice in the pool",
                came=f"question: {one.question[:80]}",
                do="remove exact duplicates before ranking",
            )
    placed = place(ordered, derive_rng(root, "rank", strategy, draw))
    rows = (
        RankedRow(rank, ordered[at].uid, reason)
        for rank, (at, reason) in enumerate(placed, start=1)
    )
    return Ranking(strategy, draw, tuple(rows))


def write_ranking(path: Path, ranking: Ranking) -> None:
    """Write a ranking as Parquet (rank, uid, reason), whole or not at all."""
    ranks, uids, reasons = zip(*ranking.rows, strict=True) if ranking.rows else ((), (), ())
    schema = pa.schema(
        [("rank", pa.int32()), ("uid", pa.string()), ("reason", pa.string())],
        metadata={"strategy": ranking.strategy, "draw": str(ranking.draw), "version": "1"},
    )
    table = pa.table([list(ranks), list(uids), list(reasons)], schema=schema)
    write_table(path, table)


def read_ranking(path: Path) -> Ranking:
    """Read a ranking written by `write_ranking`.

    Raises:
        DataError: the file is missing or no ranking.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        metadata = table.schema.metadata or {}
        columns = (table["rank"].to_pylist(), table["uid"].to_pylist(), table["reason"].to_pylist())
        strategy, draw = metadata[b"strategy"].decode(), int(metadata[b"draw"])
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise DataError(
            f"{path} cannot be read as a ranking",
            expected="a Parquet file with the columns rank, uid, reason",
            came=f"{type(error).__name__}: {error}",
            do="delete it and run the same command again: it is made anew",
        ) from error
    rows = sorted(RankedRow(*row) for row in zip(*columns, strict=True))
    return Ranking(strategy, draw, tuple(rows))
