"""Fresh problems: by which maker, how many, and never the benchmark's own."""

import json
import sys

import pytest
from contamination_made import problem

from titrant.audits.contamination.fresh import (
    fresh_problems,
    solutions_in,
)
from titrant.errors import ConfigError, MissingPackageError
from titrant.settings import BenchmarkSettings
from titrant.traces.read import read_benchmark
from titrant.traces.record import Verdict, question_id
from titrant.worlds import gym
from titrant.worlds.arithmetic import ARITHMETIC
from titrant.worlds.base import Split, distinct_problems, worlds
from titrant.worlds.pools import world_problems

EGGS = "Tom has {} eggs and eats three of them. He sells the rest for $2 each. What does he earn?"


def eggs(n):
    question = EGGS.format(n)
    steps = f"<<{n}-3={n - 3}>> <<{n - 3}*2={2 * (n - 3)}>>"
    return problem(question, str(2 * (n - 3)), meta={"solution": steps}, source="eggs.jsonl")


def test_a_worlds_benchmark_gets_further_instances_of_its_test_split():
    benchmark = world_problems("world:arithmetic/easy", 50)
    found = fresh_problems(benchmark, 40, root=0)
    assert (found.how, found.is_exchangeable, len(found.problems)) == ("world", True, 40)
    qids = {one.qid for one in found.problems}
    assert len(qids) == 40
    assert qids.isdisjoint(one.qid for one in benchmark)
    assert {one.source for one in found.problems} == {"world:arithmetic/easy"}
    assert found.problems[0] == ARITHMETIC.problem("easy", Split.TEST, 1_000_000)
    verdicts = {ARITHMETIC.verify(one.question, str(one.gold)) for one in found.problems}
    assert verdicts == {Verdict.CORRECT}


def test_problems_of_a_benchmark_that_lie_far_away_are_passed_over():
    far = list(distinct_problems(ARITHMETIC, "easy", Split.TEST, 10, start=1_000_000))
    found = fresh_problems(far, 10, root=0)
    assert {one.qid for one in found.problems}.isdisjoint(one.qid for one in far)
    assert len(found.problems) == 10


def test_presets_keep_their_proportions():
    benchmark = world_problems("world:arithmetic/easy", 30) + world_problems(
        "world:arithmetic/hard", 10
    )
    found = fresh_problems(benchmark, 10, root=0)
    sources = [one.source for one in found.problems]
    # 7.5 and 2.5 of ten: the remainders are equal, and the first by name gets one more
    assert sources.count("world:arithmetic/easy") == 8
    assert sources.count("world:arithmetic/hard") == 2


def test_a_world_that_has_few_more_gives_those_and_says_so(monkeypatch):
    small = SmallWorld()
    monkeypatch.setitem(worlds._loaded, "small", small)
    benchmark = [small.problem("", Split.TEST, i) for i in range(7)]
    found = fresh_problems(benchmark, 20, root=0)
    assert sorted(one.question for one in found.problems) == ["7+1=", "8+1=", "9+1="]
    assert "only 3 problems more" in found.notes[0]
    with pytest.raises(ConfigError, match="not so many"):
        fresh_problems([small.problem("", Split.TEST, i) for i in range(10)], 20, root=0)


class SmallWorld:
    """A world of ten problems."""

    name = "small"
    presets = ("",)

    def problem(self, preset, split, index):
        question = f"{index % 10}+1="
        return problem(question, str(index % 10 + 1), source="world:small")

    def count(self, preset, split):
        return 10


def test_an_unknown_world_is_an_error():
    with pytest.raises(ConfigError, match="unknown world 'nowhere'"):
        fresh_problems([problem("1+1=", "2", source="world:nowhere/easy")], 3, root=0)


def test_word_problems_get_other_numbers_and_say_how_many_could():
    benchmark = [*(eggs(n) for n in range(20, 40)), problem("How many 5 are 7?", "3")]
    found = fresh_problems(benchmark, 100, root=0)
    assert (found.how, found.is_exchangeable) == ("numbers", False)
    assert len(found.problems) == 20
    assert "20 of 21 problems that were tried" in found.notes[0]
    known = {one.qid: one for one in benchmark}
    for one in found.problems:
        assert one.qid == question_id(one.question)
        assert one.qid not in known
        assert one.meta["gold_was"] == known[one.meta["of"]].gold
        assert one.source == "fresh:numbers"


def test_a_variant_that_is_there_already_is_left_out():
    def nuts(n):
        steps = {"solution": f"<<{n}/2={n // 2}>>"}
        return problem(f"She has {n} nuts and eats half. How many?", str(n // 2), meta=steps)

    benchmark = [nuts(n) for n in range(10, 40, 2)]  # other numbers are often those of another one
    found = fresh_problems(benchmark, 100, root=0)
    qids = [one.qid for one in (*benchmark, *found.problems)]
    assert len(set(qids)) == len(qids)
    assert 0 < len(found.problems) < len(benchmark)


def test_fresh_problems_follow_from_the_root_seed_and_not_from_the_order():
    benchmark = [eggs(n) for n in range(20, 40)]
    one = fresh_problems(benchmark, 8, root=0)
    assert len(one.problems) == 8
    assert one == fresh_problems(benchmark[::-1], 8, root=0)
    assert one.problems != fresh_problems(benchmark, 8, root=1).problems


def test_solutions_may_be_handed_in_by_the_rows_of_the_file():
    plain = problem(EGGS.format(16), "26")
    rows = [
        {"question": EGGS.format(16), "answer": "<<16-3=13>> <<13*2=26>>"},
        {"question": "no marks", "answer": "7"},
        {"question": 7, "answer": "<<1=1>>"},
        "no row",
    ]
    solutions = solutions_in(rows)
    assert set(solutions) == {plain.qid}
    assert len(fresh_problems([plain], 5, root=0, solutions=solutions).problems) == 1


def test_where_nothing_fits_the_set_is_empty_and_says_why():
    for benchmark in ([problem("Why?", "7")], []):
        found = fresh_problems(benchmark, 5, root=0)
        assert (found.problems, found.how) == ((), "none")
        assert "audit.fresh" in found.notes[0]


def test_a_task_of_reasoning_gym_is_a_world_and_asks_for_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    gym._gym.cache_clear()
    benchmark = [problem("1+1=?", "2", source="world:gym/chain_sum")]
    with pytest.raises(MissingPackageError, match=r"pip install reasoning-gym"):
        fresh_problems(benchmark, 3, root=0)


def test_bare_arithmetic_gets_expressions_of_as_many_operations():
    benchmark = [problem(f"{i} + 3 * {i + 5} - 4", str(4 * i + 11)) for i in range(10, 20)]
    found = fresh_problems(benchmark, 6, root=0)
    assert (found.how, found.is_exchangeable, len(found.problems)) == ("expressions", False, 6)
    assert "world:randcalc/steps-3" in found.notes[0]
    assert {one.source for one in found.problems} == {"world:randcalc/steps-3"}


def test_of_gsm8k_a_quarter_can_be_changed(shared_data):
    path = shared_data / "gsm8k" / "test.jsonl"
    benchmark = read_benchmark(BenchmarkSettings(path=str(path)), seed=0).problems
    with path.open(encoding="utf-8") as file:
        solutions = solutions_in(json.loads(line) for line in file)
    chosen = benchmark[:400]
    found = fresh_problems(chosen, len(chosen), root=0, solutions=solutions)
    assert 0.15 < len(found.problems) / len(chosen) < 0.40  # 25.6 % of all 1,319
    assert {one.qid for one in found.problems}.isdisjoint(one.qid for one in benchmark)
    golds = {one.qid: one.gold for one in benchmark}
    assert sum(one.gold != golds[one.meta["of"]] for one in found.problems) > 0.9 * len(
        found.problems
    )
