"""The noise of a titration: problems, which all arms share, and seeds, which they do not.

Let y_d be the mean accuracy of the arms at dose d over n problems. Its error has two parts:

* problems: arms read the same problems, so errors at two doses go together. The covariance over
  problems of the per-problem means, divided by n, holds the sampling of problems and of answers.
* seeds (training order, draw of the subset): an arm's accuracy moves as a whole by an amount with
  variance φ·μ(1−μ). The dispersion φ is pooled over doses, as two to five arms of one dose say next
  to nothing about it (resampling them would cover 50–78 % instead of 90 %).

The pooled estimate takes residuals around the dose mean with (k−1) degrees of freedom, which is the
inflation by √(k/(k−1)), less the part that answers' own sampling explains. The fit does not plug it
in but integrates over φ (`dose.fit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from titrant.dose.readings import ReadingTable


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

    @property
    def binomial(self) -> np.ndarray:
        """μ(1−μ) at each dose, shrunk off 0 and 1 by one pseudo-problem on each side."""
        mu = (self.mean * self.n_problems + 1) / (self.n_problems + 2)
        return mu * (1 - mu)

    @property
    def seed_weight(self) -> np.ndarray:
        """Variance of a dose mean per unit of φ; 0 for the base, which has no seed."""
        return np.where(self.doses > 0, self.binomial / self.n_arms, 0.0)

    def covariance(self, dispersion: float) -> np.ndarray:
        """Covariance of the dose means for a given φ; [doses, doses]."""
        floor = 1e-7  # keeps doses that agree on every problem from making it singular
        return self.problem_cov + np.diag(dispersion * self.seed_weight + floor)

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
        )


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
        problem_cov=np.atleast_2d(np.cov(per_problem)) / n,
        seed_ss=np.array([((m - m.mean()) ** 2).sum() for m in arm_means]),
        answer_var=np.array([_answer_var(group) for group in groups]),
        n_problems=n,
    )


def _answer_var(group: np.ndarray) -> float:
    """Mean over problems of the variance between arms, over n, less the arms' common movement."""
    if len(group) < 2:
        return 0.0
    centred = group - group.mean(axis=1, keepdims=True)
    return float(centred.var(axis=0, ddof=1).mean() / group.shape[1])


def pooled_dispersion(means: DoseMeans) -> tuple[float, int]:
    """φ pooled over doses, and its degrees of freedom; NaN with none."""
    extra = means.n_arms - 1
    df = int(extra[means.doses > 0].sum())
    if df == 0:
        return float("nan"), 0
    use = (means.doses > 0) & (extra > 0)
    excess = means.seed_ss[use] - extra[use] * means.answer_var[use]
    return max(0.0, float((excess / means.binomial[use]).sum()) / df), df
