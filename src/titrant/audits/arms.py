"""Groups of arms (the base, clean ones, one per treatment) on the same problems, and their contrasts.

A contrast is Σ w_g μ_g over the groups' mean accuracies. Its error has two parts, as in `dose.curve.noise`:

* problems: all groups read the same ones, so the covariance is that of the per-problem contrasts, over n.
  Two pseudo-problems, right or wrong by the toss of a coin in each group, are counted with them in the
  covariance and in no mean, so that nothing right before and after leaves doubt.
* seeds: arms of one group differ as a whole. Their variance is pooled over all trained groups, with k − 1
  degrees of freedom each, less what the problems' own scatter explains of it. Two to five seeds of one
  group are never resampled.

Degrees of freedom by Satterthwaite, from both parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import t as student

from titrant.dose.readings import BASE, FEWEST_PROBLEMS, ReadingTable
from titrant.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

CLEAN = "clean"
PSEUDO_PROBLEMS = 2


@dataclass(frozen=True, slots=True)
class Groups:
    """Scores by group; columns are the problems that every arm was asked."""

    qids: tuple[str, ...]
    score: Mapping[str, np.ndarray]
    """Group (`base`, `clean`, a treatment) → float64 [arms, problems]."""

    @property
    def treatments(self) -> list[str]:
        """Trained groups but the clean one, sorted."""
        return sorted(set(self.score) - {BASE, CLEAN})

    def mean(self, name: str) -> np.ndarray:
        """Mean over a group's arms, [problems]."""
        return self.score[name].mean(axis=0)


class Contrasts(NamedTuple):
    """Several contrasts of the same groups with their joint error."""

    value: np.ndarray
    """[contrasts]"""
    cov: np.ndarray
    """[contrasts, contrasts]"""
    df: np.ndarray
    """Degrees of freedom of each, [contrasts]."""
    n: int
    """Problems."""
    seeds: np.ndarray
    """Arms of the groups that take part in each, the base's not counted, [contrasts]."""

    def estimate(self, i: int, level: float) -> Estimate:
        """Contrast number `i` with its interval."""
        half = student.ppf(0.5 + level / 2, self.df[i]) * math.sqrt(self.cov[i, i])
        value = float(self.value[i])
        return Estimate(
            estimate=value,
            low=value - float(half),
            high=value + float(half),
            level=level,
            n=self.n,
            seeds=int(self.seeds[i]),
        )

    def accuracy(self, i: int, level: float) -> Estimate:
        """The same for a contrast that is one group's accuracy: ends within 0 and 1."""
        found = self.estimate(i, level)
        ends = {"low": max(found.low or 0.0, 0.0), "high": min(found.high or 1.0, 1.0)}
        return found.model_copy(update=ends)

    def p_over(self, i: int) -> float:
        """One-sided p-value that contrast number `i` is not over 0; small: it is over."""
        return float(student.sf(self.value[i] / math.sqrt(self.cov[i, i]), self.df[i]))

    def p_under(self, i: int) -> float:
        """One-sided p-value that contrast number `i` is not under 0; small: it is under."""
        return float(student.cdf(self.value[i] / math.sqrt(self.cov[i, i]), self.df[i]))


def groups_of(readings: pl.DataFrame | None, benchmark: str) -> Groups | None:
    """The groups on one set of problems.

    Returns:
        `None` where base or clean arms were not read on it, or where fewer than `FEWEST_PROBLEMS` problems
        were asked of every arm (`too_few` tells the second).
    """
    table = _table_of(readings, benchmark)
    if table is None or _n_shared(table) < FEWEST_PROBLEMS:
        return None
    table = table.paired()
    names = _names_of(table)
    of = {
        name: [i for i, other in enumerate(names) if other == name] for name in sorted(set(names))
    }
    return Groups(table.qids, {name: table.score[rows] for name, rows in of.items()})


def too_few(readings: pl.DataFrame | None, benchmark: str) -> int | None:
    """How many problems every arm was asked, where they are too few to compare groups; else `None`.

    Example:
        >>> too_few(None, "benchmark") is None
        True
    """
    table = _table_of(readings, benchmark)
    n = None if table is None else _n_shared(table)
    return n if n is not None and n < FEWEST_PROBLEMS else None


def _n_shared(table: ReadingTable) -> int:
    """Problems that every arm was asked."""
    return int((~np.isnan(table.score).any(axis=0)).sum())


def _table_of(readings: pl.DataFrame | None, benchmark: str) -> ReadingTable | None:
    """Readings of base and clean arms, with those of all others; `None` where one of the two is missing."""
    if readings is None or not (readings["benchmark"] == benchmark).any():
        return None
    table = ReadingTable.from_frame(readings, benchmark=benchmark)
    return table if {BASE, CLEAN} <= set(_names_of(table)) else None


def _names_of(table: ReadingTable) -> list[str]:
    """The group of each arm."""
    return [BASE if arm.dose == 0 else arm.treatment for arm in table.arms]


def contrasts(groups: Groups, weights: Sequence[Mapping[str, float]]) -> Contrasts:
    """Contrasts of group means, each a mapping group → weight; see the module docstring."""
    names = sorted({name for row in weights for name in row})
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in weights])
    per_problem = matrix @ np.array([groups.mean(name) for name in names])
    n = per_problem.shape[1]
    value = per_problem.mean(axis=1)
    away = per_problem - value[:, None]
    # a coin has variance 1/4, independent between groups
    scatter = away @ away.T + PSEUDO_PROBLEMS * matrix @ matrix.T / 4
    total = n + PSEUDO_PROBLEMS
    of_problems = scatter / (total * (total - 1))
    arms = np.array([0 if name == BASE else len(groups.score[name]) for name in names])
    variance, seed_df = seed_variance(groups)
    over = np.divide(1.0, arms, where=arms > 0, out=np.zeros(len(names)))
    of_seeds = variance * (matrix * over) @ matrix.T
    return Contrasts(
        value,
        of_problems + of_seeds,
        satterthwaite(np.diag(of_problems), total - 1, np.diag(of_seeds), seed_df),
        n,
        (matrix != 0).astype(int) @ arms,
    )


def seed_variance(groups: Groups) -> tuple[float, int]:
    """Variance of arms' accuracies around their group's, pooled over trained groups, and its df.

    What the scatter of single problems between arms explains of it is taken off, since the covariance over
    problems holds it already; never under 0.
    """
    squares, explained, df = 0.0, 0.0, 0
    for name, score in groups.score.items():
        k, n = score.shape
        if name == BASE or k < 2:
            continue
        squares += float(((score.mean(axis=1) - score.mean()) ** 2).sum())
        explained += (k - 1) * float(score.var(axis=0, ddof=1).mean()) / n
        df += k - 1
    if not df:
        return 0.0, 0
    return max(0.0, (squares - explained) / df), df


def satterthwaite(
    problems: np.ndarray, problem_df: int, seeds: np.ndarray, seed_df: int
) -> np.ndarray:
    """Degrees of freedom of the sum of two variances, [contrasts] each; `seed_df` 0 for no part of arms."""
    square = problems**2 / problem_df
    if seed_df:
        square = square + seeds**2 / seed_df
    whole = (problems + seeds) ** 2
    return np.divide(whole, square, where=square > 0, out=np.full(len(whole), float(problem_df)))
