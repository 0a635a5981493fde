"""The maze pool: clean, endless and distinct; the words that it is made of."""

import itertools

import pytest

from titrant.errors import ConfigError
from titrant.traces.record import Verdict, question_id, trace_id
from titrant.worlds.base import Split
from titrant.worlds.maze.pool import DEFAULT_PRESET, maze_pool, words_of
from titrant.worlds.maze.vitro import vocabulary
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


@pytest.mark.parametrize("preset", ["dfs-8", "kruskal-8", "drunkard-8", "searchformer-8", "easy"])
def test_other_presets_have_pools(preset):
    traces = list(itertools.islice(maze_pool(0, preset=preset), 20))
    assert {trace.source for trace in traces} == {f"world:maze/{preset}"}
    assert len({trace.qid for trace in traces}) == 20


@pytest.mark.parametrize(("preset", "size"), [("wilson-8", 8), ("drunkard-10", 10), ("easy", 6)])
def test_the_words_of_a_preset_are_those_with_digits_of_its_tokenizer(preset, size):
    known = {word for word in vocabulary(size) if word[-1:].isdigit() and word[0] not in " \n"}
    assert words_of(f"world:maze/{preset}") == known


@pytest.mark.parametrize("source", ["", "mine.jsonl", "world:maze", "world:maze/wilson-9", "easy"])
def test_a_source_that_is_no_preset_has_no_words(source):
    assert words_of(source) is None


def test_a_trace_is_made_of_verbs_and_words_of_its_preset(pool):
    words = {word for trace in pool for word in trace.thinking.split()}
    assert words - words_of("world:maze/wilson-8") == {"close", "create"}
