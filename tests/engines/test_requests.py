"""Packing of batches, and what is refused before any work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.engines.base import Branch, Request, ScoreRequest
from titrant.engines.requests import check_requests, check_scores, pack, utf8_error
from titrant.errors import ConfigError


def test_rows_of_similar_length_share_a_batch():
    # longest first: 5 | 5+5 = 10 ≤ 12, a third 5 would make 15; then 3+3+3+3 = 12, then 1
    assert pack([5, 3, 5, 3, 3, 1, 3], budget=12) == [[0, 2], [1, 3, 4, 6], [5]]


def test_a_row_over_the_budget_is_a_batch_alone():
    assert pack([1, 100, 1], budget=10) == [[1], [0, 2]]


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200))
def test_packing_keeps_every_row_and_the_budget(lengths, budget):
    batches = pack(lengths, budget=budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[i] for i in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget


def test_impossible_top_p_is_answered_with_its_range():
    with pytest.raises(ConfigError) as error:
        check_requests([Request("a", 4, top_p=1.5)], vocab=10)
    assert str(error.value) == (
        "a request cannot have top_p = 1.5\n"
        "  expected: top_p in (0, 1]\n"
        "  found: 1.5\n"
        "  do: change top_p"
    )


def test_more_top_logprobs_than_tokens_are_refused():
    check_scores([ScoreRequest("a", "b", top_logprobs=10)], vocab=10)
    with pytest.raises(ConfigError, match="from 0 to 10, the vocabulary"):
        check_scores([ScoreRequest("a", "b", top_logprobs=11)], vocab=10)


def test_half_a_surrogate_pair_is_named():
    assert utf8_error("fine", "🙂") is None
    assert "surrogates not allowed" in utf8_error("fine", "\ud83d")


def test_a_branch_outside_its_continuation_is_answered_with_the_range():
    check_scores(
        [ScoreRequest("a", "bcd", branches=(Branch(3, ""),), spans=((0, 3), (1, 1)))], vocab=9
    )
    with pytest.raises(ConfigError) as error:
        check_scores([ScoreRequest("a", "bcd", branches=(Branch(4, "x"),))], vocab=9)
    assert str(error.value) == (
        "a request cannot have branches = Branch(at=4, text='x')\n"
        "  expected: branches that begin within the 3 characters of the continuation\n"
        "  found: Branch(at=4, text='x')\n"
        "  do: change branches"
    )


def test_a_span_out_of_order_is_answered_with_the_range():
    with pytest.raises(ConfigError, match="spans from, to, within the 3 characters of the cont"):
        check_scores([ScoreRequest("a", "bcd", spans=((2, 1),))], vocab=9)
