"""Perplexity and IFD: by hand, against loops, and where ours is not the original's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.signals.compute import compute
from titrant.signals.likelihood import (
    IFD,
    IFD_LOSS,
    PERPLEXITY,
    losses,
    losses_original,
    perplexity,
)
from titrant.signals.ragged import Ragged
from titrant.testing.signals import SETTINGS, made_scores

LOGPROBS = st.lists(st.floats(-20, -0.01), min_size=2, max_size=10)


def of(*rows) -> Ragged:
    return Ragged.of_rows([np.array(row, dtype=float) for row in rows])


def test_perplexity_of_a_fair_die_is_its_faces():
    assert perplexity(of([math.log(1 / 6)] * 4)) == pytest.approx([6])


@given(LOGPROBS)
def test_perplexity_is_the_inverse_geometric_mean(row):
    assert perplexity(of(row)) == pytest.approx([math.prod(map(math.exp, row)) ** (-1 / len(row))])


def test_a_token_of_probability_0_has_no_perplexity_to_rank():
    scores = made_scores()
    scores.logprob.values[0] = -np.inf
    assert perplexity(scores.logprob)[0] == math.inf
    assert np.isnan(compute(PERPLEXITY, scores, SETTINGS).trace[0])


def test_ratios_by_hand():
    # Over tokens 2 and 3: with the question 1 and 2, without 2 and 4 nats.
    found = losses(of([-9, -1, -2]), of([math.nan, -2, -4]))
    assert found.loss_ratio == pytest.approx([0.5])  # 1.5 / 3
    assert found.perplexity_ratio == pytest.approx([math.exp(-1.5)])


def test_the_original_counts_the_first_token_on_one_side_only():
    given, alone = of([-9, -1, -2]), of([math.nan, -2, -4])
    found = losses_original(given, alone)
    assert found.conditional == pytest.approx([4])  # (9 + 1 + 2) / 3
    assert found.alone == pytest.approx([3])
    assert found.loss_ratio > 1 > losses(given, alone).loss_ratio


def test_a_first_token_with_both_numbers_counts_in_ours():
    found = losses(of([-2, -1]), of([-4, -1]))
    assert found.loss_ratio == pytest.approx([3 / 5])
    assert losses_original(of([-2, -1]), of([-4, -1])).loss_ratio == pytest.approx([1.5])


@given(LOGPROBS)
def test_a_question_that_says_nothing_has_ratio_1(row):
    alone = [math.nan, *row[1:]]
    found = losses(of(row), of(alone))
    assert found.loss_ratio == pytest.approx([1])
    assert found.perplexity_ratio == pytest.approx([1])


@given(LOGPROBS, st.floats(0.01, 5))
def test_a_question_that_helps_is_under_1_and_one_that_misleads_over(row, by):
    helped = [min(-1e-3, x + by) for x in row]
    misled = [x - by for x in row]
    under, over = losses(of(helped), of(row)), losses(of(misled), of(row))
    for ratio in (under.loss_ratio, under.perplexity_ratio):
        assert ratio < 1
    for ratio in (over.loss_ratio, over.perplexity_ratio):
        assert ratio > 1


def test_without_a_token_of_both_numbers_there_is_no_ratio():
    found = losses(of([-1], []), of([math.nan], []))
    assert np.isnan(found.loss_ratio).all()
    assert np.isnan(found.perplexity_ratio).all()


def test_a_huge_perplexity_on_both_sides_still_has_a_ratio():
    found = losses(of([-800, -800]), of([-801, -801]))
    assert found.perplexity_ratio == pytest.approx([math.exp(-1)])


def test_signals_are_loops_over_the_tokens_of_a_trace():
    scores = made_scores()
    assert scores.alone is not None
    ratio, loss_ratio, found = (
        signal.compute(scores, SETTINGS).trace for signal in (IFD, IFD_LOSS, PERPLEXITY)
    )
    for i in np.flatnonzero(scores.logprob.lengths > 1):
        given, alone = scores.logprob.row(i).astype(float), scores.alone.row(i).astype(float)
        assert found[i] == pytest.approx(math.exp(-given.mean()))
        given, alone = given[1:].mean(), alone[1:].mean()  # the first has no number alone
        assert ratio[i] == pytest.approx(math.exp(alone - given))
        assert loss_ratio[i] == pytest.approx(given / alone)
