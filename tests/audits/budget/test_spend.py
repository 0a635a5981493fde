"""Votes for a budget of tokens: what counts, what a tie does, when draws run out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.audits.budget.spend import Answer, fill_purse, spend


def wrong(answer="7", n_tokens=10, verdict="wrong"):
    return Answer(answer, correct=False, verdict=verdict, n_tokens=n_tokens)


def right(answer="8", n_tokens=10):
    return Answer(answer, correct=True, verdict="correct", n_tokens=n_tokens)


def spent(row, budget):
    found = spend(fill_purse(["q"], {"q": row}), np.array([float(budget)]))
    return float(found.is_right[0]), float(found.tokens[0]), bool(found.is_short[0])


def test_the_first_draw_counts_whatever_it_costs():
    assert spent([right(n_tokens=100), wrong()], 5) == (1.0, 100.0, False)


def test_a_draw_that_goes_over_the_budget_does_not_count():
    # 10 + 10 fit into 25, the third does not
    assert spent([wrong(), right(), right()], 25) == (0.0, 20.0, False)
    assert spent([wrong(), right(), right()], 30) == (1.0, 30.0, False)


def test_nothing_counts_behind_a_draw_that_goes_over():
    assert spent([wrong(), right(n_tokens=50), right(n_tokens=1)], 25)[:2] == (0.0, 10.0)


def test_a_tie_goes_to_the_first():
    assert spent([wrong(), right()], 20)[0] == 0.0
    assert spent([right(), wrong()], 20)[0] == 1.0


def test_right_answers_are_one_group_whatever_their_spelling():
    row = [wrong("7"), right("1/2"), right("0.5")]
    assert spent(row, 100)[0] == 1.0


def test_wrong_answers_are_grouped_as_they_are_spelt():
    assert spent([right(), wrong("7"), wrong(" 7 ")], 100)[0] == 0.0
    assert spent([right(), wrong("7"), wrong("9")], 100)[0] == 1.0


@pytest.mark.parametrize("silent", [wrong(None), wrong("9", verdict="truncated")])
def test_a_draw_without_an_answer_costs_and_does_not_vote(silent):
    assert spent([silent, silent, right()], 100) == (1.0, 30.0, True)
    assert spent([silent, right()], 10) == (0.0, 10.0, False)


def test_draws_run_out_where_another_one_would_have_fitted():
    assert spent([right(), right()], 29)[2] is False
    assert spent([right(), right()], 30)[2] is True


def test_a_problem_without_draws_has_no_answer():
    found = spend(fill_purse(["q", "p"], {"p": [right()]}), np.array([10.0, 10.0]))
    assert np.isnan(found.is_right[0])
    assert found.is_right[1] == 1.0
    none = spend(fill_purse(["q"], {}), np.array([10.0]))
    assert np.isnan(none.is_right).all()


draws = st.lists(
    st.builds(
        Answer,
        answer=st.sampled_from(["1", "2", None]),
        correct=st.just(False),
        verdict=st.just("wrong"),
        n_tokens=st.integers(1, 30),
    ),
    min_size=1,
    max_size=8,
)


@given(draws, st.integers(0, 200))
def test_a_budget_is_kept_but_for_the_first_draw(row, budget):
    _, tokens, _ = spent(row, budget)
    assert tokens <= max(budget, row[0].n_tokens)


@given(draws, st.integers(0, 200), st.integers(0, 50))
def test_more_tokens_never_buy_less(row, budget, more):
    assert spent(row, budget + more)[1] >= spent(row, budget)[1]
