"""From long tables to matrices: models in rows, problems in columns, NaN where there is nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

TUNED = "tuned"


@dataclass(frozen=True, slots=True)
class Grid:
    """Values of base and tuned arms on the same problems."""

    qids: tuple[str, ...]
    base: np.ndarray
    """float64 [problems]."""
    tuned: np.ndarray
    """float64 [arms, problems]; no rows where no arm was asked."""

    @property
    def change(self) -> np.ndarray:
        """Tuned less base, paired; [arms, problems]."""
        return self.tuned - self.base

    def only(self, mask: np.ndarray) -> Grid:
        """The same with NaN where `mask` [arms, problems] is false, for base and arm alike."""
        return Grid(self.qids, self.base, np.where(mask, self.tuned, np.nan))

    def worst(self, values: np.ndarray, *, lowest: bool) -> tuple[str, ...]:
        """Problems in the order of their mean over arms, the lowest or the highest first.

        Args:
            values: [arms, problems]; problems without any value are left out.
            lowest: which end comes first.
        """
        known = np.flatnonzero(np.isfinite(values).any(axis=0))
        if not len(known):
            return ()
        means = np.nanmean(values[:, known], axis=0)
        order = np.argsort(means if lowest else -means, kind="stable")
        return tuple(self.qids[known[i]] for i in order)


def grid_of(frame: pl.DataFrame, value: str, *, role: str = "role", seed: str = "seed") -> Grid:
    """A column of a table with one row per model and problem; several rows of one are averaged.

    Args:
        frame: with columns for role, seed, `qid` and the value.
        value: boolean or number; null is missing.
        role: the column that says `base` or `tuned`.
        seed: the column that says which arm.
    """
    cells = frame.select(
        pl.col(role).alias("role"),
        pl.col(seed).alias("seed"),
        "qid",
        pl.col(value).cast(pl.Float64).alias("value"),
    )
    cells = cells.group_by("role", "seed", "qid").agg(pl.col("value").mean())
    qids = tuple(sorted(set(cells["qid"])))
    column = {qid: i for i, qid in enumerate(qids)}
    known = list(cells.select("role", "seed", "qid", "value").iter_rows())
    row = {
        arm: i for i, arm in enumerate(sorted({arm for name, arm, *_ in known if name == TUNED}))
    }
    base, tuned = np.full(len(qids), np.nan), np.full((len(row), len(qids)), np.nan)
    for name, arm, qid, number in known:
        here = (base, column[qid]) if name != TUNED else (tuned[row[arm]], column[qid])
        here[0][here[1]] = np.nan if number is None else number
    return Grid(qids, base, tuned)
