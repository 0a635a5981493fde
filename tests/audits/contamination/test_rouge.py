"""ROUGE-L by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.audits.contamination.rouge import Rouge, pieces, rouge_l


def test_precision_recall_and_f_follow_from_the_longest_common_subsequence():
    # LCS of "the cat sat" and "the black cat sat down" is the cat sat: 3
    # P = 3/3, R = 3/5, F = 2·1·0.6 / 1.6 = 0.75
    assert rouge_l("the cat sat", "the black cat sat down") == pytest.approx((1.0, 0.6, 0.75))


def test_order_counts():
    # LCS of "c b a" and "a b c" is one token: P = R = F = 1/3
    assert rouge_l("c b a", "a b c") == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_signs_are_tokens_and_case_is_none():
    assert pieces("Is 3+4 = x?") == ["is", "3", "+", "4", "=", "x", "?"]
    # 3 + 4 = against 3 - 4 =: LCS 3 of 4
    assert rouge_l("3+4=", "3-4=").f == pytest.approx(0.75)


def test_nothing_written_is_none_of_it_and_an_empty_reference_has_no_score():
    assert rouge_l("", "a b") == Rouge(0.0, 0.0, 0.0)
    assert all(map(math.isnan, rouge_l("a", "  ")))


words = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=12).map(" ".join)


@given(words, words)
def test_turning_the_texts_round_turns_precision_and_recall_round(one, other):
    forth, back = rouge_l(one, other), rouge_l(other, one)
    assert (forth.precision, forth.f) == pytest.approx((back.recall, back.f))


@given(words)
def test_a_text_has_all_of_itself(text):
    assert rouge_l(text, text) == (1.0, 1.0, 1.0)
