r"""Answers are grouped by what they mean."""

import numpy as np
import pytest

from titrant.traces.verify.verdict import Verifier
from titrant.vote.equal import Answers, group_answers


@pytest.fixture(scope="module")
def verifier():
    with Verifier() as found:
        yield found


def groups(verifier, *given, kind="auto"):
    (found,) = group_answers([Answers(given, kind)], verifier)
    return found.group.tolist(), found.texts


def test_spellings_of_one_number_are_one_answer(verifier):
    found, texts = groups(verifier, "0.5", None, r"\frac{1}{2}", "3", "1/2", "$3$")
    assert found == [0, -1, 0, 1, 0, 1]
    assert texts == ("0.5", "3")


def test_strings_that_differ_in_blanks_are_equal_without_algebra(verifier):
    assert groups(verifier, " 1,000 ", "1000", "x + y", "x+y")[0] == [0, 0, 1, 1]


def test_algebra_is_asked_where_text_cannot_tell(verifier):
    assert groups(verifier, r"2\sqrt{3}", r"\sqrt{12}", "4")[0] == [0, 0, 1]


def test_exact_answers_are_compared_as_text(verifier):
    assert groups(verifier, "0.5", "1/2", "0.5", kind="exact")[0] == [0, 1, 0]


def test_a_world_compares_as_auto(verifier):
    assert groups(verifier, "07", "7", kind="world:arithmetic")[0] == [0, 0]


def test_an_empty_or_endless_answer_is_none(verifier):
    assert groups(verifier, "", "  ", "9" * 20_000, "9")[0] == [-1, -1, -1, 0]


def test_questions_do_not_mix(verifier):
    found = group_answers([Answers(("1", "2")), Answers(("2", "2")), Answers(())], verifier)
    assert [one.group.tolist() for one in found] == [[0, 1], [0, 0], []]
    assert found[2].group.dtype == np.int32
