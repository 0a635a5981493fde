"""The reasoning of another question: who takes whose."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import DataError
from titrant.traces.steps import cut_steps, steps_of_pieces
from titrant.treat.base import Span
from titrant.treat.foreign import NEIGHBOURS, blocks_of
from titrant.treat.table import treat
from titrant.worlds.pools import make_pool
from trace_made import made_trace

FOREIGN = ("foreign", "foreign-length", "foreign-question")


def trace(q: int, said: str = "", **fields):
    """A trace whose thinking names its question."""
    return made_trace(f"question {q}?", f"of {q}: {said}", f"#### {q}", **fields)


def owners(pool, name, seed=0):
    """Whose thinking each row has, as the number of its question."""
    return [int(t.thinking.split()[1][:-1]) for t in treat(pool, name, seed=seed).traces]


def test_question_and_answer_stay_and_the_thinking_is_another_ones():
    pool = [trace(1, "a", final_answer="1"), trace(2, "b", final_answer="2")]
    treated = treat(pool, "foreign", seed=0)
    assert [t.thinking for t in treated.traces] == ["of 2: b", "of 1: a"]
    assert [t.answer_text for t in treated.traces] == ["#### 1", "#### 2"]
    assert [t.final_answer for t in treated.traces] == ["1", "2"]
    assert treated.spans == [(Span("thinking", 0, 7),), (Span("thinking", 0, 7),)]
    assert treated.share_changed == 1.0


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.integers(0, 99),
    st.sampled_from(("foreign", "foreign-length")),
)
@settings(deadline=None, max_examples=60)
def test_nobody_keeps_its_question_and_all_are_used_once_where_that_can_be(questions, seed, name):
    if len(set(questions)) < 2:
        questions = [*questions, max(questions) + 1]
    pool = [trace(q, "x" * (i % 7) + str(i)) for i, q in enumerate(questions)]
    taken = owners(pool, name, seed)
    assert all(q != own for q, own in zip(questions, taken, strict=True))
    if 2 * max(Counter(questions).values()) <= len(questions):
        assert Counter(taken) == Counter(questions)


def test_rows_without_reasoning_take_no_part():
    bare = made_trace("bare?", None, "#### 3")
    pool = [trace(1), bare, trace(2)]
    treated = treat(pool, "foreign", seed=0)
    assert treated.traces[1] is bare
    assert treated.share_changed == pytest.approx(2 / 3)
    assert [treated.traces[i].thinking for i in (0, 2)] == ["of 2: ", "of 1: "]


def test_without_thinking_the_lines_before_the_answer_are_traded():
    pool = [
        made_trace("one?", None, "1+1=2\nso 2\n#### 2"),
        made_trace("two?", None, "3+3=6\n#### 6"),
        made_trace("three?", "  4+4=8\nso 8\n", "#### 8"),
    ]
    for seed in range(4):
        first, second, third = treat(pool, "foreign", seed=seed).traces
        assert first.answer_text in ("3+3=6\n#### 2", "4+4=8\nso 8\n#### 2")
        assert second.answer_text in ("1+1=2\nso 2\n#### 6", "4+4=8\nso 8\n#### 6")
        assert third.thinking in ("  1+1=2\nso 2\n", "  3+3=6\n")


def test_steps_are_those_that_the_donor_had():
    steps = steps_of_pieces(["of 1: a ", "b ", "c"])
    pool = [trace(1, "a b c", steps=steps), trace(2, "d")]
    assert treat(pool, "foreign", seed=0).traces[1].steps == steps


def test_one_question_is_said_to_be_too_few():
    for name in FOREIGN:
        with pytest.raises(DataError, match=rf"(?s)'{name}'.*2 questions or more.*3 of 1 question"):
            treat([trace(1, "a"), trace(1, "b"), trace(1, "c")], name, seed=0)
    for name in FOREIGN:
        assert treat([made_trace("q?", None, "#### 3")], name, seed=0).share_changed == 0.0


def test_seeds_differ():
    pool = [trace(q) for q in range(20)]
    assert len({tuple(owners(pool, "foreign", seed)) for seed in range(5)}) == 5


def test_neighbours_in_length_trade():
    # Lengths 1…64, in another order; blocks of 8 neighbours differ by 7 characters at most.
    pool = [trace(100 + i, "x" * (1 + i * 27 % 64)) for i in range(64)]
    treated = treat(pool, "foreign-length", seed=0).traces
    differences = [
        abs(len(old.thinking) - len(new.thinking)) for old, new in zip(pool, treated, strict=True)
    ]
    assert 0 < max(differences) < NEIGHBOURS
    far = treat(pool, "foreign", seed=0).traces
    assert max(abs(len(a.thinking) - len(b.thinking)) for a, b in zip(pool, far, strict=True)) > 30


@given(st.lists(st.sampled_from("aaabc"), min_size=1, max_size=50))
def test_blocks_part_the_rows_and_each_can_be_deranged(qids):
    blocks = blocks_of(qids)
    assert [i for block in blocks for i in block] == list(range(len(qids)))
    for block in blocks:
        most = max(Counter(qids[i] for i in block).values())
        assert 2 * most <= len(block) or len(blocks) == 1


def test_blocks_are_no_larger_than_they_must_be():
    assert blocks_of(list("abcdefghijklmnop")) == [range(8), range(8, 16)]
    # Five of a want ten places; the three that are left over join them.
    assert blocks_of(list("aaaaabcdefghi")) == [range(13)]
    assert blocks_of(list("aaaaabcdefghijklmn")) == [range(10), range(10, 18)]
    assert blocks_of(list("abcdefgha")) == [range(9)]


def test_the_question_most_alike_gives_its_reasoning():
    asked = ("3+4*5=", "3+4*6=", "What is the capital of France?", "What is the capital of Spain?")
    pool = [made_trace(q, f"about {i}", f"#### {i}") for i, q in enumerate(asked)]
    treated = treat(pool, "foreign-question", seed=0).traces
    assert [t.thinking for t in treated] == ["about 1", "about 0", "about 3", "about 2"]


def test_a_maze_with_the_same_ends_comes_before_one_that_reads_alike():
    ends = [([0, 0], [3, 3]), ([0, 0], [3, 2]), ([0, 0], [3, 3]), ([7, 7], [0, 0])]
    walls = ["wall 1 1", "wall 1 1", "wall 5 6 wall 2 2", "wall 1 2"]
    pool = [
        made_trace(
            f"start {start} goal {goal} {wall}",
            f"about {i}",
            "plan",
            meta={"start": start, "goal": goal},
        )
        for i, ((start, goal), wall) in enumerate(zip(ends, walls, strict=True))
    ]
    treated = treat(pool, "foreign-question", seed=0).traces
    taken = [t.thinking for t in treated]
    assert (taken[0], taken[2]) == ("about 2", "about 0")
    assert taken[1] in ("about 0", "about 2")  # the goals of both are one cell away
    # The fourth is 7+7 away from all starts; from the goals 3+3, 3+2 and 3+3.
    assert taken[3] == "about 1"


@pytest.mark.parametrize("n", [2, 3, 5])
def test_in_an_odd_group_with_the_same_ends_none_is_left_over(n):
    pool = [maze(i, "1,2", "4,1") for i in range(n)] + [
        maze(9, "1,2", "4,2"),
        maze(8, "1,2", "4,3"),
    ]
    for seed in range(10):
        taken = owners(pool, "foreign-question", seed)
        assert all(taken[i] in range(n) and taken[i] != i for i in range(n))


def maze(q: int, start: str, goal: str):
    return trace(q, meta={"start": start, "goal": goal})


def test_every_row_of_the_maze_pool_takes_from_one_with_its_ends_where_there_is_one():
    pool = make_pool("maze", 2000)
    alike = Counter((t.meta["start"], t.meta["goal"]) for t in pool)
    said = defaultdict(set)  # by thinking and ends, who said it
    for t in pool:
        said[t.thinking, t.meta["start"], t.meta["goal"]].add(t.qid)
    n_with_partner = 0
    treated = treat(pool, "foreign-question", seed=0)
    for old, new in zip(pool, treated.traces, strict=True):
        ends = (old.meta["start"], old.meta["goal"])
        if alike[ends] > 1:
            n_with_partner += 1
            assert said[new.thinking, *ends] - {old.qid}
    assert n_with_partner == 1046
    # A start next to its goal is left by the same events whatever the walls, so some say the same.
    assert treated.share_changed > 0.95


def test_a_treated_trace_can_be_cut_as_before():
    pool = [trace(1, "a\nb\nc"), trace(2, "d\ne")]
    pool = [t.model_copy(update={"steps": cut_steps(t.body)}) for t in pool]
    for new in treat(pool, "foreign", seed=0).traces:
        assert new.steps == cut_steps(new.body)
