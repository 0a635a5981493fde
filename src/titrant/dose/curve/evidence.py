"""Generalised least squares of every curve under every seed noise, in closed form."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from titrant.dose.curve.noise import DoseMeans

LEAST_INFORMATION = 1e-9
"""Determinant of the information on floor and gain under which a curve's gain is not known at all."""


class Evidence(NamedTuple):
    """Generalised least squares of each (noise, curve); all fields are [noises, curves]."""

    profile: np.ndarray
    """Log likelihood at the best floor and gain; −∞ where the gain is not known."""
    s11: np.ndarray
    """Information on the floor."""
    s12: np.ndarray
    """Information that floor and gain share."""
    s22: np.ndarray
    """Information on the gain."""
    b1: np.ndarray
    """Readings weighted by the floor's column."""
    b2: np.ndarray
    """Readings weighted by the gain's column."""
    det: np.ndarray
    """Determinant of the information."""

    @property
    def marginal(self) -> np.ndarray:
        """Restricted log likelihood with floor and gain integrated out."""
        return self.profile - 0.5 * np.log(self.det)

    @property
    def floor(self) -> np.ndarray:
        """The best floor."""
        return (self.s22 * self.b1 - self.s12 * self.b2) / self.det

    @property
    def gain(self) -> np.ndarray:
        """The best gain."""
        return (self.s11 * self.b2 - self.s12 * self.b1) / self.det

    @property
    def cov(self) -> np.ndarray:
        """Variance of floor, covariance, variance of gain; [3, noises, curves]."""
        return np.stack([self.s22, -self.s12, np.broadcast_to(self.s11, self.det.shape)]) / self.det


def seed_log_likelihood(means: DoseMeans) -> np.ndarray:
    """What the spread between arms of one dose says about the seed noise; [noises]."""
    use = (means.n_arms > 1) & (means.doses > 0)
    df = (means.n_arms - 1)[use]
    variance = means.dispersions[:, use] * means.binomial[use] + means.answer_var[use] + 1e-9
    return (-0.5 * (df * np.log(variance) + means.seed_ss[use] / variance)).sum(axis=1)


def seed_weights(means: DoseMeans) -> np.ndarray:
    """Posterior over the seed noises from the spread between arms of one dose alone; [noises].

    The fit's own posterior grows where no curve follows the readings, which is right for a curve's
    interval and wrong for a test that asks whether the readings leave the curves.
    """
    logs = seed_log_likelihood(means)
    return np.exp(logs - log_sum(logs))


def evidence(means: DoseMeans, curves: np.ndarray) -> Evidence:
    """Closed-form fits of `floor + gain · h`; `curves` is h at the dose means, [curves, doses].

    A curve that does not move at these doses says nothing of its gain: its evidence is −∞.
    """
    covariance = means.covariance(means.dispersions)
    precision = np.linalg.inv(covariance)
    log_det = np.linalg.slogdet(covariance)[1]
    y = means.mean
    p1, py = precision.sum(axis=2), precision @ y  # [noises, doses]
    s11, b1, yy = p1.sum(axis=1)[:, None], py.sum(axis=1)[:, None], (py @ y)[:, None]
    s12, b2, s22 = p1 @ curves.T, py @ curves.T, _quadratic(precision, curves)
    det = s11 * s22 - s12**2
    is_known = det > LEAST_INFORMATION
    det = np.where(is_known, det, 1.0)
    rss = yy - (s22 * b1**2 - 2 * s12 * b1 * b2 + s11 * b2**2) / det
    profile = seed_log_likelihood(means)[:, None] - 0.5 * (log_det[:, None] + rss)
    return Evidence(np.where(is_known, profile, -np.inf), s11, s12, s22, b1, b2, det)


def _quadratic(precision: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Value of h'Ph for every curve under every precision, as one matrix product; [noises, curves]."""
    row, column = np.triu_indices(curves.shape[1])
    twice = np.where(row == column, 1.0, 2.0)
    return (precision[:, row, column] * twice) @ (curves[:, row] * curves[:, column]).T


def log_sum(logs: np.ndarray) -> float:
    """Log Σ exp over a whole array, without overflow."""
    most = float(logs.max())
    return most + float(np.log(np.exp(logs - most).sum()))


@cache
def blas() -> ThreadpoolController:
    """The numerical libraries of this process, for `limit`.

    A second thread gains a fit nothing, and where another process has the other core the two threads
    wait for each other: a fit takes ten times as long.
    """
    return ThreadpoolController()


def over_noises(marginal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log evidence of every curve over all noises, [curves], and the noises given it.

    The second, [noises, curves], sums to one for every curve that has any evidence, also where the
    curve's own weight underflows; it is uniform where none has.
    """
    most = marginal.max(axis=0)
    most = np.where(np.isfinite(most), most, 0.0)
    given = np.exp(marginal - most)
    total = given.sum(axis=0)
    is_known = total > 0
    with np.errstate(divide="ignore"):
        logs = most + np.log(total)
    given = np.where(is_known, given, 1.0) / np.where(is_known, total, len(given))
    return logs, given
