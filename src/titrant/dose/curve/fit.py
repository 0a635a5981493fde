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
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from titrant.dose.curve.noise import dispersions_at
from titrant.dose.curve.shapes import RAW, Grid, grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.curve.noise import DoseMeans

LEAST_INFORMATION = 1e-9
"""Determinant of the information on floor and gain under which a curve's gain is not known at all."""
FLAT_PARAMETERS = 2
"""Of the flat shape: floor and seed noise (the other shapes have a gain besides, and their own)."""
MIN_REST = 4
"""Doses (base included) that must remain for a shape to predict the held-out ones."""


class Evidence(NamedTuple):
    """Generalised least squares of each (noise, curve); all fields are [noises, curves]."""

    profile: np.ndarray
    """Restricted log likelihood at the best floor and gain; −∞ where the gain is not known."""
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

    def dispersion_at(self, doses: Sequence[float] | np.ndarray) -> np.ndarray:
        """Posterior mean of φ(d); [doses]."""
        return self.noise_weights @ dispersions_at(np.asarray(doses), top=self.means.top)


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


def fit(
    means: DoseMeans, *, top: float, level: float = 0.95, shapes: Sequence[str] = tuple(RAW)
) -> Fit:
    """Fit the named shapes and weight them; a shape without a single curve for `top` is left out."""
    found_grids = [grid(shape, top, level) for shape in shapes]
    grids = tuple(unit for unit in found_grids if len(unit.end_point))
    curves = np.concatenate([unit.curves(means.doses) for unit in grids])
    prior = np.concatenate([unit.prior for unit in grids])
    parts = parts_of(grids)
    with _blas().limit(limits=1):
        found = evidence(means, curves)
        held_back = _rest_totals(means, curves, prior, parts)
    per_curve, given = _over_noises(found.marginal)
    totals = _totals(per_curve + prior, parts)
    parameters = np.array([3 + unit.parameters for unit in grids])
    best = np.array([found.profile[:, part].max() for part in parts])
    aicc = _aicc(best, parameters, means.n_problems)
    held_out = totals - held_back
    weights = shape_weights(aicc, held_out)
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
    """Profile and marginal log likelihood of one accuracy at all doses; [noises] each."""
    covariance = means.covariance(means.dispersions)
    precision = np.linalg.inv(covariance)
    log_det = np.linalg.slogdet(covariance)[1]
    s11 = precision.sum(axis=(1, 2))
    b1 = (precision @ means.mean).sum(axis=1)
    rss = np.einsum("d,pde,e->p", means.mean, precision, means.mean) - b1**2 / s11
    profile = seed_log_likelihood(means) - 0.5 * (log_det + rss)
    return profile, profile - 0.5 * np.log(s11)


@cache
def _blas() -> ThreadpoolController:
    """The numerical libraries of this process, for `limit`.

    A second thread gains a fit nothing, and where another process has the other core the two threads
    wait for each other: a fit takes ten times as long.
    """
    return ThreadpoolController()


def reweighted(fitted: Fit, means: np.ndarray) -> np.ndarray:
    """Posterior weight of every curve had the dose means been others; [curves, draws].

    `means` is [doses, draws]. The noise model and the weights of the shapes stay those of the fit, so
    a draw costs two products; each column sums to one. Noises that the readings rule out are left out.
    """
    curves = fitted.unit_curves(fitted.means.doses)
    with _blas().limit(limits=1):
        log_mass = _log_mass(fitted, curves, means)
    log_mass += np.concatenate([unit.prior for unit in fitted.grids])[:, None]
    mass = np.empty_like(log_mass)
    for part, weight in zip(fitted.parts, fitted.weights, strict=True):
        own = np.exp(log_mass[part] - log_mass[part].max(axis=0))
        mass[part] = weight * own / own.sum(axis=0)
    return mass / mass.sum(axis=0)


def _log_mass(fitted: Fit, curves: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Log evidence of every curve at other dose means, over the likely noises; [curves, draws]."""
    likely = fitted.noise_weights > 1e-3 * fitted.noise_weights.max()
    log_mass = np.full((len(curves), means.shape[1]), -np.inf)
    seeds = seed_log_likelihood(fitted.means)
    for phi, seed_log in zip(fitted.means.dispersions[likely], seeds[likely], strict=True):
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
    return log_mass


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
    per_curve, _ = _over_noises(evidence(means.keep(keep), curves[:, keep]).marginal)
    return _totals(per_curve + prior, parts)


def _over_noises(marginal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def _without_top(means: DoseMeans) -> np.ndarray | None:
    """All doses but the two highest; `None` where too few remain to predict them."""
    keep = np.arange(len(means.doses)) < len(means.doses) - 2
    return keep if keep.sum() >= MIN_REST else None


def log_sum(logs: np.ndarray) -> float:
    """Log Σ exp over a whole array, without overflow."""
    most = float(logs.max())
    return most + float(np.log(np.exp(logs - most).sum()))


def _totals(per_curve: np.ndarray, parts: Sequence[slice]) -> np.ndarray:
    return np.array([log_sum(per_curve[part]) for part in parts])


def shape_weights(aicc: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Weights ∝ exp(−AICc/4 + held-out/2): half the say each; [shapes]."""
    score = -0.25 * aicc + 0.5 * held_out
    return np.exp(score - log_sum(score))
