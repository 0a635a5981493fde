"""How a trace becomes requests: places of steps, the lead-in of the answer, tokens to steps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from titrant.settings import PromptSettings, SignalSettings
from titrant.signals.asking import Asking, ask, step_of_tokens
from titrant.traces.record import Trace, question_id, trace_id
from titrant.traces.steps import cut_steps


class Prompts:
    """Plain prompts without a tokenizer."""

    def prompt(self, question):
        return f"{question}\n"

    def completion(self, trace):
        if trace.thinking is None:
            return trace.answer_text
        closing = "" if trace.unfinished else "</think>"
        return f"<think>{trace.thinking}{closing}{trace.answer_text}"


def trace(*, thinking="a b\nc d", answer="#### 4", gold="4", unfinished=False):
    body = answer if thinking is None else thinking
    return Trace(
        uid=trace_id("q", thinking, answer),
        qid=question_id("q"),
        question="q",
        thinking=thinking,
        answer_text=answer,
        gold=gold,
        unfinished=unfinished,
        steps=cut_steps(body),
    )


def asking(*needs, answer="#### {gold}"):
    prompt = PromptSettings(think_open="<think>", think_close="</think>")
    return Asking(Prompts(), prompt, SignalSettings(answer=answer), frozenset(needs), 5)


def pieces(asked):
    return [asked.main.continuation[start:end] for start, end in asked.steps]


def test_steps_lie_where_they_stand_in_the_completion():
    assert pieces(ask(trace(), asking())) == ["a b\n", "c d"]


def test_steps_of_a_trace_without_thinking_begin_the_completion():
    assert pieces(ask(trace(thinking=None, answer="one\ntwo"), asking())) == ["one\n", "two"]


def test_unfinished_thinking_has_no_closing_tag():
    asked = ask(trace(answer="", unfinished=True), asking())
    assert asked.main.continuation == "<think>a b\nc d"
    assert pieces(asked) == ["a b\n", "c d"]


def test_the_answer_is_led_in_after_no_step_and_after_each():
    asked = ask(trace(), asking("answers"))
    whole = asked.main.continuation
    assert [whole[: branch.at] for branch in asked.main.branches] == [
        "<think>",
        "<think>a b\n",
        "<think>a b\nc d",
    ]
    assert {branch.text for branch in asked.main.branches} == {"</think>#### 4"}
    assert asked.lead == len("</think>#### ")


def test_what_follows_gold_in_the_lead_in_is_not_forced():
    asked = ask(trace(thinking=None, answer="so"), asking("answers", answer="It is {gold}."))
    assert asked.main.branches[0].text == "It is 4"


def test_a_trace_without_gold_has_no_branches():
    assert ask(trace(gold=None), asking("answers")).main.branches == ()


def test_only_what_is_needed_is_asked_for():
    bare = ask(trace(), asking())
    assert (bare.main.top_logprobs, bare.main.with_hidden, bare.main.with_prefix) == (
        0,
        False,
        False,
    )
    assert bare.alone is None
    full = ask(trace(), asking("top", "hidden", "question", "alone"))
    assert (full.main.top_logprobs, full.main.with_hidden, full.main.with_prefix) == (5, True, True)
    assert full.main.spans == full.steps
    assert (full.alone.prefix, full.alone.continuation) == ("", full.main.continuation)


def test_a_token_belongs_to_the_step_that_it_ends_in():
    # Steps [2, 5) and [5, 9); tokens end at 1, 2, 4, 5, 6, 9, 12.
    found = step_of_tokens(np.array([1, 2, 4, 5, 6, 9, 12]), ((2, 5), (5, 9)))
    assert found.tolist() == [-1, -1, 0, 0, 1, 1, -1]


def test_an_empty_step_gets_no_token():
    assert step_of_tokens(np.array([1, 2]), ((0, 1), (1, 1), (1, 2))).tolist() == [0, 2]


def test_no_steps_no_places():
    assert step_of_tokens(np.array([1, 2]), ()).tolist() == [-1, -1]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 3))
def test_every_token_of_single_characters_falls_into_its_step(lengths, start):
    ends = start + np.cumsum(lengths)
    steps = tuple(zip([start, *ends[:-1].tolist()], ends.tolist(), strict=True))
    tokens = np.arange(1, ends[-1] + 3)
    expected = [-1] * start + np.repeat(np.arange(len(lengths)), lengths).tolist() + [-1, -1]
    assert step_of_tokens(tokens, steps).tolist() == expected
