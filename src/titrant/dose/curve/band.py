"""The band of the fitted response, for figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from titrant.dose.curve.fit import Fit

BAND_POINTS = 60
THREE_POINTS = (-(1.5**0.5), 0.0, 1.5**0.5)
"""Equally weighted points with the mean and variance of a standard normal."""


@dataclass(frozen=True, slots=True)
class BandPoint:
    """The fitted response at one dose."""

    dose: float
    accuracy: float
    low: float
    high: float


def band(fit: Fit, confidence: float) -> tuple[BandPoint, ...]:
    """Median and equal-tailed band of the expected accuracy, evenly spaced on a log-dose axis.

    Doses are real-valued: whole ones would lie a factor of 2 apart at the small end, in kinks.
    """
    doses = np.geomspace(1.0, fit.top, BAND_POINTS)
    curves, spread = fit.responses(doses), fit.response_sd(doses)
    tail = (1 - confidence) / 2
    points = []
    for i, dose in enumerate(doses):
        draws = np.concatenate([curves[:, i] + k * spread[:, i] for k in THREE_POINTS])
        order = np.argsort(draws)
        mass = np.cumsum(np.tile(fit.curve_weights / 3, 3)[order])
        low, middle, high = np.interp([tail, 0.5, 1 - tail], mass / mass[-1], draws[order])
        points.append(BandPoint(float(dose), float(middle), float(low), float(high)))
    return tuple(points)
