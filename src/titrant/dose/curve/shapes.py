"""Shapes of a response on the log-dose axis, each as a grid of unit curves.

A unit curve h has h(0) = 0 and h(top) = 1, so that a response is `floor + gain · h(dose)`: linear in
floor and gain once its shape parameters are given. The end point at a level is the smallest dose with
h ≥ level, and depends on the shape parameters alone; so every grid is laid out in the end point itself
(log-spaced between one trace and the top dose) and one or two further parameters. A flat prior on the
grid is then a flat prior on the log of the end point, the same for every shape.

    hill         x^s / (x^s + c^s)                      Emax for s = 1
    exponential  1 − exp(−x/c)
    power        1 − (1 + x/c)^−b                       power law with floor, rectified at small doses
    step         1 from c on
    rise_fall    hill(x; c, 1.5) · (1 − f·hill(x; d, 2))  rises, then falls by the share f

The flat shape has no curve: it is the hypothesis that the gain is zero (`shares`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

Raw = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(doses [doses], scale [curves, 1], rest [curves, 1, parameters]) → [curves, doses]"""

END_POINTS = 72
"""Grid points in log end point, per combination of the other parameters."""


def hill(x: np.ndarray, c: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Emax with slope `rest[..., 0]`."""
    power = rest[..., 0]
    return 1.0 / (1.0 + (c / np.maximum(x, 1e-12)) ** power)


def exponential(x: np.ndarray, c: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Saturating exponential."""
    del rest
    return -np.expm1(-x / c)


def power(x: np.ndarray, c: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Rectified power law with exponent `rest[..., 0]`."""
    return -np.expm1(-rest[..., 0] * np.log1p(x / c))


def step(x: np.ndarray, c: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Nothing below `c`, all from `c` on."""
    del rest
    return (x >= c).astype(float)


def rise_fall(x: np.ndarray, c: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """A hill of slope 1.5 whose top falls by the share `rest[..., 0]` around `rest[..., 1]`."""
    x = np.maximum(x, 1e-12)
    rise = 1.0 / (1.0 + (c / x) ** 1.5)
    return rise * (1.0 - rest[..., 0] / (1.0 + (rest[..., 1] / x) ** 2))


@dataclass(frozen=True, slots=True)
class Grid:
    """Unit curves of one shape for one top dose and level."""

    shape: str
    parameters: int
    """Free parameters besides floor and gain; counts in AICc."""
    end_point: np.ndarray
    """Smallest dose with h ≥ level; [curves]."""
    scale: np.ndarray
    """[curves, 1]"""
    rest: np.ndarray
    """[curves, 1, parameters − 1]"""
    prior: np.ndarray
    """Log prior mass; sums to one over the grid; [curves]."""
    top_value: np.ndarray
    """The raw curve at the top dose; [curves, 1]."""
    top: float

    def curves(self, doses: Sequence[float] | np.ndarray) -> np.ndarray:
        """H at the given doses; dose 0 gives 0. Shape: [curves, doses]."""
        x = np.asarray(doses, dtype=float)
        raw = RAW[self.shape]
        values = raw(x[None, :], self.scale, self.rest) / self.top_value
        return np.where(x[None, :] > 0, values, 0.0)


RAW: dict[str, Raw] = {
    "hill": hill,
    "exponential": exponential,
    "power": power,
    "step": step,
    "rise_fall": rise_fall,
}
"""Every shape but the flat one."""

SLOPES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
EXPONENTS = (0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)
FALLS = (0.12, 0.25, 0.4, 0.6)
FALL_SHARES = (0.05, 0.17, 0.6)
"""Where the fall is half done, as a share of the top dose."""


def _rest_rows(shape: str, top: float) -> np.ndarray:
    if shape == "hill":
        return np.array(SLOPES)[:, None]
    if shape == "power":
        return np.array(EXPONENTS)[:, None]
    if shape == "rise_fall":
        return np.array([(f, share * top) for f in FALLS for share in FALL_SHARES])
    return np.zeros((1, 0))


@lru_cache(maxsize=256)
def grid(shape: str, top: float, level: float) -> Grid:
    """The grid of one shape; cached, since a run asks for the same one over and over.

    End points that the shape cannot have are left out: all of them where the pool is tiny.
    """
    targets = np.exp(np.linspace(0.0, np.log(top), END_POINTS, endpoint=False))
    rest_rows = _rest_rows(shape, top)
    end_point = np.repeat(targets[None, :], len(rest_rows), axis=0).ravel()
    rest = np.repeat(rest_rows, END_POINTS, axis=0)[:, None, :]
    scale, solved = _solve_scale(shape, end_point, rest, top, level)
    top_value = RAW[shape](np.full((1, 1), top), scale, rest)
    flat = np.zeros(len(rest))
    unit = Grid(shape, 1 + rest_rows.shape[1], end_point, scale, rest, flat, top_value, top)
    unit = _some(unit, solved)
    if shape == "rise_fall":  # some curves dip and rise again: past a first crossing near the top
        return _some(unit, end_point_of(unit, level) >= unit.end_point * (1 - 1e-9))
    return unit


def _some(unit: Grid, keep: np.ndarray) -> Grid:
    """Only some curves of a grid, with a flat prior over them."""
    return replace(
        unit,
        end_point=unit.end_point[keep],
        scale=unit.scale[keep],
        rest=unit.rest[keep],
        prior=np.full(keep.sum(), -np.log(max(1, keep.sum()))),
        top_value=unit.top_value[keep],
    )


def _solve_scale(
    shape: str, end_point: np.ndarray, rest: np.ndarray, top: float, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """The scale at which h crosses the level at the wanted end point, by bisection on its log."""
    target = end_point[:, None]
    if shape == "step":
        return target, np.ones(len(target), dtype=bool)
    raw = RAW[shape]
    top_dose = np.full((1, 1), top)

    def excess(log_scale: np.ndarray) -> np.ndarray:
        scale = np.exp(log_scale)
        return _ratio(raw, target, top_dose, scale, rest) - level

    low = np.full_like(target, np.log(1e-9))
    high = np.full_like(target, np.log(top * 1e6))
    solved = (excess(low) > 0) & (excess(high) < 0)
    for _ in range(60):
        middle = (low + high) / 2
        above = excess(middle) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.exp(low), solved[:, 0]


def _ratio(
    raw: Raw, dose: np.ndarray, top: np.ndarray, scale: np.ndarray, rest: np.ndarray
) -> np.ndarray:
    """h(dose) with the dose given per curve; [curves, 1]."""
    rows = [
        raw(dose, scale, rest),
        raw(np.broadcast_to(top, dose.shape), scale, rest),
    ]
    return rows[0] / rows[1]


def end_point_of(grid_: Grid, level: float, *, steps: int = 1100) -> np.ndarray:
    """The smallest dose with h ≥ `level` for every curve of a grid, at any level; [curves].

    Read off a fine log-dose axis (1 % apart or finer for pools up to 50,000).
    """
    doses = np.exp(np.linspace(0.0, np.log(grid_.top), steps))
    reached = grid_.curves(doses) >= level - 1e-9
    return np.where(reached.any(axis=1), doses[reached.argmax(axis=1)], np.nan)
