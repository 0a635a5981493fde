"""The arithmetic pool has the blemishes of a real pool, and its labels tell the truth about them."""

from collections import Counter, defaultdict

import pytest

from titrant.errors import ConfigError
from titrant.traces.record import Verdict, question_id, trace_id
from titrant.worlds.arithmetic import ARITHMETIC, parse, split_of
from titrant.worlds.base import Split
from titrant.worlds.pools import (
    DEFAULT_SIZE,
    KINDS,
    TRACES_PER_QUESTION,
    make_pool,
    nearly_repeat,
    world_problems,
)

N = 1500


@pytest.fixture(scope="module")
def pool():
    return make_pool("arithmetic", N)


@pytest.fixture(scope="module")
def by_question(pool):
    groups = defaultdict(list)
    for trace in pool:
        groups[trace.qid].append(trace)
    return groups


def faults(trace) -> list[tuple[int, str]]:
    checks = ARITHMETIC.validate(trace.question, trace.thinking)
    return [(check.number, check.kind) for check in checks if not check.is_valid]


def of_kind(pool, kind):
    return [trace for trace in pool if trace.meta["kind"] == kind]


def test_the_demo_pool_has_4096_traces():
    assert DEFAULT_SIZE == 4096


def test_a_smaller_pool_is_a_prefix_of_a_larger_one(pool):
    assert make_pool("arithmetic", 200) == pool[:200]
    assert make_pool("arithmetic", 200, seed=1) != pool[:200]


def test_every_trace_has_an_identity_of_its_own(pool):
    assert len({trace.uid for trace in pool}) == N
    for trace in pool[:200]:
        assert trace.qid == question_id(trace.question)
        assert trace.uid == trace_id(trace.question, trace.thinking, trace.answer_text)


def test_questions_come_from_the_pool_split_alone(pool):
    assert {split_of(parse(trace.question)) for trace in pool} == {Split.POOL}


def test_verdicts_are_those_of_the_world(pool):
    for trace in pool:
        assert trace.verdict == ARITHMETIC.verify(trace.question, trace.answer_text)
        assert trace.answer_text == f"#### {trace.final_answer}"
        assert (trace.final_answer == trace.gold) == (trace.verdict == Verdict.CORRECT)


@pytest.mark.parametrize("kind", ["terse", "meandering"])
def test_clean_kinds_are_valid_and_right(pool, kind):
    traces = of_kind(pool, kind)
    assert traces
    assert all(faults(trace) == [] for trace in traces)
    assert {trace.verdict for trace in traces} == {Verdict.CORRECT}


def test_wrong_traces_have_one_fault_and_end_in_a_wrong_answer(pool):
    traces = of_kind(pool, "wrong")
    assert {trace.verdict for trace in traces} == {Verdict.WRONG}
    assert {kind for trace in traces for _, kind in faults(trace)} == {"slip"}
    assert all(len(faults(trace)) == 1 for trace in traces)


def test_slips_have_their_fault_where_they_say_and_a_right_answer(pool):
    traces = of_kind(pool, "slip")
    assert {trace.verdict for trace in traces} == {Verdict.CORRECT}
    for trace in traces:
        index = trace.meta["fault_step"]
        assert faults(trace) == [(index, "slip")]
        assert trace.steps[index].text.strip() not in ARITHMETIC.oracle(trace.question).split("\n")


def test_only_a_planted_slip_names_a_faulty_step(pool):
    kinds = {trace.meta["kind"] for trace in pool if "fault_step" in trace.meta}
    assert kinds <= {"slip", "near-duplicate"}


def without_connectives(trace) -> list[str]:
    return [line.removeprefix("so ") for line in trace.thinking.split("\n")]


def test_a_near_duplicate_repeats_an_earlier_trace_with_its_faults_and_its_answer(by_question):
    seen = Counter()
    for traces in by_question.values():
        for i, trace in enumerate(traces):
            if trace.meta["kind"] != "near-duplicate":
                continue
            original = traces[i - 1]
            assert trace.thinking != original.thinking
            assert without_connectives(trace) == without_connectives(original)
            assert trace.final_answer == original.final_answer
            assert trace.meta.get("fault_step") == original.meta.get("fault_step")
            assert len(faults(trace)) == len(faults(original))
            seen[original.meta["kind"]] += 1
    assert {"wrong", "slip", "terse", "meandering"} <= set(seen)


def test_nearly_repeating_moves_one_connective():
    class Zero:
        def integers(self, n):
            return 0

    assert nearly_repeat(["so 50*5=50", "50-2=48"], Zero()) == ["50*5=50", "50-2=48"]
    assert nearly_repeat(["50*5=50", "50-2=48"], Zero()) == ["so 50*5=50", "50-2=48"]


def test_all_kinds_are_there_in_their_shares(pool):
    share = {kind: n / N for kind, n in Counter(t.meta["kind"] for t in pool).items()}
    assert set(share) == set(KINDS)
    for kind in ("wrong", "slip"):
        # Their draws are seldom repeats, so they keep their share: 4 standard deviations of n = 1500.
        p = KINDS[kind]
        assert abs(share[kind] - p) < 4 * (p * (1 - p) / N) ** 0.5
    # A first trace of a question has nothing to repeat, and a repeated terse trace is made meandering.
    assert 0.02 < share["near-duplicate"] < KINDS["near-duplicate"]
    assert KINDS["meandering"] < share["meandering"] < KINDS["meandering"] + KINDS["terse"]
    assert 0.15 < share["terse"] < KINDS["terse"]


def test_many_questions_have_several_traces(by_question):
    sizes = Counter(map(len, by_question.values()))
    assert max(sizes) <= max(TRACES_PER_QUESTION)
    assert sum(n for size, n in sizes.items() if size > 1) > len(by_question) / 2


def test_steps_give_the_thinking_back(pool):
    for trace in pool:
        assert "".join(step.text for step in trace.steps) == trace.thinking
        assert len(trace.steps) == trace.thinking.count("\n") + 1


def test_a_pool_of_an_unknown_world_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="no pool is made from the world 'arithmetics'") as error:
        make_pool("arithmetics")
    assert "did you mean arithmetic?" in str(error.value)


def test_a_pool_of_mazes_can_be_of_any_preset():
    assert {trace.source for trace in make_pool("maze/wilson-10", 3)} == {"world:maze/wilson-10"}
    assert make_pool("maze/wilson-8", 3, seed=1) == make_pool("maze", 3, seed=1)
    with pytest.raises(ConfigError, match="unknown preset 'wilson-9'"):
        make_pool("maze/wilson-9")


def test_a_pool_of_a_preset_is_refused_where_the_world_has_one_pool_only():
    with pytest.raises(ConfigError, match="no pool is made from the world 'arithmetic/hard'"):
        make_pool("arithmetic/hard")


def test_benchmark_problems_are_distinct_and_from_the_test_split():
    problems = world_problems("world:arithmetic/hard", 50)
    assert len({problem.qid for problem in problems}) == 50
    assert {split_of(parse(problem.question)) for problem in problems} == {Split.TEST}
    assert {problem.meta["operations"] for problem in problems} == {5, 6}


def test_the_first_preset_is_the_default():
    assert world_problems("world:arithmetic", 5) == world_problems("world:arithmetic/train", 5)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("world:arithmetic/hrad", "unknown preset 'hrad'\n  do: did you mean hard"),
        ("world:arthmetic", "unknown world 'arthmetic'\n  do: did you mean arithmetic"),
    ],
)
def test_unknown_benchmarks_are_answered_with_the_nearest(path, message):
    with pytest.raises(ConfigError, match=message):
        world_problems(path, 5)
