"""Edits of a text: the new text, what is new in it, where its pieces end."""

from hypothesis import given
from hypothesis import strategies as st

from titrant.traces.record import Verdict
from titrant.treat.base import Span
from titrant.treat.reasoning import reasoning_of
from titrant.treat.rewrite import Edit, edit_text, part_of, rewrite, verdict_on
from trace_made import made_trace


def test_old_ends_move_along_and_those_inside_an_edit_go():
    #      0123456789
    text = "ab|cd|ef|gh"
    edited = edit_text(text, [Edit(1, 4, "XYZUV")], [3, 6, 9, 11])
    # 3 lies inside 1…4 and goes; the others move by 5 − 3 = 2.
    assert edited == ("aXYZUVd|ef|gh", [(1, 6)], [8, 11, 13])


def test_an_edit_up_to_the_end_of_a_piece_leaves_that_end():
    assert edit_text("ab|cd", [Edit(0, 3, "X")], [3, 5]) == ("Xcd", [(0, 1)], [1, 3])


def test_an_insertion_ends_where_it_says_and_the_piece_before_it_keeps_its_end():
    edited = edit_text("ab|cd", [Edit(3, 3, "new|", cuts=(4,))], [3, 5])
    assert edited == ("ab|new|cd", [(3, 7)], [3, 7, 9])


def test_touching_spans_are_one():
    edits = [Edit(0, 1, "x"), Edit(1, 2, "y"), Edit(3, 4, ""), Edit(4, 5, "")]
    assert edit_text("abcdef", edits).spans == [(0, 2), (3, 3)]


@st.composite
def texts_and_edits(draw):
    pieces = draw(st.lists(st.text("ab \n", max_size=4), min_size=1, max_size=8))
    marks = draw(st.lists(st.one_of(st.none(), st.text("XY", max_size=3)), min_size=8, max_size=8))
    edits, at = [], 0
    for piece, new in zip(pieces, marks, strict=False):
        if new is not None:
            edits.append(Edit(at, at + len(piece), new))
        at += len(piece)
    ends = draw(st.lists(st.integers(1, at), max_size=4)) if at else []
    return pieces, marks, edits, sorted(ends)


@given(texts_and_edits())
def test_edits_give_the_text_that_replacing_piece_by_piece_gives(made):
    pieces, marks, edits, ends = made
    edited = edit_text("".join(pieces), edits, ends)
    wanted = [p if new is None else new for p, new in zip(pieces, marks, strict=False)]
    assert edited.text == "".join(wanted)
    assert edited.ends == sorted(edited.ends)
    assert all(0 <= end <= len(edited.text) for end in edited.ends)
    outside = list(edited.text)
    for start, end in reversed(edited.spans):
        del outside[start:end]
    unchanged = [p for p, new in zip(pieces, marks, strict=False) if new is None]
    assert "".join(outside) == "".join(unchanged)


def test_halves_are_rounded_up():
    assert [part_of(0.5, n) for n in range(6)] == [0, 1, 1, 2, 2, 3]
    assert part_of(0.67, 3) == 2
    assert part_of(1.0, 7) == 7


def test_a_trace_whose_text_stays_is_the_same_trace():
    trace = made_trace("q?", "1+1=2", "#### 2")
    assert rewrite(trace, reasoning_of(trace), [Edit(0, 1, "1"), Edit(2, 2, "")])[0] is trace


def test_the_final_answer_is_read_anew_where_the_body_holds_it():
    trace = made_trace(
        "q?", None, "2 more\n#### 5", gold="5", final_answer="5", verdict=Verdict.CORRECT
    )
    # A box wins over hashes, so what is read now is the inserted answer.
    edits = [Edit(0, 1, r"\boxed{7}")]
    new, spans = rewrite(trace, reasoning_of(trace), edits)
    assert (new.final_answer, new.verdict) == ("7", Verdict.WRONG)
    assert spans == (Span("answer_text", 0, 9),)
    by_pattern = trace.model_copy(update={"final_answer": "2 more"})
    assert rewrite(by_pattern, reasoning_of(trace), edits).trace.final_answer == "2 more"


def test_a_verdict_is_missing_where_nobody_here_can_tell():
    trace = made_trace("47+3=", None, "#### 50", gold="50", gold_kind="world:arithmetic")
    assert verdict_on(trace, "50") == Verdict.CORRECT
    elsewhere = trace.model_copy(update={"gold_kind": "world:elsewhere/easy"})
    assert verdict_on(elsewhere, "50") is None
    assert verdict_on(trace.model_copy(update={"gold": None}), "50") is None
    assert verdict_on(trace.model_copy(update={"unfinished": True}), None) == Verdict.TRUNCATED
    exact = trace.model_copy(update={"gold_kind": "integer"})
    assert verdict_on(exact, None) == Verdict.UNREADABLE
