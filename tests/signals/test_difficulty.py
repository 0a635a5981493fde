import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from titrant.errors import ConfigError
from titrant.seeds import derive_rng
from titrant.signals.difficulty import (
    NO_BAND,
    UNIFORM,
    Design,
    Prior,
    Tally,
    band_names,
    band_of_rate,
    expect,
    fit_prior,
    rates,
    still_open,
    stop_rule,
)

POOLS = {
    "u-shaped": Prior(0.3, 0.3),
    "uniform": UNIFORM,
    "centred": Prior(2.0, 2.0),
    "mostly hard": Prior(0.3, 3.0),
    "all hard": Prior(0.1, 5.0),
}
priors = st.builds(Prior, st.floats(0.05, 20), st.floats(0.05, 20))
designs = st.builds(
    Design,
    n=st.integers(1, 10),
    cuts=st.sampled_from([(0.125, 0.875), (0.5,), (0.2, 0.5, 0.9)]),
    tolerance=st.sampled_from([0.0, 0.02, 0.05, 0.2]),
    first=st.integers(1, 3),
)


def tally(*rows: tuple[int, int, int]) -> Tally:
    """From (right, drawn, failed) per question."""
    return Tally(*np.array(rows, dtype=np.int64).T)


def test_a_rate_on_a_cut_belongs_to_the_outer_band():
    # 1/8 = 0.125 and 7/8 = 0.875 stand on the cuts
    assert [band_of_rate(s / 8) for s in range(9)] == [0, 0, 1, 1, 1, 1, 1, 2, 2]


def test_a_cut_at_one_half_belongs_to_the_band_below():
    assert [band_of_rate(s / 4, (0.5,)) for s in range(5)] == [0, 0, 0, 1, 1]


@given(n=st.integers(1, 64), s=st.integers(0, 64))
def test_bands_are_mirrored_where_right_and_wrong_change_places(n, s):
    s = min(s, n)
    assert band_of_rate(s / n) == 2 - band_of_rate((n - s) / n)


def test_three_bands_have_names_and_others_numbers():
    assert band_names(3) == ("hard", "middle", "easy")
    assert band_names(2) == ("band 1", "band 2")


@pytest.mark.parametrize(("prior", "n"), [(Prior(0.7, 1.3), 8), (Prior(1e-3, 400.0), 40)])
def test_without_tolerance_it_stops_exactly_where_all_ends_lead_to_one_band(prior, n):
    """Also where the other bands are less likely than any number that floats can tell from 0."""
    rule = stop_rule(Design(n=n, tolerance=0.0, first=1), prior)
    for d, s in itertools.product(range(1, n + 1), range(n + 1)):
        if s <= d:
            ends = {band_of_rate((s + x) / n) for x in range(n - d + 1)}
            assert rule.stops[d, s] == (len(ends) == 1) == (rule.risk[d, s] == 0)


def test_without_tolerance_seven_wrong_or_two_of_each_are_enough():
    rule = stop_rule(Design(tolerance=0.0), UNIFORM)
    # 2 right and 2 wrong: all ends have 2 to 6 right
    assert rule.stops[4, 2]
    # 7 wrong: 0 or 1 right in the end
    assert rule.stops[7, 0]
    assert not rule.stops[6, 0]


def test_the_fixed_design_stops_at_the_last_answer_alone():
    rule = stop_rule(Design(tolerance=None), UNIFORM)
    assert not rule.stops[:8].any()
    assert rule.stops[8].all()
    assert expect(Design(tolerance=None), UNIFORM) == (8.0, 0.0, 0.0)


def test_risk_is_that_of_the_beta_binomial_distribution():
    # Beta(1, 1), 0 right of 4: hard if at most 1 of the 4 to come is right.
    # X ~ BetaBinomial(4, 1, 5): P(0) = B(1, 9)/B(1, 5) = (1/9)/(1/5) = 5/9,
    # P(1) = 4 · B(2, 8)/B(1, 5) = 4 · (1/72) · 5 = 5/18; risk = 1 − 15/18 = 1/6
    rule = stop_rule(Design(), UNIFORM)
    assert rule.band[4, 0] == 0
    assert rule.risk[4, 0] == pytest.approx(1 / 6)


@given(prior=priors, d=st.integers(0, 7), s=st.integers(0, 7))
def test_risk_agrees_with_scipy(prior, d, s):
    s = min(s, d)
    x = np.arange(8 - d + 1)
    chances = betabinom.pmf(x, 8 - d, prior.a + s, prior.b + d - s)
    by_band = np.bincount([band_of_rate((s + i) / 8) for i in x], weights=chances, minlength=3)
    assert stop_rule(Design(), prior).risk[d, s] == pytest.approx(1 - by_band.max(), abs=1e-9)


@given(design=designs, prior=priors)
def test_expected_other_bands_stay_within_the_tolerance(design, prior):
    found = expect(design, prior)
    assert found.other_band <= design.tolerance + 1e-9
    assert min(design.first, design.n) <= found.answers + 1e-9
    assert found.answers <= design.n + 1e-9


@given(prior=priors)
def test_more_tolerance_never_costs_more_answers(prior):
    spent = [expect(Design(tolerance=t), prior).answers for t in (0.0, 0.02, 0.05, 0.1)]
    assert all(one >= other - 1e-9 for one, other in itertools.pairwise(spent))


@given(prior=priors)
def test_the_rule_is_mirrored_where_the_prior_is(prior):
    rule = stop_rule(Design(), prior)
    other = stop_rule(Design(), Prior(prior.b, prior.a))
    for d in range(9):
        assert rule.risk[d, : d + 1] == pytest.approx(other.risk[d, d::-1], abs=1e-9)


def test_no_rule_of_its_tolerance_costs_fewer_answers_at_small_n():
    """Against all rules at n = 3 with one cut: 2^3 − 1 places to stop before the last answer."""
    design, prior = Design(n=3, cuts=(0.4,), tolerance=0.1, first=1), Prior(0.4, 0.9)
    risk = stop_rule(design, prior).risk
    places = [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    spent = {}
    for chosen in itertools.product([False, True], repeat=len(places)):
        stops = dict(zip(places, chosen, strict=True))
        spent[chosen] = _spend_by_hand(stops, risk, prior, n=3)
    found = expect(design, prior)
    price = _price_of(found, spent.values())
    assert price is not None
    best = min(other + price * answers for answers, other in spent.values())
    assert found.other_band + price * found.answers == pytest.approx(best)


def _spend_by_hand(stops, risk, prior, *, n):
    """Expected answers and other bands, over all 2^n sequences."""
    answers = other = 0.0
    for sequence in itertools.product([0, 1], repeat=n):
        chance, a, b = 1.0, prior.a, prior.b
        for right in sequence:
            chance *= (a if right else b) / (a + b)
            a, b = a + right, b + 1 - right
        d = next((d for d in range(1, n) if stops[d, sum(sequence[:d])]), n)
        answers += chance * d
        other += chance * risk[d, sum(sequence[:d])]
    return answers, other


def _price_of(found, spent):
    """A price at which no rule is better than the one found, if there is one."""
    for price in np.geomspace(1e-5, 1, 2000):
        mine = found.other_band + price * found.answers
        if all(other + price * answers >= mine - 1e-9 for answers, other in spent):
            return price
    return None


@pytest.mark.parametrize(
    ("pool", "saved", "other", "without"),
    [
        ("u-shaped", 0.42, 0.037, 0.16),
        ("uniform", 0.25, 0.008, 0.21),
        ("centred", 0.42, 0.048, 0.25),
        ("mostly hard", 0.56, 0.040, 0.14),
        ("all hard", 0.75, 0.031, 0.12),
    ],
)
def test_the_savings_told_in_the_module_are_those_expected(pool, saved, other, without):
    found = expect(Design(), POOLS[pool])
    assert found.saved == pytest.approx(saved, abs=0.005)
    assert found.other_band == pytest.approx(other, abs=0.0005)
    assert expect(Design(tolerance=0.0), POOLS[pool]).saved == pytest.approx(without, abs=0.005)


def test_the_prior_of_no_answers_is_uniform():
    assert fit_prior(np.zeros(3, int), np.zeros(3, int)) == pytest.approx((1, 1), abs=1e-3)


def test_a_handful_of_questions_does_not_claim_to_know_the_pool():
    """Without the pull, one question with 2 of 2 right would make the whole pool certain."""
    a, b = fit_prior(np.array([2]), np.array([2]))
    assert 0.5 < a / (a + b) < 0.9
    assert 0.5 < a + b < 8


@pytest.mark.parametrize("pool", POOLS)
def test_the_prior_finds_the_pool_again(pool):
    a, b = POOLS[pool]
    rng = derive_rng(0, "test", pool)
    rate = rng.beta(a, b, 4000)
    drawn = rng.integers(2, 9, 4000)
    found = fit_prior(rng.binomial(drawn, rate), drawn)
    # 4,000 questions of 2 to 8 answers: the standard error is under 0.01 of the mean, 5 % of the size
    assert found.a / sum(found) == pytest.approx(a / (a + b), abs=0.03)
    assert np.log(sum(found)) == pytest.approx(np.log(a + b), abs=0.3)


def test_stopping_does_not_bias_the_prior():
    """Stopped streams of a uniform pool: s/d is pulled apart, the fitted prior is not."""
    rng = derive_rng(0, "test", "stopped")
    stream = rng.random((4000, 8)) < rng.beta(1, 1, 4000)[:, None]
    sums = np.cumsum(stream, axis=1)
    streak = (sums[:, 2] == 3) | (sums[:, 2] == 0)
    drawn = np.where(streak, 3, 8)
    right = np.where(streak, sums[:, 2], sums[:, 7])
    assert np.var(right / drawn) > 1.2 / 12  # 1/12 is the variance of the rates themselves
    assert np.log(fit_prior(right, drawn)) == pytest.approx([0, 0], abs=0.12)


def test_a_pool_of_failures_is_closed_after_the_first_look():
    seen = tally(*[(0, 2, 0)] * 200)
    assert not still_open(seen, Design()).any()


def test_questions_at_their_end_are_closed_and_others_go_on():
    seen = tally((3, 8, 0), (1, 2, 0), (0, 0, 0))
    assert still_open(seen, Design(tolerance=0.0)).tolist() == [False, True, True]


def test_failed_draws_make_n_smaller():
    # one of 8 failed: 7 answers are all there will be, and 1/7 > 0.125 is not hard
    seen = tally((1, 7, 1), (1, 7, 0), (0, 0, 8))
    assert still_open(seen, Design(tolerance=0.0)).tolist() == [False, True, False]
    assert rates(seen, Design()).band.tolist()[::2] == [1, NO_BAND]


def test_rates_are_posterior_means_with_intervals_and_bands():
    seen = tally((0, 8, 0), (4, 8, 0), (8, 8, 0))
    found = rates(seen, Design())
    a, b = found.prior
    assert found.band.tolist() == [0, 1, 2]
    assert found.mean == pytest.approx((a + np.array([0, 4, 8])) / (a + b + 8))
    assert (found.low < found.mean).all()
    assert (found.mean < found.high).all()
    assert found.mean[0] > 0  # shrunk: none of 8 right is no proof of none


def test_a_question_without_answers_has_no_rate():
    found = rates(tally((0, 0, 0), (2, 2, 0)), Design())
    assert np.isnan([found.mean[0], found.low[0], found.high[0]]).all()
    assert found.band[0] == NO_BAND
    assert np.isfinite(found.mean[1])


def test_no_questions_are_no_rates():
    found = rates(Tally.empty(0), Design())
    assert len(found.mean) == len(found.band) == 0
    assert still_open(Tally.empty(0), Design()).shape == (0,)


def test_intervals_cover_as_they_say_under_the_pool_and_any_stopping():
    """90 % intervals of 3,000 U-shaped rates, stopped by the rule; ± 3 standard errors of 0.55 %."""
    rng = derive_rng(0, "test", "coverage")
    rate = rng.beta(0.5, 0.5, 3000)
    stream = rng.random((3000, 8)) < rate[:, None]
    rule = stop_rule(Design(), Prior(0.5, 0.5))
    sums = np.concatenate([np.zeros((3000, 1), int), np.cumsum(stream, axis=1)], axis=1)
    drawn = np.array([np.flatnonzero(rule.stops[range(9), row])[0] for row in sums])
    found = rates(Tally(sums[range(3000), drawn], drawn, np.zeros(3000, int)), Design())
    covered = np.mean((found.low <= rate) & (rate <= found.high))
    assert covered == pytest.approx(0.90, abs=0.017)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "at least 1 answer per question and 1 before the first look\n  found: n=0"),
        (
            {"cuts": (0.9, 0.1)},
            r"signals.bands does not part pass rates\n.*\n  found: \[0.9, 0.1\]",
        ),
        ({"cuts": (0.0, 0.5)}, "above 0 and under 1"),
        ({"cuts": ()}, "correct signals.bands"),
        ({"tolerance": 1.0}, "the tolerance of difficulty is no share"),
    ],
)
def test_a_design_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Design(**settings)
