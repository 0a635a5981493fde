"""Fit every shape to the dose means at once, by linear least squares over grids.

For each unit curve h of a shape's grid and each seed noise (φ, κ) on a grid, `floor + gain · h` is a
generalised least squares problem with two unknowns and a closed form. A flat prior on floor and gain
integrates them out (the restricted likelihood), a flat prior on log φ, κ and the log end point leaves
a discrete posterior over (curve, noise). The end point depends on the curve alone, so its posterior is
read off with no resampling: all curves of all shapes are solved in one pass.

Shapes are weighted by AICc (the profile likelihood, n = problems) and by how well each predicts the
two highest doses from the others (the ratio of two restricted likelihoods). Their mixture widens the
interval where they disagree. The original recipes fit one power law and a normal interval
(`dose.calibration.calibrate` runs that beside ours).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from titrant.dose.curve.evidence import blas, evidence, log_sum, over_noises
from titrant.dose.curve.noise import dispersions_at
from titrant.dose.curve.shapes import RAW, Grid, grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.curve.noise import DoseMeans

MIN_REST = 4
"""Doses (base included) that must remain for a shape to predict the held-out ones."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Posterior over all curves of all shapes."""

    means: DoseMeans
    top: float
    level: float
    grids: tuple[Grid, ...]
    weights: np.ndarray
    """Weight of each shape; sums to one; [shapes]."""
    curve_weights: np.ndarray
    """Posterior of every curve, shapes one after the other; sums to one; [curves]."""
    floor: np.ndarray
    """Mean over noises; [curves]."""
    gain: np.ndarray
    """Mean over noises; [curves]."""
    cov: np.ndarray
    """Variance of floor, covariance, variance of gain, given the curve; [3, curves]."""
    noise_weights: np.ndarray
    """Posterior over the seed noises of `dose.curve.noise`; [noises]."""
    aicc: np.ndarray
    """[shapes]"""
    held_out: np.ndarray
    """Log predictive density of the two highest doses given the others; 0 for all if too few; [shapes]."""

    @property
    def shapes(self) -> tuple[str, ...]:
        """Names of the shapes."""
        return tuple(unit.shape for unit in self.grids)

    @property
    def parts(self) -> list[slice]:
        """Where each shape's curves stand in the concatenated arrays."""
        return parts_of(self.grids)

    @property
    def end_points(self) -> np.ndarray:
        """End point of every curve; [curves]."""
        return np.concatenate([unit.end_point for unit in self.grids])

    def unit_curves(self, doses: Sequence[float] | np.ndarray) -> np.ndarray:
        """H of every curve; [curves, doses]."""
        return np.concatenate([unit.curves(doses) for unit in self.grids])

    def responses(self, doses: Sequence[float] | np.ndarray) -> np.ndarray:
        """Expected accuracy of every curve; [curves, doses]."""
        return self.floor[:, None] + self.gain[:, None] * self.unit_curves(doses)

    @property
    def gain_sd(self) -> np.ndarray:
        """Standard deviation of the gain given the curve; [curves]."""
        return np.sqrt(np.maximum(self.cov[2], 0.0))

    def response_sd(self, doses: Sequence[float] | np.ndarray) -> np.ndarray:
        """Standard deviation of the expected accuracy given the curve; [curves, doses]."""
        h = self.unit_curves(doses)
        floor, both, gain = (row[:, None] for row in self.cov)
        return np.sqrt(np.maximum(floor + 2 * h * both + h**2 * gain, 0.0))

    def dispersion_at(self, doses: Sequence[float] | np.ndarray) -> np.ndarray:
        """Posterior mean of φ(d); [doses]."""
        return self.noise_weights @ dispersions_at(np.asarray(doses), top=self.means.top)


def fit(
    means: DoseMeans, *, top: float, level: float = 0.95, shapes: Sequence[str] = tuple(RAW)
) -> Fit:
    """Fit the named shapes and weight them; a shape without a single curve for `top` is left out."""
    found_grids = [grid(shape, top, level) for shape in shapes]
    grids = tuple(unit for unit in found_grids if len(unit.end_point))
    curves = np.concatenate([unit.curves(means.doses) for unit in grids])
    prior = np.concatenate([unit.prior for unit in grids])
    parts = parts_of(grids)
    with blas().limit(limits=1):
        found = evidence(means, curves)
        held_back = _rest_totals(means, curves, prior, parts)
    per_curve, given = over_noises(found.marginal)
    totals = _totals(per_curve + prior, parts)
    parameters = np.array([4 + unit.parameters for unit in grids])  # floor, gain, φ, κ
    best = np.array([found.profile[:, part].max() for part in parts])
    scores = aicc(best, parameters, means.n_problems)
    held_out = np.zeros(len(parts)) if held_back is None else totals - held_back
    weights = shape_weights(scores, held_out)
    log_weights = np.log(weights) - totals
    sizes = [len(unit.end_point) for unit in grids]
    mass = np.exp(per_curve + prior + np.repeat(log_weights, sizes))
    mass /= mass.sum()
    return Fit(
        means=means,
        top=top,
        level=level,
        grids=grids,
        weights=weights,
        curve_weights=mass,
        floor=(given * found.floor).sum(axis=0),
        gain=(given * found.gain).sum(axis=0),
        cov=(given * found.cov).sum(axis=1),
        noise_weights=given @ mass,
        aicc=scores,
        held_out=held_out,
    )


def parts_of(grids: Sequence[Grid]) -> list[slice]:
    """Where each grid's curves stand when all are concatenated."""
    ends = np.cumsum([len(unit.end_point) for unit in grids]).tolist()
    return [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def aicc(log_likelihood: np.ndarray, k: np.ndarray, n: int) -> np.ndarray:
    """Akaike's criterion, corrected for small n; k parameters, n problems."""
    return 2 * k - 2 * log_likelihood + 2 * k * (k + 1) / np.maximum(1, n - k - 1)


def _rest_totals(
    means: DoseMeans, curves: np.ndarray, prior: np.ndarray, parts: Sequence[slice]
) -> np.ndarray | None:
    """Log evidence of each shape from all doses but the two highest, [shapes]; `None` if too few."""
    keep = without_top(means)
    if keep is None:
        return None
    per_curve, _ = over_noises(evidence(means.keep(keep), curves[:, keep]).marginal)
    return _totals(per_curve + prior, parts)


def without_top(means: DoseMeans) -> np.ndarray | None:
    """All doses but the two highest; `None` where too few remain to predict them."""
    keep = np.arange(len(means.doses)) < len(means.doses) - 2
    return keep if keep.sum() >= MIN_REST else None


def _totals(per_curve: np.ndarray, parts: Sequence[slice]) -> np.ndarray:
    return np.array([log_sum(per_curve[part]) for part in parts])


def shape_weights(aicc: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Weights ∝ exp(−AICc/4 + held-out/2): half the say each; [shapes]."""
    score = -0.25 * aicc + 0.5 * held_out
    return np.exp(score - log_sum(score))
