"""What everybody answered and what it cost, from readings or own traces, and the base's purses.

Tuned arms and base are taken from the readings of the deciding benchmark (clean arms; means over samples),
so that the gain is the one that the titration measured; without readings from the greedy own traces of the
part `own`. Problems are those that the base has draws for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from titrant.audits.budget.part import PLAIN, THINKING
from titrant.audits.budget.spend import Answer, Purse, fill_purse
from titrant.audits.faithfulness.findings.grid import Grid, grid_of
from titrant.audits.faithfulness.parts.own import TRACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from titrant.audits.base import Evidence

_COLUMNS = ("role", "seed", "qid", "sample", "correct", "verdict", "answer", "n_tokens")


class Ledger(NamedTuple):
    """Everything that the findings are made of, on the same problems."""

    right: Grid
    """Accuracy of one answer."""
    tokens: Grid
    """Tokens of one answer."""
    plain: Purse
    """The base's reading first, then its draws."""
    thinking: Purse | None
    """The base made to think, greedy first; `None` where it was not asked."""

    @property
    def qids(self) -> tuple[str, ...]:
        """The problems, in the order of everything."""
        return self.right.qids


def open_ledger(evidence: Evidence) -> Ledger | None:
    """The ledger; `None` where base or arms, their tokens, or the base's draws are missing."""
    singles, drawn = _singles(evidence), _drawn(evidence)
    if singles is None or drawn.is_empty():
        return None
    asked = set(drawn["qid"])
    singles = singles.filter(pl.col("qid").is_in(asked) & pl.col("n_tokens").is_not_null())
    if set(singles["role"]) != {"base", "tuned"}:
        return None
    right, tokens = grid_of(singles, "correct"), grid_of(singles, "n_tokens")
    first = singles.filter((pl.col("role") == "base") & (pl.col("sample") == 0))
    plain = drawn.filter(pl.col("variant") == PLAIN)
    thinking = drawn.filter(pl.col("variant") == THINKING)
    purse = fill_purse(right.qids, _by_problem([first, plain]))
    made = fill_purse(right.qids, _by_problem([thinking])) if thinking.height else None
    return Ledger(right, tokens, purse, made)


def _singles(evidence: Evidence) -> pl.DataFrame | None:
    """Single answers of base and arms, one per sample."""
    readings = evidence.readings
    if readings is not None:
        found = _of_readings(readings, evidence.benchmark)
        if set(found["role"]) == {"base", "tuned"}:
            return found
    own = evidence.tables.get("own")
    if own is None:
        return None
    traces = own.filter((pl.col("kind") == TRACE) & pl.col("correct").is_not_null())
    return traces.with_columns(pl.lit(0).alias("sample")).select(_COLUMNS)


def _of_readings(readings: pl.DataFrame, benchmark: str) -> pl.DataFrame:
    clean = readings.filter(
        (pl.col("benchmark") == benchmark)
        & (pl.col("treatment") == "clean")
        & pl.col("correct").is_not_null()
    )
    role = pl.when(pl.col("dose") == 0).then(pl.lit("base")).otherwise(pl.lit("tuned"))
    return clean.with_columns(role.alias("role"), pl.col("final_answer").alias("answer")).select(
        _COLUMNS
    )


def _drawn(evidence: Evidence) -> pl.DataFrame:
    """All draws of the base that were made, with their variant."""
    parts = []
    draws, more = evidence.tables.get("draws"), evidence.tables.get("base_draws")
    if draws is not None:
        parts.append(draws.with_columns(pl.lit(PLAIN).alias("variant")))
    if more is not None:
        parts.append(more)
    columns = (*_COLUMNS, "variant")
    made = [
        part.filter((pl.col("role") == "base") & pl.col("correct").is_not_null()).select(columns)
        for part in parts
    ]
    empty = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.concat(made, how="vertical_relaxed") if made else empty


def _by_problem(frames: Iterable[pl.DataFrame]) -> dict[str, list[Answer]]:
    """Answers of each problem: frame after frame, by number within each."""
    found: dict[str, list[Answer]] = {}
    for frame in frames:
        rows = frame.sort("qid", "sample").select("qid", "answer", "correct", "verdict", "n_tokens")
        for qid, *answer in rows.iter_rows():
            found.setdefault(qid, []).append(Answer(*answer))
    return found
