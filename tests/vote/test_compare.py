"""Against majority: what is saved, what is lost."""

import numpy as np
import pytest
from planted_draws import make_log, random_log

from titrant.vote.compare import Comparing
from titrant.vote.replay import make_orders, replay_rule, replay_vote
from titrant.vote.rules import Adaptive, Fixed
from titrant.vote.voters import Voter
from titrant.vote.within import auroc_difference, auroc_within


def test_majority_saves_and_loses_nothing_against_itself():
    log = random_log(0, questions=30)
    orders = make_orders(log, budget=24, resamples=4)
    row = Comparing(log, orders).row(replay_vote(log, orders, Voter()))
    assert row.saved == row.loss == (0.0, 0.0, 0.0)
    assert row.at_equal_tokens.estimate == pytest.approx(0.0, abs=1e-12)
    assert row.loss_bound == pytest.approx(3 / 31)  # none of 30 lost: the rule of three


def test_savings_by_hand():
    # Adaptive stops the unanimous question after 4 of 8 draws of 10 tokens: 40 + 80 of 160
    log = make_log([[0] * 8, [0, 1] * 4])
    orders = make_orders(log, budget=8, resamples=1)
    row = Comparing(log, orders).row(replay_rule(log, orders, Adaptive(budget=8)))
    assert row.saved.estimate == pytest.approx(0.25)
    assert (row.accuracy.estimate, row.loss.estimate) == (1.0, 0.0)
    assert (row.tokens, row.drawn) == (60.0, 6.0)


def test_the_curve_rises_with_the_draws_of_a_good_sampler():
    rng = np.random.default_rng(0)
    groups = np.where(rng.random((200, 32)) < 0.55, 0, rng.integers(1, 3, (200, 32)))
    log = make_log(groups.tolist())
    orders = make_orders(log, budget=32, resamples=8)
    comparing = Comparing(log, orders)
    curve = comparing.curve()
    assert [p.draws for p in curve] == [*range(1, 9), 10, 11, 13, 16, 19, 23, 27, 32]
    assert [p.tokens for p in curve] == [10.0 * p.draws for p in curve]
    assert curve[0].accuracy.estimate == pytest.approx(0.55, abs=0.03)
    assert curve[-1].accuracy.estimate > 0.97
    # eight draws cost what eight draws cost: nothing is won at equal tokens
    row = comparing.row(replay_rule(log, orders, Fixed(8)))
    assert row.at_equal_tokens == pytest.approx((0, 0, 0), abs=1e-9)
    assert row.saved.estimate == pytest.approx(0.75)
    assert row.loss.estimate > 0
    assert row.loss.high < row.loss_bound < row.loss.high + 0.015  # one lost question more of 201


def test_auroc_counts_pairs_of_one_question():
    # question 0: right 3, 1; wrong 2, 1: pairs 3>2, 3>1, 1<2, 1=1: 2.5 of 4. question 1 has one kind.
    log = make_log([[0, 0, 1, 1], [0, 0, -1]], signals={"s": [3, 1, 2, 1, 9, 9, 0]})
    found = auroc_within(log.signals["s"], log)
    assert (found.auroc, found.questions, found.pairs) == (0.625, 1, 4)


def test_draws_without_a_number_are_in_no_pair():
    log = make_log([[0, 0, 1]], signals={"s": [np.nan, 5, 4]})
    assert auroc_within(log.signals["s"], log)[3:] == (1, 1)
    nothing = auroc_within(np.full(3, np.nan), log)
    assert np.isnan(nothing.auroc)
    assert nothing.pairs == 0


def test_differences_are_paired():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, (100, 8))
    good = np.where(groups == 0, 1.0, 0.0).ravel() + rng.normal(0, 0.5, groups.size)
    log = make_log(groups.tolist(), signals={"good": good, "noise": rng.normal(size=groups.size)})
    found = auroc_difference(log.signals["good"], log.signals["noise"], log)
    assert found.low > 0.3
    assert auroc_difference(good, good, log) == (0.0, 0.0, 0.0)
