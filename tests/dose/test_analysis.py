"""What a run says: one strategy for the headline, chosen on other problems than it is reported on."""

import numpy as np
import pytest
from planted import DOSES, difficulties, first_round, joined, permuted, planted, table_of

from titrant.dose.judge.analysis import SPLIT_FROM, analyse
from titrant.dose.judge.decides import what_decides
from titrant.dose.judge.verdict import judge
from titrant.dose.ladder.ladder import make_plan
from titrant.dose.readings import half_of
from titrant.errors import DataError
from titrant.settings import LadderSettings

SETTINGS = LadderSettings()
TWO = SETTINGS.model_copy(update={"strategies": ("random", "longest")})
TOP = 4096
SATURATED = (0.30, 0.32, 0.42, 0.56, 0.60, 0.60)
EARLY = {4: 0.52, 32: 0.60, 128: 0.60, 1024: 0.60}


def run(table, *, settings=SETTINGS, guess=None):
    plan = make_plan(TOP, TOP, settings, root=0)
    return analyse(table, settings=settings, plan=plan, guess=guess)


def test_one_strategy_is_the_headline():
    table = first_round(*SATURATED)
    found = run(table)
    assert (found.strategy, found.verdict, found.decides) == ("random", "enough at N", None)
    assert found.headline is found.strategies[0]
    assert found.headline.ed == judge(table, top=TOP, settings=SETTINGS).ed
    assert found.warnings == ()


def test_the_target_is_base_plus_the_level_of_the_gain():
    found = run(first_round(*SATURATED))
    assert found.target == pytest.approx(0.30 + 0.95 * 0.30, abs=1e-3)
    assert run(first_round(*[0.3] * 6)).target is None


def test_base_and_plateau_have_intervals_of_their_own():
    head = run(first_round(*SATURATED, wobble=0.0)).headline
    assert head.base.estimate == pytest.approx(0.30, abs=1e-3)
    assert head.plateau.estimate == pytest.approx(0.60, abs=1e-3)
    # The base has no seed: 0.30 ± 1.645 · √(0.30 · 0.70 / 1999) = 0.30 ± 0.01686
    assert head.base.low == pytest.approx(0.30 - 0.01686, abs=6e-4)
    assert head.base.high == pytest.approx(0.30 + 0.01686, abs=6e-4)
    assert head.plateau.high - head.plateau.low > 2 * 1.645 * np.sqrt(0.6 * 0.4 / 1999)


def test_intervals_of_accuracies_stay_within_0_and_1():
    head = run(first_round(0.0, 0.3, 0.8, 0.99, 1.0, 1.0, n=60)).headline
    assert head.base.low == 0.0
    assert head.plateau.high == 1.0


def test_other_levels_stand_beside_and_take_fewer_traces():
    head = run(first_round(*SATURATED)).headline
    assert list(head.ed_levels) == ["ed50", "ed80", "ed90"]
    estimates = [head.ed_levels[name].estimate for name in ("ed50", "ed80", "ed90")]
    assert head.ed is not None
    assert [*estimates, head.ed.estimate] == sorted([*estimates, head.ed.estimate])
    # Half of the gain, 0.45, is reached between 32 (0.42) and 128 (0.56)
    assert 32 < estimates[0] < 64


def test_the_shape_free_estimate_stands_beside():
    head = run(first_round(*SATURATED)).headline
    assert head.isotonic is not None
    # 0.585 lies between 128 (0.56) and 1,024 (0.60): 128 · 8^(0.025/0.04) = 470
    assert head.isotonic.estimate == pytest.approx(128 * 8 ** (0.025 / 0.04), rel=0.02)


def test_without_an_end_point_nothing_is_read_off_the_curve():
    head = run(first_round(*[0.3] * 6)).headline
    assert (head.ed, head.isotonic, head.disagreement, head.ed_levels) == (None, None, None, {})


def test_shape_weights_are_reported_by_name():
    shapes = run(first_round(*SATURATED)).headline.shapes
    assert sum(shapes.values()) == pytest.approx(1.0)
    assert set(shapes) == {"hill", "exponential", "power", "step", "rise_fall", "flat"}
    assert shapes["flat"] < 1e-6


def test_the_flat_shape_has_most_weight_where_nothing_responds():
    shapes = run(first_round(*[0.3] * 6)).headline.shapes
    assert max(shapes, key=lambda name: shapes[name]) == "flat"


def test_the_weight_of_the_flat_shape_does_not_move_the_end_point():
    found = judge(first_round(*SATURATED), top=TOP, settings=SETTINGS)
    assert "flat" not in found.fit.shapes
    assert found.fit.weights.sum() == pytest.approx(1.0)


def test_a_dip_of_small_doses_is_a_warning_that_names_the_dose():
    found = run(first_round(0.30, 0.20, 0.45, 0.56, 0.60, 0.60))
    (warning,) = found.warnings
    assert warning.startswith("4 traces of 'random' read 10.0 points under the base (p = ")
    assert "no fitted curve goes under the base" in warning


def test_a_pool_that_hurts_has_no_warning_of_dips():
    found = run(first_round(0.30, 0.20, 0.20, 0.20, 0.20, 0.20))
    assert (found.verdict, found.warnings) == ("hurts", ())


def test_the_band_follows_the_readings_and_is_ordered():
    band = run(first_round(*SATURATED)).headline.band
    assert band[0].dose == 1.0
    assert band[-1].dose == TOP
    assert all(p.low <= p.accuracy <= p.high for p in band)
    steps = np.diff(np.log([p.dose for p in band]))
    np.testing.assert_allclose(steps, steps[0])  # evenly spaced, down to the smallest dose
    doses = np.array([p.dose for p in band])
    for dose, accuracy in zip(DOSES[1:], SATURATED[1:], strict=True):
        point = band[int(np.abs(np.log(doses / dose)).argmin())]
        assert point.accuracy == pytest.approx(accuracy, abs=0.02)


def test_the_best_constant_answer_has_wilsons_interval():
    guess = (difficulties(200) < 0.30).astype(float)
    found = run(first_round(0.2, 0.3, 0.4, 0.5, 0.6, 0.6, n=200), guess=guess)
    assert found.guess is not None
    # z = 1.6449, n = 200: centre (0.3 + z²/400) / (1 + z²/200) = 0.30267,
    # half z/(1 + z²/200) · √(0.21/200 + z²/160000) = 0.05301
    assert found.guess.estimate == pytest.approx(0.30)
    assert found.guess.low == pytest.approx(0.30267 - 0.05301, abs=1e-4)
    assert found.guess.high == pytest.approx(0.30267 + 0.05301, abs=1e-4)


def test_the_guess_is_aligned_with_the_paired_problems():
    table = first_round(0.05, 0.10, 0.20, 0.28, 0.30, 0.30)
    score = table.score.copy()
    score[1, ::5] = np.nan
    gappy = table_of(table.arms, score)
    guess = (difficulties(2000) < 0.30).astype(float)
    assert run(gappy, guess=guess).verdict == "no response (guessing)"


@pytest.mark.parametrize(
    ("lost", "what", "left"),
    [
        (0, "the untrained base for the strategy 'random'", "4, 32, 128, 1024, 4096"),
        (TOP, "the top dose for the strategy 'random'", "0, 4, 32, 128, 1024"),
    ],
)
def test_without_base_or_top_there_is_no_gain(lost, what, left):
    table = first_round(*SATURATED)
    rest = table.rows([i for i, arm in enumerate(table.arms) if arm.dose != lost])
    with pytest.raises(DataError) as error:
        run(rest)
    assert str(error.value) == (
        f"no reading of {what}\n"
        f"  expected: readings at dose {lost}\n"
        f"  found: doses {left}\n"
        "  do: the gain of the top dose over the base defines the target: read both"
    )


def test_the_strategy_that_needs_least_is_the_headline():
    table = joined(first_round(*SATURATED), planted(EARLY, strategy="longest"))
    found = run(table, settings=TWO)
    assert found.strategy == "longest"
    assert [part.strategy for part in found.strategies] == ["random", "longest"]
    assert found.warnings == ()


def test_without_end_points_the_first_strategy_is_the_headline():
    flat = dict.fromkeys(EARLY, 0.30)
    table = joined(first_round(*[0.30] * 6), planted(flat, strategy="longest"))
    found = run(table, settings=TWO)
    assert (found.strategy, found.verdict) == ("random", "no response")


def by_half(first, second):
    """The columns of one table on the first half of the problems, and of another on the second."""
    which = np.array([half_of(qid) for qid in first.qids])
    return table_of(first.arms, np.where(which == 0, first.score, second.score))


def test_choosing_and_reporting_use_different_problems():
    late = {4: 0.30, 32: 0.32, 128: 0.40, 1024: 0.58}
    flattering = by_half(planted(EARLY, strategy="longest"), planted(late, strategy="longest"))
    table = joined(first_round(*SATURATED), flattering)
    found = run(table, settings=TWO)
    # On the half for choosing `longest` is early; on the half for reporting it is late.
    assert found.strategy == "longest"
    reported = joined(first_round(*SATURATED), planted(late, strategy="longest")).half(1)
    expected = judge(reported.strategy("longest", shared_dose=TOP), top=TOP, settings=TWO)
    assert found.headline.table.qids == reported.qids
    assert found.headline.ed == expected.ed
    assert found.headline.judgement.gain == expected.gain


def test_a_small_benchmark_warns_that_the_best_strategy_is_flattered():
    n = SPLIT_FROM - 1
    table = joined(first_round(*SATURATED, n=n), planted(EARLY, n=n, strategy="longest"))
    found = run(table, settings=TWO)
    assert len(found.headline.table.qids) == n
    (warning,) = found.warnings
    assert warning.startswith(
        "the best of 2 strategies was chosen on the problems it is reported on (399, under 400): "
        "its interval is 1."
    )
    plain, wide = found.headline.judgement.ed, found.headline.ed
    assert plain is not None
    assert wide is not None
    assert wide.estimate == plain.estimate
    assert wide.low <= plain.low
    assert wide.high >= plain.high
    assert wide.factor > plain.factor
    other = next(part for part in found.strategies if part is not found.headline)
    assert other.ed == other.judgement.ed


def test_every_strategy_is_compared_with_random():
    table = joined(first_round(*SATURATED), planted(EARLY, strategy="longest"))
    random, longest = run(table, settings=TWO).strategies
    assert random.versus is None
    assert longest.versus is not None
    assert longest.versus.against == "random"
    assert longest.versus.ratio.high < 1.0
    assert longest.versus.p <= longest.versus.p_holm < 0.05


def test_a_strategy_is_compared_with_its_control():
    alike = joined(
        first_round(*SATURATED),
        planted(EARLY, strategy="longest"),
        planted(EARLY, strategy="longest~length"),
    )
    names = ("random", "longest", "longest~length")
    random, longest, control = run(
        alike, settings=TWO.model_copy(update={"strategies": names})
    ).strategies
    assert random.controls == control.controls == ()
    (found,) = longest.controls
    assert found.against == "longest~length"
    assert found.ratio.low <= 1.0 <= found.ratio.high  # they are the same
    assert found.p_holm > 0.5


def test_one_strategy_is_compared_with_nothing():
    assert run(first_round(*SATURATED)).headline.versus is None


def test_the_order_of_arms_and_problems_changes_nothing():
    table = joined(first_round(*SATURATED, n=500), planted(EARLY, n=500, strategy="longest"))
    here = run(table, settings=TWO)
    there = run(permuted(table, np.random.default_rng(0)), settings=TWO)
    assert (there.strategy, there.verdict) == (here.strategy, here.verdict)
    np.testing.assert_allclose(there.headline.ed, here.headline.ed, rtol=1e-6)


def decides(table, **changes) -> str:
    some = SETTINGS.model_copy(update=changes)
    return what_decides(judge(table, top=TOP, settings=some), some)


def test_a_wide_interval_asks_for_more_arms():
    text = decides(first_round(0.30, 0.31, 0.36, 0.38, 0.39, 0.40, n=400))
    assert text.startswith("more arms: the interval spans a factor of ")
    assert text.endswith(" and 4 was asked for")


def test_few_problems_ask_for_the_number_that_would_tell():
    # Paired arms differ on 3 % of 300 problems, and two coins differ half of the time: variance
    # (300 · 0.03 · 0.97 + 2 · (½ + 0.03²)) / (301 · 302) = 1.071e-4. A distance of one point from the
    # margin takes (1.6449 / 0.01)² · 1.071e-4 = 2.897 times less of it, and a fifth is left to the
    # seeds: 300 · (2.897/0.8 − 1) = 786, in hundreds.
    table = first_round(0.30, 0.31, 0.32, 0.33, 0.33, 0.33, n=300, wobble=0.0)
    assert decides(table) == "about 800 more problems (or as many more samples of problems alike)"
    # At 99 % the quantile is 2.5758: 300 · (7.103/0.8 − 1) = 2,364.
    assert decides(table, confidence=0.99).startswith("about 2,400 more problems")


def test_a_gain_on_the_margin_cannot_be_decided_by_data():
    table = first_round(0.30, 0.31, 0.315, 0.32, 0.32, 0.32, n=300, wobble=0.0)
    assert decides(table) == "a gain this close to the margin needs another margin, not more data"


def test_few_seeds_ask_for_arms_at_the_top():
    table = first_round(0.30, 0.31, 0.32, 0.33, 0.33, 0.345, n=20_000, wobble=0.05)
    found = judge(table, top=TOP, settings=SETTINGS)
    needed = (1.6449 / abs(found.gain.estimate - 0.02)) ** 2
    seeds = float(found.fit.dispersion_at([TOP])[0]) * found.means.seed_weight[-1]
    # Three arms hold `seeds` of variance, and a fifth of what is allowed may come from seeds.
    more = int(np.ceil(3 * (seeds * needed / 0.2 - 1)))
    assert more > 3
    assert what_decides(found, SETTINGS) == f"about {more} more arms at the top dose"


def test_an_undecided_run_says_what_would_decide_it():
    table = first_round(0.30, 0.31, 0.32, 0.33, 0.33, 0.33, n=300, wobble=0.0)
    found = run(table)
    assert found.verdict == "undecided"
    assert found.decides == "about 800 more problems (or as many more samples of problems alike)"


def test_a_hump_without_a_gain_is_told_which_dose_to_try():
    table = first_round(0.30, 0.45, 0.52, 0.50, 0.40, 0.30)
    found = run(table)
    assert found.verdict == "undecided"
    assert found.decides == (
        "a run with 32 traces as its largest dose (ladder.doses): that dose looks better than the "
        "whole pool, whose own gain sets the target here"
    )
