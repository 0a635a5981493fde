"""Steps moved, taken out, put in, replaced."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import DataError
from titrant.traces.record import Verdict
from titrant.traces.steps import cut_steps, steps_of_pieces
from titrant.treat.base import Span
from titrant.treat.table import treat
from trace_made import made_trace

LINES = st.lists(st.sampled_from(["a", "b", "c d", "1+1=2", "long line"]), min_size=1, max_size=9)
RATIOS = st.sampled_from(("0.2", "0.5", "0.67", "1"))


def trace(lines, q=0, **fields):
    """A trace with one step per line."""
    thinking = "\n".join(lines)
    return made_trace(f"q{q}?", thinking, f"#### {q}", steps=cut_steps(thinking), **fields)


def lines_of(new):
    return [] if not new.thinking else new.thinking.split("\n")


def treated(lines, name, seed=0):
    return treat([trace(lines)], name, seed=seed).traces[0]


@given(LINES, RATIOS, st.integers(0, 99))
@settings(deadline=None)
def test_shuffling_keeps_the_steps_and_moves_as_many_as_are_chosen(lines, ratio, seed):
    new = treated(lines, f"shuffled@{ratio}", seed)
    assert Counter(lines_of(new)) == Counter(lines)
    n = int(float(ratio) * len(lines) + 0.5)
    moved = sum(a != b for a, b in zip(lines, lines_of(new), strict=True))
    assert moved <= (2 if n == 1 else n)


def test_all_distinct_steps_leave_their_places():
    lines = [f"line {i}" for i in range(7)]
    for seed in range(20):
        assert all(
            a != b for a, b in zip(lines, lines_of(treated(lines, "shuffled", seed)), strict=True)
        )
    assert lines_of(treated(["x", "y"], "shuffled")) == ["y", "x"]
    # Of two steps a share of 0.3 is none, of three it is one, which cannot move alone.
    assert lines_of(treated(["x", "y"], "shuffled@0.2")) == ["x", "y"]
    moved = lines_of(treated(["x", "y", "z"], "shuffled@0.3"))
    assert sum(a != b for a, b in zip("xyz", moved, strict=True)) == 2


def test_white_space_stays_when_steps_move():
    thinking = "  One.\n\nTwo.\n\n\nThree."
    old = made_trace("q?", thinking, "#### 1")
    new = treat([old], "shuffled", seed=0).traces[0]
    skeletons = [[c if c.isspace() else "" for c in text] for text in (thinking, new.thinking)]
    assert [c for c in skeletons[0] if c] == [c for c in skeletons[1] if c]
    assert sorted(new.thinking.split()) == ["One.", "Three.", "Two."]
    assert new.thinking.startswith("  ")
    assert len(new.steps) == 3


@given(LINES, RATIOS, st.integers(0, 99))
@settings(deadline=None)
def test_deleting_takes_out_the_share_and_leaves_the_order(lines, ratio, seed):
    new = treated(lines, f"deleted@{ratio}", seed)
    n_gone = int(float(ratio) * len(lines) + 0.5)
    if ratio != "1":
        n_gone = min(n_gone, len(lines) - 1)
    kept = lines_of(new)
    assert len(kept) == len(lines) - n_gone
    rest = iter(lines)
    assert all(line in rest for line in kept)
    assert len(new.steps) == len(kept)


def test_nothing_is_left_of_all_steps_but_the_statement():
    assert treated(["a", "b"], "deleted@1").thinking == ""
    old = made_trace("q?", None, "1+1=2\n2+2=4\n#### 4", final_answer="4")
    new = treat([old], "deleted@1", seed=0)
    assert new.traces[0].answer_text == "#### 4"
    assert new.spans == [(Span("answer_text", 0, 0),)]


def test_the_last_step_goes_with_the_white_space_before_it():
    found = set()
    for seed in range(20):
        new = treat([trace(["a", "b", "c"])], "deleted@0.33", seed=seed)
        found.add((new.traces[0].thinking, new.spans[0]))
    mark = lambda at: (Span("thinking", at, at),)  # noqa: E731
    assert found == {("b\nc", mark(0)), ("a\nc", mark(2)), ("a\nb", mark(3))}


def test_steps_of_other_questions_are_put_in():
    pool = [trace(["a", "b", "c", "d"], 1), trace(["x"], 2), trace(["y"], 2), trace(["e"], 1)]
    for seed in range(10):
        new = treat(pool, "inserted", seed=seed)
        lines = lines_of(new.traces[0])
        assert [line for line in lines if line in "abcd"] == list("abcd")
        others = [line for line in lines if line not in "abcd"]
        assert len(others) == 2  # half of four
        assert set(others) <= {"x", "y"}
        assert lines[-1] == "d"
        assert [s.text.strip() for s in new.traces[0].steps] == lines
        # One step, of which half is one, halves up.
        assert lines_of(new.traces[1])[1:] == ["x"]
        assert lines_of(new.traces[1])[0] in "abcde"


def test_a_step_of_another_question_is_any_of_them_alike():
    pool = [trace(["a"] * 40, 1), trace(["x", "y", "z"], 2), trace(["w"], 3)]
    lines = [x for s in range(20) for x in lines_of(treat(pool, "replaced@1", seed=s).traces[0])]
    counts = Counter(lines)  # 800 draws of four: 200 ± 4·√(800·¼·¾) = 200 ± 49
    assert set(counts) == set("wxyz")
    assert all(150 < n < 250 for n in counts.values())


def test_the_donor_keeps_the_statement_of_its_answer():
    pool = [
        made_trace(
            "one?", None, "1+1=2\n#### 2", gold="2", final_answer="2", verdict=Verdict.CORRECT
        ),
        made_trace(
            "two?", None, "3+3=6\n#### 6", gold="6", final_answer="6", verdict=Verdict.CORRECT
        ),
    ]
    new = treat(pool, "replaced@1", seed=0)
    assert [t.answer_text for t in new.traces] == ["3+3=6\n#### 2", "1+1=2\n#### 6"]
    assert [(t.final_answer, t.verdict) for t in new.traces] == [("2", "correct"), ("6", "correct")]
    assert new.spans[0] == (Span("answer_text", 0, 5),)


@given(LINES, RATIOS, st.integers(0, 99))
@settings(deadline=None)
def test_replacing_replaces_the_share(lines, ratio, seed):
    pool = [trace(lines, 1), trace(["other one", "other two"], 2)]
    new = lines_of(treat(pool, f"replaced@{ratio}", seed=seed).traces[0])
    n = int(float(ratio) * len(lines) + 0.5)
    assert sum(line.startswith("other") for line in new) == n
    assert len(new) == len(lines)
    assert all(a == b for a, b in zip(lines, new, strict=True) if not b.startswith("other"))


def test_a_step_that_says_the_same_is_drawn_again():
    pool = [trace(["a", "a"], 1), trace(["a", "b"], 2)]
    for seed in range(20):
        assert lines_of(treat(pool, "replaced@1", seed=seed).traces[0]) == ["b", "b"]


def test_steps_without_white_space_between_them_get_a_line_of_their_own():
    steps = steps_of_pieces(["a.", "b."])
    pool = [made_trace("q?", "a.b.", "1", steps=steps), trace(["x"], 2)]
    found = {treat(pool, "inserted", seed=seed).traces[0].thinking for seed in range(10)}
    assert found == {"x\na.b.", "a.x\nb."}


@pytest.mark.parametrize("name", ["inserted", "replaced"])
def test_one_question_is_said_to_be_too_few(name):
    with pytest.raises(DataError, match=rf"(?s)'{name}'.*2 questions or more.*2 of 1 question"):
        treat([trace(["a"]), trace(["b"])], name, seed=0)


@pytest.mark.parametrize("name", ["shuffled", "deleted", "replaced"])
def test_a_larger_ratio_changes_all_that_a_smaller_one_does(name):
    lines = [f"line {i}" for i in range(20)]
    pool = [trace(lines, 1), trace(["x", "y"], 2)]
    gone = []
    for ratio in ("0.2", "0.5", "0.9"):
        new = lines_of(treat(pool, f"{name}@{ratio}", seed=3).traces[0])
        if name == "deleted":
            gone.append(set(lines) - set(new))
        else:
            gone.append({a for a, b in zip(lines, new, strict=True) if a != b})
    assert gone[0] < gone[1] < gone[2]
