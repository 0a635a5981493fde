"""Replays on logs: costs by hand, and the arrays against one question at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_draws import make_log, random_log

from titrant.errors import ConfigError
from titrant.signals.ragged import Ragged
from titrant.vote.logs.log import record_lows, stopped_at
from titrant.vote.replay import Orders, make_orders, replay_rule, replay_vote
from titrant.vote.rules import Adaptive, DeepConf, Esc, Fixed
from titrant.vote.voters import TIE, Voter


def in_log_order(log, budget):
    return make_orders(log, budget=budget, resamples=1)


def test_the_cost_of_a_stop_is_the_first_window_under_the_bar():
    # windows of 2: 4.5, 3, 2, 2.5, 0.5 end at tokens 2, 3, 4, 5, 6
    lows = record_lows(Ragged.of_rows([np.array([5.0, 4, 2, 2, 3, -2])]), 2)
    bars = [4.5, 4.6, 3.0, 2.5, 2.0, 1.0, 0.5, 0.0, -math.inf]
    found = stopped_at(lows, np.zeros(len(bars), dtype=int), np.array(bars))
    # under 4.5 is first 3 (token 3); 2.5 → 2 (token 4); 2.0 → 0.5 (token 6); 0.5 → never
    assert found.tolist() == [3, 2, 4, 4, 6, 6, 0, 0, 0]


def test_a_draw_shorter_than_the_window_is_never_stopped():
    lows = record_lows(Ragged.of_rows([np.array([0.1, 0.1, 0.1]), np.array([9.0, 9, 9, 9])]), 4)
    assert stopped_at(lows, np.array([0, 1]), np.array([99.0, 99.0])).tolist() == [0, 4]


@given(
    st.lists(st.lists(st.floats(0, 9, width=16), max_size=12), min_size=1, max_size=4),
    st.floats(0, 9),
)
def test_stops_are_those_of_a_loop(rows, bar):
    ragged = Ragged.of_rows([np.array(row, dtype=float) for row in rows])
    found = stopped_at(record_lows(ragged, 3), np.arange(len(rows)), np.full(len(rows), bar))
    means = ragged.sliding_mean(3)
    for i, row in enumerate(rows):
        under = np.nonzero(means.row(i) < bar)[0] if len(row) >= 3 else []
        assert found[i] == (under[0] + 3 if len(under) else 0)


def test_a_replay_by_hand():
    # Warm-ups 0 and 1 have lowest windows 5 and 3, so the bar at η = 100 is 3. Draw 2 falls to 2 at its
    # third token and is stopped there; draw 3 stays over it and settles nothing (0: 5 + 4, 1: 3).
    log = make_log(
        [[0, 1, 0, 0]],
        confidence=[[5, 5, 5], [3, 3, 3, 3], [9, 9, -5, 9, 9], [4, 4]],
        window=2,
    )
    rule = DeepConf(budget=4, warmup=2, eta=100)
    found = replay_rule(log, in_log_order(log, 4), rule, signal="lowest")
    assert found.tokens.tolist() == [[3 + 4 + 3 + 2]]
    assert found.stopped.tolist() == [[1]]
    assert found.drawn.tolist() == [[4]]
    assert found.is_right.tolist() == [[True]]


def test_a_settled_vote_draws_no_more():
    log = make_log([[0] * 8, [0, 1] * 4])
    found = replay_rule(log, in_log_order(log, 8), Adaptive(budget=8))
    assert found.drawn.tolist() == [[4, 8]]
    assert found.tokens.tolist() == [[40, 80]]
    esc = replay_rule(log, in_log_order(log, 8), Esc(budget=8, window=4))
    assert esc.drawn.tolist() == [[4, 8]]


def test_a_question_without_an_answer_is_not_right():
    log = make_log([[-1, -1]], right=(-1,))
    for found in (
        replay_rule(log, in_log_order(log, 2), Fixed(2)),
        replay_vote(log, in_log_order(log, 2), Voter()),
    ):
        assert not found.has_answer.any()
        assert not found.is_right.any()


def test_fixed_is_majority():
    log = random_log(3)
    orders = make_orders(log, budget=24, resamples=5)
    one, other = replay_rule(log, orders, Fixed(24)), replay_vote(log, orders, Voter())
    np.testing.assert_array_equal(one.is_right, other.is_right)
    np.testing.assert_array_equal(one.tokens, other.tokens)


def test_orders_are_permutations_cut_to_the_budget():
    log = random_log(0, questions=3, draws=10)
    orders = make_orders(log, budget=7, resamples=4, seed=5)
    assert orders.draws[0].tolist() == [list(range(10 * q, 10 * q + 7)) for q in range(3)]
    for q in range(3):
        for row in orders.draws[:, q]:
            assert len(set(row.tolist())) == 7
            assert all(10 * q <= d < 10 * (q + 1) for d in row)
    again = make_orders(log, budget=7, resamples=4, seed=5)
    np.testing.assert_array_equal(orders.draws, again.draws)


def test_more_draws_than_were_logged_are_refused():
    with pytest.raises(ConfigError, match="at most 10 draws"):
        make_orders(random_log(0, draws=10), budget=11)


def alone(log, order, rule):
    """One question under DeepConf as the paper writes it, in plain Python."""
    values, votes, n_votes, warm, bar, tokens = log.signals["lowest"], {}, 0, [], None, 0
    complete: dict[int, int] = {}
    for started, draw in enumerate(order, start=1):
        stop = (
            0
            if bar is None
            else int(stopped_at(log.lows["lowest"], np.array([draw]), np.array([bar]))[0])
        )
        tokens += stop or int(log.n_tokens[draw])
        group = int(log.group[draw])
        if not stop and group >= 0:
            complete[group] = complete.get(group, 0) + 1
        entering = []
        if started <= rule.warmup:
            warm.append(draw)
            if started == rule.warmup:
                bar = float(np.percentile([values[d] for d in warm], 100 - rule.eta)) - TIE
                entering = [d for d in warm if values[d] >= bar]
        elif not stop:
            entering = [draw]
        for d in entering:
            if log.group[d] >= 0:
                votes[int(log.group[d])] = votes.get(int(log.group[d]), 0.0) + values[d]
                n_votes += 1
        share = max(votes.values()) / sum(votes.values()) if votes else 0.0
        if started >= rule.warmup and n_votes >= rule.min_votes and share >= rule.tau:
            break
    best = votes or complete
    winner = max(best, key=best.__getitem__) if best else -1
    return winner, tokens, started


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([10.0, 50.0, 90.0]), st.sampled_from([0.6, 0.95]))
def test_the_arrays_do_what_the_paper_says(seed, eta, tau):
    log = random_log(seed, questions=3, draws=20)
    rule = DeepConf(budget=20, warmup=5, eta=eta, tau=tau, min_votes=2)
    orders = make_orders(log, budget=20, resamples=2, seed=seed)
    found = replay_rule(log, orders, rule, signal="lowest")
    for r in range(2):
        for q in range(3):
            winner, tokens, drawn = alone(log, orders.draws[r, q].tolist(), rule)
            assert found.tokens[r, q] == tokens
            assert found.drawn[r, q] == drawn
            assert found.is_right[r, q] == (winner == 0)


def test_the_control_stops_as_often_and_not_the_same():
    rng = np.random.default_rng(0)
    # right draws (0) are confident, wrong ones are not
    groups = rng.integers(0, 2, (60, 32))
    confidence = [rng.normal(4.0 - 1.5 * g, 0.4, 12) for g in groups.ravel()]
    log = make_log(groups.tolist(), confidence=confidence, window=4)
    orders = make_orders(log, budget=32, resamples=4)
    rule = DeepConf(budget=32, warmup=8, eta=50, tau=2.0)
    real = replay_rule(log, orders, rule, signal="lowest")
    control = replay_rule(log, orders, rule, signal="lowest", is_control=True)
    np.testing.assert_array_equal(control.stopped, real.stopped)
    assert control.tokens.sum() == pytest.approx(real.tokens.sum(), rel=0.02)
    assert real.is_right.mean() > 0.99
    assert control.is_right.mean() < 0.7
    assert control.name == "deepconf@50, no τ lowest, dealt anew"


def test_orders_can_be_cut():
    log = random_log(1, questions=2, draws=6)
    orders = make_orders(log, budget=6, resamples=2)
    short = Orders(orders.draws[:, :, :3], orders.seed)
    assert replay_vote(log, short, Voter()).drawn.tolist() == [[3, 3], [3, 3]]


def test_a_signal_that_can_be_negative_stops_and_weighs_nothing():
    # as the replay by hand above, moved down by 10: votes count 1
    log = make_log(
        [[0, 1, 0, 0]],
        confidence=[[-5, -5, -5], [-7, -7, -7, -7], [-1, -1, -15, -1, -1], [-6, -6]],
        window=2,
    )
    rule = DeepConf(budget=4, warmup=2, eta=100)
    found = replay_rule(log, in_log_order(log, 4), rule, signal="lowest")
    assert found.tokens.tolist() == [[3 + 4 + 3 + 2]]
    assert found.is_right.tolist() == [[True]]  # 2 votes against 1
