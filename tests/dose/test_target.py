"""Δ is one gain for all strategies, also where their top doses hold different traces."""

from dataclasses import replace

import numpy as np
import pytest
from planted import joined, planted

from titrant.dose.curve.endpoint import crossings, end_point, shared_end_point
from titrant.dose.curve.fit import fit
from titrant.dose.curve.noise import condense
from titrant.dose.judge.analysis import analyse
from titrant.dose.judge.decides import what_decides
from titrant.dose.judge.target import reference_of, shared_target
from titrant.dose.ladder.confirm import carrying_doses
from titrant.dose.ladder.ladder import judge_strategy, make_plan, next_round
from titrant.settings import LadderSettings

TOP = 4096
TWO = LadderSettings(strategies=("longest", "random"))
PART = make_plan(10 * TOP, TOP, TWO, root=0)
"""The budget sees a tenth of the pool: the tops of two rankings hold different traces."""
WHOLE = make_plan(TOP, TOP, TWO, root=0)
SATURATED = {0: 0.30, 4: 0.32, 32: 0.42, 128: 0.56, 1024: 0.60, TOP: 0.60}


def both(longest: dict[int, float]):
    """Random is saturated at a gain of 30 points; longest is as told, with its own top."""
    return joined(
        planted(SATURATED, seeds={TOP: 3}),
        planted(longest, seeds={TOP: 3}, strategy="longest"),
    )


def test_random_defines_the_gain_or_else_the_first_strategy():
    assert reference_of(("longest", "random")) == "random"
    assert reference_of(("longest", "shortest")) == "longest"


def test_where_the_top_is_the_pool_or_the_reference_itself_nothing_is_shared():
    table = both(SATURATED)
    assert shared_target(table, "longest", plan=WHOLE, settings=TWO) is None
    assert shared_target(table, "random", plan=PART, settings=TWO) is None


def test_the_ratio_is_that_of_the_two_gains():
    # Gains of 30 and 40 points: 0.30 / 0.40 = 0.75
    table = both({0: 0.30, 4: 0.50, 32: 0.66, 128: 0.70, 1024: 0.70, TOP: 0.70})
    target = shared_target(table, "longest", plan=PART, settings=TWO)
    assert target is not None
    assert target.delta.estimate == pytest.approx(0.30, abs=1e-3)
    assert np.median(target.ratios) == pytest.approx(0.75, abs=0.02)
    assert (np.diff(target.ratios) >= 0).all()


def test_a_strategy_that_gains_nothing_never_reaches():
    table = both(dict.fromkeys(SATURATED, 0.30))
    target = shared_target(table, "longest", plan=PART, settings=TWO)
    assert target is not None
    # Its gain is 0 ± a little: half of the draws have none, the others a tiny one.
    assert np.isinf(target.ratios).mean() == pytest.approx(0.5, abs=0.1)
    assert target.ratios.min() > 2.0


def test_a_better_strategy_reaches_the_shared_target_before_its_own():
    table = both({0: 0.30, 4: 0.32, 32: 0.42, 128: 0.56, 1024: 0.70, TOP: 0.80})
    found = judge_strategy(table, "longest", plan=PART, settings=TWO)
    assert found.ed is not None
    # 0.30 + 0.95 · 0.30 = 0.585 lies just over the reading at 128 (0.56); its own target is 0.775.
    assert 128 < found.ed.estimate < 400
    assert found.delta.estimate == pytest.approx(0.30, abs=1e-3)
    assert found.gain.estimate == pytest.approx(0.50, abs=1e-3)
    assert found.beyond == 0.0


BELOW = {0: 0.30, 4: 0.32, 32: 0.40, 128: 0.45, 1024: 0.45, TOP: 0.45}


def test_a_strategy_that_ends_below_the_target_is_beyond_the_pool_and_ranks_last():
    # Its best is 0.45, under the target of 0.585; by its own gain its end point would be small.
    found = analyse(both(BELOW), settings=TWO, plan=PART)
    longest, random = found.strategies
    assert (longest.strategy, random.strategy) == ("longest", "random")
    assert longest.beyond_pool
    assert longest.ed is None
    assert longest.judgement.reason == "the shared target is not reached within the pool"
    assert not random.beyond_pool
    assert found.strategy == "random"
    # Reported on half of the problems, on which random's own readings set the target.
    score = {
        arm: row.mean() for arm, row in zip(random.table.arms, random.table.score, strict=True)
    }
    tops = [mean for arm, mean in score.items() if arm.dose == TOP]
    base = next(mean for arm, mean in score.items() if arm.dose == 0)
    assert found.target == pytest.approx(base + 0.95 * (np.mean(tops) - base))
    assert found.target > longest.plateau.high


def test_a_target_beyond_the_pool_asks_for_no_more_arms():
    decision = next_round(both(BELOW), settings=TWO, plan=PART)
    assert {arm.strategy for arm in decision.arms} <= {"random"}


def test_an_open_gain_of_the_reference_asks_for_its_arms_alone():
    flat = planted(dict.fromkeys(SATURATED, 0.30) | {TOP: 0.335}, seeds={TOP: 3}, wobble=0.05)
    table = joined(flat, planted(BELOW, seeds={TOP: 3}, strategy="longest"))
    decision = next_round(table, settings=TWO, plan=PART)
    assert {arm.strategy for arm in decision.arms} == {"random"}


def test_crossings_by_hand():
    fitted = fit(condense(planted(SATURATED, seeds={TOP: 3})), top=TOP, shapes=("step",))
    found = crossings(fitted, np.array([0.5, 1.0, 1.01]))
    # A step is at any level there where it jumps, and never at more than its top.
    np.testing.assert_allclose(found[:, 0], fitted.end_points, rtol=0.025)
    assert (found[:, 0] == found[:, 1]).all()
    assert np.isinf(found[:, 2]).all()


def test_half_of_the_draws_beyond_is_no_end_point():
    fitted = fit(condense(planted(SATURATED, seeds={TOP: 3})), top=TOP)
    for share, has_end in ((0.4, True), (0.6, False)):
        ratios = np.where(np.arange(10) < 10 * share, np.inf, 1.0)
        reach = shared_end_point(fitted, ratios, confidence=0.9)
        assert reach.beyond == pytest.approx(share)
        assert (reach.ed is not None) == has_end


def test_what_would_decide_a_target_beyond_the_top_is_a_larger_top():
    found = judge_strategy(both(BELOW), "longest", plan=PART, settings=TWO)
    assert found.beyond > 0.9
    assert what_decides(found, TWO).startswith("a larger top dose (recipe.updates, ladder.doses)")


def test_what_carries_an_interval_is_asked_for_the_shared_target():
    # The shared target of 0.585 lies between 128 and 256, whose arms say so; the strategy's own
    # target of 0.775 lies somewhere between 1,024 and 4,096, and that interval is another one.
    longest = {0: 0.30, 4: 0.32, 32: 0.42, 128: 0.56, 256: 0.63, 1024: 0.70, TOP: 0.80}
    table = both(longest)
    found = judge_strategy(table, "longest", plan=PART, settings=TWO)
    assert found.target is not None
    assert found.ed is not None
    assert found.ed.factor <= TWO.precision
    asked = []

    def listen(fitted, ratios, *, confidence):
        asked.append(ratios)
        return shared_end_point(fitted, ratios, confidence=confidence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("titrant.dose.ladder.confirm.shared_end_point", listen)
        carrying_doses(table.strategy("longest"), found, TWO)
    assert asked
    assert all(ratios is found.target.ratios for ratios in asked)


def test_the_interval_of_a_shared_target_holds_that_of_every_likely_shape():
    # A target that is the strategy's own: both ways must say the same, up to the grid of doses.
    found = fit(condense(planted(SATURATED, seeds={TOP: 3})), top=TOP)
    weights, shares = np.zeros_like(found.curve_weights), {"exponential": 0.89, "step": 0.11}
    for shape, part in zip(found.shapes, found.parts, strict=True):
        own = found.curve_weights[part]
        weights[part] = shares.get(shape, 0.0) * own / own.sum()
    of_shapes = np.array([shares.get(shape, 0.0) for shape in found.shapes])
    found = replace(found, curve_weights=weights, weights=of_shapes)
    own = end_point(found, confidence=0.9)
    shared = shared_end_point(found, np.ones(3), confidence=0.9).ed
    assert shared is not None
    assert shared[:3] == pytest.approx(own[:3], rel=0.05)
    alone = replace(found, weights=np.where(of_shapes > 0.5, 1.0, 0.0))
    narrow = shared_end_point(alone, np.ones(3), confidence=0.9).ed
    assert narrow is not None
    assert shared.factor > 1.1 * narrow.factor
