"""Simulated titrations: the truth is known, and readings scatter around it as they say."""

import numpy as np
import pytest
from planted import made_scenario

from titrant.arms import ArmSpec
from titrant.dose.calibration.simulate import SHAPES, Bench, Scenario, draw_scenario, load_settings
from titrant.dose.readings import BASE, ArmKey

SETTINGS = load_settings()


def scenario(shape="hill", **changes) -> Scenario:
    """With noise enough to be seen."""
    plain = made_scenario(shape, n_problems=1000, paired_share=0.5, dispersion=0.001)
    return plain._replace(**changes)


def arm(dose: int, seed: int = 0) -> ArmSpec:
    return ArmSpec(strategy="random" if dose else BASE, dose=dose, seed=seed)


def test_the_committed_settings_hold_the_issues_numbers():
    assert SETTINGS["ladders_per_shape"] >= 300
    assert SETTINGS["ladders_per_shape"] * len(SHAPES) >= 2000
    assert set(SETTINGS["shapes"]) == set(SHAPES)


def test_scenarios_are_pure_functions_of_shape_and_number():
    for shape in SHAPES:
        assert draw_scenario(SETTINGS, shape, 5) == draw_scenario(SETTINGS, shape, 5)
        assert draw_scenario(SETTINGS, shape, 5) != draw_scenario(SETTINGS, shape, 6)


@pytest.mark.parametrize("shape", SHAPES)
def test_scenarios_keep_to_their_ranges(shape):
    for i in range(40):
        s = draw_scenario(SETTINGS, shape, i)
        assert s.top in {1024, 2048, 4096, 8192, 16384}
        for name, value in (
            ("problems", s.n_problems),
            ("paired_share", s.paired_share),
            ("seed_dispersion", s.dispersion),
            ("base_accuracy", s.base),
        ):
            low, high = SETTINGS[name]
            assert low <= value <= high
        response = s.response(np.exp(np.linspace(0, np.log(s.top), 300)))
        assert response.max() <= 0.97 + 1e-3
        assert s.gain <= SETTINGS["gain"][1]
        assert (s.gain == 0) == (shape == "flat")


def test_the_response_starts_at_the_base_and_gains_the_gain_at_the_top():
    s = scenario()
    np.testing.assert_allclose(s.response(np.array([0.0, 1024.0])), [0.2, 0.6])
    # h(16) = ½ · (1024 + 16)/1024
    assert s.unit(np.array([16.0]))[0] == pytest.approx(0.5 * 1040 / 1024)
    np.testing.assert_array_equal(scenario("flat", gain=0.0).response(np.array([0, 9, 1024])), 0.2)


@pytest.mark.parametrize("shape", [s for s in SHAPES if s != "flat"])
def test_the_true_end_point_is_the_first_whole_dose_by_brute_force(shape):
    for i in range(6):
        s = draw_scenario(SETTINGS, shape, i)
        doses = np.arange(1, s.top + 1)
        target = s.base + 0.95 * s.gain
        first = int(doses[np.argmax(s.response(doses) >= target - 1e-9)])
        truth = s.end_point(0.95)
        # Real-valued, so up to one trace sooner; its axis is fine to 0.05 %.
        assert first - 1 <= truth * 1.0005
        assert truth <= first * 1.0005 + 1e-9


def test_the_true_end_point_of_an_emax_curve_by_hand():
    # x · 1040 / (1024 · (x + 16)) = 0.95: x = 0.95 · 1024 · 16 / (1040 − 0.95 · 1024) = 231.95
    assert scenario().end_point(0.95) == pytest.approx(15564.8 / 67.2, rel=1e-3)
    assert np.isnan(scenario("flat").end_point(0.95))


@pytest.mark.parametrize("dose", [0, 16, 1024])
def test_an_arm_scores_the_true_accuracy_on_average(dose):
    benches = [Bench(scenario(number=i)) for i in range(150)]
    found = [bench.read(arm(dose, seed)).mean() for bench in benches for seed in range(2)]
    mu = float(scenario().response(np.array([dose]))[0])
    # A bench's paired problems are shared by its two arms, so count 150 and not 300 of them.
    sigma = np.sqrt((0.001 * mu * (1 - mu) + mu * (1 - mu) / 1000) / 150)
    assert abs(np.mean(found) - mu) < 4 * sigma


def test_arms_agree_on_the_paired_share_of_the_problems():
    for share in (0.0, 0.3, 0.8, 1.0):
        s = scenario(n_problems=20_000, paired_share=share, dispersion=0.0)
        first, second = (Bench(s).read(arm(64, seed)) for seed in (0, 1))
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(share, abs=4 / np.sqrt(20_000))


def test_seeds_move_an_arm_as_a_whole_by_the_dispersion():
    bench = Bench(scenario(n_problems=4000, paired_share=1.0, dispersion=0.002))
    means = np.array([bench.read(arm(64, seed)).mean() for seed in range(200)])
    mu = float(bench.scenario.response(np.array([64.0]))[0])
    # 200 arms tell a variance to √(2/199) = 10 %.
    assert means.var(ddof=1) == pytest.approx(0.002 * mu * (1 - mu), rel=0.4)


def test_the_base_has_no_seed():
    s = scenario(n_problems=4000, paired_share=1.0, dispersion=0.05)
    reads = [Bench(s).read(ArmSpec(strategy=BASE, dose=0, seed=seed)) for seed in (0, 1)]
    np.testing.assert_array_equal(*reads)


def test_reading_an_arm_again_gives_the_same_outcomes():
    s = scenario()
    np.testing.assert_array_equal(Bench(s).read(arm(8, 1)), Bench(s).read(arm(8, 1)))
    assert (Bench(s).read(arm(8, 1)) != Bench(s).read(arm(8, 2))).any()


def test_a_bench_makes_the_table_of_its_arms_and_reads_each_once():
    bench, known = Bench(scenario()), {}
    arms = [arm(0), arm(8), arm(8, 1)]
    table = bench.table(arms, known)
    assert table.arms == (
        ArmKey("base", 0, 0),
        ArmKey("random", 8, 0),
        ArmKey("random", 8, 1),
    )
    np.testing.assert_array_equal(table.score[1], bench.read(arms[1]))
    assert set(known) == {one.arm_id for one in arms}
    known[arms[1].arm_id] = np.ones(1000)
    assert bench.table(arms, known).score[1].all()
