"""Wrong answers in place of the stated ones."""

import pytest

from titrant.errors import DataError
from titrant.traces.record import Verdict
from titrant.treat.base import Span
from titrant.treat.table import treat
from titrant.treat.wrong import NEAREST
from trace_made import made_trace


def trace(q, answer, answer_text=None, **fields):
    text = f"#### {answer}" if answer_text is None else answer_text
    known = {"gold": str(answer), "gold_kind": "auto", "final_answer": str(answer)}
    known["verdict"] = Verdict.CORRECT
    return made_trace(
        f"q{q}?", fields.pop("thinking", f"it is {answer}"), text, **{**known, **fields}
    )


def test_only_the_statement_of_the_answer_changes():
    pool = [trace(1, 5, "We found 5 pens.\n**Answer: 5**"), trace(2, 77)]
    treated = treat(pool, "wrong-answer", seed=0)
    first, second = treated.traces
    assert (first.thinking, first.answer_text) == ("it is 5", "We found 5 pens.\n**Answer: 77**")
    assert (first.final_answer, first.verdict) == ("77", Verdict.WRONG)
    assert treated.spans[0] == (Span("answer_text", 27, 29),)
    assert first.gold == "5"
    assert second.answer_text == "#### 5"


def test_the_statement_changes_without_thinking_too():
    pool = [trace(1, 5, "2+3=5\n#### 5", thinking=None), trace(2, 77)]
    new = treat(pool, "wrong-answer", seed=0).traces[0]
    assert new.answer_text == "2+3=5\n#### 77"
    assert [s.text for s in new.steps] == ["2+3=5\n", "#### 77"]


def test_a_number_of_like_size_is_taken():
    pool = [trace(i, 10**i) for i in range(60)]
    for old, new in zip(pool, treat(pool, "wrong-answer", seed=0).traces, strict=True):
        assert 1 <= abs(len(old.final_answer) - len(new.final_answer)) <= NEAREST
    signs = [trace(i, n) for i, n in enumerate([*range(-60, -30), *range(30, 60)])]
    new = treat(signs, "wrong-answer", seed=0).traces
    assert all((int(t.final_answer) < 0) == (int(t.gold) < 0) for t in (new[0], new[-1]))


def test_what_equals_gold_in_another_form_is_not_wrong():
    pool = [trace(1, "1/2"), trace(2, "0.5"), trace(3, "50", gold="50"), trace(4, "9")]
    for seed in range(10):
        new = treat(pool, "wrong-answer", seed=seed).traces
        assert new[0].final_answer in ("50", "9")
        assert new[1].final_answer in ("50", "9")
        assert all(t.verdict == Verdict.WRONG for t in new)


def test_a_wrong_answer_gives_way_to_another_wrong_one_and_never_to_gold():
    pool = [
        trace(1, 5, "#### 6", final_answer="6", verdict=Verdict.WRONG),
        trace(2, 5),
        trace(3, 8),
    ]
    for seed in range(5):
        assert treat(pool, "wrong-answer", seed=seed).traces[0].final_answer == "8"


def test_words_are_exchanged_for_words():
    pool = [trace(1, "east"), trace(2, "west"), trace(3, 7), trace(4, 8)]
    new = treat(pool, "wrong-answer", seed=0).traces
    assert [t.final_answer for t in new] == ["west", "east", "8", "7"]


def test_an_answer_that_would_not_be_read_back_is_not_taken():
    # After "=" only a number is read, so the words cannot stand there.
    pool = [trace(1, "5", "x + 2 = 5"), trace(2, "north east"), trace(3, "11")]
    for seed in range(5):
        assert treat(pool, "wrong-answer", seed=seed).traces[0].answer_text == "x + 2 = 11"


def test_what_states_no_answer_stays():
    stays = [
        made_trace("q?", "so 5", "", final_answer="5", gold="5"),
        made_trace("q?", "so", "", unfinished=True, gold="5"),
    ]
    pool = [*stays, trace(1, 7), trace(2, 8)]
    treated = treat(pool, "wrong-answer", seed=0)
    assert treated.traces[:2] == stays[:2]
    assert treated.share_changed == 0.5


def test_without_gold_the_answer_differs_and_the_verdict_stays_missing():
    pool = [trace(1, 5, gold=None, verdict=None), trace(2, 7, gold=None, verdict=None)]
    new = treat(pool, "wrong-answer", seed=0).traces
    assert [(t.final_answer, t.verdict) for t in new] == [("7", None), ("5", None)]


def test_a_world_judges_its_own_answers():
    kind = "world:arithmetic"
    pool = [
        made_trace("47+3=", "47+3=50", "#### 50", gold="50", gold_kind=kind, final_answer="50"),
        made_trace("40+9=", "40+9=49", "#### 49", gold="49", gold_kind=kind, final_answer="49"),
    ]
    new = treat(pool, "wrong-answer", seed=0).traces
    assert [(t.final_answer, t.verdict) for t in new] == [("49", "wrong"), ("50", "wrong")]


def test_an_answer_that_a_pattern_found_is_replaced_where_it_stands():
    pool = [trace(1, "five", "FINAL five (9 times)"), trace(2, "seven", "FINAL seven")]
    assert treat(pool, "wrong-answer", seed=0).traces[0].answer_text == "FINAL seven (9 times)"


def test_equal_answers_all_over_are_said_to_be_too_few():
    with pytest.raises(DataError, match=r"(?s)wrong-answer.*2 different final answers.*'5' in all"):
        treat([trace(1, 5), trace(2, 5)], "wrong-answer", seed=0)
