"""Valid chains of thought and right facts, where a world can tell."""

import pytest

from titrant.audits.faithfulness.parts.cot import is_cot_valid, knowledge, world_name
from titrant.traces.record import Problem, question_id
from titrant.worlds.facts.check import facts_of
from titrant.worlds.facts.styles import terse
from titrant.worlds.facts.world import FACTS


def problem(question="47+3*5-2=", source="world:arithmetic/easy", kind="integer"):
    return Problem(
        qid=question_id(question), question=question, gold="48", gold_kind=kind, source=source
    )


RIGHT = "47+3=50 *5-2\n50*5=50 -2\n50-2=48"


@pytest.mark.parametrize(
    ("thinking", "is_valid"),
    [
        (RIGHT, True),
        ("47+3=50 *5-2\nso 50*5=50 -2\ncheck 50*5=50 -2\nso 50-2=48", True),
        ("47+3=50 *5-2\n50*5=50 -2", False),  # not to the end
        ("47+3=50 *5-2", False),
        ("47+3=51 *5-2\n51*5=55 -2\n55-2=53", False),  # a slip
        ("50-2=48", False),  # the end without the way
        ("the answer is clear", False),  # no step
        ("", False),
        (None, False),
    ],
)
def test_a_chain_is_valid_where_every_step_is_and_it_goes_to_the_end(thinking, is_valid):
    assert is_cot_valid(problem(), thinking) is is_valid


def test_elsewhere_nobody_can_tell():
    assert is_cot_valid(problem("What is 2+2?", source="gsm8k"), "2+2=4") is None
    assert is_cot_valid(problem("?", source="world:somebodys/easy"), "2+2=4") is None


def test_the_world_is_named_by_gold_kind_or_source():
    assert world_name(problem(kind="world:maze", source="file.jsonl")) == "maze"
    assert world_name(problem()) == "arithmetic"
    assert world_name(problem(source="openai/gsm8k")) is None


def test_facts_are_those_of_the_world():
    one = FACTS.problem(FACTS.presets[0], "test", 0)
    lines = terse(one.question)
    n_facts = len(facts_of(one.question, "\n".join(lines)))
    assert n_facts > 0
    assert knowledge(one, "\n".join(lines)) == [True] * n_facts
    name, _, value = lines[0].partition("=")
    wrong = [f"{name}={(int(value) + 1) % 100}", *lines[1:]]
    assert knowledge(one, "\n".join(wrong)) == [False] + [True] * (n_facts - 1)
    assert knowledge(one, None) == []


def test_other_problems_have_no_facts_to_check():
    assert knowledge(problem(), RIGHT) is None
    assert knowledge(problem(source="gsm8k"), RIGHT) is None
