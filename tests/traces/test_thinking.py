"""Where the thinking ends: every family's marks, the last closing one, and unfinished attempts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.traces.thinking import MARKS, Thinking, clean_answer, split_thinking

PARTED = [
    ("<think>\nso\n</think>\n\n4", "so", "4"),
    ("◁think▷so◁/think▷4", "so", "4"),
    ("<|im_start|>think\nso\n<|im_start|>answer\n4<|im_end|>", "so", "4"),
    (
        "<|begin_of_thought|>\n\nso\n\n<|end_of_thought|>\n\n"
        "<|begin_of_solution|>\n\n4\n\n<|end_of_solution|>",
        "so",
        "4",
    ),
    (
        "<|channel|>analysis<|message|>so<|end|><|start|>assistant"
        "<|channel|>final<|message|>4<|return|>",
        "so",
        "4",
    ),
    (
        "<|channel|>analysis<|message|>so<|end|><|start|>assistant<|channel|>commentary to=x"
        "<|message|>call<|call|><|start|>assistant<|channel|>final<|message|>4",
        "so\n\ncall",
        "4",
    ),
    ("analysisWe add.assistantfinalFour", "We add.", "Four"),
    ("[THINK]so[/THINK]4", "so", "4"),
    ("<thinking>so</thinking>4", "so", "4"),
]


@pytest.mark.parametrize(("text", "thinking", "answer"), PARTED)
def test_each_family_of_marks_is_parted(text, thinking, answer):
    assert split_thinking(text) == Thinking(thinking, answer, unfinished=False)


@pytest.mark.parametrize("text", ["4", "I think it is 4", "analysis of the case: 4", ""])
def test_a_text_without_marks_is_all_answer(text):
    assert split_thinking(text) == Thinking(None, text, unfinished=False)


@pytest.mark.parametrize("marks", MARKS)
def test_a_missing_opening_mark_is_fine_because_the_prompt_gave_it(marks):
    assert split_thinking(f"so{marks.closer}\n4") == Thinking("so", "4", unfinished=False)


@pytest.mark.parametrize("marks", MARKS)
def test_an_opening_mark_that_is_never_closed_is_unfinished(marks):
    assert split_thinking(f"{marks.opener}\nso 4") == Thinking("so 4", "", unfinished=True)


def test_gpt_oss_without_a_final_channel_is_unfinished():
    text = "<|channel|>analysis<|message|>so"
    assert split_thinking(text) == Thinking("so", "", unfinished=True)


def test_gpt_oss_may_start_inside_the_channel_that_the_prompt_opened():
    text = "so<|end|><|start|>assistant<|channel|>final<|message|>4"
    assert split_thinking(text) == Thinking("so", "4", unfinished=False)


def test_the_last_closing_mark_counts():
    text = "<think>a</think>b<think>c</think>d"
    assert split_thinking(text) == Thinking("a</think>b<think>c", "d", unfinished=False)


def test_thinking_that_is_opened_again_and_not_closed_is_unfinished():
    assert split_thinking("<think>a</think>b<think>c").unfinished


def test_an_empty_block_is_no_thinking():
    assert split_thinking("<think>\n\n</think>\n\n4") == Thinking(None, "4", unfinished=False)


def test_words_before_the_opening_mark_belong_to_the_thinking():
    assert split_thinking("Sure. <think>so</think>4").thinking == "Sure.\n\nso"


def test_a_template_mark_before_the_opening_mark_is_dropped():
    assert split_thinking("<|im_start|>assistant\n<think>so</think>4").thinking == "so"


@pytest.mark.parametrize("stop", ["</s>", "<|im_end|>", "<|eot_id|>\n", "<|im_end|><|endoftext|>"])
def test_stop_tokens_after_the_answer_are_dropped(stop):
    assert split_thinking(f"<think>so</think>4{stop}").answer_text == "4"
    assert clean_answer(f"4{stop}") == "4"


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="<|[◁"), max_size=80)


@given(PLAIN, PLAIN)
def test_what_was_joined_with_marks_is_parted_again(thinking, answer):
    parted = split_thinking(f"<think>\n{thinking}\n</think>\n\n{answer}")
    assert parted == Thinking(thinking.strip() or None, answer.strip(), unfinished=False)


@given(st.lists(st.sampled_from([*MARKS[0], *MARKS[3], "a ", "\n", "<|channel|>", "final"])))
def test_no_order_of_marks_breaks_it(parts):
    parted = split_thinking("".join(parts))
    assert parted.answer_text == "" or not parted.unfinished
