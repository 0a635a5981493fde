"""Differences of base, matched and tuned: by hand, beside the other audits' contrasts, and how they cover."""

import numpy as np
import pytest

from titrant.audits.arms import Groups, contrasts
from titrant.audits.budget.contrast import BASE, MATCHED, TUNED, trio_of

LEVEL = 0.9


def made(rng, n=200, *, base=0.4, matched=0.6, tuned=0.7, arm_sd=0.0, arms=3):
    ease = rng.normal(0, 0.2, size=n)
    draw = lambda mean: (rng.random(n) < np.clip(mean + ease, 0, 1)).astype(float)  # noqa: E731
    return (
        draw(base),
        draw(matched),
        np.array([draw(tuned + rng.normal(0, arm_sd)) for _ in range(arms)]),
    )


def trio(*columns):
    found = trio_of(*columns, level=LEVEL)
    assert found is not None
    return found


def test_accuracies_are_those_of_the_problems_that_all_answered():
    nan = float("nan")
    found = trio(
        np.array([1.0, 0.0, 1.0, nan]),
        np.array([1.0, 1.0, nan, 1.0]),
        np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]]),
    )
    assert found.n == 2
    assert [found.mean(place) for place in (BASE, MATCHED, TUNED)] == [0.5, 1.0, 0.5]
    assert found.difference(TUNED, MATCHED).estimate == pytest.approx(-0.5)


def test_fewer_than_two_problems_are_none():
    one = np.array([1.0])
    assert trio_of(one, one, one[None], level=LEVEL) is None
    two = np.ones(2)
    assert trio_of(two, two, np.zeros((0, 2)), level=LEVEL) is None


def test_where_nothing_differs_doubt_remains():
    right = np.ones(50)
    value = trio(right, right, np.ones((3, 50))).difference(TUNED, BASE)
    assert value.estimate == 0.0
    assert value.low < -0.005
    assert value.high > 0.005


def test_arms_that_differ_widen_the_interval_by_their_degrees_of_freedom():
    base, matched, tuned = made(np.random.default_rng(0))
    apart = tuned.copy()
    apart[0], apart[1] = np.minimum(1, tuned[0] + 0.2), np.maximum(0, tuned[1] - 0.2)
    near, far = trio(base, matched, tuned), trio(base, matched, apart)
    _, sd_near, df_near = near.weigh(np.array([0.0, -1.0, 1.0]))
    _, sd_far, df_far = far.weigh(np.array([0.0, -1.0, 1.0]))
    assert sd_far > 1.5 * sd_near
    # mostly the arms': 3 − 1 degrees of freedom
    assert 2 <= df_far < 5 < df_near


def test_one_arm_has_no_spread():
    base, matched, tuned = made(np.random.default_rng(0), arms=1)
    found = trio(base, matched, tuned)
    assert found.difference(TUNED, BASE).seeds == 1
    assert found.weigh(np.array([-1.0, 0.0, 1.0]))[2] == pytest.approx(199)


@pytest.mark.parametrize("seed", range(5))
def test_gains_are_as_the_other_audits_reckon_them(seed):
    """Two ways to the same interval, held together here: pseudo-problems are placed differently."""
    base, matched, tuned = made(np.random.default_rng(seed), arm_sd=0.03)
    ours = trio(base, matched, tuned).difference(TUNED, BASE)
    groups = Groups(tuple(map(str, range(200))), {"base": base[None], "clean": tuned})
    theirs = contrasts(groups, [{"clean": 1.0, "base": -1.0}]).estimate(0, LEVEL)
    assert ours.estimate == pytest.approx(theirs.estimate)
    assert ours.low == pytest.approx(theirs.low, abs=0.004)
    assert ours.high == pytest.approx(theirs.high, abs=0.004)


def test_the_share_is_that_of_the_means():
    base, matched, tuned = made(np.random.default_rng(1))
    found = trio(base, matched, tuned)
    share = found.share()
    by_hand = (matched.mean() - base.mean()) / (tuned.mean() - base.mean())
    assert share.estimate == pytest.approx(by_hand)
    assert share.low < by_hand < share.high


def test_test_and_interval_of_the_share_agree():
    found = trio(*made(np.random.default_rng(1)))
    share = found.share()
    assert found.p_share_over(share.low - 0.02) < 0.05
    assert found.p_share_over(share.low + 0.02) > 0.05


def test_a_gain_that_is_not_told_from_nothing_has_no_share():
    base, matched, _ = made(np.random.default_rng(2), n=40)
    assert trio(base, matched, np.array([base, base])).share().estimate is None


@pytest.mark.parametrize("arm_sd", [0.0, 0.03])
def test_nine_intervals_of_ten_cover(arm_sd):
    """Difference and share, 300 draws of 200 problems and 3 arms, the truth from many problems."""
    far = made(np.random.default_rng(0), n=200_000)
    truth = {"difference": far[2].mean() - far[1].mean()}
    truth["share"] = (far[1].mean() - far[0].mean()) / (far[2].mean() - far[0].mean())
    hits = {"difference": 0, "share": 0}
    widths = {"difference": [], "share": []}
    for seed in range(300):
        found = trio(*made(np.random.default_rng(seed + 1), arm_sd=arm_sd))
        for name, value in (
            ("difference", found.difference(TUNED, MATCHED)),
            ("share", found.share()),
        ):
            assert value.low is not None
            hits[name] += value.low <= truth[name] <= value.high
            widths[name].append(value.high - value.low)
    # binomial with p = 0.9, n = 300: standard deviation 1.7 points
    assert min(hits.values()) / 300 > 0.9 - 3 * 0.0173, hits
    assert max(hits.values()) / 300 < 0.9 + 3 * 0.0173, hits
    # measured: 0.125 and 0.427 without, 0.137 and 0.458 with what arms differ by
    assert np.mean(widths["difference"]) < 0.145
    assert np.mean(widths["share"]) < 0.48
