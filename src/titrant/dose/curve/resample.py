"""A fit reweighted: what its curves would weigh had the readings been others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.dose.curve.evidence import LEAST_INFORMATION, blas, seed_log_likelihood

if TYPE_CHECKING:
    from titrant.dose.curve.fit import Fit


def reweighted(fitted: Fit, means: np.ndarray) -> np.ndarray:
    """Posterior weight of every curve had the dose means been others; [curves, draws].

    `means` is [doses, draws]. The noise model and the weights of the shapes stay those of the fit, so
    a draw costs two products; each column sums to one. Noises that the readings rule out are left out.
    """
    curves = fitted.unit_curves(fitted.means.doses)
    with blas().limit(limits=1):
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
    for dispersion, seed_log in zip(fitted.means.dispersions[likely], seeds[likely], strict=True):
        covariance = fitted.means.covariance(dispersion)
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
