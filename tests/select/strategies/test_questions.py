import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from titrant.select.strategies.base import Placed
from titrant.select.strategies.questions import in_blocks, together

QUESTION = np.array([0, 0, 0, 1, 1, 2])


def placed(*positions: int, last: tuple[int, ...] = ()) -> list[Placed]:
    return [Placed(i, "r") for i in positions] + [Placed(i, "out", is_last=True) for i in last]


def at(rows: list[Placed]) -> list[int]:
    return [row.at for row in rows]


def test_the_best_of_each_question_come_before_any_second():
    rows = placed(0, 1, 2, 3, 4, 5)

    assert at(in_blocks(rows, QUESTION, 1)) == [0, 3, 5, 1, 4, 2]
    assert at(in_blocks(rows, QUESTION, 2)) == [0, 1, 3, 4, 5, 2]
    assert in_blocks(rows, QUESTION, 3) == rows


def test_all_rows_of_a_question_stand_together_by_their_best():
    assert at(together(placed(5, 1, 3, 0, 4, 2), QUESTION)) == [5, 1, 0, 2, 3, 4]


def test_what_was_ruled_out_is_not_brought_forward():
    # Question 2 has no other row, and it stays out.
    rows = placed(0, 1, 2, 3, last=(5, 4))

    assert at(in_blocks(rows, QUESTION, 1)) == [0, 3, 1, 2, 5, 4]
    assert at(together(rows, QUESTION)) == [0, 1, 2, 3, 5, 4]


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(1, 5))
def test_no_question_is_a_block_ahead_of_another_that_has_rows_left(questions, k):
    number = np.array(questions, dtype=np.int64)
    rows = in_blocks(placed(*range(len(questions))), number, k)

    used = dict.fromkeys(questions, 0)
    left = {q: questions.count(q) for q in used}
    for row in rows:
        question = questions[row.at]
        # The block that this row belongs to is full for all that still have rows.
        block = used[question] // k
        assert all(used[q] >= block * k for q in used if left[q])
        used[question] += 1
        left[question] -= 1
