"""End points and gains read off the fitted curves, with intervals; a shape-free end point beside them.

ED95 is the smallest dose whose expected accuracy reaches base + 0.95 × Δ, with Δ the gain of the top
dose. In the fit, floor and base are one, so a curve's end point is where its unit form h reaches
0.95, whatever floor and gain are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import ndtr

from titrant.dose.curve.shapes import END_POINTS, end_point_of

if TYPE_CHECKING:
    from titrant.dose.curve.fit import Fit
    from titrant.dose.curve.noise import DoseMeans


SAY = 0.1
"""Weight from which on a shape has a say: its interval is held and its disagreement shown."""


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
    """Median over all curves of all shapes, in traces, with an interval that no likely shape leaves.

    A tail of the mixture is no tail of its shapes: where two shapes share the weight evenly and only
    one of them reaches far, a 5 % tail of the mixture cuts that one at its own 10 %. Shapes that the
    readings cannot tell apart differ in just this, in how slowly they end. So the interval is the
    mixture's, widened to hold that of every shape whose disagreement is shown (`SAY`). On simulated
    power laws that brings the coverage from that of the mixture to that of a fit that knows the shape.

    `level` other than the fit's is read off each curve. Values are kept within [1, top].
    """
    weights = fit.curve_weights
    if level is None or level == fit.level:
        values = fit.end_points
    else:
        values = np.concatenate([end_point_of(unit, level) for unit in fit.grids])
    known = np.isfinite(values) & (weights > 0)
    log_values = np.log(np.where(known, values, 1.0))
    weights = np.where(known, weights, 0.0)
    tail = (1 - confidence) / 2
    wanted, cell = np.array([0.5, tail, 1 - tail]), float(np.log(fit.top) / END_POINTS)
    whole = weighted_quantiles(log_values[known], weights[known], wanted, cell=cell)
    likely = [
        weighted_quantiles(log_values[part], weights[part], wanted, cell=cell)
        for part in likely_parts(fit)
        if weights[part].sum() > 0
    ]
    low, high = min(q[1] for q in (whole, *likely)), max(q[2] for q in (whole, *likely))
    estimate, low, high = np.clip(np.exp([whole[0], low, high]), 1.0, fit.top)
    return Interval(float(estimate), float(low), float(high), confidence)


def likely_parts(fit: Fit) -> list[slice]:
    """The curves of each shape that has a say in the end point."""
    return [part for part, w in zip(fit.parts, fit.weights, strict=True) if w >= SAY]


class Reach(NamedTuple):
    """Where a strategy reaches a target that is not a share of its own gain."""

    ed: Interval | None
    """`None` where the target is more likely than not beyond the top dose."""
    beyond: float
    """Probability that the target is not reached up to the top dose."""


REACH_STEPS = 400
"""Doses on the log axis on which a curve's crossing of a shared target is sought."""


def crossings(fit: Fit, levels: np.ndarray) -> np.ndarray:
    """The smallest dose at which each curve reaches each level; ∞ where none does; [curves, levels].

    A level is a share of the curve's own value at the top and may be over 1.
    """
    doses = np.exp(np.linspace(0.0, np.log(fit.top), REACH_STEPS))
    heights = np.maximum.accumulate(fit.unit_curves(doses), axis=1)
    columns = []
    for level in levels:
        reached = heights >= level - 1e-9
        columns.append(np.where(reached[:, -1], doses[reached.argmax(axis=1)], np.inf))
    return np.stack(columns, axis=1)


def shared_end_point(fit: Fit, ratios: np.ndarray, *, confidence: float) -> Reach:
    """The end point where the target is `level` × a gain that is not this strategy's own.

    The interval is widened over shapes as that of `end_point`.

    Args:
        fit: the strategy's own fit; its curves are 1 at its own top.
        ratios: equally likely values of the shared gain over the strategy's own; ∞ where the
            strategy gains nothing.
        confidence: level of the interval, whose ends are kept within the top dose.
    """
    found = crossings(fit, fit.level * ratios)
    is_beyond = ~np.isfinite(found)
    beyond = float(fit.curve_weights @ is_beyond.mean(axis=1))
    if beyond >= 0.5:
        return Reach(None, beyond)
    far = np.log(fit.top) + 10.0  # any place past the top: quantiles there are cut to it
    log_dose = np.where(is_beyond, far, np.log(np.where(is_beyond, 1.0, found)))
    tail = (1 - confidence) / 2
    wanted, cell = np.array([0.5, tail, 1 - tail]), float(np.log(fit.top) / END_POINTS)

    def quantiles(part: slice) -> np.ndarray:
        weights = np.repeat(fit.curve_weights[part] / len(ratios), len(ratios))
        use = weights > 0
        return weighted_quantiles(log_dose[part].ravel()[use], weights[use], wanted, cell=cell)

    whole = quantiles(slice(None))
    each = [whole, *(quantiles(part) for part in likely_parts(fit))]
    ends = whole[0], min(q[1] for q in each), max(q[2] for q in each)
    estimate, low, high = np.clip(np.exp(ends), 1.0, fit.top)
    return Reach(Interval(float(estimate), float(low), float(high), confidence), beyond)


def disagreement(fit: Fit, *, share: float = SAY) -> float | None:
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
    dispersion: np.ndarray,
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
    cdf = weights @ ndtr(span[None, :] / sd[:, None])
    return mean + float(np.interp(probability, cdf, span))


def mixture_interval(
    mean: float, sd: np.ndarray, weights: np.ndarray, confidence: float
) -> Interval:
    """Equal-tailed interval of a mixture of normals with one mean and several widths."""
    reach = mean - mixture_quantile(mean, sd, weights, (1 - confidence) / 2)
    return Interval(mean, mean - reach, mean + reach, confidence)


def contrast(means: DoseMeans, fit: Fit, plus: int, minus: int, *, confidence: float) -> Interval:
    """Accuracy at dose row `plus` less that at row `minus`, paired by problem, seeds included.

    Integrates over the posterior of the seed noise, so few arms give wide intervals.
    """
    seeds = means.seed_variance[:, [plus, minus]].sum(axis=1)
    sd = np.sqrt(means.problem_variance(plus, minus) + seeds + 1e-12)
    estimate = float(means.mean[plus] - means.mean[minus])
    return mixture_interval(estimate, sd, fit.noise_weights, confidence)


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
    chance = ndtr((rises[rows, best] - margin) / np.maximum(sd[rows, best], 1e-9))
    weights = fit.curve_weights
    likely = np.bincount(best, weights=weights * chance, minlength=len(doses))
    return float(weights @ chance), float(doses[int(likely.argmax())])


def _probability_of_gain(fit: Fit, doses: np.ndarray, margin: float) -> float:
    missing = 1.0 - fit.unit_curves(doses)[:, 0]
    sd = np.maximum(np.abs(missing) * fit.gain_sd, 1e-9)
    return float(fit.curve_weights @ ndtr((missing * fit.gain - margin) / sd))
