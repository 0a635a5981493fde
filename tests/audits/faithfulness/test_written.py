"""Texts parted into thinking and answer, and the prompts that force other thinking."""

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.audits.faithfulness.parts.written import Completing, Forcing, as_trace, part_text
from titrant.engines.plain import PlainPrompts
from titrant.engines.prompt import PromptBuilder
from titrant.settings import PromptSettings, SignalSettings
from titrant.traces.record import Problem, question_id

PROBLEM = Problem(qid=question_id("1+2="), question="1+2=", gold="3", gold_kind="integer")
PROMPT = PromptSettings()


class Letters:
    """The least tokenizer: one token per character, and a chat template or none."""

    special_tokens_map: ClassVar = {}

    def __init__(self, template=None):
        self.chat_template = template

    def __call__(self, text, *, add_special_tokens):
        return {"input_ids": [[ord(char) for char in one] for one in text]}

    def convert_tokens_to_ids(self, tokens):
        return 0

    def apply_chat_template(self, conversation, *, tokenize, add_generation_prompt):
        text = "".join(f"<{turn['role']}>{turn['content']}\n" for turn in conversation)
        return text + ("<assistant><think>\n" if add_generation_prompt else "")


def forcing(prompts=None):
    return Forcing(prompts or PlainPrompts(PROMPT), PROMPT, SignalSettings())


def test_thinking_stands_between_tags():
    found = part_text("<think>\n1+1=2\n2+1=3\n</think>\n\n#### 3")
    assert found.thinking == "1+1=2\n2+1=3"
    assert [step.text for step in found.steps] == ["1+1=2\n", "2+1=3"]
    assert (found.answer_text, found.is_tagged, found.unfinished) == ("#### 3", True, False)


def test_thinking_that_was_never_closed_is_unfinished():
    found = part_text("<think>\n1+1=2\n2+1")
    assert (found.unfinished, found.answer_text, len(found.steps)) == (True, "", 2)


def test_without_tags_all_steps_but_the_last_are_thinking():
    found = part_text("1+1=2\n2+1=3\n#### 3")
    assert found.thinking == "1+1=2\n2+1=3\n"
    assert (found.answer_text, found.is_tagged) == ("#### 3", False)


@pytest.mark.parametrize("text", ["#### 3", "3", ""])
def test_a_bare_answer_has_no_thinking(text):
    found = part_text(text)
    assert (found.thinking, found.steps) == (None, ())


@given(st.text(alphabet="ab1=.\n ", max_size=60))
def test_steps_of_untagged_text_lie_within_the_body_of_its_trace(text):
    trace = as_trace(PROBLEM, text)
    assert trace.thinking is None
    for step in trace.steps:
        assert trace.body[step.start : step.end] == step.text


def test_a_tagged_trace_has_its_gold_answer_and_its_steps():
    trace = as_trace(PROBLEM, "<think>\n1+1=2\n2+1=3\n</think>\n\n#### 3")
    assert (trace.gold, trace.answer_text, len(trace.steps)) == ("3", "#### 3", 2)
    assert all(trace.body[s.start : s.end] == s.text for s in trace.steps)


def test_an_answer_is_asked_for_behind_closed_thinking():
    text = forcing().closed("1+2=", "1+1=2\n", is_tagged=True)
    assert text == "1+2=\n<think>\n1+1=2\n</think>\n\n"


def test_no_thinking_at_all_is_a_block_with_nothing_in_it():
    text = forcing().closed("1+2=", "", is_tagged=True)
    assert text == "1+2=\n<think>\n\n</think>\n\n"


def test_thinking_that_goes_on_keeps_its_line_end():
    assert forcing().started("1+2=", "1+1=2\n", is_tagged=True) == "1+2=\n<think>\n1+1=2\n"


def test_without_tags_the_lead_in_asks_for_the_answer():
    assert forcing().closed("1+2=", "1+1=2\n", is_tagged=False) == "1+2=\n1+1=2\nAnswer: "


def test_a_prompt_that_opens_thinking_is_not_opened_twice():
    builder = PromptBuilder(Letters("template"), PROMPT)
    assert builder.opens_thinking == "<think>\n"
    text = forcing(builder).closed("1+2=", "so", is_tagged=True)
    assert text == "<user>1+2=\n<assistant><think>\nso\n</think>\n\n"


@pytest.mark.parametrize("template", [None, "template"])
@pytest.mark.parametrize(
    "text",
    ["<think>\nso\n</think>\n\n3", "<think>\nso", "First. Then. 3", "3"],
)
def test_completions_are_those_of_the_prompt_builder(template, text):
    """Two writers of completions, held together here."""
    builder = PromptBuilder(Letters(template), PROMPT)
    trace = as_trace(PROBLEM, text)
    ours = Completing(builder, PROMPT)
    assert ours.completion(trace) == builder.completion(trace)
    assert ours.prompt("1+2=") == builder.prompt("1+2=")
