"""Rules, draw by draw, by hand."""

import numpy as np
import pytest

from titrant.errors import ConfigError
from titrant.vote.rules import Adaptive, DeepConf, Esc, Fixed, beta_lead, check_rule
from titrant.vote.voters import TIE
from titrant.vote.walks import Told, Walks


def walk(rule, groups, signal=None, weak=None):
    """One walk until it closes or the draws end."""
    walks = Walks(rule, 1)
    for i, group in enumerate(groups):
        if not walks.is_open[0]:
            break
        told = Told(
            np.array([group]),
            np.array([np.nan if signal is None else signal[i]]),
            np.array([False if weak is None else weak[i]]),
        )
        walks.tell(np.array([0]), told)
    return walks


def drawn(rule, groups, **more):
    return int(walk(rule, groups, **more).n_drawn[0])


def test_fixed_draws_its_number():
    assert drawn(Fixed(3), [0] * 9) == 3


@pytest.mark.parametrize(
    ("groups", "n"),
    [
        ([0] * 9, 4),  # 4–0
        ([0, 0, 1, 0, 0, 0, 0, 0], 7),  # 6–1
        ([0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0], 10),  # 8–2
        ([0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0], 12),  # 9–3
        ([0, 1] * 20, 40),  # never: the budget
    ],
)
def test_adaptive_stops_where_the_posterior_says(groups, n):
    assert drawn(Adaptive(), groups) == n


def test_the_posterior_by_hand():
    # P(Beta(5, 1) > ½) = 1 − ½^5
    assert beta_lead(np.array([4]), np.array([0]))[0] == pytest.approx(0.96875)
    assert beta_lead(np.array([3]), np.array([3]))[0] == pytest.approx(0.5)


def test_adaptive_is_not_sure_of_draws_without_an_answer():
    assert drawn(Adaptive(budget=9), [-1] * 9) == 9
    assert drawn(Adaptive(), [-1, 0, -1, 0, 0, 0]) == 6


def test_esc_stops_at_a_unanimous_window_only():
    assert drawn(Esc(window=5), [0] * 5) == 5
    # five in a row, but across a border: the second window is 0 0 0 0 1
    assert drawn(Esc(window=5), [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2]) == 15
    assert drawn(Esc(window=5, budget=7), [-1] * 9) == 7


def test_sixteen_warm_ups_leave_two_or_fourteen():
    signal = np.random.default_rng(0).permutation(16) + 10.0
    low = walk(DeepConf(eta=10, min_votes=99), [0] * 16, signal)
    high = walk(DeepConf(eta=90, min_votes=99), [0] * 16, signal)
    assert (low.n_votes[0], high.n_votes[0]) == (2, 14)
    # the 90th percentile of 10 … 25 is 10 + 0.9 · 15 = 23.5, the 10th is 11.5
    assert (low.bar[0], high.bar[0]) == pytest.approx((23.5 - TIE, 11.5 - TIE))


def test_one_answer_settles_it_after_the_warm_up_but_not_under_the_guard():
    signal = np.arange(64.0) + 10
    assert drawn(DeepConf(eta=10, min_votes=1), [0] * 64, signal=signal) == 16
    guarded = walk(DeepConf(eta=10, min_votes=4), [0] * 64, signal=signal)
    assert (guarded.n_drawn[0], guarded.n_votes[0]) == (18, 4)  # 2 warm-ups and 2 more
    assert guarded.decided().is_settled[0]
    assert guarded.leader_share(np.array([0]))[0] == 1.0


def test_votes_are_weighted_by_confidence():
    # warm-ups: 0 with 10, 1 with 30 and 0 with 11; all vote at η = 100: 1 has 30 of 51
    walks = walk(DeepConf(budget=3, warmup=3, eta=100), [0, 1, 0], [10.0, 30.0, 11.0])
    found = walks.decided()
    assert (found.group[0], found.n_votes[0]) == (1, 3)
    assert found.share[0] == pytest.approx(30 / 51)


def test_a_weak_draw_is_drawn_and_has_no_vote():
    rule = DeepConf(budget=4, warmup=2, eta=100, min_votes=9)
    walks = walk(rule, [0, 0, 1, 1], [5.0, 6.0, 1.0, 9.0], [False, False, True, False])
    assert (walks.n_drawn[0], walks.n_votes[0]) == (4, 3)
    assert walks.leader_share(np.array([0]))[0] == pytest.approx(11 / 20)


def test_warm_ups_that_were_all_cut_fall_back():
    rule = DeepConf(budget=5, warmup=3, eta=10)
    cut = walk(rule, [-1, -1, -1, -1, -1], [4.0, 5.0, 6.0, 7.0, 8.0]).decided()
    assert (cut.group[0], cut.fell_back[0], cut.n_drawn[0]) == (-1, False, 5)
    # the bar is 5.8; the only answer is a warm-up's under it, and all later draws are weak
    weak = walk(rule, [2, -1, -1, 2, 2], [4.0, 5.0, 6.0, 1.0, 1.0], [False] * 3 + [True] * 2)
    found = weak.decided()
    assert (found.group[0], found.n_votes[0], found.fell_back[0]) == (2, 0, True)
    assert np.isnan(found.share[0])


def test_without_confidences_there_is_no_bar_and_no_vote():
    walks = walk(DeepConf(budget=3, warmup=2), [0, 0, 0])
    assert walks.bar[0] == -np.inf
    assert walks.decided().fell_back[0]


def test_walks_do_not_see_each_other():
    rng = np.random.default_rng(1)
    rule, n = DeepConf(budget=20, warmup=6, eta=50), 7
    groups, signal = rng.integers(-1, 3, (n, 20)), rng.gamma(3.0, 1.0, (n, 20))
    together = Walks(rule, n)
    for step in range(20):
        rows = np.nonzero(together.is_open)[0]
        weak = signal[rows, step] < together.bar[rows]
        together.tell(rows, Told(groups[rows, step], signal[rows, step], weak))
    for i in range(n):
        alone = Walks(rule, 1)
        for step in range(20):
            if alone.is_open[0]:
                weak = signal[[i], step] < alone.bar
                alone.tell(np.array([0]), Told(groups[[i], step], signal[[i], step], weak))
        for one, many in zip(alone.decided(), together.decided(), strict=True):
            np.testing.assert_array_equal(one[0], many[i])


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Fixed(0), "budget = 0"),
        (Adaptive(confidence=0.5), "confidence = 0.5"),
        (Esc(window=1), "window = 1"),
        (DeepConf(eta=0), "eta = 0"),
        (DeepConf(tau=0), "tau = 0"),
        (DeepConf(min_votes=0), "min_votes = 0"),
        (DeepConf(budget=8), "warmup = 16"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rule, text):
    with pytest.raises(ConfigError, match=text):
        check_rule(rule)
