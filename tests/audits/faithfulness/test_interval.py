"""Means over problems and arms: by hand, at the ends, and how often the intervals cover."""

import math

import numpy as np
import pytest

from titrant.audits.faithfulness.interval import Means, alpha, seed_variance

MEANS = Means(0.9)


def rate(hits, n=400):
    return sum(hits) / n


def test_a_problem_without_any_value_does_not_count():
    values = np.array([[1.0, np.nan, 3.0], [3.0, np.nan, np.nan]])
    found = MEANS.of(values).value
    # problem means 2 and 3
    assert found.estimate == pytest.approx(2.5)
    assert (found.n, found.seeds, found.level) == (2, 2, 0.9)


def test_without_problems_there_is_no_number_and_no_test():
    found = MEANS.of(np.full((2, 3), np.nan))
    assert (found.value.estimate, found.value.low, found.n) == (None, None, 0)
    assert found.p_above(0.0) is None
    assert not found.is_above(-1.0)


def test_none_of_n_is_not_never():
    # one more problem at the end, drawn k times with P(k = 0) = e^-1, so the 95 % quantile is 3 / 31
    found = MEANS.of(np.zeros(30), ends=(0.0, 1.0)).value
    assert found.low == 0.0
    assert found.high == pytest.approx(3 / 31)


def test_ends_are_not_passed():
    arms = np.array([np.zeros(20), np.ones(20)])
    found = MEANS.of(arms, ends=(0.0, 1.0)).value
    assert 0.0 <= found.low <= found.high <= 1.0


def test_an_estimate_past_an_end_lies_in_its_interval():
    found = MEANS.of(np.array([-0.2, 0.1, -0.1, 0.0] * 10), ends=(0.0, 1.0)).value
    assert found.estimate == pytest.approx(-0.05)
    assert found.low <= found.estimate <= found.high


def test_seed_variance_is_what_problems_do_not_explain():
    # means 2 and 6: variance 8; every problem moves with its arm, so nothing is explained
    assert seed_variance(np.array([[1.0, 3.0], [5.0, 7.0]])) == pytest.approx(8.0)
    # means 2 and 4: variance 2; around them −2, 2 and 0, 0, a variance of 2 per problem, over n = 2
    assert seed_variance(np.array([[0.0, 4.0], [4.0, 4.0]])) == pytest.approx(2.0 - 1.0)
    # means equal: variance 0
    assert seed_variance(np.array([[1.0, 3.0], [3.0, 1.0]])) == 0.0


def test_arms_that_differ_widen_the_interval():
    values = np.random.default_rng(0).normal(size=(1, 200))
    alike, apart = np.vstack([values] * 3), np.vstack([values - 1, values, values + 1])
    narrow, wide = MEANS.of(alike).value, MEANS.of(apart).value
    assert wide.estimate == pytest.approx(narrow.estimate)
    assert wide.high - wide.low > 4 * (narrow.high - narrow.low)


def test_test_and_interval_agree():
    values = np.random.default_rng(1).normal(0.3, 1.0, size=80)
    found = MEANS.of(values)
    assert found.value.low is not None
    eps = 1e-9
    assert found.p_above(found.value.low - eps) <= alpha(0.9) + 1 / 2001
    assert found.p_above(found.value.low + 0.02) > alpha(0.9)
    assert found.p_below(found.value.high + eps) <= alpha(0.9) + 1 / 2001


def test_the_ratio_of_means_is_the_ratio():
    over, under = np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 2.0, 8.0]])
    assert MEANS.ratio(over, under).value.estimate == pytest.approx(6 / 12)


def test_there_is_no_ratio_to_what_is_not_over_zero():
    assert MEANS.ratio(np.ones((1, 3)), np.array([[1.0, -1.0, 0.0]])).value.estimate is None


MADE = {
    "normal": (lambda rng: rng.normal(size=60), 0.0, 0.86),
    "exponential": (lambda rng: rng.exponential(1.0, size=60), 1.0, 0.86),
    "log-normal": (lambda rng: rng.lognormal(0.0, 1.0, size=60), math.exp(0.5), 0.81),
}


@pytest.mark.parametrize("kind", MADE)
def test_nine_intervals_of_ten_cover_a_mean(kind):
    make, truth, least = MADE[kind]
    found = [MEANS.of(make(np.random.default_rng(seed))).value for seed in range(400)]
    # binomial error of 400 is 1.5 points
    assert least < rate(one.low <= truth <= one.high for one in found) < 0.95


def test_intervals_cover_where_arms_differ_as_much_as_problems():
    hits, widths = [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        problems, arms = rng.normal(size=100), rng.normal(0, 0.1, size=(3, 1))
        values = problems + arms + rng.normal(0, 0.5, size=(3, 100))
        found = MEANS.of(values).value
        hits.append(found.low <= 0.0 <= found.high)
        widths.append(found.high - found.low)
    assert 0.86 < rate(hits) < 0.96
    # variance (1 + 0.25/3)/100 + 0.01/3 = 0.0142: 0.39 if all were known; t with two degrees of freedom adds
    assert 0.39 < np.mean(widths) < 0.52


def test_resampling_problems_alone_would_not_cover_then():
    """The reason for the part of the arms: without it, coverage falls far under nominal."""
    hits = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=100) + rng.normal(0, 0.3, size=(3, 1))
        found = MEANS.of(values.mean(axis=0)).value
        hits.append(found.low <= 0.0 <= found.high)
    assert rate(hits) < 0.75


def test_ratios_cover():
    hits = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        under = rng.lognormal(0.0, 0.8, size=80)
        over = 0.5 * under * rng.uniform(0.5, 1.5, size=80)
        found = MEANS.ratio(over[None], under[None]).value
        hits.append(found.low <= 0.5 <= found.high)
    assert 0.81 < rate(hits) < 0.95


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
def test_shares_cover_also_near_the_end(share):
    hits, widths = [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        found = MEANS.of((rng.random(80) < share).astype(float), ends=(0.0, 1.0)).value
        hits.append(found.low <= share <= found.high)
        widths.append(found.high - found.low)
    assert rate(hits) > 0.9 - 3 * math.sqrt(0.09 / 400)
    # the normal width, and one more problem at each end
    normal = 2 * 1.645 * math.sqrt(share * (1 - share) / 80)
    assert normal < np.mean(widths) < normal + 2 / 81
