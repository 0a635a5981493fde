"""The world of facts as a World, and its pool."""

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from golden_world import check_golden
from titrant.errors import ConfigError
from titrant.traces.record import Verdict, question_id, trace_id
from titrant.worlds.base import Split
from titrant.worlds.facts import check_lines
from titrant.worlds.facts.draw import split_of
from titrant.worlds.facts.pool import KINDS, facts_pool
from titrant.worlds.facts.question import parse
from titrant.worlds.facts.table import facts, known_facts
from titrant.worlds.facts.world import FACTS
from titrant.worlds.pools import make_pool, world_problems

N = 800
FIRST = known_facts()[0]


@pytest.fixture(scope="module")
def pool():
    return list(islice(facts_pool(0), N))


def test_golden_instances_are_the_recorded_ones():
    check_golden(FACTS, Path(__file__).with_name("facts.json"))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("#### {}", Verdict.CORRECT),
        (" {}\n", Verdict.CORRECT),
        ("{}.", Verdict.UNREADABLE),
        ("-{}", Verdict.UNREADABLE),
        ("#### {0} #### {0}", Verdict.UNREADABLE),
        ("", Verdict.UNREADABLE),
    ],
)
def test_the_verifier_reads_one_number_and_nothing_else(text, verdict):
    answer = (FIRST.value + 3) % 100
    assert FACTS.verify(f"{FIRST.name.text}+3=", text.format(answer)) == verdict


def test_another_number_is_wrong():
    assert FACTS.verify(f"{FIRST.name.text}+3=", str(FIRST.value + 4)) == Verdict.WRONG


@pytest.mark.parametrize(("preset", "n"), [("easy", 1), ("middle", 2), ("hard", 3)])
def test_easy_middle_and_hard_need_one_two_and_three_known_facts(preset, n):
    for index in range(60):
        problem = FACTS.problem(preset, Split.TEST, index)
        assert problem.meta == {"facts": n, "new": 0}
        assert problem.domain == ("1 fact" if n == 1 else f"{n} facts")
        assert problem.gold == str(parse(problem.question).answer)


def test_the_preset_new_needs_a_new_fact_and_train_sometimes():
    new = [FACTS.problem("new", Split.TEST, i).meta["new"] for i in range(100)]
    train = [FACTS.problem("train", Split.TEST, i).meta["new"] for i in range(200)]
    assert min(new) >= 1
    # a quarter of 200: 50 ± 4·√(200·¼·¾) = 50 ± 24.5
    assert 25 < sum(n > 0 for n in train) < 75


def test_meta_counts_new_facts():
    for index in range(30):
        problem = FACTS.problem("new", Split.POOL, index)
        names = parse(problem.question).names
        assert problem.meta["new"] == sum(facts()[name].is_new for name in names)


def test_unknown_presets_are_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="unknown preset 'hrd'\n  do: did you mean hard"):
        FACTS.problem("hrd", Split.TEST, 0)
    with pytest.raises(ConfigError, match="unknown preset 'hrd'"):
        FACTS.count("hrd", Split.TEST)


def test_every_preset_has_more_problems_than_are_counted():
    assert FACTS.count("easy", Split.TEST) is None


def test_the_pool_is_reached_by_the_world_s_name(pool):
    assert make_pool("facts", 20) == pool[:20]
    assert world_problems("world:facts/hard", 3)[0].meta["facts"] == 3


def test_pool_traces_come_from_the_pool_split_with_an_identity_each(pool):
    assert {split_of(trace.question) for trace in pool} == {Split.POOL}
    assert len({trace.uid for trace in pool}) == N
    for trace in pool[:100]:
        assert trace.qid == question_id(trace.question)
        assert trace.uid == trace_id(trace.question, trace.thinking, trace.answer_text)
        assert "".join(step.text for step in trace.steps) == trace.thinking


def test_the_labels_of_pool_traces_tell_the_truth(pool):
    for trace in pool:
        kind, step = trace.meta["kind"], trace.meta.get("fault_step")
        checks = check_lines(trace.question, trace.thinking)
        faults = [(i, check.kind) for i, check in enumerate(checks) if check.kind != "ok"]
        expected = {"wrong-fact": [(step, "fact")], "wrong": [(step, "slip")]}.get(kind, [])
        assert faults == expected
        assert trace.verdict == FACTS.verify(trace.question, trace.answer_text)
        assert (trace.verdict == Verdict.CORRECT) == (kind in {"terse", "verbose"})


def test_kinds_stand_in_their_shares_and_new_facts_in_a_quarter(pool):
    share = {kind: n / N for kind, n in Counter(t.meta["kind"] for t in pool).items()}
    for kind, p in KINDS.items():
        # 5 standard deviations; equal traces of a question are dropped, and terse ones are equal
        room = 5 * (p * (1 - p) / N) ** 0.5 + (0.12 if kind == "terse" else 0.06)
        assert abs(share[kind] - p) < room
    by_question = {trace.qid: trace.meta["new"] > 0 for trace in pool}
    assert 0.17 < sum(by_question.values()) / len(by_question) < 0.33
