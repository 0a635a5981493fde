"""Unit curves of each shape, laid out on a grid of their end points."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.dose.curve.shapes import (
    END_POINTS,
    RAW,
    SLOPES,
    end_point_of,
    exponential,
    grid,
    hill,
    power,
    rise_fall,
    step,
)

TOPS = (16.0, 4096.0, 100_000.0)
tops = st.sampled_from(TOPS)
shapes = st.sampled_from(sorted(RAW))
levels = st.sampled_from([0.8, 0.9, 0.95, 0.99])


def at(raw, dose, scale, *rest) -> float:
    return float(raw(np.array([float(dose)]), np.array([[float(scale)]]), np.array([[rest]]))[0, 0])


def test_hill_by_hand():
    assert at(hill, 8, 8, 1) == 0.5  # half the effect at the half dose, whatever the slope
    assert at(hill, 8, 8, 3) == 0.5
    assert at(hill, 24, 8, 1) == pytest.approx(24 / 32)
    assert at(hill, 24, 8, 2) == pytest.approx(9 / 10)  # 3² / (3² + 1)
    assert at(hill, 0, 8, 0.5) < 1e-5


def test_exponential_by_hand():
    assert at(exponential, 10, 10) == pytest.approx(1 - 1 / np.e)
    assert at(exponential, 10 * np.log(2), 10) == pytest.approx(0.5)


def test_power_by_hand():
    assert at(power, 30, 10, 0.5) == pytest.approx(0.5)  # 1 − (1 + 3)^−½
    assert at(power, 10, 10, 1) == pytest.approx(0.5)  # 1 − 1/2
    assert at(power, 70, 10, 2) == pytest.approx(1 - 1 / 64)


def test_step_by_hand():
    assert [at(step, dose, 8) for dose in (7.99, 8, 9)] == [0, 1, 1]


def test_rise_and_fall_by_hand():
    # rise at 16 with c = 4: 1 / (1 + (1/4)^1.5) = 1 / (1 + 1/8) = 8/9;
    # half of the fall of ½ is done at d = 16: 1 − ½ · ½ = ¾; 8/9 · ¾ = 2/3
    assert at(rise_fall, 16, 4, 0.5, 16) == pytest.approx(2 / 3)
    # at 32: 1 / (1 + (1/8)^1.5) = 0.957676; 1 − ½ / (1 + (1/2)²) = 0.6
    assert at(rise_fall, 32, 4, 0.5, 16) == pytest.approx(0.957676 * 0.6, rel=1e-5)


def solved_by_hand(shape: str, level: float, top: float, c, rest):
    """The dose at which the curve with scale c has the level's share of its value at the top."""
    if shape == "hill":  # u = level · H(top); x = c · (u / (1 − u))^(1/s)
        s = rest[:, 0]
        u = level / (1 + (c / top) ** s)
        return c * (u / (1 - u)) ** (1 / s)
    if shape == "exponential":
        return -c * np.log1p(level * np.expm1(-top / c))
    if shape == "power":
        b = rest[:, 0]
        return c * ((1 - level * (1 - (1 + top / c) ** -b)) ** (-1 / b) - 1)
    return c  # step


@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize("shape", ["hill", "exponential", "power", "step"])
def test_end_points_are_those_solved_by_hand(shape, top):
    unit = grid(shape, top, 0.95)
    expected = solved_by_hand(shape, 0.95, top, unit.scale[:, 0], unit.rest[:, 0])
    # The power law's inverse loses digits where (1 + top/c)^−b is close to 1, so 1e-6.
    np.testing.assert_allclose(unit.end_point, expected, rtol=1e-6)


def test_an_emax_curve_solved_on_paper():
    # h(x) = x/(x+c) · (100+c)/100 = 0.95 gives c = x · 5 / (95 − x). Grid point 54 of 72 lies at
    # x = 100^¾ = 31.6228: c = 158.114 / 63.3772 = 2.49481.
    unit = grid("hill", 100.0, 0.95)
    slope_one = unit.rest[:, 0, 0] == 1.0
    assert unit.end_point[slope_one][54] == pytest.approx(31.6228, rel=1e-5)
    assert unit.scale[slope_one, 0][54] == pytest.approx(2.49481, rel=1e-5)


def test_a_shape_that_cannot_be_so_late_has_no_curve():
    # A concave curve from 0 to 1 over two traces is past one half at the first of them.
    unit = grid("exponential", 2.0, 0.5)
    assert len(unit.end_point) == len(unit.prior) == 0
    assert len(grid("step", 2.0, 0.5).end_point) == END_POINTS


@settings(max_examples=40)
@given(shapes, tops, levels)
def test_unit_curves_start_at_nothing_and_end_at_one(shape, top, level):
    unit = grid(shape, top, level)
    h = unit.curves([0.0, top])
    np.testing.assert_array_equal(h[:, 0], 0.0)
    np.testing.assert_allclose(h[:, 1], 1.0, rtol=1e-12)


@settings(max_examples=40)
@given(shapes, tops, levels)
def test_unit_curves_reach_the_level_at_their_end_point(shape, top, level):
    unit = grid(shape, top, level)
    h = np.diagonal(unit.curves(unit.end_point))
    assert (h >= level - 1e-12).all()
    if shape != "step":
        np.testing.assert_allclose(h, level, rtol=1e-9)


@settings(max_examples=15)
@given(shapes, tops, levels)
def test_no_smaller_dose_reaches_the_level(shape, top, level):
    unit = grid(shape, top, level)
    found = end_point_of(unit, level, steps=1500)
    ratio = np.log(found / unit.end_point)
    assert (ratio > -1e-6).all()
    assert (ratio < np.log(top) / 1499 + 1e-6).all()


@settings(max_examples=25)
@given(shapes, tops, levels)
def test_the_prior_is_flat_in_the_log_of_the_end_point(shape, top, level):
    unit = grid(shape, top, level)
    assert np.exp(unit.prior).sum() == pytest.approx(1.0)
    assert np.ptp(unit.prior) == 0.0
    values = np.unique(unit.end_point)
    np.testing.assert_allclose(np.diff(np.log(values)), np.log(top) / END_POINTS, rtol=1e-6)


def test_a_usual_pool_has_every_end_point_in_every_shape():
    for shape, rows in (("hill", len(SLOPES)), ("exponential", 1), ("power", 7), ("rise_fall", 12)):
        assert len(grid(shape, 4096.0, 0.95).end_point) == rows * END_POINTS


def test_all_shapes_but_two_rise_steadily_and_one_falls():
    doses = np.exp(np.linspace(0, np.log(4096), 200))
    for shape in ("hill", "exponential", "power", "step"):
        assert (np.diff(grid(shape, 4096.0, 0.95).curves(doses), axis=1) >= -1e-12).all()
    falling = grid("rise_fall", 4096.0, 0.95).curves(doses)
    assert (falling.max(axis=1) > 1.1).mean() > 0.5


def test_parameters_count_the_end_point_and_what_else_bends_the_curve():
    counts = {shape: grid(shape, 4096.0, 0.95).parameters for shape in RAW}
    assert counts == {"hill": 2, "exponential": 1, "power": 2, "step": 1, "rise_fall": 3}


def test_end_points_at_other_levels_are_within_one_percent():
    for top in (4096.0, 50_000.0):
        unit = grid("exponential", top, 0.95)
        for level in (0.5, 0.8, 0.9):
            expected = solved_by_hand("exponential", level, top, unit.scale[:, 0], unit.rest[:, 0])
            found = end_point_of(unit, level)
            above = expected >= 1  # a pool has no dose under 1
            ratio = found[above] / expected[above]
            assert (ratio >= 1 - 1e-9).all()
            assert (ratio <= 1.0101).all()
            assert (found[~above] == 1.0).all()


def test_a_higher_level_takes_at_least_the_dose_of_a_lower_one():
    unit = grid("rise_fall", 4096.0, 0.95)
    by_level = [end_point_of(unit, level) for level in (0.5, 0.8, 0.9, 0.95)]
    for lower, higher in itertools.pairwise(by_level):
        assert (lower <= higher).all()
