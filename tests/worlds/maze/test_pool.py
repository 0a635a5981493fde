"""The maze pool: clean, endless and distinct; foreign traces share nothing but their ends."""

import itertools
from collections import Counter

import pytest

from titrant.errors import ConfigError
from titrant.traces.record import Verdict, question_id, trace_id
from titrant.worlds.base import Split
from titrant.worlds.maze.form import read_question, read_thinking
from titrant.worlds.maze.pool import DEFAULT_PRESET, clean_trace, foreign_trace, maze_pool
from titrant.worlds.maze.validate import check_trace
from titrant.worlds.maze.world import MAZE, PRESETS, Preset, split_of
from titrant.worlds.pools import make_pool

N = 300


@pytest.fixture(scope="module")
def pool():
    return make_pool("maze", N)


def test_the_default_pool_is_of_wilson_mazes_of_size_8(pool):
    assert DEFAULT_PRESET == "wilson-8"
    assert {trace.source for trace in pool} == {"world:maze/wilson-8"}


def test_a_smaller_pool_is_a_prefix_and_another_seed_another_pool(pool):
    assert make_pool("maze", 40) == pool[:40]
    other = make_pool("maze", 40, seed=1)
    assert not {trace.qid for trace in other} & {trace.qid for trace in pool}


def test_traces_are_clean_and_of_the_pool_split(pool):
    for trace in pool:
        assert split_of(trace.question) == Split.POOL
        assert trace.verdict == Verdict.CORRECT
        assert MAZE.verify(trace.question, trace.answer_text) == Verdict.CORRECT
        assert trace.thinking == MAZE.oracle(trace.question)
        assert trace.final_answer == trace.answer_text == trace.gold
        assert trace.gold_kind == "world:maze"


def test_every_trace_has_a_question_of_its_own_and_its_hashes(pool):
    assert len({trace.qid for trace in pool}) == len({trace.uid for trace in pool}) == N
    for trace in pool:
        assert trace.qid == question_id(trace.question)
        assert trace.uid == trace_id(trace.question, trace.thinking, trace.answer_text)


def test_a_step_is_an_event(pool):
    for trace in pool:
        assert "".join(step.text for step in trace.steps) == trace.thinking
        assert [step.text.rstrip("\n") for step in trace.steps] == trace.thinking.split("\n")


def test_the_ends_stand_in_meta(pool):
    for trace in pool:
        words = trace.question.split()
        assert trace.meta == {"start": words[1], "goal": words[3]}


def test_a_pool_never_repeats_a_question_where_there_are_few():
    # 15,715 easy questions are in the pool split, so 1,000 draws repeat some 30 times.
    traces = list(itertools.islice(maze_pool(0, preset="easy"), 1000))
    assert len({trace.qid for trace in traces}) == 1000


def test_a_pool_ends_where_there_are_no_more_questions(monkeypatch):
    # Size 4 has 336 questions, a share of 0.15 of them in the pool split.
    monkeypatch.setitem(PRESETS, "tiny", Preset("wilson", 4))
    traces = list(maze_pool(0, preset="tiny"))
    assert len(traces) == len({trace.qid for trace in traces}) == MAZE.count("tiny", Split.POOL)
    assert 30 < len(traces) < 75


def test_an_unknown_preset_is_refused_at_once():
    with pytest.raises(ConfigError, match="unknown preset 'wilson-9'"):
        maze_pool(0, preset="wilson-9")


def test_foreign_traces_share_the_ends_and_contradict_the_walls(pool):
    found = Counter()
    for trace in pool[:120]:
        foreign = foreign_trace(trace, 0)
        if foreign is None:
            found["none"] += 1
            continue
        assert foreign.meta == trace.meta
        assert foreign.qid != trace.qid
        assert split_of(foreign.question) == Split.POOL
        assert foreign == clean_trace(foreign.problem.model_copy(update={"meta": trace.meta}))
        assert foreign.source == trace.source
        check = check_trace(read_question(trace.question), read_thinking(foreign.thinking))
        assert not check.is_strictly_valid
        found["late" if check.first and check.first.at > 0 else "strict only"] += 1
        # Start, goal and distance are right, so the first event says nothing.
        assert foreign.thinking.split("\n")[0] == trace.thinking.split("\n")[0]
    assert found["late"] > 0.85 * 120
    assert found["none"] < 0.1 * 120
    # One that breaks a rule is preferred to one that leaves neighbours out.
    assert found["strict only"] < 0.03 * 120


def test_a_foreign_trace_is_a_function_of_trace_and_seed(pool):
    trace = pool[0]
    assert foreign_trace(trace, 3) == foreign_trace(trace, 3)
    assert foreign_trace(trace, 3) != foreign_trace(trace, 4)


def test_a_trace_that_every_maze_shares_has_no_foreign_one(pool):
    # From a passage to the room beside it: a passage has two free neighbours in every maze.
    passage = next(
        trace
        for trace in pool
        if len(trace.steps) == 4
        and trace.steps[3].text.startswith("close")
        and foreign_trace(trace, 0) is None
    )
    assert check_trace(read_question(passage.question), read_thinking(passage.thinking)).is_valid


@pytest.mark.parametrize("preset", ["dfs-8", "kruskal-8", "drunkard-8", "searchformer-8", "easy"])
def test_other_presets_have_pools_and_foreign_traces(preset):
    traces = list(itertools.islice(maze_pool(0, preset=preset), 20))
    foreign = [foreign_trace(trace, 0) for trace in traces]
    assert sum(one is not None for one in foreign) > 10
    assert {one.source for one in foreign if one is not None} == {f"world:maze/{preset}"}
