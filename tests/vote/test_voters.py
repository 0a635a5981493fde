"""Votes over draws, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from titrant.errors import ConfigError, DataError
from titrant.vote.voters import Voter, check_voter, threshold, vote, weights_of


def decide(voter, groups, signal=None, tokens=None):
    found = vote(
        voter,
        np.array([groups]),
        None if signal is None else np.array([signal], dtype=float),
        None if tokens is None else np.array([tokens]),
    )
    return int(found.group[0]), float(found.share[0]), int(found.n_votes[0])


def test_majority_counts_answers_and_keeps_the_rest_out():
    # 3 votes for 1, 2 for 0; the two draws without an answer have none
    assert decide(Voter(), [0, 1, -1, 1, 0, 1, -1]) == (1, 0.6, 5)


def test_of_equal_votes_the_one_drawn_first_wins():
    assert decide(Voter(), [2, 0, 0, 2, 1])[0] == 2


def test_nobody_votes_where_nobody_answers():
    group, share, n = decide(Voter(), [-1, -1])
    assert (group, n) == (-1, 0)
    assert np.isnan(share)


def test_weights_can_overrule_the_count():
    # 9 against 2 + 3
    assert decide(Voter("weighted", "c"), [0, 1, 1], [9, 2, 3]) == (0, pytest.approx(9 / 14), 3)


def test_a_draw_without_a_number_has_no_weighted_vote():
    assert decide(Voter("weighted", "c"), [0, 1, 1], [np.nan, 2, 3]) == (1, 1.0, 2)


def test_filtering_keeps_the_share_and_its_ties():
    values = np.arange(16.0)[None]
    assert [(values >= threshold(values, eta)[:, None]).sum() for eta in (10, 90)] == [2, 14]
    # the 90th percentile of ten equal values is that value: all are kept
    assert decide(Voter("count", "c", eta=10), [0] * 4 + [1] * 6, [5] * 10)[2] == 10


def test_the_percentile_is_over_draws_that_answered():
    # of 11 … 20 the best tenth is 20 alone (the 90th percentile is 19.1); 99 has no answer
    groups, signal = [-1, *range(10)], [99, *range(11, 21)]
    assert decide(Voter("weighted", "c", eta=10), groups, signal) == (9, 1.0, 1)


def test_borda_weighs_by_rank():
    # ranks: 8 → 1, 6 → 2, 5 → 3; weights (N − r + 1)^1: 3, 2, 1: group 0 has 3, group 1 has 3
    assert decide(Voter("borda", "c", power=1.0), [1, 0, 1], [6, 8, 5]) == (1, 0.5, 3)
    weights = weights_of(
        Voter("borda", "c", power=0.5),
        np.array([[0, -1, 0]]),
        np.array([[1.0, 7, 2]]),
        np.zeros((1, 3)),
    )
    np.testing.assert_allclose(weights, [[1.0, np.nan, 2**0.5]])


def test_cisc_is_a_softmax_over_the_question():
    weights = weights_of(
        Voter("cisc", "c", temperature=2.0),
        np.array([[0, 1, -1]]),
        np.array([[2.0, 0, 9]]),
        np.zeros((1, 3)),
    )
    # The first has e to the 1 of e to the 1 plus e to the 0
    np.testing.assert_allclose(weights, [[0.7310586, 0.2689414, np.nan]], rtol=1e-6)


def test_best_takes_one_draw_the_first_of_equals():
    assert decide(Voter("best", "c"), [1, 0, 2], [3, 7, 7]) == (0, 1.0, 1)


def test_shortest_is_a_majority_of_the_shortest_that_answered():
    assert decide(Voter("shortest", k=3), [0, 0, 1, 1, -1], tokens=[50, 40, 9, 8, 1]) == (
        1, pytest.approx(2 / 3), 3,
    )  # fmt: skip


def test_weights_are_not_negative():
    with pytest.raises(DataError, match="the signal logprob cannot weigh votes"):
        decide(Voter("weighted", "logprob"), [0, 1], [-1.0, -2.0])


@pytest.mark.parametrize(
    ("voter", "text"),
    [
        (Voter("weighted"), "signal = None"),
        (Voter("majority", "c"), "signal = 'c'"),
        (Voter("weighted", "c", eta=0), "eta = 0"),
        (Voter("shortest", k=0), "k = 0"),
        (Voter("cisc", "c", temperature=0), "temperature = 0"),
        (Voter("borda", "c", power=-1), "power = -1"),
        (Voter("loudest"), "how = 'loudest'"),
    ],
)
def test_a_vote_that_cannot_be_is_refused(voter, text):
    with pytest.raises(ConfigError, match=text):
        check_voter(voter)


ROWS = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-1, 3), min_size=n, max_size=n),
        st.lists(st.floats(0.125, 64, width=16), min_size=n, max_size=n),
    )
)


@given(ROWS)
def test_borda_without_power_is_majority(row):
    groups, signal = row
    assert decide(Voter("borda", "c", power=0.0), groups, signal) == pytest.approx(
        decide(Voter(), groups), nan_ok=True
    )


@given(ROWS)
def test_equal_weights_are_majority(row):
    groups, _ = row
    found = decide(Voter("weighted", "c"), groups, [3.0] * len(groups))
    assert found == pytest.approx(decide(Voter(), groups), nan_ok=True)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_rows_do_not_see_each_other(rows):
    width = max(len(groups) for groups, _ in rows)
    group = np.array([[*g, *[-1] * (width - len(g))] for g, _ in rows])
    signal = np.array([[*s, *[0.0] * (width - len(s))] for _, s in rows])
    voter = Voter("weighted", "c", eta=50)
    together = vote(voter, group, signal)
    for i, (g, s) in enumerate(rows):
        assert (together.group[i], together.n_votes[i]) == decide(voter, g, s)[::2]


@given(arrays(float, (3, 7), elements=st.floats(-9, 9) | st.just(math.nan)), st.floats(0.5, 100))
def test_the_threshold_is_numpys_percentile_of_what_is_known(values, eta):
    for row, found in zip(values, threshold(values, eta), strict=True):
        known = row[np.isfinite(row)]
        if len(known):
            assert found == np.percentile(known, 100 - eta)
        else:
            assert math.isnan(found)


def test_rounding_decides_nothing_between_draws_of_one_text():
    """Eight draws of one text, 1e-6 apart: all or none of them are over a percentile."""
    rng = np.random.default_rng(0)
    values = np.repeat([5.0, 3.0], 8) + rng.normal(0, 1e-6, 16)
    groups = np.repeat([0, 1], 8)
    for eta, kept in ((10, 8), (50, 8), (75, 16)):
        found = vote(Voter("count", "c", eta=eta), groups[None], values[None])
        assert found.n_votes[0] == kept
