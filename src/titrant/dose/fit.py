"""Fit every shape to the dose means at once, by linear least squares over grids.

For each unit curve h of a shape's grid and each seed dispersion φ on a grid, `floor + gain · h` is a
generalised least squares problem with two unknowns and a closed form. A flat prior on floor and gain
integrates them out (the restricted likelihood), a flat prior on log φ and on the log end point leaves
a discrete posterior over (curve, φ). The end point depends on the curve alone, so its posterior is
read off with no resampling: all curves of all shapes are solved in one pass.

Shapes are weighted by AICc (the profile likelihood, n = problems) and by how well each predicts the
two highest doses from the others (the ratio of two restricted likelihoods). Their mixture widens the
interval where they disagree. The original recipes fit one power law and a normal interval
(`dose.calibrate` runs that beside ours).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.dose.shapes import RAW, Grid, grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.noise import DoseMeans

DISPERSIONS = np.exp(np.linspace(np.log(2e-5), np.log(0.06), 12))
"""Grid of φ: at 50 % accuracy the seed standard deviation runs from 0.2 to 12 points."""
LEAST_INFORMATION = 1e-9
"""Determinant of the information on floor and gain under which a curve's gain is not known at all."""
FLAT_PARAMETERS = 2
"""Of the flat shape: floor and φ (the other shapes have a gain besides, and their own)."""
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
    """Mean over φ; [curves]."""
    gain: np.ndarray
    """Mean over φ; [curves]."""
    cov: np.ndarray
    """Variance of floor, covariance, variance of gain, given the curve; [3, curves]."""
    phi_weights: np.ndarray
    """Posterior over `DISPERSIONS`; [dispersions]."""
    aicc: np.ndarray
    """[shapes]"""
    held_out: np.ndarray
    """Log predictive density of the two highest doses given the others; [shapes]."""

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

    @property
    def dispersion(self) -> float:
        """Posterior mean of φ."""
        return float(self.phi_weights @ DISPERSIONS)


def seed_log_likelihood(means: DoseMeans) -> np.ndarray:
    """What the spread between arms of one dose says about φ; [dispersions]."""
    use = (means.n_arms > 1) & (means.doses > 0)
    df = (means.n_arms - 1)[use]
    variance = DISPERSIONS[:, None] * means.binomial[use] + means.answer_var[use] + 1e-9
    return (-0.5 * (df * np.log(variance) + means.seed_ss[use] / variance)).sum(axis=1)


def seed_weights(means: DoseMeans) -> np.ndarray:
    """Posterior over φ from the spread between arms of one dose alone; [dispersions].

    The fit's own posterior grows where no curve follows the readings, which is right for a curve's
    interval and wrong for a test that asks whether the readings leave the curves.
    """
    logs = seed_log_likelihood(means)
    return np.exp(logs - log_sum(logs))


def evidence(means: DoseMeans, curves: np.ndarray) -> Evidence:
    """Closed-form fits of `floor + gain · h`; `curves` is h at the dose means, [curves, doses].

    A curve that does not move at these doses says nothing of its gain: its evidence is −∞.
    """
    covariance = np.stack([means.covariance(phi) for phi in DISPERSIONS])
    precision = np.linalg.inv(covariance)
    log_det = np.linalg.slogdet(covariance)[1]
    y, one = means.mean, np.ones(len(means.mean))
    py, p1 = precision @ y, precision @ one  # [dispersions, doses]
    s11, b1, yy = p1.sum(axis=1), py.sum(axis=1), py @ y  # [dispersions]
    s12, b2 = p1 @ curves.T, py @ curves.T  # [dispersions, curves]
    s22 = np.stack([np.einsum("cd,cd->c", curves @ p, curves) for p in precision])
    det = s11[:, None] * s22 - s12**2
    is_known = det > LEAST_INFORMATION
    det = np.where(is_known, det, 1.0)
    floor = (s22 * b1[:, None] - s12 * b2) / det
    gain = (s11[:, None] * b2 - s12 * b1[:, None]) / det
    rss = yy[:, None] - floor * b1[:, None] - gain * b2
    profile = seed_log_likelihood(means)[:, None] - 0.5 * (log_det[:, None] + rss)
    profile = np.where(is_known, profile, -np.inf)
    cov = np.stack([s22, -s12, np.broadcast_to(s11[:, None], det.shape)]) / det
    return Evidence(profile - 0.5 * np.log(det), profile, floor, gain, cov)


def fit(
    means: DoseMeans, *, top: float, level: float = 0.95, shapes: Sequence[str] = tuple(RAW)
) -> Fit:
    """Fit the named shapes and weight them; a shape without a single curve for `top` is left out."""
    found_grids = [grid(shape, top, level) for shape in shapes]
    grids = tuple(unit for unit in found_grids if len(unit.end_point))
    curves = np.concatenate([unit.curves(means.doses) for unit in grids])
    prior = np.concatenate([unit.prior for unit in grids])
    parts = parts_of(grids)
    found = evidence(means, curves)
    joint = found.marginal + prior
    totals = _totals(joint, parts)
    parameters = np.array([3 + unit.parameters for unit in grids])
    best = np.array([found.profile[:, part].max() for part in parts])
    aicc = _aicc(best, parameters, means.n_problems)
    held_out = totals - _rest_totals(means, curves, prior, parts)
    weights = shape_weights(aicc, held_out)
    mass = np.empty_like(joint)
    for part, total, weight in zip(parts, totals, weights, strict=True):
        mass[:, part] = weight * np.exp(joint[:, part] - total)
    per_curve = mass.sum(axis=0)
    given = np.exp(joint - joint.max(axis=0))  # over φ, also for curves whose weight underflows
    given /= given.sum(axis=0)
    return Fit(
        means=means,
        top=top,
        level=level,
        grids=grids,
        weights=weights,
        curve_weights=per_curve / per_curve.sum(),
        floor=(given * found.floor).sum(axis=0),
        gain=(given * found.gain).sum(axis=0),
        cov=(given * found.cov).sum(axis=1),
        phi_weights=mass.sum(axis=1) / mass.sum(),
        aicc=aicc,
        held_out=held_out,
    )


def shape_shares(fitted: Fit) -> dict[str, float]:
    """Weight of every shape with the flat one among them, for the report; sums to one.

    The flat shape has a floor and no gain. It says nothing of an end point, so the interval does not
    know of it (`Fit.weights`); beside the others it shows whether the readings need a curve at all.
    """
    means = fitted.means
    profile, marginal = _flat_evidence(means)
    keep = _without_top(means)
    held_out = (
        0.0 if keep is None else log_sum(marginal) - log_sum(_flat_evidence(means.keep(keep))[1])
    )
    flat_aicc = _aicc(profile.max(keepdims=True), np.array([FLAT_PARAMETERS]), means.n_problems)
    weights = shape_weights(np.append(fitted.aicc, flat_aicc), np.append(fitted.held_out, held_out))
    return dict(zip((*fitted.shapes, "flat"), weights.tolist(), strict=True))


def _flat_evidence(means: DoseMeans) -> tuple[np.ndarray, np.ndarray]:
    """Profile and marginal log likelihood of one accuracy at all doses; [dispersions] each."""
    covariance = np.stack([means.covariance(phi) for phi in DISPERSIONS])
    precision = np.linalg.inv(covariance)
    log_det = np.linalg.slogdet(covariance)[1]
    s11 = precision.sum(axis=(1, 2))
    b1 = (precision @ means.mean).sum(axis=1)
    rss = np.einsum("d,pde,e->p", means.mean, precision, means.mean) - b1**2 / s11
    profile = seed_log_likelihood(means) - 0.5 * (log_det + rss)
    return profile, profile - 0.5 * np.log(s11)


def reweighted(fitted: Fit, means: np.ndarray) -> np.ndarray:
    """Posterior weight of every curve had the dose means been others; [curves, draws].

    `means` is [doses, draws]. The noise model and the weights of the shapes stay those of the fit, so
    a draw costs two products; each column sums to one. Values of φ that the readings rule out are left
    out.
    """
    curves = fitted.unit_curves(fitted.means.doses)
    likely = fitted.phi_weights > 1e-3 * fitted.phi_weights.max()
    log_mass = np.full((len(curves), means.shape[1]), -np.inf)
    seeds = seed_log_likelihood(fitted.means)
    for phi, seed_log in zip(DISPERSIONS[likely], seeds[likely], strict=True):
        covariance = fitted.means.covariance(phi)
        precision = np.linalg.inv(covariance)
        p1, pc = precision.sum(axis=0), curves @ precision
        s11, s12, s22 = p1.sum(), curves @ p1, np.einsum("cd,cd->c", pc, curves)
        det = s11 * s22 - s12**2
        is_known = det > LEAST_INFORMATION
        det = np.where(is_known, det, 1.0)
        b1, b2 = p1 @ means, pc @ means  # [draws], [curves, draws]
        yy = np.einsum("dn,de,en->n", means, precision, means)
        explained = s22[:, None] * b1**2 - 2 * s12[:, None] * b1 * b2 + s11 * b2**2
        rss = yy - explained / det[:, None]
        given = seed_log - 0.5 * (np.linalg.slogdet(covariance)[1] + rss + np.log(det)[:, None])
        log_mass = np.logaddexp(log_mass, np.where(is_known[:, None], given, -np.inf))
    log_mass += np.concatenate([unit.prior for unit in fitted.grids])[:, None]
    mass = np.empty_like(log_mass)
    for part, weight in zip(fitted.parts, fitted.weights, strict=True):
        own = np.exp(log_mass[part] - log_mass[part].max(axis=0))
        mass[part] = weight * own / own.sum(axis=0)
    return mass / mass.sum(axis=0)


def parts_of(grids: Sequence[Grid]) -> list[slice]:
    """Where each grid's curves stand when all are concatenated."""
    ends = np.cumsum([len(unit.end_point) for unit in grids]).tolist()
    return [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _aicc(log_likelihood: np.ndarray, k: np.ndarray, n: int) -> np.ndarray:
    return 2 * k - 2 * log_likelihood + 2 * k * (k + 1) / np.maximum(1, n - k - 1)


def _rest_totals(
    means: DoseMeans, curves: np.ndarray, prior: np.ndarray, parts: Sequence[slice]
) -> np.ndarray:
    """Log evidence of each shape from all doses but the two highest; [shapes]."""
    keep = _without_top(means)
    if keep is None:
        return np.zeros(len(parts))
    joint = evidence(means.keep(keep), curves[:, keep]).marginal + prior
    return _totals(joint, parts)


def _without_top(means: DoseMeans) -> np.ndarray | None:
    """All doses but the two highest; `None` where too few remain to predict them."""
    keep = np.arange(len(means.doses)) < len(means.doses) - 2
    return keep if keep.sum() >= MIN_REST else None


def log_sum(logs: np.ndarray) -> float:
    """Log Σ exp over a whole array, without overflow."""
    most = float(logs.max())
    return most + float(np.log(np.exp(logs - most).sum()))


def _totals(joint: np.ndarray, parts: Sequence[slice]) -> np.ndarray:
    return np.array([log_sum(joint[:, part]) for part in parts])


def shape_weights(aicc: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Weights ∝ exp(−AICc/4 + held-out/2): half the say each; [shapes]."""
    score = -0.25 * aicc + 0.5 * held_out
    return np.exp(score - log_sum(score))
