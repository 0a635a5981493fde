"""Rankings of a pool: an order by one strategy. A subset of size n is its first n rows.

Subsets are nested by construction, since all of one strategy and draw are cut from the same ranking.
A strategy is a function in a plain table (`strategies.table`); it gives the order and, for each row, its
reason in words. Its name may be a combination (`strategies.grammar`). Ties break by uid, never by
position, so the order of the pool's file does not matter.

Left out: computing what a strategy goes by. Scores are read (`scores`), never made here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from titrant.errors import ConfigError, DataError
from titrant.files import write_table
from titrant.select.candidates import BANDS, Candidates
from titrant.select.scores import NoScores
from titrant.select.strategies.compose import compose
from titrant.select.strategies.table import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.select.candidates import Scores
    from titrant.select.strategies.compose import Composition
    from titrant.traces.record import Trace

__all__ = [
    "STRATEGIES",
    "RankedRow",
    "Ranking",
    "draw_of",
    "find_strategy",
    "first_of_questions",
    "needs_of",
    "rank",
    "read_ranking",
    "write_ranking",
]


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


def find_strategy(name: str) -> Composition:
    """The strategy of that name, with all that is combined in it.

    Raises:
        ConfigError: there is none; the nearest is told.
    """
    return compose(name)


def needs_of(strategy: str) -> frozenset[str]:
    """What a strategy reads: names of signals, `hidden` (mean hidden states), `history`.

    Raises:
        ConfigError: the strategy is unknown.
    """
    return compose(strategy).needs


def draw_of(strategy: str, seed: int) -> int:
    """The draw that an arm with this seed trains on: the seed itself, or 0 without chance."""
    return seed if compose(strategy).draws else 0


def rank(
    traces: Sequence[Trace],
    *,
    strategy: str,
    root: int,
    draw: int,
    scores: Scores | None = None,
    bands: tuple[float, ...] = BANDS,
) -> Ranking:
    """Rank a pool.

    Args:
        traces: the pool, in any order.
        strategy: a name of `STRATEGIES`, or a combination; see `strategies.grammar`.
        root: the root seed of the run; only strategies with draws look at it.
        draw: ordinal of the draw.
        scores: what was computed about the traces; needed where `needs_of` the strategy is not empty.
        bands: pass rates that part the bands of difficulty.

    Raises:
        ConfigError: the strategy is unknown, or needs what was never computed.
        DataError: two traces have the same uid.
    """
    composition = compose(strategy)
    ordered = sorted(traces, key=lambda trace: trace.uid)
    for one, other in itertools.pairwise(ordered):
        if one.uid == other.uid:
            raise DataError(
                f"the trace {one.uid} stands twice in the pool",
                came=f"question: {one.question[:80]}",
                do="remove exact duplicates before ranking",
            )
    known = NoScores(strategy) if scores is None else scores
    candidates = Candidates(tuple(ordered), known, bands)
    placed = composition.place(candidates, root=root, draw=draw)
    rows = (
        RankedRow(rank, ordered[row.at].uid, row.reason) for rank, row in enumerate(placed, start=1)
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


def first_of_questions(traces: Sequence[Trace], n: int) -> list[Trace]:
    """The first trace of each of the first `n` distinct questions: the subset of a dose of questions."""
    found: dict[str, Trace] = {}
    for trace in traces:
        if len(found) == n:
            break
        found.setdefault(trace.qid, trace)
    return list(found.values())
