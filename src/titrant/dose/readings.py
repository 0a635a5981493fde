"""Readings as a matrix: one row per arm, one column per problem.

A cell is the mean over samples of *correct* (avg@k); truncated and unreadable attempts are not
correct and stay in the denominator; NaN means never asked. The decision looks at one benchmark, and
only at problems that every arm was asked, so that all comparisons are paired.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from titrant.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from titrant.arms import Reading

FEWEST_PROBLEMS = 20
BASE = "base"
"""Strategy name of the untrained base's readings (dose 0)."""

SCHEMA = {
    "arm_id": pl.String,
    "strategy": pl.String,
    "dose": pl.Int64,
    "seed": pl.Int64,
    "treatment": pl.String,
    "benchmark": pl.String,
    "qid": pl.String,
    "sample": pl.Int64,
    "correct": pl.Boolean,
    "verdict": pl.String,
    "final_answer": pl.String,
    "n_tokens": pl.Int64,
}


class ArmKey(NamedTuple):
    """Which arm a row of the matrix belongs to."""

    strategy: str
    dose: int
    seed: int
    treatment: str = "clean"


@dataclass(frozen=True, slots=True)
class ReadingTable:
    """Scores of arms on the problems of one benchmark."""

    arms: tuple[ArmKey, ...]
    qids: tuple[str, ...]
    score: np.ndarray
    """Mean over samples of correct; NaN never asked; float64 [arms, problems]."""
    truncated: np.ndarray
    """Share of attempts cut by the limit; NaN where verdicts are unknown; [arms]."""
    unreadable: np.ndarray
    """Share of attempts without a readable answer; [arms]."""
    samples: int = 1
    """Most samples per problem."""

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, *, benchmark: str | None = None) -> ReadingTable:
        """From a frame with the columns of `Reading`; the first benchmark unless one is named."""
        if frame.is_empty():
            raise DataError("no readings", do="run the titration first: titrant run config.yaml")
        name = benchmark or frame["benchmark"][0]
        rows = frame.filter((pl.col("benchmark") == name) & pl.col("correct").is_not_null())
        keys = list(ArmKey._fields)
        arms = rows.select(keys).unique().sort(keys)
        qids = rows["qid"].unique().sort().to_list()
        cells = rows.group_by([*keys, "qid"]).agg(
            pl.col("correct").cast(pl.Float64).mean(), pl.len().alias("samples")
        )
        arm_index = {ArmKey(*row): i for i, row in enumerate(arms.iter_rows())}
        qid_index = {qid: i for i, qid in enumerate(qids)}
        score = np.full((len(arm_index), len(qids)), np.nan)
        for *key, qid, value, _ in cells.iter_rows():
            score[arm_index[ArmKey(*key)], qid_index[qid]] = value
        shares = _shares(rows, arms)
        most = cells["samples"].max()
        return cls(
            tuple(arm_index),
            tuple(qids),
            score,
            *shares,
            int(most) if most is not None else 1,  # type: ignore[arg-type]
        )

    @classmethod
    def from_parquet(cls, path: Path, *, benchmark: str | None = None) -> ReadingTable:
        """From `readings.parquet`."""
        return cls.from_frame(pl.read_parquet(path), benchmark=benchmark)

    @classmethod
    def from_rows(cls, rows: Iterable[Reading], *, benchmark: str | None = None) -> ReadingTable:
        """From readings in memory."""
        return cls.from_frame(
            pl.DataFrame([tuple(row) for row in rows], schema=SCHEMA, orient="row"),
            benchmark=benchmark,
        )

    def paired(self) -> ReadingTable:
        """Only the problems that every arm was asked.

        Raises:
            DataError: fewer than 20 such problems.
        """
        asked = np.asarray(~np.isnan(self.score).any(axis=0))
        if asked.sum() < FEWEST_PROBLEMS:
            raise DataError(
                "too few problems were asked of every arm",
                expected=f"{FEWEST_PROBLEMS} or more problems with a reading in each arm",
                came=f"{int(asked.sum())} of {len(self.qids)}",
                do="read all arms on the same problems",
            )
        return self if asked.all() else self.columns(asked)

    def columns(self, mask: np.ndarray) -> ReadingTable:
        """Only the problems where `mask` is true."""
        qids = tuple(qid for qid, keep in zip(self.qids, mask.tolist(), strict=True) if keep)
        return replace(self, qids=qids, score=self.score[:, mask])

    def rows(self, indices: Sequence[int]) -> ReadingTable:
        """Only some arms, in the given order."""
        chosen = list(indices)
        return replace(
            self,
            arms=tuple(self.arms[i] for i in chosen),
            score=self.score[chosen],
            truncated=self.truncated[chosen],
            unreadable=self.unreadable[chosen],
        )

    def strategy(self, name: str, *, shared_dose: int | None = None) -> ReadingTable:
        """The arms of one strategy and the base.

        Arms of any strategy at `shared_dose` (a dose that is the whole pool, where all rankings hold
        the same traces) count for every strategy.
        """
        keep = [
            i
            for i, arm in enumerate(self.arms)
            if arm.treatment == "clean"
            and (arm.strategy in (name, BASE) or arm.dose in (0, shared_dose))
        ]
        return self.rows(keep)

    def half(self, which: int) -> ReadingTable:
        """Half 0 or 1 of the problems, split by a hash in `qid`'s order (they are hashes)."""
        return self.columns(np.array([half_of(qid) == which for qid in self.qids]))


@lru_cache(maxsize=200_000)
def half_of(qid: str) -> int:
    """Which half of the benchmark a problem belongs to: 0 or 1, by a hash."""
    return hashlib.sha256(f"half/{qid}".encode()).digest()[0] % 2


def _shares(rows: pl.DataFrame, arms: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    keys = list(ArmKey._fields)
    shares = rows.group_by(keys).agg(
        (pl.col("verdict") == name).mean().alias(name) for name in ("truncated", "unreadable")
    )
    joined = arms.join(shares, on=keys, how="left", maintain_order="left")
    columns = [joined[name].cast(pl.Float64) for name in ("truncated", "unreadable")]
    return columns[0].to_numpy().copy(), columns[1].to_numpy().copy()
