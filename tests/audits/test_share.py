"""The share of a gain: Fieller's interval by hand, what it refuses, and how often it covers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.audits.share import ratio_interval


def test_the_ends_solve_the_quadratic():
    # t² = 4 (df inf, level 0.9545), a = 3, b = 10, v_a = v_b = 1, c = 0:
    # (100 − 4)θ² − 2·30 θ + (9 − 4) = 0 → θ = (30 ± √(900 − 480)) / 96
    found = ratio_interval(3, 10, var_num=1, var_den=1, cov=0, df=math.inf, level=0.9544997361)
    assert found.estimate == pytest.approx(0.3)
    assert found.low == pytest.approx((30 - math.sqrt(420)) / 96, abs=1e-6)
    assert found.high == pytest.approx((30 + math.sqrt(420)) / 96, abs=1e-6)


def test_a_share_of_a_gain_under_two_errors_is_undefined():
    found = ratio_interval(1.0, 1.99, var_num=1, var_den=1, cov=0, df=math.inf, level=0.9)
    assert (found.estimate, found.low, found.high) == (None, None, None)


def test_a_gain_that_few_arms_do_not_tell_from_nothing_leaves_the_share_open():
    # over 2 errors, but t with one degree of freedom at 90 % is 6.3
    found = ratio_interval(1.0, 3.0, var_num=1, var_den=1, cov=0, df=1, level=0.9)
    assert found.estimate == pytest.approx(1 / 3)
    assert found.low is None
    assert found.high is None


@pytest.mark.parametrize("loss", [-10.0, -0.5, 0.0])
def test_a_loss_has_no_share(loss):
    found = ratio_interval(5.0, loss, var_num=0.01, var_den=0.01, cov=0, df=30, level=0.9)
    assert (found.estimate, found.low, found.high) == (None, None, None)


def test_missing_evidence_gives_no_share():
    found = ratio_interval(math.nan, 3.0, var_num=1, var_den=1, cov=0, df=9, level=0.9)
    assert found.estimate is None


def test_shares_are_not_clipped():
    found = ratio_interval(12, 10, var_num=0.01, var_den=0.01, cov=0, df=30, level=0.9)
    assert found.low is not None
    assert found.estimate == pytest.approx(1.2)
    assert found.low > 1


@given(
    num=st.floats(-5, 5),
    den=st.floats(3, 9),
    scale=st.floats(0.1, 10),
    cov=st.floats(-0.2, 0.2),
)
def test_the_unit_of_the_gain_does_not_matter(num, den, scale, cov):
    one = ratio_interval(num, den, var_num=0.3, var_den=0.4, cov=cov, df=20, level=0.9)
    other = ratio_interval(
        num * scale,
        den * scale,
        var_num=0.3 * scale**2,
        var_den=0.4 * scale**2,
        cov=cov * scale**2,
        df=20,
        level=0.9,
    )
    assert one.low is not None
    assert one.low <= num / den <= one.high
    assert other.low == pytest.approx(one.low, abs=1e-6)
    assert other.high == pytest.approx(one.high, abs=1e-6)


def test_nine_intervals_of_ten_cover_the_share():
    rng = np.random.default_rng(7)
    draws = rng.multivariate_normal([2.0, 8.0], [[1.0, 0.4], [0.4, 1.0]], size=4000)
    hits = 0
    for num, den in draws:
        found = ratio_interval(num, den, var_num=1, var_den=1, cov=0.4, df=math.inf, level=0.9)
        hits += found.low is not None and found.low <= 0.25 <= found.high
    # binomial with p = 0.9, n = 4000: standard deviation 0.0047, four of them
    assert abs(hits / 4000 - 0.9) < 0.02
