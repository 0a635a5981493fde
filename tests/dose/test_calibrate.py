"""Calibration: the same ladders whatever the workers, and a summary that adds up."""

import numpy as np
import pytest
from planted import made_scenario as scenario

from titrant.dose.calibration.calibrate import (
    Outcome,
    calibrate,
    run_ladder,
    simulate_one,
    summarise,
    true_verdict,
)
from titrant.dose.calibration.simulate import SHAPES, draw_scenario, load_settings
from titrant.settings import LadderSettings

LADDER = LadderSettings()
SETTINGS = load_settings()


def test_the_true_verdict_is_what_infinite_data_would_say():
    assert true_verdict(scenario(), LADDER) == "enough at N"
    assert true_verdict(scenario("flat", gain=0.0), LADDER) == "no response"
    assert true_verdict(scenario(gain=0.019), LADDER) == "no response"
    # h(½ top) at c = top: ⅓ · 2 = ⅔, so a third of 0.4 comes with the last doubling
    assert true_verdict(scenario(scale=1024.0), LADDER) == "still rising"
    falling = scenario("rise_fall", scale=4.0, rest=(0.5, 200.0))
    assert true_verdict(falling, LADDER) == "a smaller dose beats the pool"
    hardly = scenario("rise_fall", scale=4.0, rest=(0.04, 200.0))
    assert true_verdict(hardly, LADDER) == "enough at N"


def test_a_ladder_on_a_clear_response_finds_it():
    found, table = run_ladder(scenario(), LADDER, max_arms=21)
    assert found.verdict == "enough at N"
    assert found.ed is not None
    assert found.ed.low <= scenario().end_point(0.95) <= found.ed.high
    assert 7 <= sum(arm.dose > 0 for arm in table.arms) <= 21


def test_an_outcome_covers_by_its_interval_or_else_by_its_verdict():
    for shape in ("flat", "hill", "step"):
        for index in range(3):
            outcome = simulate_one(SETTINGS, shape, index)
            drawn = draw_scenario(SETTINGS, shape, index)
            found, table = run_ladder(drawn, LADDER, max_arms=21)
            assert outcome.verdict == found.verdict
            assert outcome.is_true == (found.verdict == true_verdict(drawn, LADDER))
            assert outcome.arms == len(table.arms) - 1
            if found.ed is None:
                assert outcome.covers == outcome.is_true
                assert np.isnan(outcome.log_width)
            else:
                truth = drawn.end_point(0.95)
                assert outcome.covers == (found.ed.low <= truth <= found.ed.high)
                assert outcome.log_width == pytest.approx(np.log(found.ed.high / found.ed.low))
                assert outcome.log_ratio == pytest.approx(np.log(found.ed.estimate / truth))


def test_a_ladder_without_an_interval_covers_only_if_its_verdict_is_true():
    # A flat ladder (number 21 of the committed settings) that says `hurts`: no interval, and wrong.
    wrong = simulate_one(SETTINGS, "flat", 21)
    assert (wrong.verdict, wrong.has_interval, wrong.is_true) == ("hurts", False, False)
    assert not wrong.covers
    right = simulate_one(SETTINGS, "flat", 0)
    assert (right.verdict, right.has_interval, right.is_true) == ("no response", False, True)
    assert right.covers


NAN = float("nan")


def outcome(shape, *, covers=True, verdict="enough at N", width=1.0, known=0.8, ratio=0.0, **more):
    plain = Outcome(
        shape=shape,
        verdict=verdict,
        is_true=True,
        covers=covers,
        has_interval=not np.isnan(width),
        log_width=width,
        known_log_width=known,
        log_ratio=ratio,
        arms=9,
        baseline_covers=False,
        baseline_log_ratio=0.5,
        baseline_log_width=0.2,
    )
    return plain._replace(**more)


def every_shape(but: str) -> list[Outcome]:
    return [outcome(shape) for shape in SHAPES if shape != but]


def test_the_summary_of_a_shape_by_hand():
    mine = [
        outcome("hill", width=1.0, known=0.5, ratio=0.1, arms=7),
        outcome("hill", width=3.0, known=1.5, ratio=-0.1, arms=21, covers=False, is_true=False),
        outcome("hill", width=NAN, known=NAN, ratio=NAN, verdict="undecided", covers=False),
        outcome("hill", width=2.0, known=1.0, ratio=0.3, arms=9),
    ]
    found = summarise(SETTINGS, [*mine, *every_shape("hill")]).shapes["hill"]
    assert found["ladders"] == 4
    assert found["coverage"] == 0.5  # two of four; the undecided one counts, and not as covering
    assert found["bias"] == pytest.approx(0.1)  # median of 0.1, −0.1, 0.3
    assert found["log_width"] == 2.0
    assert found["known_log_width"] == 1.0
    assert found["log_width_ratio"] == 2.0
    assert found["verdict_true"] == 0.75
    assert found["arms"] == 11.5  # (7 + 21 + 9 + 9) / 4
    assert found["verdicts"] == {"enough at N": 0.75, "undecided": 0.25}


def test_flat_ladders_with_an_end_point_are_counted_apart():
    flat = [outcome("flat", width=NAN, verdict="no response")] * 3 + [outcome("flat", width=0.5)]
    found = summarise(SETTINGS, [*flat, *every_shape("flat")])
    assert found.flat_false_enough == 0.25


def test_the_baseline_is_summed_over_responding_ladders():
    some = [
        outcome("hill", baseline_covers=True, baseline_log_ratio=0.1),
        outcome("flat", baseline_covers=True),
        outcome("step", baseline_log_width=NAN, baseline_log_ratio=NAN),
        outcome("power"),
        outcome("exponential"),
        outcome("rise_fall"),
    ]
    found = summarise(SETTINGS, some).baseline
    assert found["coverage"] == 0.2  # one of five: the flat one has no end point to cover
    assert found["no_interval"] == 0.2
    assert found["bias"] == pytest.approx(0.5)


@pytest.fixture(scope="module")
def progress():
    """(ladders done, ladders in all) as they were told."""
    return []


@pytest.fixture(scope="module")
def two_of_each(progress):
    return calibrate(
        ladders_per_shape=2, workers=1, progress=lambda done, n: progress.append((done, n))
    )


def test_the_number_of_workers_changes_nothing(two_of_each):
    again = calibrate(ladders_per_shape=2, workers=2)
    assert again.model_dump_json() == two_of_each.model_dump_json()


def test_the_calibration_is_the_summary_of_its_ladders(two_of_each):
    alone = [simulate_one(SETTINGS, shape, i) for shape in SHAPES for i in range(2)]
    assert summarise(SETTINGS, alone).model_dump_json() == two_of_each.model_dump_json()
    assert two_of_each.overall["ladders"] == 12
    assert two_of_each.overall["arms_p90"] <= 21
    assert set(two_of_each.shapes) == set(SHAPES)
    assert all(0 <= two_of_each.shapes[s]["coverage"] <= 1 for s in SHAPES)
    assert {"coverage", "bias", "log_width"} <= set(two_of_each.baseline)


def test_progress_is_told_as_ladders_finish(two_of_each, progress):
    assert progress == [(2 * i, 12) for i in range(1, 7)]
    assert two_of_each.version == 1
