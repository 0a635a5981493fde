"""Fit every shape to the dose means at once, by linear least squares over grids.

For each unit curve h of a shape's grid and each seed dispersion φ on a grid, `floor + gain · h` is a
generalised least squares problem with two unknowns and a closed form. A flat prior on floor and gain
integrates them out (the restricted likelihood), a flat prior on log φ and on the log end point leaves
a discrete posterior over (curve, φ). The end point depends on the curve alone, so its posterior is
read off with no resampling: some 3,000 curves × 10 dispersions take about two milliseconds.

Shapes are weighted by AICc (the profile likelihood, n = problems) and by how well each predicts the
two highest doses from the others (the ratio of two restricted likelihoods). Their mixture widens the
interval where they disagree. The original recipes fit one power law and a normal interval
(`dose.calibrate` runs that beside ours).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import logsumexp

from titrant.dose.shapes import RAW, Grid, grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.noise import DoseMeans

DISPERSIONS = np.exp(np.linspace(np.log(2e-5), np.log(0.06), 12))
"""Grid of φ: at 50 % accuracy the seed standard deviation runs from 0.2 to 12 points."""
MIN_REST = 4
"""Doses (base included) that must remain for a shape to predict the held-out ones."""


class Evidence(NamedTuple):
    """Restricted log likelihood of each (φ, curve), and the conditional estimates."""

    marginal: np.ndarray
    """Floor and gain integrated out; [dispersions, curves]."""
    profile: np.ndarray
    """At the best floor and gain; [dispersions, curves]."""
    floor: np.ndarray
    """[dispersions, curves]"""
    gain: np.ndarray
    """[dispersions, curves]"""
    cov: np.ndarray
    """Variance of floor, covariance, variance of gain; [3, dispersions, curves]."""


@dataclass(frozen=True, slots=True)
class ShapeFit:
    """Posterior over the curves of one shape."""

    grid: Grid
    posterior: np.ndarray
    """Sums to one; [curves]."""
    floor: np.ndarray
    """Mean over φ; [curves]."""
    gain: np.ndarray
    """[curves]"""
    cov: np.ndarray
    """[3, curves]"""
    aicc: float
    held_out: float
    """Log predictive density of the two highest doses given the others; 0 where too few doses."""
    dispersion: np.ndarray
    """Posterior over φ; [dispersions]."""


@dataclass(frozen=True, slots=True)
class Fit:
    """All shapes and their weights."""

    means: DoseMeans
    top: float
    level: float
    shapes: tuple[ShapeFit, ...]
    weights: np.ndarray
    """Sums to one; [shapes]."""

    @property
    def curve_weights(self) -> np.ndarray:
        """Weight of every curve of every shape, concatenated; sums to one."""
        pairs = zip(self.weights, self.shapes, strict=True)
        return np.concatenate([weight * shape.posterior for weight, shape in pairs])

    @property
    def end_points(self) -> np.ndarray:
        """End point of every curve, in the same order."""
        return np.concatenate([shape.grid.end_point for shape in self.shapes])

    def responses(self, doses: Sequence[float] | np.ndarray) -> np.ndarray:
        """Expected accuracy of every curve at the given doses; [curves, doses]."""
        return np.concatenate(
            [s.floor[:, None] + s.gain[:, None] * s.grid.curves(doses) for s in self.shapes]
        )

    @property
    def dispersion(self) -> float:
        """Posterior mean of φ."""
        pairs = zip(self.weights, self.shapes, strict=True)
        return float(sum(w * (s.dispersion @ DISPERSIONS) for w, s in pairs))


def seed_log_likelihood(means: DoseMeans) -> np.ndarray:
    """What the spread between arms of one dose says about φ; [dispersions]."""
    use = (means.n_arms > 1) & (means.doses > 0)
    df = (means.n_arms - 1)[use]
    variance = DISPERSIONS[:, None] * means.binomial[use] + means.answer_var[use] + 1e-9
    return (-0.5 * (df * np.log(variance) + means.seed_ss[use] / variance)).sum(axis=1)


def evidence(means: DoseMeans, curves: np.ndarray, *, seeds: bool = True) -> Evidence:
    """Closed-form fits of `floor + gain · h`; `curves` is h at the dose means, [curves, doses]."""
    spread = seed_log_likelihood(means) if seeds else np.zeros(len(DISPERSIONS))
    rows = [_solve(means, curves, phi) for phi in DISPERSIONS]
    marginal, profile, floor, gain = (np.stack([row[i] for row in rows]) for i in range(4))
    cov = np.stack([row[4] for row in rows], axis=1)
    return Evidence(
        marginal + spread[:, None], profile + spread[:, None], floor, gain, cov
    )


def _solve(means: DoseMeans, curves: np.ndarray, phi: float) -> tuple[np.ndarray, ...]:
    root = np.linalg.cholesky(means.covariance(phi))
    white = np.linalg.solve(root, np.column_stack([means.mean, np.ones(len(means.mean)), curves.T]))
    y, one, h = white[:, 0], white[:, 1], white[:, 2:]  # h: [doses, curves]
    s11, s12, s22 = one @ one, one @ h, (h * h).sum(axis=0)
    b1, b2 = one @ y, y @ h
    det = np.maximum(s11 * s22 - s12**2, 1e-9)
    floor, gain = (s22 * b1 - s12 * b2) / det, (s11 * b2 - s12 * b1) / det
    rss = y @ y - floor * b1 - gain * b2
    profile = -np.log(np.diag(root)).sum() - 0.5 * rss
    cov = np.stack([s22 / det, -s12 / det, s11 / det])
    return profile - 0.5 * np.log(det), profile, floor, gain, cov


def fit_shape(means: DoseMeans, shape: str, top: float, level: float) -> ShapeFit:
    """Posterior over one shape's curves."""
    unit = grid(shape, top, level)
    curves = unit.curves(means.doses)
    found = evidence(means, curves)
    joint = found.marginal + unit.prior
    joint = np.exp(joint - logsumexp(joint))
    posterior = joint.sum(axis=0)
    given = joint / np.maximum(posterior, 1e-300)
    return ShapeFit(
        grid=unit,
        posterior=posterior,
        floor=(given * found.floor).sum(axis=0),
        gain=(given * found.gain).sum(axis=0),
        cov=(given * found.cov).sum(axis=1),
        aicc=_aicc(float(found.profile.max()), 3 + unit.parameters, means.n_problems),
        held_out=_held_out(means, unit, curves, float(logsumexp(found.marginal + unit.prior))),
        dispersion=joint.sum(axis=1),
    )


def _aicc(log_likelihood: float, k: int, n: int) -> float:
    return 2 * k - 2 * log_likelihood + 2 * k * (k + 1) / max(1, n - k - 1)


def _held_out(means: DoseMeans, unit: Grid, curves: np.ndarray, whole: float) -> float:
    keep = np.ones(len(means.doses), dtype=bool)
    keep[-2:] = False
    if keep.sum() < MIN_REST:
        return 0.0
    # A curve that is flat over the kept doses says nothing about the gain: give it a weak prior.
    rest = evidence(means.keep(keep), curves[:, keep])
    return whole - float(logsumexp(rest.marginal + unit.prior))


def fit(
    means: DoseMeans, *, top: float, level: float = 0.95, shapes: Sequence[str] = tuple(RAW)
) -> Fit:
    """Fit the named shapes and weight them."""
    fits = tuple(fit_shape(means, shape, top, level) for shape in shapes)
    return Fit(means, top, level, fits, shape_weights(fits))


def shape_weights(fits: Sequence[ShapeFit]) -> np.ndarray:
    """Weights ∝ exp(−AICc/2), tempered with the held-out predictive density."""
    score = np.array([-0.5 * f.aicc for f in fits])
    return np.exp(score - logsumexp(score))
