"""Two models on the same problems: tests by hand, intervals that cover, one family."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from titrant.dose.paired.compare import PairedWish, Scores, compare_pair, correct_family
from titrant.dose.paired.interval import (
    LEAST_P,
    between_arms,
    bootstrap_means,
    paired_difference,
)
from titrant.dose.paired.significance import (
    correlation,
    mcnemar_exact,
    mcnemar_mid,
    problems_needed,
    sign_flip,
    unpaired_z,
)
from titrant.errors import ConfigError, DataError
from titrant.seeds import derive_rng


def rng(*labels):
    return derive_rng(0, "test", *labels)


def table(both: int, a_alone: int, b_alone: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers with these cells of the 2 × 2 table; [1, problems] each."""
    a = [1.0] * (both + a_alone) + [0.0] * (b_alone + neither)
    b = [1.0] * both + [0.0] * a_alone + [1.0] * b_alone + [0.0] * neither
    return np.array([a]), np.array([b])


def pair(a, b, *, answers=1, **wish):
    sides = Scores("a", np.atleast_2d(a), answers), Scores("b", np.atleast_2d(b), answers)
    return compare_pair(*sides, benchmark="sums", wish=PairedWish(**wish))


def test_mcnemar_by_hand():
    # 1 : 5 of 6 coins: 2 · (C(6,0) + C(6,1)) / 2⁶ = 14/64; mid-p less C(6,1)/2⁶ = 8/64
    assert mcnemar_exact(1, 5) == pytest.approx(14 / 64)
    assert mcnemar_mid(1, 5) == pytest.approx(8 / 64)
    assert mcnemar_exact(5, 1) == mcnemar_exact(1, 5)


def test_an_even_split_and_no_split_tell_nothing():
    for n in (0, 1, 7):
        assert mcnemar_exact(n, n) == 1.0
        assert mcnemar_mid(n, n) == pytest.approx(1.0)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mid_p_is_never_above_the_exact_one(a_alone, b_alone):
    assert mcnemar_mid(a_alone, b_alone) <= mcnemar_exact(a_alone, b_alone) + 1e-12


@pytest.mark.parametrize(("a_alone", "b_alone"), [(1, 5), (9, 20), (0, 0), (4, 4)])
def test_sign_flips_of_single_answers_are_mcnemars_test(a_alone, b_alone):
    differences = np.array([-1.0] * a_alone + [1.0] * b_alone + [0.0] * 50)
    p = sign_flip(differences, rng("flip"))
    assert p == pytest.approx(mcnemar_exact(a_alone, b_alone), abs=0.012)


def test_sign_flips_of_means_agree_with_scipy():
    differences = rng("means").integers(-4, 6, 60) / 4
    theirs = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    )
    assert sign_flip(differences, rng("flip")) == pytest.approx(theirs.pvalue, abs=0.012)


def test_the_observed_split_is_one_of_the_flips():
    assert sign_flip(np.ones(100), rng("far"), flips=999) == 1 / 1000


def test_the_unpaired_test_by_hand():
    # 60 and 70 of 100: se² = 0.24/99 and 0.21/99, z = 0.1 / √(0.45/99) = 1.4832
    a, b = np.repeat([1.0, 0.0], [60, 40]), np.repeat([1.0, 0.0], [70, 30])
    found = unpaired_z(a, b)
    assert found.z == pytest.approx(0.1 / math.sqrt(0.45 / 99))
    assert found.p == pytest.approx(2 * stats.norm.sf(1.48324), abs=1e-5)
    assert unpaired_z(np.ones(9), np.zeros(9)) == (None, None)


def test_problems_needed_by_hand():
    # ψ = (19 + 1)/(98 + 2) = 0.2, δ = 0.1, level 0.9, power 0.8: (1.6449·√0.2 + 0.8416·√0.19)²/0.01
    differences = np.array([1.0] * 12 + [-1.0] * 7 + [0.0] * 79)
    by_hand = (1.644854 * math.sqrt(0.2) + 0.841621 * math.sqrt(0.19)) ** 2 / 0.01
    assert problems_needed(differences, 0.1, level=0.9) == math.ceil(by_hand) == 122


def test_as_many_problems_as_needed_tell_the_margin_four_times_in_five():
    # a quarter discordant, true difference 0.1 → split 0.175 : 0.075
    seen = np.array([1.0] * 25 + [-1.0] * 25 + [0.0] * 150)
    n = problems_needed(seen, 0.1, level=0.9)
    draws = rng("power").multinomial(n, [0.175, 0.075, 0.75], 1000)
    told = [mcnemar_mid(int(b), int(a)) <= 0.1 for b, a, _ in draws]
    assert np.mean(told) == pytest.approx(0.8, abs=0.04)


def test_no_discordance_is_not_taken_for_none_ever():
    # of single answers a difference of 0.02 is 0.02 discordant at least
    least = (1.644854 * math.sqrt(0.02) + 0.841621 * math.sqrt(0.0196)) ** 2 / 0.0004
    assert problems_needed(np.zeros(998), 0.02, level=0.9) == math.ceil(least) == 308
    # of means it may be 0.02 everywhere: then only ψ = (1 + 100·0.01²)/102 is left
    spread = (1 + 100 * 0.01**2) / 102
    needed = (1.644854 * math.sqrt(spread) + 0.841621 * math.sqrt(spread - 0.0004)) ** 2 / 0.0004
    assert problems_needed(np.full(100, 0.01), 0.02, level=0.9) == math.ceil(needed)


def test_correlation_is_missing_where_a_side_does_not_vary():
    a, b = table(30, 10, 10, 30)
    # phi: (30·30 − 10·10) / 40² = 0.5
    assert correlation(a[0], b[0]) == pytest.approx(0.5)
    assert correlation(a[0], np.ones(80)) is None


def test_the_bootstrap_draws_the_problems_and_two_that_were_tossed_for():
    a, b = table(0, 10, 30, 58)
    means = bootstrap_means(b[0] - a[0], rng("boot"), 200_000)
    # (30 + ½ − 10 − ½)/100 = 0.2; second moment (40 + 1)/100, variance (0.41 − 0.04)/100
    assert means.mean() == pytest.approx(0.2, abs=1e-3)
    assert means.var() == pytest.approx(0.0037, rel=0.02)


def test_problems_that_never_differ_leave_doubt():
    a, b = table(40, 0, 0, 40)
    found = pair(a, b)
    assert found.difference.estimate == 0.0
    assert found.difference.low < 0 < found.difference.high
    assert (found.p, found.p_mid, found.outcome) == (1.0, pytest.approx(1.0), "not told apart")


def test_the_estimate_lies_in_a_narrow_interval_too():
    # 20 : 0 and the tossed ones: the upper quartile of the bootstrap is 21/22
    found = pair(*table(0, 0, 20, 0), confidence=0.5)
    assert (found.difference.estimate, found.difference.high) == (1.0, 1.0)


def test_large_tables_are_bootstrapped_piece_by_piece(monkeypatch):
    whole = bootstrap_means(np.linspace(-1, 1, 50), rng("pieces"), 1000)
    monkeypatch.setattr("titrant.dose.paired.interval.CELLS", 5000)
    pieces = bootstrap_means(np.linspace(-1, 1, 50), rng("pieces"), 1000)
    assert pieces == pytest.approx(whole, abs=1e-12)


def test_a_pair_of_single_answers_by_hand():
    a, b = table(50, 5, 20, 25)
    found = pair(a, b)
    assert (found.accuracy_a, found.accuracy_b) == (0.55, 0.70)
    assert found.difference.estimate == pytest.approx(0.15)
    assert (found.a_alone, found.b_alone) == (5, 20)
    assert (found.test, found.p) == ("exact McNemar", mcnemar_exact(5, 20))
    assert found.p_sign_flip is None
    assert found.p_unpaired == pytest.approx(unpaired_z(a[0], b[0]).p)
    assert found.p < 0.01 < 0.02 < found.p_unpaired
    assert (found.difference.n, found.difference.seeds, found.outcome) == (100, 2, "better")
    # (1.6449)·√((0.25 + 0.01)/100 − 0.15²/100) ≈ 0.080 to either side of 0.147
    assert found.difference.low == pytest.approx(0.147 - 0.080, abs=0.011)
    assert found.difference.high == pytest.approx(0.147 + 0.080, abs=0.011)


def test_the_other_way_round_is_worse_by_as_much():
    a, b = table(50, 5, 20, 25)
    there, back = pair(a, b), pair(b, a)
    assert back.outcome == "worse"
    assert back.difference.estimate == -there.difference.estimate
    assert (back.p, back.a_alone, back.b_alone) == (there.p, there.b_alone, there.a_alone)


def test_several_answers_per_problem_are_flipped_not_tossed():
    a, b = np.tile([0.25, 0.5], 30), np.tile([0.5, 0.75], 30)
    found = pair(a, b, answers=4)
    assert (found.test, found.p_mid, found.b_alone) == ("sign-flip", None, 60)
    assert found.p == found.p_sign_flip == 1 / 20_001


def test_problems_are_counted_and_none_is_lost():
    a, b = np.full((1, 40), 1.0), np.zeros((2, 40))
    a[0, :3] = np.nan  # only in b
    b[:, 3:8] = np.nan  # only in a
    b[1, 8] = np.nan  # one arm of b was not asked
    found = pair(a, b)
    assert (found.problems, found.only_a, found.only_b, found.partly) == (31, 5, 3, 1)
    found = pair(b, a)
    assert (found.problems, found.only_a, found.only_b, found.partly) == (31, 3, 5, 1)


def test_under_20_common_problems_are_too_few():
    a = np.ones((1, 30))
    b = a.copy()
    b[0, :11] = np.nan
    with pytest.raises(DataError) as caught:
        pair(a, b)
    assert str(caught.value) == (
        "too few problems of sums were asked of both a and b\n"
        "  expected: 20 or more problems in both\n"
        "  found: 19 in both, 11 only in a, 0 only in b\n"
        "  do: read both on the same problems, or name other benchmarks with --benchmark"
    )
    b[0, 10] = 1.0
    assert pair(a, b).problems == 20


@pytest.mark.parametrize(
    ("name", "value"), [("confidence", 0.0), ("confidence", 1.0), ("margin", 1.0), ("margin", 0.0)]
)
def test_level_and_margin_are_shares(name, value):
    with pytest.raises(ConfigError, match=f"a comparison cannot have {name} = {value}"):
        PairedWish(**{name: value})


def test_the_noise_of_arms_by_hand():
    # accuracies 1/4, 2/4, 3/4: sd 1/4, variance of their mean 1/48
    scores = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]], dtype=float)
    noise = between_arms(scores)
    assert noise.sd == pytest.approx(0.25)
    assert noise.variance == pytest.approx(1 / 48)
    # sum of squares: cells 2.75 − … = total 3.0 − arms 0.5 − problems 5/3 = 5/6; over 2 · 3
    assert noise.interaction == pytest.approx(5 / 36)
    assert between_arms(scores[:1]) is None


def test_arms_that_differ_widen_the_interval_by_their_t_quantile():
    base = np.zeros((1, 400))
    arms = np.zeros((3, 400))
    for arm, right in zip(arms, (160, 200, 240), strict=True):  # 0.4, 0.5, 0.6: sd 0.1
        arm[:right] = 1.0
    found = pair(base, arms)
    # seeds alone: t₂(0.95) · 0.1/√3 = 2.92 · 0.0577 = 0.1686
    assert found.difference.estimate - found.difference.low >= 0.1685
    assert found.difference.high - found.difference.estimate < 0.1686 * 1.2
    assert (found.test, found.seed_sd_a) == ("t with seeds", None)
    assert found.seed_sd_b == pytest.approx(0.1)
    assert found.p > 100 * found.p_sign_flip


def test_what_arms_err_on_alone_is_not_counted_twice():
    base, arms = np.zeros((1, 40)), np.zeros((2, 40))
    arms[0, :10], arms[1, 14:] = 1.0, 1.0  # no problem is right in both: all noise is between arms
    found = pair(base, arms)
    # 0.25 and 0.65: s²/2 = 0.04; t₁(0.95) = 6.3138; nothing is left for the problems
    assert found.difference.high - 0.45 == pytest.approx(6.3138 * 0.2, rel=1e-4)


def test_arms_that_happen_to_agree_are_no_narrower_than_these_very_arms():
    arms = np.zeros((2, 90))
    arms[0, :60], arms[1, 30:] = 1.0, 1.0  # both 2/3, on other problems
    found = pair(np.zeros((1, 90)), arms)
    very = pair(np.zeros(90), arms.mean(axis=0), answers=2)
    assert found.difference.high == pytest.approx(very.difference.high)
    assert found.difference.low == pytest.approx(very.difference.low)
    assert very.difference.high - very.difference.low > 0.05


@pytest.mark.parametrize("seed_sd", [0.0, 0.15])
def test_the_p_value_is_where_the_interval_ends_at_zero(seed_sd):
    noise = rng("consistent", seed_sd)
    rates = 0.36 + seed_sd * np.array([[-1.0], [0.0], [1.0]])
    arms = (noise.random((3, 400)) < rates).astype(float)
    base = (noise.random((1, 400)) < 0.28).astype(float)
    p = pair(base, arms).p
    assert 0.001 < p < 0.7
    for factor, is_told in ((1.15, True), (1 / 1.15, False)):
        assert (pair(base, arms, confidence=1 - factor * p).difference.low > 0) == is_told


def test_arms_that_are_one_leave_the_noise_of_problems_to_the_p_value():
    a, b = table(50, 5, 20, 25)
    # no noise of seeds: z = 0.15 / √((26/102 − (15/102)²)/102) = 3.1366
    assert pair(a, np.tile(b, (2, 1))).p == pytest.approx(2 * stats.norm.sf(3.1366), rel=0.1)


def test_two_equal_sides_of_arms_are_not_told_apart():
    a = np.tile([1.0, 0.0], (2, 30))
    found = pair(a, a.copy())
    assert found.p == 1.0


def test_a_difference_beyond_all_noise_has_the_least_p():
    zero, one = np.zeros((2, 4000)), np.ones((2, 4000))
    assert pair(zero, one).p == LEAST_P


@pytest.mark.parametrize(("seed_sd", "arms"), [(0.0, 3), (0.4, 3), (0.4, 5)])
def test_intervals_of_treatments_cover_at_their_level(seed_sd, arms):
    """Probit arms on shared problems; both sides are of one kind, so the truth is 0."""
    noise = rng("coverage", seed_sd, arms)

    def side():
        shape = (arms, 120)
        return ability + noise.normal(0, 0.7, shape) + noise.normal(0, seed_sd, (arms, 1)) > 0

    covered = 0
    for _ in range(120):
        ability = noise.normal(0, 1, 120)
        a, b = side().astype(float), side().astype(float)
        found = paired_difference(a, b, level=0.9, rng=noise, resamples=400)
        covered += found.low <= 0 <= found.high
    assert covered / 120 >= 0.9 - 0.04


def test_intervals_of_single_models_cover_at_their_level():
    noise = rng("coverage of models")
    covered = 0
    for _ in range(400):  # cells 0.5, 0.05, 0.15, 0.3: the difference is 0.1
        cells = noise.multinomial(60, [0.5, 0.05, 0.15, 0.3]).tolist()
        a, b = table(*cells)
        found = paired_difference(a, b, level=0.9, rng=noise, resamples=400)
        covered += found.low <= 0.1 <= found.high
    assert covered / 400 == pytest.approx(0.9, abs=0.045)


def test_the_family_is_corrected_and_judged_again():
    a, b = table(50, 5, 14, 31)  # p = 0.064: told at 0.1 alone, 0.127 of two
    alone = pair(a, b)
    assert alone.outcome == "better"
    first, second = correct_family([alone, alone])
    assert first.p == alone.p
    assert first.p_holm == second.p_holm == pytest.approx(2 * alone.p)
    assert first.outcome == "not told apart"
    assert correct_family([alone]) == (alone,)


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    a, b = rng("one").random((2, 50))
    assert pair(a, b, answers=9, seed=1) == pair(a, b, answers=9, seed=1)
    there, other = (pair(a, b, answers=9, seed=seed).difference for seed in (1, 2))
    assert there.estimate == other.estimate
    assert there.low != other.low


cells = st.tuples(*[st.integers(0, 30)] * 4).filter(lambda found: sum(found) >= 20)


@settings(max_examples=40)
@given(cells)
def test_the_difference_is_the_discordant_pairs_and_lies_in_its_interval(found_cells):
    both, a_alone, b_alone, neither = found_cells
    n = sum(found_cells)
    found = pair(*table(both, a_alone, b_alone, neither), resamples=200)
    assert found.difference.estimate == pytest.approx((b_alone - a_alone) / n)
    assert found.accuracy_b - found.accuracy_a == pytest.approx(found.difference.estimate)
    assert found.difference.low <= found.difference.estimate <= found.difference.high
    assert (found.a_alone, found.b_alone, found.problems) == (a_alone, b_alone, n)
