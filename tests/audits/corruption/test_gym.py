"""Parts asked on problems of reasoning-gym, a world that has no reasoning of its own."""

import polars as pl
import pytest

from titrant.audits.base import Material, Subject
from titrant.audits.corruption.replace import pairs, replace_traces
from titrant.audits.faithfulness.parts.cot import is_cot_valid
from titrant.engines.fake import FakeEngine
from titrant.engines.plain import PlainPrompts
from titrant.settings import AuditSettings, Config
from titrant.traces.record import Problem
from titrant.worlds.base import has_reasoning, worlds
from titrant.worlds.pools import world_problems

TAGS = "<think>\nI add them up.\n</think>\n\n"


def test_all_worlds_but_the_gym_have_reasoning():
    assert [name for name in worlds.names() if not has_reasoning(worlds.get(name))] == ["gym"]


def test_nobody_can_tell_whether_a_chain_is_valid():
    about = "world:gym/chain_sum"
    problem = Problem(qid="q", question="1 + 1 =", gold="2", gold_kind=about, source=about)
    assert is_cot_valid(problem, "1 + 1 = 2") is None
    assert is_cot_valid(problem, None) is None


def test_traces_are_replaced_but_by_no_gold():
    pytest.importorskip("reasoning_gym", reason="needs reasoning-gym")
    problems = tuple(world_problems("world:gym/chain_sum", 20))
    gold = {problem.question: problem.gold for problem in problems}
    config = Config(base="fake", pool="pool.jsonl", benchmark="world:gym/chain_sum")

    def say(request):
        answer = next(a for q, a in gold.items() if q in request.prompt)
        return answer if "</think>" in request.prompt else TAGS + answer

    subject = Subject("tuned", 0, FakeEngine(say), PlainPrompts(config.prompt))
    settings, material = AuditSettings(problems=20), Material(config, problems)

    found = replace_traces(subject, pairs(material, settings), material, settings)

    kinds = ["own", "foreign", "filler", "none"]
    assert found.group_by("condition", maintain_order=True).len().rows() == [(k, 20) for k in kinds]
    assert found.filter(pl.col("correct")).height == 80
