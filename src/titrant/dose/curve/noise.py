"""The noise of a titration: problems, which all arms share, and seeds, which they do not.

Let y_d be the mean accuracy of the arms at dose d over n problems. Its error has two parts:

* problems: arms read the same problems, so errors at two doses go together. The covariance over
  problems of the per-problem means, divided by n, holds the sampling of problems and of answers.
  Two pseudo-problems, right or wrong by the toss of a coin at each dose, are counted with them: half
  in each cell of the 2 × 2 table of two doses (Agresti & Min 2005, Statistics in Medicine 24, 729).
  Without them 0 of 40 right before and after would leave no doubt from the problems.
* seeds (training order, draw of the subset): an arm's accuracy moves as a whole by an amount with
  variance φ(d)·μ(1−μ). It is pooled over doses, as two to five arms of one dose say next to nothing
  about it (resampling them would cover 50–78 % instead of 90 %).

Arms of few traces differ more than arms of many, since a draw of four traces is a draw of luck: over
twenty seeds of `vitro:arithmetic` (`benchmarks/data/sweep_arithmetic.parquet`) the variance between
arms over μ(1−μ) falls from 0.25 at one trace to 0.001 at 4,096, about as d^(−0.7).
So φ(d) = φ · (top/d)^κ, at most 1, and the fit plugs in neither φ nor κ: it integrates over a grid of
both (`PHI`, `KAPPA`). κ = 0 is the one dispersion for all doses.

The spread of k arms around their dose mean counts with k−1 degrees of freedom, which is the inflation
by √(k/(k−1)), and what the answers' own sampling explains of it is not taken for seeds
(`evidence.seed_log_likelihood`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from titrant.dose.readings import ReadingTable

PSEUDO_PROBLEMS = 2
"""Counted in the covariance over problems, and in no mean."""
DISPERSIONS = np.exp(np.linspace(np.log(2e-5), np.log(0.06), 12))
"""φ at the top dose: at 50 % accuracy the seed standard deviation runs from 0.2 to 12 points."""
DECAYS = np.array([0.0, 1 / 3, 2 / 3])
"""κ, the power with which φ falls as the dose grows."""
PHI, KAPPA = (axis.ravel() for axis in np.meshgrid(DISPERSIONS, DECAYS, indexing="ij"))
"""Every pair of the two, equally likely before any reading; [noises] each."""


@dataclass(frozen=True, slots=True)
class DoseMeans:
    """Readings of one strategy, condensed to one row per dose; dose 0 is the base."""

    doses: np.ndarray
    """Ascending, 0 first; [doses]."""
    mean: np.ndarray
    """Accuracy, mean over arms and problems; [doses]."""
    n_arms: np.ndarray
    """[doses]"""
    problem_cov: np.ndarray
    """Covariance of `mean` from the sampling of problems and answers; [doses, doses]."""
    seed_ss: np.ndarray
    """Sum of squares of arm accuracies around the dose mean; [doses]."""
    answer_var: np.ndarray
    """Variance of one arm's accuracy from its own answers' sampling; 0 where one arm; [doses]."""
    n_problems: int
    top: float
    """The dose at which φ(d) = φ: the largest that was read."""

    @property
    def binomial(self) -> np.ndarray:
        """μ(1−μ) at each dose, shrunk off 0 and 1 by one pseudo-problem on each side."""
        mu = (self.mean * self.n_problems + 1) / (self.n_problems + 2)
        return mu * (1 - mu)

    @property
    def seed_weight(self) -> np.ndarray:
        """Variance of a dose mean per unit of φ(d); 0 for the base, which has no seed; [doses]."""
        return np.where(self.doses > 0, self.binomial / self.n_arms, 0.0)

    @property
    def dispersions(self) -> np.ndarray:
        """φ(d) of every noise; [noises, doses]."""
        return dispersions_at(self.doses, top=self.top)

    @property
    def seed_variance(self) -> np.ndarray:
        """Variance of every dose mean from its seeds, for every noise; [noises, doses]."""
        return self.dispersions * self.seed_weight

    def covariance(self, dispersion: np.ndarray) -> np.ndarray:
        """Covariance of the dose means for given φ(d); [..., doses] to [..., doses, doses]."""
        floor = 1e-7  # keeps doses that agree on every problem from making it singular
        own = dispersion * self.seed_weight + floor
        return self.problem_cov + own[..., None] * np.eye(len(self.doses))

    def row(self, dose: float) -> int | None:
        """Where a dose stands; `None` if it was not read."""
        found = np.flatnonzero(self.doses == dose)
        return int(found[0]) if found.size else None

    def problem_variance(self, plus: int, minus: int) -> float:
        """Variance, from the problems, of the mean in one row less that in another."""
        c = self.problem_cov
        return max(0.0, float(c[plus, plus] + c[minus, minus] - 2 * c[plus, minus]))

    def keep(self, mask: np.ndarray) -> DoseMeans:
        """Only some doses."""
        return DoseMeans(
            self.doses[mask],
            self.mean[mask],
            self.n_arms[mask],
            self.problem_cov[np.ix_(mask, mask)],
            self.seed_ss[mask],
            self.answer_var[mask],
            self.n_problems,
            self.top,
        )


def dispersions_at(doses: np.ndarray, *, top: float) -> np.ndarray:
    """φ(d) = φ · (top/d)^κ of every noise, at most 1, as no accuracy varies more; [noises, doses]."""
    share = top / np.maximum(np.asarray(doses, dtype=float), 1.0)
    return np.minimum(1.0, PHI[:, None] * share[None, :] ** KAPPA[:, None])


def condense(table: ReadingTable) -> DoseMeans:
    """Dose means of a table of one strategy in which every problem was asked of every arm."""
    dose_of = np.array([arm.dose for arm in table.arms])
    doses = np.unique(dose_of)
    groups = [table.score[dose_of == dose] for dose in doses]
    per_problem = np.stack([group.mean(axis=0) for group in groups])
    n = per_problem.shape[1]
    arm_means = [group.mean(axis=1) for group in groups]
    return DoseMeans(
        doses=doses.astype(float),
        mean=per_problem.mean(axis=1),
        n_arms=np.array([len(group) for group in groups]),
        problem_cov=_problem_cov(per_problem),
        seed_ss=np.array([((m - m.mean()) ** 2).sum() for m in arm_means]),
        answer_var=np.array([_answer_var(group) for group in groups]),
        n_problems=n,
        top=float(doses[-1]),
    )


def _problem_cov(per_problem: np.ndarray) -> np.ndarray:
    """Covariance of the means over problems, two pseudo-problems among them; [doses, doses]."""
    n = per_problem.shape[1]
    mean = per_problem.mean(axis=1)
    scatter = (n - 1) * np.atleast_2d(np.cov(per_problem)) if n > 1 else 0.0
    coins = np.outer(0.5 - mean, 0.5 - mean) + 0.25 * np.eye(len(mean))
    return (scatter + PSEUDO_PROBLEMS * coins) / ((n + PSEUDO_PROBLEMS - 1) * (n + PSEUDO_PROBLEMS))


def _answer_var(group: np.ndarray) -> float:
    """Mean over problems of the variance between arms, over n, less the arms' common movement."""
    if len(group) < 2:
        return 0.0
    centred = group - group.mean(axis=1, keepdims=True)
    return float(centred.var(axis=0, ddof=1).mean() / group.shape[1])
