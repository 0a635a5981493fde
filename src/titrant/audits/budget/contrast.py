r"""Differences between base, base at matched tokens and tuned arms on the same problems, with their noise.

The accuracies m = (base, matched, tuned) share their problems; their covariance over problems, two
pseudo-problems counted in, and the scatter between arms are those of `dose.curve.noise.condense`, which
takes the three for doses 0, 1, 2. A contrast c·m has the variance

    v = cᵀ C c + c₂² s²/k

s² being the variance between the k arms beyond what their answers explain; t has the degrees of freedom of
Satterthwaite from n − 1 and k − 1. With one arm there is no s², and what is said holds for that arm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from titrant.audits.share import ratio_interval
from titrant.dose.curve.noise import DoseMeans, condense
from titrant.dose.readings import ArmKey, ReadingTable
from titrant.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

BASE, MATCHED, TUNED = 0, 1, 2
"""Places in a contrast."""


@dataclass(frozen=True, slots=True)
class Trio:
    """Accuracies of base, base at matched tokens and tuned arms on the same problems."""

    means: DoseMeans
    n_arms: int
    level: float
    """Of the intervals."""

    @property
    def n(self) -> int:
        """Problems."""
        return self.means.n_problems

    def mean(self, place: int) -> float:
        """Accuracy of one of the three."""
        return float(self.means.mean[place])

    def difference(self, plus: int, minus: int) -> Estimate:
        """One accuracy less another, with its interval."""
        estimate, sd, df = self.weigh(_contrast(plus, minus))
        half = float(student.ppf(0.5 + self.level / 2, df)) * sd
        return Estimate(
            estimate=estimate,
            low=max(-1.0, estimate - half),
            high=min(1.0, estimate + half),
            level=self.level,
            n=self.n,
            seeds=self.n_arms,
        )

    def weigh(self, contrast: np.ndarray) -> tuple[float, float, float]:
        """Value, standard deviation and degrees of freedom of a contrast [3]."""
        of_problems, of_arms = self._variances(contrast, contrast)
        total = of_problems + of_arms
        parts = of_problems**2 / (self.n - 1)
        if of_arms > 0:
            parts += of_arms**2 / (self.n_arms - 1)
        return float(contrast @ self.means.mean), math.sqrt(total), total**2 / parts

    def _variances(self, one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
        """Covariance of two contrasts: that of the problems, and that of the arms."""
        return (
            float(one @ self.means.problem_cov @ other),
            float(one[TUNED] * other[TUNED] * self._arm_variance()),
        )

    def _arm_variance(self) -> float:
        """Variance of the arms' mean from the arms."""
        k = self.n_arms
        if k < 2:
            return 0.0
        spread = self.means.seed_ss[TUNED] / (k - 1) - self.means.answer_var[TUNED]
        return max(0.0, float(spread)) / k

    def p_below(self, contrast: np.ndarray, bar: float = 0.0) -> float:
        """p-value of "not under the bar"; small: the contrast is under it."""
        estimate, sd, df = self.weigh(contrast)
        return float(student.cdf((estimate - bar) / sd, df))

    def share(self) -> Estimate:
        """(matched − base) / (tuned − base), by Fieller; nothing where the gain is under two errors."""
        num, den = _contrast(MATCHED, BASE), _contrast(TUNED, BASE)
        over, under = (float(c @ self.means.mean) for c in (num, den))
        _, _, df = self.weigh(num - (over / under if under else 0.0) * den)
        var_num, var_den, cov = (
            sum(self._variances(*pair)) for pair in ((num, num), (den, den), (num, den))
        )
        found = ratio_interval(
            over, under, var_num=var_num, var_den=var_den, cov=cov, df=df, level=self.level
        )
        return found.model_copy(update={"n": self.n, "seeds": self.n_arms})

    def p_share_over(self, part: float) -> float:
        """p-value of "the share is not over this part of the gain", for a gain that is over 0."""
        return 1.0 - self.p_below(_contrast(MATCHED, BASE) - part * _contrast(TUNED, BASE))


def _contrast(plus: int, minus: int) -> np.ndarray:
    found = np.zeros(3)
    found[plus] += 1
    found[minus] -= 1
    return found


def trio_of(
    base: np.ndarray, matched: np.ndarray, tuned: np.ndarray, *, level: float
) -> Trio | None:
    """The three on the problems where all are known; `None` where these are fewer than two.

    Args:
        base: accuracy of each problem, float64 [problems]; NaN is missing.
        matched: the same at matched tokens.
        tuned: [arms, problems].
        level: of the intervals.
    """
    score = np.vstack([base, matched, tuned])
    score = score[:, np.isfinite(score).all(axis=0)]
    if score.shape[1] < 2 or not len(tuned):
        return None
    names: Sequence[ArmKey] = [
        ArmKey("base", BASE, 0),
        ArmKey("matched", MATCHED, 0),
        *(ArmKey("tuned", TUNED, arm) for arm in range(len(tuned))),
    ]
    nothing = np.full(len(score), np.nan)
    qids = tuple(str(i) for i in range(score.shape[1]))
    table = ReadingTable(tuple(names), qids, score, nothing, nothing)
    return Trio(condense(table), len(tuned), level)
