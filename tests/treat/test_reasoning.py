"""Where reasoning ends and the statement of the answer begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.traces.steps import steps_of_pieces
from titrant.traces.verify.answer import find_answer
from titrant.treat.reasoning import answer_place, reasoning_of, step_places
from trace_made import made_trace

STATED = [
    # text, what of it is reasoning
    ("16-3=13\n13*2=26\n#### 26", "16-3=13\n13*2=26\n"),
    ("She sells 9.\nA: 18", "She sells 9.\n"),
    ("We add. That gives 5. The answer is 5.", "We add. That gives 5. "),
    ("We add.\n\nNow 2+3=5. So the answer is $5$.\n\nDone.", "We add.\n\nNow 2+3=5. "),
    ("First 2+3=5.\n\n\\boxed{5}", "First 2+3=5.\n\n"),
    ("First 2+3=5. Thus\n\\[\nx = \\boxed{5}\n\\]", "First 2+3=5. Thus\n"),
    ("It follows.\n\n**Answer:**\n\n42", "It follows.\n\n"),
    ("One and 2. Then 3", "One and 2. "),
    ("One and 2\n3", "One and 2\n"),
    ("#### 26", ""),
    ("The answer is 5.\nThat was easy.", ""),
    ("no number here at all", "no number here at all"),
]


@pytest.mark.parametrize(("text", "reasoning"), STATED)
def test_without_thinking_the_reasoning_ends_where_the_answer_is_stated(text, reasoning):
    found = reasoning_of(made_trace("q?", None, text))
    assert (found.field, found.text) == ("answer_text", text)
    assert text[: found.end] == reasoning
    assert not found.is_apart


def test_with_thinking_all_of_it_is_reasoning():
    found = reasoning_of(made_trace("q?", "2+3=5\nSo the answer is 5.", "#### 5"))
    assert (found.field, found.end, found.is_apart) == ("thinking", 25, True)


def test_an_answer_inside_the_thinking_alone_stays_out_of_the_reasoning():
    found = reasoning_of(made_trace("q?", "2+3=5.\nSo the answer is 5.", ""))
    assert found.text[: found.end] == "2+3=5.\n"
    assert not found.is_apart


def test_thinking_that_was_cut_states_nothing():
    found = reasoning_of(made_trace("q?", "2+3=5.\nSo the answer is 5.", "", unfinished=True))
    assert (found.end, found.is_apart) == (26, True)


def test_an_answer_on_record_that_only_a_pattern_finds_is_where_it_stands_last():
    # The rules would read 9, the last number.
    text = "2+3=5 is right.\nFINAL five\nchecked 9 times"
    found = reasoning_of(made_trace("q?", None, text, final_answer="five"))
    assert text[: found.end] == "2+3=5 is right.\n"
    text = "see FINAL five"
    assert reasoning_of(made_trace("q?", "2+3=5", text, final_answer="five")).is_apart


PLACES = [
    ("5 and 5, #### 5\n", 14),
    (r"\boxed{5} I am 5 times sure", 7),
    ("The answer is 5. Check: 5 = 5", 14),
    ("15 or 5", 6),
    ("5 in 5", 5),
    ('"east"', 1),
    ("none", 0),
]


@pytest.mark.parametrize(("text", "start"), PLACES)
def test_the_place_of_an_answer_is_where_it_is_read(text, start):
    answer = find_answer(text)
    assert answer_place(text) == (start, start + len(answer))


def test_the_place_of_no_answer_is_nowhere():
    assert answer_place("nothing is said here") is None
    assert answer_place("") is None


@given(
    st.lists(st.sampled_from(["5", "15", "5.5", "\\boxed{", "}", "#### ", "\n", " ", "answer is "]))
)
def test_what_is_put_in_the_place_is_read_back(pieces):
    text = "".join(pieces)
    place = answer_place(text)
    if place is not None:
        other = f"{text[: place.start]}{'9' * (place.end - place.start)}{text[place.end :]}"
        assert find_answer(other) == "9" * (place.end - place.start)


def test_steps_of_the_reasoning_are_cut_at_its_end_and_lose_their_white_space():
    text = "One. Two.\n\n  Three 3.\n\nFour 4. The answer is 5."
    trace = made_trace("q?", None, text)
    places = step_places(trace, reasoning_of(trace))
    assert [text[a:b] for a, b in places] == ["One. Two.", "Three 3.", "Four 4."]


def test_steps_on_record_count_where_they_join_to_the_body():
    thinking = "a, b, c"
    steps = steps_of_pieces(["a, ", "", "b, c"])
    trace = made_trace("q?", thinking, "1", steps=steps)
    assert [thinking[a:b] for a, b in step_places(trace, reasoning_of(trace))] == ["a,", "b, c"]
    stale = trace.model_copy(update={"steps": steps_of_pieces(["x"])})
    assert [thinking[a:b] for a, b in step_places(stale, reasoning_of(stale))] == ["a, b, c"]
