"""Exact and near copies of traces and questions."""

import pytest

from titrant.errors import ConfigError
from titrant.select.clean.copies import duplicates
from titrant.select.clean.copies.duplicates import exact_copies, near_copies, near_pairs
from titrant.select.clean.copies.units import units_of
from titrant.traces.record import Verdict
from trace_made import made_trace

QUESTION = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did she sell altogether in April and May?"
)
BODY = "Natalia sold 48/2 = 24 clips in May.\nNatalia sold 48+24 = 72 clips altogether.\n#### 72"


def asked(*questions: str):
    return [made_trace(question, None, f"#### {i}") for i, question in enumerate(questions)]


def copies(traces, **how):
    """First row of each kept unit → first rows of its copies."""
    pairs = near_pairs(traces, **how)
    rows = pairs.units.rows
    return {
        rows[group.kept][0]: [rows[copy.unit][0] for copy in group.copies]
        for group in near_copies(pairs)
    }


def of_each_other(traces, **how) -> bool:
    return any({kept, *others} == {0, 1} for kept, others in copies(traces, **how).items())


def test_exact_copies_have_one_uid_and_other_traces_of_a_question_are_none():
    one, other = made_trace("1+1=", None, "2"), made_trace("1+1=", None, "3")
    assert exact_copies([one, other, one, one]) == [[0, 2, 3]]


@pytest.mark.parametrize(
    "changed",
    [
        QUESTION.replace("friends", "buddies"),
        QUESTION.replace("altogether", "altogehter"),
        QUESTION.replace("April,", "April;"),
        QUESTION.replace("Natalia", "NATALIA").replace("May", "MAY"),
        " ".join(reversed(QUESTION.rsplit(". ", 1))),
        QUESTION.replace("in April, and", "and in April,"),
    ],
    ids=["word", "typo", "stop", "case", "sentences reordered", "words moved"],
)
def test_a_changed_question_with_the_same_numbers_is_a_near_copy(changed):
    assert of_each_other(asked(QUESTION, changed), unit="question")


@pytest.mark.parametrize(("old", "new"), [("48", "46"), ("half", "twice"), ("48 of", "48 - 1 of")])
def test_another_number_or_sign_makes_another_question(old, new):
    traces = asked(QUESTION, QUESTION.replace(old, new))
    pairs = near_pairs(traces, unit="question")
    assert (len(pairs.alike), pairs.n_other_figures) == (0, 1)
    assert of_each_other(traces, unit="question", figures="any")


def test_numbers_that_change_places_make_another_question():
    text = (
        "Ann has 12 apples and gives them to her brother. Bob has 15 pears and gives them away too."
    )
    swapped = text.replace("12", "x").replace("15", "12").replace("x", "15")
    assert not of_each_other(asked(text, swapped), unit="question")


def test_a_pair_under_the_threshold_is_no_copy():
    # One word of seven letters for one of nine among 154: some 16 indels of 306, ratio 0.948 at most.
    changed = QUESTION.replace("friends in April", "colleagues on Fridays")
    assert not of_each_other(asked(QUESTION, changed), unit="question")
    assert of_each_other(asked(QUESTION, changed), unit="question", threshold=0.85)


def test_attempts_at_one_question_are_copies_only_if_they_say_the_same():
    other = "She sells 24 clips in May, since 24 is half of 48.\nThat makes 72 of them.\n#### 72"
    traces = [
        made_trace(QUESTION * 5, None, text)
        for text in (BODY, other, BODY.replace("72 c", "72  C"))
    ]
    # The long question alone would make the first two alike.
    assert copies(traces) in ({0: [2]}, {2: [0]})


def test_a_trace_with_another_number_in_a_step_is_no_copy():
    traces = [made_trace(QUESTION, None, text) for text in (BODY, BODY.replace("= 24", "= 26"))]
    assert copies(traces) == {}


def test_steps_in_another_order_are_another_trace():
    lines = BODY.split("\n")
    turned = "\n".join([lines[1], lines[0], lines[2]])
    assert copies([made_trace(QUESTION, None, text) for text in (BODY, turned)]) == {}


def test_thinking_and_answer_are_both_compared():
    one = made_trace(QUESTION, BODY, "#### 72")
    other = made_trace(QUESTION, BODY.replace("altogether", "all in all"), "#### 72")
    assert of_each_other([one, other], threshold=0.9)


def test_of_copies_the_correct_one_is_kept_and_then_the_lesser_uid():
    texts = [BODY, BODY.replace(".\n", "!\n", 1), BODY.replace("sold", "SOLD", 1)]
    traces = sorted((made_trace(QUESTION, None, text) for text in texts), key=lambda t: t.uid)
    assert copies(traces) == {0: [1, 2]}
    judged = [traces[0], traces[1], traces[2].model_copy(update={"verdict": Verdict.CORRECT})]
    pairs = near_pairs(traces)
    assert [group.kept for group in near_copies(pairs, judged)] == [2]
    assert pairs.rows == [0, 1, 2]


def test_all_rows_of_a_question_are_one_unit():
    one, other = QUESTION, QUESTION.replace("friends", "buddies")
    traces = [made_trace(one, None, "1"), made_trace(other, None, "2"), made_trace(one, None, "3")]
    assert units_of(traces, "question").rows == ((0, 2), (1,))
    assert units_of(traces, "trace").rows == ((0,), (1,), (2,))


def test_the_order_of_the_pool_decides_nothing():
    texts = [BODY, BODY.replace(".\n", "!\n", 1), BODY.replace("sold", "SOLD", 1)]
    traces = [made_trace(QUESTION, None, text) for text in texts]

    def kept(pool):
        return {pool[row].uid for row in copies(pool)}

    assert kept(traces) == kept(traces[::-1])


def test_comparing_is_bounded_and_says_what_it_left_out(monkeypatch):
    traces = asked(QUESTION, QUESTION + "?", QUESTION * 3, QUESTION * 3 + "?")
    monkeypatch.setattr(duplicates, "MOST_WORK", len(QUESTION) * (len(QUESTION) + 1) + 1)
    pairs = near_pairs(traces, unit="question")
    assert pairs.n_compared == 1
    assert pairs.n_left_out >= 1
    assert pairs.alike.tolist() == [[0, 1]]


@pytest.mark.parametrize("threshold", [0.5, 1.5])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(ConfigError, match=r"a ratio from 0\.8 to 1"):
        near_pairs(asked(QUESTION), threshold=threshold)


def test_an_empty_pool_has_no_copies():
    assert copies([]) == {}
    assert exact_copies([]) == []
