"""The price of choosing the best strategy, and each against a reference."""

import numpy as np
import pytest
from planted import first_round, joined, planted
from scipy.stats import norm

from titrant.dose.curve.endpoint import Interval
from titrant.dose.curve.fit import fit
from titrant.dose.curve.noise import condense
from titrant.dose.curve.resample import reweighted
from titrant.dose.judge.family import (
    DRAWS_PER_COMPARISON,
    Member,
    choosing_factor,
    compare,
    compare_pairs,
    controlled_pairs,
    resampled_ends,
    stretch,
)
from titrant.dose.judge.verdict import judge
from titrant.settings import LadderSettings

SETTINGS = LadderSettings()
TOP = 4096
SATURATED = (0.30, 0.32, 0.42, 0.56, 0.60, 0.60)


def test_choosing_between_independent_strategies_widens_by_the_max_of_normals():
    draws = np.random.default_rng(0).standard_normal((3, 40_000))
    assert choosing_factor(draws[:1], 0, confidence=0.9) == 1.0
    # Of k independent |Z| the largest is under c with probability (2Φ(c) − 1)^k; at 90 %:
    for k in (2, 3):
        together = norm.ppf((1 + 0.9 ** (1 / k)) / 2)
        found = choosing_factor(draws[:k], 0, confidence=0.9)
        assert found == pytest.approx(together / norm.ppf(0.95), rel=0.02)  # 1.185 and 1.294


def test_choosing_between_one_thing_and_itself_costs_nothing():
    draws = np.random.default_rng(0).standard_normal((1, 1000))
    both = np.vstack([draws, 5.0 + 3.0 * draws])  # place and scale do not matter
    assert choosing_factor(both, 1, confidence=0.9) == pytest.approx(1.0)


def test_an_interval_is_stretched_on_the_log_axis():
    # 100 (50–400) by 1.5: 100 / 2^1.5 = 35.36, 100 · 4^1.5 = 800; the top keeps it at 600.
    found = stretch(Interval(100.0, 50.0, 400.0, 0.9), 1.5, top=600.0)
    assert found.estimate == 100.0
    assert found.low == pytest.approx(35.355, abs=1e-3)
    assert found.high == 600.0


def test_comparisons_by_hand():
    zeros = np.zeros(99)
    ends = np.stack([zeros, zeros + np.log(2.0), np.where(np.arange(99) < 9, -1.0, 1.0)])
    estimates = np.array([0.0, np.log(2.0), 0.5])
    found = compare(("random", "a", "b"), ends, estimates, against=0, confidence=0.9)
    assert set(found) == {"a", "b"}
    assert found["a"].against == "random"
    assert found["a"].ratio == pytest.approx((2.0, 2.0, 2.0, 0.9))
    # a: no draw of 99 at or below 1: 2 · (1 + 0)/100 = 0.02. b: 9 below: 2 · (1 + 9)/100 = 0.2.
    assert found["a"].p == pytest.approx(0.02)
    assert found["b"].p == pytest.approx(0.2)
    # Holm over two: 0.02 · 2 and 0.2 · 1
    assert found["a"].p_holm == pytest.approx(0.04)
    assert found["b"].p_holm == pytest.approx(0.2)


def test_a_control_is_found_by_the_name_of_what_it_controls():
    names = ("random", "longest~length", "longest", "gain@1~source", "gain", "longest~source")
    # gain@1 takes no part, so its control is nobody's
    assert controlled_pairs(names) == [(2, 1), (2, 5)]
    assert controlled_pairs(("random", "longest")) == []


def test_pairs_are_one_family_whatever_they_are_compared_with():
    zeros = np.zeros(99)
    ends = np.stack([zeros, zeros + np.log(2.0), np.where(np.arange(99) < 9, -1.0, 1.0)])
    estimates = np.array([0.0, np.log(2.0), 0.5])
    names = ("a", "a~length", "a~source")
    first, second = compare_pairs([(0, 1), (0, 2)], names, ends, estimates, confidence=0.9)
    assert (first.against, second.against) == ("a~length", "a~source")
    assert first.ratio == pytest.approx((0.5, 0.5, 0.5, 0.9))
    # as in the test above, with the sides changed: 2 · 1/100 · 2, and 2 · (1 + 9)/100
    assert (first.p_holm, second.p_holm) == pytest.approx((0.04, 0.2))


def test_reweighting_by_the_means_themselves_gives_the_fit_back():
    fitted = fit(condense(first_round(*SATURATED)), top=TOP)
    weights = reweighted(fitted, fitted.means.mean[:, None])[:, 0]
    assert weights.sum() == pytest.approx(1.0)
    # Values of φ under a thousandth of the likeliest are left out: no curve moves by more than that.
    np.testing.assert_allclose(weights, fitted.curve_weights, atol=1e-3)


def members(table, *names):
    found = []
    for name in names:
        part = table.strategy(name, shared_dose=TOP)
        found.append(Member(name, part, judge(part, top=TOP, settings=SETTINGS), None))
    return found


def test_a_strategy_and_its_copy_move_together_and_do_not_differ():
    table = joined(
        first_round(*SATURATED, n=500),
        planted({4: 0.40, 32: 0.58, 128: 0.60, 1024: 0.60}, n=500, strategy="early"),
    )
    both = members(table, "random", "early")
    ends = resampled_ends([both[0], both[0], both[1]], table, np.random.default_rng(0), draws=100)
    np.testing.assert_array_equal(ends[0], ends[1])
    estimates = np.log([m.judgement.ed.estimate for m in (both[0], both[0], both[1])])
    found = compare(("random", "copy", "early"), ends, estimates, against=0, confidence=0.9)
    assert found["copy"].p == 1.0
    assert found["early"].ratio.high < 1.0
    assert found["early"].p_holm < 0.05


def test_a_large_lead_among_many_strategies_is_told():
    table = joined(
        first_round(*SATURATED, n=500),
        planted({4: 0.40, 32: 0.58, 128: 0.60, 1024: 0.60}, n=500, strategy="early"),
    )
    both = members(table, "random", "early")
    rng = np.random.default_rng(0)
    reference, early = resampled_ends(both, table, rng, draws=12 * DRAWS_PER_COMPARISON)
    ends = np.stack([reference, *[early] * 12])
    names = ("random", *(f"early-{i}" for i in range(12)))
    estimates = np.log([both[i > 0].judgement.ed.estimate for i in range(13)])
    found = compare(names, ends, estimates, against=0, confidence=0.9)
    assert all(item.p_holm < 0.05 for item in found.values())


def test_many_strategies_are_resampled_more_often():
    table = first_round(*SATURATED, n=50)
    (one,) = members(table, "random")
    ends = resampled_ends([one] * 5, table, np.random.default_rng(0))
    assert ends.shape == (5, 4 * DRAWS_PER_COMPARISON)


def test_resampled_end_points_lie_around_the_estimate():
    table = first_round(*SATURATED, n=2000)
    (one,) = members(table, "random")
    (ends,) = resampled_ends([one], table, np.random.default_rng(0), draws=200)
    assert np.median(ends) == pytest.approx(np.log(one.judgement.ed.estimate), abs=0.2)
    assert 0.05 < ends.std() < np.log(one.judgement.ed.factor)
