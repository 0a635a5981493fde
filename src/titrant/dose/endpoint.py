"""End points read off the fitted curves, with intervals, and a shape-free estimate beside them.

ED95 is the smallest dose whose expected accuracy reaches base + 0.95 × Δ, with Δ the gain of the top
dose. In the fit, floor and base are one, so a curve's end point is where its unit form h reaches
0.95, whatever floor and gain are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.stats import norm

from titrant.dose.fit import DISPERSIONS, Fit
from titrant.dose.shapes import END_POINTS, end_point_of

if TYPE_CHECKING:
    from titrant.dose.noise import DoseMeans


class Interval(NamedTuple):
    """An estimate with its interval at a stated level."""

    estimate: float
    low: float
    high: float
    level: float

    @property
    def factor(self) -> float:
        """High / low."""
        return self.high / self.low


def weighted_quantiles(
    log_values: np.ndarray, weights: np.ndarray, probabilities: np.ndarray, *, cell: float
) -> np.ndarray:
    """Quantiles of a weighted set on a log axis; each value stands for a cell of the given width.

    Spreading a grid point over its cell, half to each side, keeps an interval from collapsing to
    nothing when one grid point carries all the weight. Values may lie closer than a cell or leave
    gaps.
    """
    edges = np.concatenate([log_values - cell / 2, log_values + cell / 2])
    slopes = np.concatenate([weights, -weights]) / (cell * weights.sum())
    order = np.argsort(edges, kind="stable")
    edges, density = edges[order], np.cumsum(slopes[order])
    pieces = np.maximum(density[:-1], 0.0) * np.diff(edges)
    cumulative = np.concatenate([[0.0], np.cumsum(pieces)])
    return np.interp(probabilities, cumulative / cumulative[-1], edges)


def end_point(fit: Fit, *, confidence: float, level: float | None = None) -> Interval:
    """Median and equal-tailed interval of an end point over all curves of all shapes, in traces.

    `level` other than the fit's is read off each curve. Values are kept within [1, top].
    """
    weights = fit.curve_weights
    if level is None or level == fit.level:
        values = fit.end_points
    else:
        values = np.concatenate([end_point_of(unit, level) for unit in fit.grids])
    known = np.isfinite(values) & (weights > 0)
    tail = (1 - confidence) / 2
    found = weighted_quantiles(
        np.log(values[known]),
        weights[known],
        np.array([0.5, tail, 1 - tail]),
        cell=float(np.log(fit.top) / END_POINTS),
    )
    estimate, low, high = np.clip(np.exp(found), 1.0, fit.top)
    return Interval(float(estimate), float(low), float(high), confidence)


def disagreement(fit: Fit, *, share: float = 0.1) -> float | None:
    """Largest ratio between the median end points of two shapes with `share` of the weight or more."""
    log_end = np.log(fit.end_points)
    middle, cell = np.array([0.5]), float(np.log(fit.top) / END_POINTS)
    medians = [
        np.exp(weighted_quantiles(log_end[part], fit.curve_weights[part], middle, cell=cell)[0])
        for part, weight in zip(fit.parts, fit.weights, strict=True)
        if weight >= share
    ]
    return float(max(medians) / min(medians)) if len(medians) > 1 else None


def isotonic_end_point(
    means: DoseMeans,
    *,
    level: float,
    confidence: float,
    dispersion: float,
    rng: np.random.Generator,
    draws: int = 400,
) -> Interval:
    """The end point of a monotone curve without a shape: isotonic means, linear in log dose between.

    The interval is the spread over draws of the dose means from their noise; it assumes no shape but
    monotony, is rough between doses, and stands beside the fit as a check.
    """
    noise = rng.multivariate_normal(
        np.zeros(len(means.mean)), means.covariance(dispersion), size=draws
    )
    weights = 1.0 / np.diag(means.covariance(dispersion))
    found = np.array(
        [
            _isotonic_crossing(means, row, weights, level)
            for row in (means.mean, *(means.mean + noise))
        ]
    )
    tail = (1 - confidence) / 2
    low, high = np.exp(np.quantile(np.log(found[1:]), [tail, 1 - tail]))
    return Interval(float(found[0]), float(low), float(high), confidence)


def _isotonic_crossing(
    means: DoseMeans, mean: np.ndarray, weights: np.ndarray, level: float
) -> float:
    curve = isotonic_regression(mean, weights=weights).x
    target = curve[0] + level * (curve[-1] - curve[0])
    i = int(np.argmax(curve >= target - 1e-12))
    if i <= 1:
        return float(means.doses[1])
    share = (target - curve[i - 1]) / max(curve[i] - curve[i - 1], 1e-12)
    low, high = np.log(means.doses[i - 1]), np.log(means.doses[i])
    return float(np.exp(low + share * (high - low)))


def mixture_quantile(mean: float, sd: np.ndarray, weights: np.ndarray, probability: float) -> float:
    """Quantile of a mixture of normals with one mean and several widths."""
    span = np.linspace(-8, 8, 1601) * float(sd.max())
    cdf = (weights[:, None] * norm.cdf(span[None, :] / sd[:, None])).sum(axis=0)
    return mean + float(np.interp(probability, cdf, span))


def contrast(means: DoseMeans, fit: Fit, plus: int, minus: int, *, confidence: float) -> Interval:
    """Accuracy at dose row `plus` less that at row `minus`, paired by problem, seeds included.

    Integrates over the posterior of the seed dispersion, so few arms give wide intervals.
    """
    c = means.problem_cov
    problems = c[plus, plus] + c[minus, minus] - 2 * c[plus, minus]
    seeds = means.seed_weight[plus] + means.seed_weight[minus]
    sd = np.sqrt(np.maximum(problems, 0) + DISPERSIONS * seeds + 1e-12)
    estimate = float(means.mean[plus] - means.mean[minus])
    tail = (1 - confidence) / 2
    low, high = (mixture_quantile(estimate, sd, fit.phi_weights, p) for p in (tail, 1 - tail))
    return Interval(estimate, low, high, confidence)


def last_doubling(fit: Fit, *, margin: float) -> float:
    """Probability that doubling the dose from top/2 to the top gains more than the margin."""
    return _probability_of_gain(fit, np.array([fit.top / 2]), margin)


def peak_over_top(fit: Fit, doses: np.ndarray, *, margin: float) -> tuple[float, float]:
    """Probability that some smaller dose beats the top by more than the margin, and the likeliest.

    Without smaller doses: 0 and the top itself.
    """
    if doses.size == 0:  # a limit ended the run before any dose between base and top was read
        return 0.0, fit.top
    lead = fit.unit_curves(doses) - 1.0
    rises, sd = fit.gain[:, None] * lead, fit.gain_sd[:, None] * np.abs(lead)
    best = rises.argmax(axis=1)
    rows = np.arange(len(best))
    chance = norm.sf((margin - rises[rows, best]) / np.maximum(sd[rows, best], 1e-9))
    weights = fit.curve_weights
    likely = np.bincount(best, weights=weights * chance, minlength=len(doses))
    return float(weights @ chance), float(doses[int(likely.argmax())])


def _probability_of_gain(fit: Fit, doses: np.ndarray, margin: float) -> float:
    missing = 1.0 - fit.unit_curves(doses)[:, 0]
    sd = np.maximum(np.abs(missing) * fit.gain_sd, 1e-9)
    return float(fit.curve_weights @ norm.sf((margin - missing * fit.gain) / sd))
