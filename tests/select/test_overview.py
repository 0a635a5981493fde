import pytest

from scores_given import pool
from titrant.select.overview import overview_of, overviews
from titrant.traces.record import Verdict


def test_shares_are_of_what_they_are_about():
    traces = pool(
        5,
        qid=["a", "a", "b", "c", "d"],
        verdict=[Verdict.CORRECT, Verdict.WRONG, Verdict.TRUNCATED, Verdict.UNREADABLE, None],
        answer_text=["so it is", "so it is", "not at all", "by no means", "perhaps"],
        n_tokens=[1, 2, 3, 4, 10],
    )

    found = overview_of(traces, in_tokens=True)

    assert (found.traces, found.questions, found.mean_length) == (5, 4, 4)
    assert found.wrong == 1 / 2  # of the two that were judged right or wrong
    assert found.unread == pytest.approx(2 / 5)
    assert found.near_repeats == pytest.approx(1 / 5)


def test_nothing_known_is_no_share():
    found = overview_of([], in_tokens=True)

    assert (found.mean_length, found.wrong, found.unread) == (None, None, 0)


def test_both_are_in_the_unit_that_the_whole_pool_has():
    traces = pool(2, n_tokens=[9, None], answer_text=["xx", "xxxx"])

    first, whole = overviews(traces[:1], traces)

    assert (first.mean_length, whole.mean_length) == (2, 3)
    assert first.length_unit == whole.length_unit == "characters"
