"""The share of each shape, the flat one among them, for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.dose.curve.evidence import log_sum, seed_log_likelihood
from titrant.dose.curve.fit import Fit, aicc, shape_weights, without_top

if TYPE_CHECKING:
    from titrant.dose.curve.noise import DoseMeans

FLAT_PARAMETERS = 3
"""Of the flat shape: floor, φ and κ (the other shapes have a gain besides, and their own)."""


def shape_shares(fitted: Fit) -> dict[str, float]:
    """Weight of every shape with the flat one among them, for the report; sums to one.

    The flat shape has a floor and no gain. It says nothing of an end point, so the interval does not
    know of it (`Fit.weights`); beside the others it shows whether the readings need a curve at all.
    """
    means = fitted.means
    profile, marginal = _flat_evidence(means)
    keep = without_top(means)
    held_out = (
        0.0 if keep is None else log_sum(marginal) - log_sum(_flat_evidence(means.keep(keep))[1])
    )
    flat_aicc = aicc(profile.max(keepdims=True), np.array([FLAT_PARAMETERS]), means.n_problems)
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
