"""Each legal verdict is reached by a table made for it, and not by its neighbours."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import difficulties, first_round, permuted, planted

from titrant.dose.curve.endpoint import last_doubling
from titrant.dose.curve.fit import fit
from titrant.dose.curve.noise import DISPERSIONS, KAPPA, PHI, condense
from titrant.dose.judge.verdict import VerdictName, beats_top, judge
from titrant.settings import LadderSettings

SETTINGS = LadderSettings()
TOP = 4096

SATURATED = (0.30, 0.32, 0.42, 0.56, 0.60, 0.60)
RISING = (0.30, 0.31, 0.33, 0.36, 0.42, 0.52)
HUMP = (0.30, 0.50, 0.60, 0.60, 0.50, 0.42)
FLAT = (0.30,) * 6
HARMFUL = (0.30, 0.20, 0.20, 0.20, 0.20, 0.20)
LESS_AND_LESS = (0.30, 0.30, 0.28, 0.26, 0.22, 0.20)


def constant(share: float, n: int) -> np.ndarray:
    """Whether the best constant answer is right, per problem: on the easiest ones."""
    return (difficulties(n) < share).astype(float)


def verdict(*accuracy: float, n: int = 2000, guess: float | None = None, **changes) -> str:
    found = judge(
        first_round(*accuracy, n=n),
        top=TOP,
        settings=SETTINGS.model_copy(update=changes),
        guess=None if guess is None else constant(guess, n),
    )
    return found.verdict


def test_enough():
    assert verdict(*SATURATED) == "enough at N"


def test_not_enough_when_the_interval_is_too_wide():
    assert verdict(0.30, 0.31, 0.36, 0.38, 0.39, 0.40, n=400) == "undecided"
    assert verdict(0.30, 0.31, 0.36, 0.38, 0.39, 0.40, n=400, precision=40.0) == "enough at N"


def test_a_smaller_dose_beats_the_pool():
    assert verdict(*HUMP) == "a smaller dose beats the pool"


def test_a_plateau_is_not_beaten_by_a_smaller_dose():
    assert verdict(0.30, 0.50, 0.60, 0.60, 0.60, 0.60) == "enough at N"
    lead_under_the_margin = (0.30, 0.50, 0.60, 0.61, 0.60, 0.60)
    assert verdict(*lead_under_the_margin, precision=8.0) == "enough at N"


def test_still_rising():
    assert verdict(*RISING) == "still rising"


def test_not_rising_where_the_readings_deny_what_the_curves_say():
    # Five points per doubling up to 2,048 and half a point from there: every curve goes on rising.
    rise = {2**i: 0.10 + 0.05 * i for i in range(12)}
    table = planted({0: 0.05, **rise, TOP: 0.655}, seeds={1024: 3, 2048: 3, TOP: 3})
    found = judge(table, top=TOP, settings=SETTINGS)
    assert last_doubling(found.fit, margin=SETTINGS.margin) > 0.95
    assert found.rising == 0.0
    assert found.verdict != "still rising"
    unread = table.rows([i for i, arm in enumerate(table.arms) if arm.dose != 2048])
    assert judge(unread, top=TOP, settings=SETTINGS).verdict == "still rising"


def test_not_rising_where_the_last_doubling_gains_less_than_the_margin():
    assert verdict(0.30, 0.34, 0.43, 0.50, 0.59, 0.60) == "enough at N"
    assert verdict(*RISING, margin=0.08) != "still rising"


def test_no_response():
    assert verdict(*FLAT) == "no response"
    assert verdict(0.30, 0.305, 0.31, 0.31, 0.31, 0.31) == "no response"  # under the margin of 2


def test_a_fall_within_the_margin_is_no_response_and_no_harm():
    assert verdict(0.30, 0.29, 0.29, 0.29, 0.29, 0.29) == "no response"


def test_no_response_needs_enough_problems():
    assert verdict(0.30, 0.31, 0.315, 0.32, 0.32, 0.32, n=300) == "undecided"
    assert verdict(0.30, 0.31, 0.315, 0.32, 0.32, 0.32, margin=0.06) == "no response"


def test_hurts():
    assert verdict(*HARMFUL) == "hurts"


def test_harm_that_grows_with_the_dose_hurts_though_every_smaller_dose_is_better():
    assert verdict(*LESS_AND_LESS) == "hurts"


def test_harm_is_not_claimed_from_few_problems():
    found = judge(first_round(0.30, 0.28, 0.27, 0.26, 0.26, 0.26, n=60), top=TOP, settings=SETTINGS)
    assert found.gain.estimate < -SETTINGS.margin
    assert found.gain.high > 0
    assert found.verdict != "hurts"


GUESSING = (0.05, 0.10, 0.20, 0.28, 0.30, 0.30)


def test_no_response_but_guessing():
    assert verdict(*GUESSING, guess=0.30) == "no response (guessing)"
    assert verdict(*GUESSING, guess=0.40) == "no response (guessing)"  # a better guess was there


def test_more_than_guessing():
    assert verdict(*GUESSING, precision=6.0) == "enough at N"
    assert verdict(*GUESSING, guess=0.24, precision=6.0) == "enough at N"


def test_guessing_needs_the_upper_bound_within_the_margin():
    # As many right, but on other problems: the lead is 0 ± 1.645·√(0.6/2000) = 2.8 points.
    table = first_round(*GUESSING)
    others = (difficulties(2000) > 0.7).astype(float)
    settings = SETTINGS.model_copy(update={"precision": 6.0})
    assert judge(table, top=TOP, settings=settings, guess=others).verdict == "enough at N"


def test_all_legal_verdicts_are_tested_here():
    reached = {
        verdict(*SATURATED),
        verdict(*HUMP),
        verdict(*RISING),
        verdict(*FLAT),
        verdict(*GUESSING, guess=0.30),
        verdict(*HARMFUL),
        verdict(0.30, 0.31, 0.315, 0.32, 0.32, 0.32, n=300),
    }
    assert reached == set(get_args(VerdictName))


@pytest.mark.parametrize("accuracy", [FLAT, HARMFUL, LESS_AND_LESS])
def test_without_a_gain_there_is_no_end_point(accuracy):
    found = judge(first_round(*accuracy), top=TOP, settings=SETTINGS)
    assert found.gain.low < SETTINGS.margin
    assert found.ed is None


def test_the_gate_is_the_lower_bound_of_the_gain():
    table = first_round(0.30, 0.31, 0.33, 0.34, 0.35, 0.35)
    found = judge(table, top=TOP, settings=SETTINGS)
    low = found.gain.low
    for margin, has_end in ((low - 1e-6, True), (low + 1e-6, False)):
        settings = SETTINGS.model_copy(update={"margin": margin})
        assert (judge(table, top=TOP, settings=settings).ed is not None) == has_end


def test_the_gain_is_that_of_the_top_over_the_base():
    found = judge(first_round(*SATURATED), top=TOP, settings=SETTINGS)
    assert found.gain.estimate == pytest.approx(0.30, abs=1e-3)
    assert found.gain.low < 0.30 < found.gain.high
    assert found.gain.level == SETTINGS.confidence


def test_reasons_say_what_decided():
    reasons = {
        accuracy: judge(first_round(*accuracy), top=TOP, settings=SETTINGS).reason
        for accuracy in (SATURATED, HUMP, RISING, FLAT, HARMFUL)
    }
    assert reasons == {
        SATURATED: "",
        HUMP: "best around 128",
        RISING: "the last doubling gains more than the margin",
        FLAT: "the gain is under the margin",
        HARMFUL: "the whole pool lowers the accuracy",
    }


def test_only_base_and_top_can_be_judged():
    found = judge(planted({0: 0.3, TOP: 0.5}, seeds={TOP: 3}), top=TOP, settings=SETTINGS)
    assert found.gain.estimate == pytest.approx(0.2, abs=1e-3)
    assert found.peak == 0.0
    assert found.verdict == "undecided"
    assert found.reason == "the interval of the end point is too wide"


def test_a_judge_that_knows_the_shape_fits_no_other():
    found = judge(first_round(*SATURATED), top=TOP, settings=SETTINGS, shapes=("hill",))
    assert found.fit.shapes == ("hill",)
    assert found.verdict == "enough at N"


@settings(max_examples=10)
@given(st.sampled_from([SATURATED, RISING, HUMP, FLAT, HARMFUL, GUESSING]), st.integers(0, 2**32))
def test_the_order_of_arms_and_problems_does_not_change_a_verdict(accuracy, seed):
    table = first_round(*accuracy, n=600)
    here = judge(table, top=TOP, settings=SETTINGS)
    shuffled = permuted(table, np.random.default_rng(seed))
    there = judge(shuffled, top=TOP, settings=SETTINGS)
    assert there.verdict == here.verdict
    np.testing.assert_allclose(there.gain, here.gain, rtol=1e-9)
    if here.ed is not None:
        np.testing.assert_allclose(there.ed, here.ed, rtol=1e-6)


def test_a_winner_by_chance_does_not_beat_the_pool_on_other_problems():
    # Ten doses with one and the same accuracy: the best of them is ahead by luck alone.
    rng = np.random.default_rng(0)
    doses = (0, *(2**i for i in range(10)), TOP)
    table = planted(dict.fromkeys(doses, 0.5), n=300)
    wins = 0
    for _ in range(120):
        noisy = type(table)(
            table.arms,
            table.qids,
            (rng.random(table.score.shape) < 0.5).astype(float),
            table.truncated,
            table.unreadable,
        )
        wins += beats_top(noisy, fit(condense(noisy), top=TOP), SETTINGS)
    # One tail of 5 %: 6 of 120, and 4·√(120·0.05·0.95) = 9.5 more at most
    assert wins <= 15


def test_a_clear_winner_beats_the_pool_on_other_problems():
    for accuracy, wins in ((HUMP, True), (RISING, False)):
        table = first_round(*accuracy)
        assert beats_top(table, fit(condense(table), top=TOP), SETTINGS) == wins


def test_a_lead_within_the_seeds_does_not_beat_the_pool():
    # One arm leads by 4 points on the same 2,000 problems: paired, sd √(0.04·0.96/2000) = 0.44 points.
    # With φ = 0.003 one arm of 50 % has a seed sd of √(0.003·0.25) = 2.7 points, three at the top 1.6,
    # together 3.2: 1.645 · 3.2 = 5.2 points are over the lead.
    table = planted({0: 0.3, 32: 0.5, 128: 0.54, 1024: 0.5, TOP: 0.5}, seeds={TOP: 3})
    fitted = fit(condense(table), top=TOP)
    for phi, wins in ((2e-5, True), (0.003, False)):
        near = DISPERSIONS[np.abs(np.log(DISPERSIONS / phi)).argmin()]
        sure = np.where((near == PHI) & (KAPPA == 0), 1.0, 0.0)
        known = replace(fitted, noise_weights=sure)
        spread = np.sqrt(near * 0.25 * 4 / 3 + 0.04 * 0.96 / 2000)
        assert (1.645 * spread < 0.04) == wins
        assert beats_top(table, known, SETTINGS) == wins


BACK_AT_THE_BASE = (0.30, 0.45, 0.50, 0.50, 0.40, 0.30)


def test_without_a_gain_of_the_pool_a_smaller_dose_is_named_but_decides_nothing():
    found = judge(first_round(*BACK_AT_THE_BASE), top=TOP, settings=SETTINGS)
    assert found.gain.estimate == pytest.approx(0.0, abs=1e-3)
    assert (found.verdict, found.ed) == ("undecided", None)
    assert found.beaten_by in (32, 128)  # both read 50 %
    assert found.reason == (
        "the gain of the whole pool may be above or below the margin, and a smaller dose "
        f"({found.beaten_by:.0f}) looks better"
    )


def test_a_small_gain_with_a_hump_is_undecided_too():
    table = first_round(0.30, 0.45, 0.50, 0.50, 0.40, 0.325, n=400)
    found = judge(table, top=TOP, settings=SETTINGS)
    assert found.gain.low < SETTINGS.margin < found.gain.high
    assert found.verdict == "undecided"
    assert found.reason.startswith(
        "the gain of the whole pool may be above or below the margin, and"
    )


def test_a_pool_that_hurts_hurts_though_a_smaller_dose_is_better():
    found = judge(first_round(0.30, 0.45, 0.50, 0.50, 0.35, 0.20), top=TOP, settings=SETTINGS)
    assert found.beaten_by is not None
    assert found.verdict == "hurts"
