"""The clean share by hand: variances of problems and of arms, what the arms share, and the outcomes."""

import math

import numpy as np
import pytest
from contamination_made import arms, first, readings
from scipy.stats import t as student

from titrant.audits.base import Evidence
from titrant.audits.contamination.split import (
    gains_of,
    groups_on,
    judge_split,
    look_at_split,
    split_table,
    split_tests,
)

NONE = first(0, 20)


def both(on_benchmark, on_fresh, base=NONE, **kind):
    """Readings of the same arms on both sets."""
    return readings(
        arms("benchmark", base, on_benchmark, **kind), arms("fresh", base, on_fresh, **kind)
    )


def gains(frame):
    groups = groups_on(Evidence({}, readings=frame), "benchmark", "fresh")
    assert groups is not None
    return gains_of(*groups)


def judged(frame):
    found = look_at_split(Evidence({}, readings=frame))
    return judge_split(found, split_tests(found))


def test_arms_that_agree_leave_the_noise_of_the_problems():
    found = gains(both([first(10, 20)] * 2, [first(5, 20)] * 2))
    # squares around the mean and two coins of ¼ each way: (5 + 1) / (22·21), (3.75 + 1) / (22·21)
    v_b, v_f = 6 / 462, 4.75 / 462
    assert (found.one, found.other) == (0.5, 0.25)
    assert found.cov == pytest.approx(np.diag([v_b, v_f]))
    assert found.error == pytest.approx(math.sqrt(v_b + v_f))
    df = (v_b + v_f) ** 2 / (v_b**2 / 21 + v_f**2 / 21)
    assert found.df[2] == pytest.approx(df)
    assert found.p_larger == pytest.approx(student.sf(0.25 / found.error, df))


def test_what_arms_do_as_a_whole_moves_both_gains_and_not_their_difference():
    found = gains(both([first(20, 20), NONE], [first(20, 20), NONE]))
    # accuracies 1 and 0: variance ½, less ½ / 20 that single problems explain; over two arms
    of_seeds = (0.5 - 0.5 / 20) / 2
    of_problems = (0 + 1) / 462
    assert found.cov[0, 0] == pytest.approx(of_problems + of_seeds)
    assert found.cov[0, 1] == pytest.approx(of_seeds)
    assert found.error**2 == pytest.approx(2 * of_problems)
    assert found.df[2] == pytest.approx(42)  # the two sets' problems alone, 21 each


def test_arms_that_move_apart_widen_the_difference():
    found = gains(both([first(20, 20), NONE], [NONE, first(20, 20)]))
    of_seeds = (0.5 - 0.5 / 20) / 2
    assert found.cov[0, 1] == pytest.approx(-of_seeds)
    assert found.error**2 == pytest.approx(2 / 462 + 4 * of_seeds)
    parts = (
        2 * (1 / 462) ** 2 / 21 + (4 * of_seeds) ** 2 / 1
    )  # one degree of freedom between two arms
    assert found.df[2] == pytest.approx((2 / 462 + 4 * of_seeds) ** 2 / parts)


def test_share_and_part_follow_from_the_two_gains():
    n = 100
    frame = both([first(60, n)] * 3, [first(30, n)] * 3, base=first(0, n))
    found = look_at_split(Evidence({}, readings=frame))
    assert found is not None
    assert found.share.estimate == pytest.approx(0.5)
    assert found.part.estimate == pytest.approx(0.3)
    assert found.share.n == 200
    assert found.share.seeds == 3
    finding = judge_split(found, split_tests(found))
    assert finding.outcome == "alarm"
    assert finding.p == pytest.approx(found.gains.p_larger)
    assert "a clean share of 50.0 %" in finding.statement
    assert "+30.0" in finding.statement
    benchmark, fresh, less = split_table(found).rows
    assert (benchmark[1], benchmark[3]) == (0.0, None)
    assert benchmark[2].estimate == pytest.approx(0.6)
    assert fresh[3] == found.share
    assert less[2] == found.part


def test_a_gain_that_holds_is_clear():
    n = 400
    frame = both([first(200, n)] * 2, [first(204, n)] * 2, base=first(0, n))
    assert judged(frame).outcome == "clear"


def test_a_gain_that_may_or_may_not_hold_is_undecided():
    frame = both([first(50, 100)] * 2, [first(46, 100)] * 2, base=first(0, 100))
    finding = judged(frame)
    assert finding.outcome == "undecided"
    assert finding.decides.startswith("more seeds")


def test_a_gain_of_nearly_nothing_is_not_split():
    n = 100
    frame = both([first(31, n)] * 2, [first(2, n)] * 2, base=first(30, n))
    finding = judged(frame)
    assert finding.value is not None
    assert finding.value.estimate is None
    assert finding.outcome == "undecided"
    assert "too little to be split" in finding.statement


def test_a_loss_is_not_split():
    """30 points lost on the benchmark and 35 on fresh problems are no clean share of 116.7 %."""
    n = 200
    frame = both([first(60, n)] * 3, [first(50, n)] * 3, base=first(120, n))
    finding = judged(frame)
    assert finding.outcome == "undecided"
    assert finding.value is not None
    assert finding.value.estimate is None
    assert "Of a gain of −30.0" in finding.statement
    assert "too little to be split" in finding.statement


def test_only_arms_that_were_read_on_both_sets_count():
    more = arms("benchmark", first(0, 20), [first(10, 20)] * 2 + [first(20, 20)])
    frame = readings(more, arms("fresh", NONE, [first(5, 20)] * 2))
    assert gains(frame).seeds == 2
    assert gains(frame).one == 0.5


def test_treated_arms_lend_their_scatter_and_no_gain():
    clean = [arms(b, NONE, [first(10, 20)] * 2) for b in ("benchmark", "fresh")]
    treated = [
        arms(b, NONE, [first(20, 20), NONE], treatment="foreign")[20:]
        for b in ("benchmark", "fresh")
    ]
    found = gains(readings(*clean, *treated))
    assert (found.one, found.seeds) == (0.5, 2)
    # the pooled variance: (0 + ½ − (0 + ½)/20) / 2 with two degrees of freedom, over two clean arms
    assert found.cov[0, 0] == pytest.approx(6 / 462 + (0.5 - 0.5 / 20) / 2 / 2)


def test_one_arm_has_no_scatter_of_its_own():
    found = gains(both([first(10, 20)], [first(5, 20)]))
    assert found.seeds == 1
    assert found.cov[0, 1] == 0


def test_what_was_not_gathered_was_not_looked_at():
    alone = readings(arms("benchmark", NONE, [first(10, 20)]))
    few = readings(
        arms("benchmark", NONE, [first(10, 20)]), arms("fresh", first(0, 19), [first(5, 19)])
    )
    for frame in (None, alone, few, alone.clear()):
        finding = judged(frame)
        assert finding.outcome == "not looked at"
        assert finding.value is None
        # arms were read on both in `few`, on too few of one
        assert "20 problems or more of both" in finding.statement
