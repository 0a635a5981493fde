"""The usual way, for comparison: one power law, least squares and a normal interval.

error(N) = E + A·N^(−β) is fitted to the dose means with `scipy.optimize.curve_fit`; the end point
follows from the fit and the measured base, its interval from the delta method on its logarithm. No
other shape, no pairing, no seed variance: what a careful user would otherwise write in a notebook.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.stats import norm

from titrant.dose.curve.endpoint import Interval

if TYPE_CHECKING:
    from titrant.dose.curve.noise import DoseMeans


PARAMETERS = 3


def error_rate(dose: np.ndarray, floor: float, amplitude: float, exponent: float) -> np.ndarray:
    """E + A·N^(−β)."""
    return floor + amplitude * dose ** (-exponent)


def power_law_end_point(
    means: DoseMeans, *, top: float, level: float, confidence: float
) -> Interval | None:
    """The end point of the fitted power law, or `None` where the fit or its inversion fails."""
    use = means.doses > 0
    if use.sum() < PARAMETERS:
        return None
    dose, error = means.doses[use], 1.0 - means.mean[use]
    sigma = np.sqrt(means.binomial[use] / (means.n_problems * means.n_arms[use]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            parameters, cov = curve_fit(
                error_rate,
                dose,
                error,
                p0=(error.min() * 0.9, max(error.max() - error.min(), 0.01), 0.5),
                sigma=sigma,
                absolute_sigma=True,
                bounds=([0, 0, 1e-3], [1, 10, 5]),
            )
    except (RuntimeError, ValueError):
        return None
    return _invert(parameters, cov, float(means.mean[0]), top, level, confidence)


def _invert(
    parameters: np.ndarray,
    cov: np.ndarray,
    base: float,
    top: float,
    level: float,
    confidence: float,
) -> Interval | None:
    def log_end(p: np.ndarray) -> float:
        plateau = 1.0 - float(error_rate(np.array(top), *p))
        missing = 1.0 - (base + level * (plateau - base)) - p[0]
        if missing <= 0 or p[1] <= 0 or p[2] <= 0:
            return float("nan")
        return float(np.log(p[1] / missing) / p[2])

    centre = log_end(parameters)
    step = 1e-4 * np.maximum(np.abs(parameters), 1e-3)
    slope = np.array([(log_end(parameters + d) - centre) for d in np.diag(step)]) / step
    variance = float(slope @ cov @ slope)
    if not (np.isfinite(centre) and np.isfinite(variance) and variance >= 0):
        return None
    half = float(norm.ppf((1 + confidence) / 2)) * np.sqrt(variance)
    low, high, estimate = (
        float(np.exp(np.clip(x, -20, 40))) for x in (centre - half, centre + half, centre)
    )
    return Interval(estimate, low, high, confidence)
