"""Prompts, completions and their tokens under many kinds of tokenizer."""

import pytest

from titrant.engines.prompt import PromptBuilder, PromptEncoder
from titrant.errors import ConfigError
from titrant.settings import PromptSettings
from titrant.traces.record import Trace

pytest.importorskip("transformers", reason="needs the train extra")
pytestmark = pytest.mark.train

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WITH_BOS = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "<turn>{{ m.content }}{% endfor %}"
)
OPENS_THINKING = CHATML.replace("assistant\n", "assistant\n<think>\n")


@pytest.fixture
def make(tiny):
    """A character tokenizer that adds `before` and `after` to a text, with a chat template."""
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    def build(*, before="", after="", bos=None, template=None):
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=type(tiny[1].backend_tokenizer).from_str(
                tiny[1].backend_tokenizer.to_str()
            ),
            eos_token="<eos>",
            bos_token=bos,
        )
        marks = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in (before, after) if mark}
        shape = " ".join(part for part in (before, "$A", after) if part)
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=shape, special_tokens=list(marks.items())
        )
        tokenizer.chat_template = template
        return tokenizer

    return build


def tokens(tokenizer, ids):
    return "".join(tokenizer.convert_ids_to_tokens(ids))


def trace(thinking="so", answer="42", *, unfinished=False):
    return Trace(
        uid="u", qid="q", question="?", thinking=thinking, answer_text=answer, unfinished=unfinished
    )


def test_plain_prompt_is_the_format_with_the_question_in_it(make):
    builder = PromptBuilder(make(), PromptSettings(format="Q: {question}\nA:"))
    assert not builder.uses_chat
    assert builder.prompt("1+1? {question}") == "Q: 1+1? {question}\nA:"


def test_plain_prompt_has_system_and_worked_examples_in_front(make):
    settings = PromptSettings(system="Think.", few_shot=2)
    builder = PromptBuilder(make(), settings, shots=[("1+1", "2"), ("2+2", "4")])
    assert builder.prompt("3+3") == "Think.\n\n1+1\n2\n\n2+2\n4\n\n3+3\n"


def test_chat_is_used_where_the_tokenizer_has_a_template(make):
    builder = PromptBuilder(make(template=CHATML), PromptSettings())
    assert builder.uses_chat
    assert builder.prompt("hi") == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    plain = PromptBuilder(make(template=CHATML), PromptSettings(template="plain"))
    assert plain.prompt("hi") == "hi\n"


def test_chat_prompt_has_system_and_worked_examples_as_turns(make):
    settings = PromptSettings(system="Think.", few_shot=1)
    builder = PromptBuilder(make(template=WITH_BOS, bos="<pad>"), settings, shots=[("1+1", "2")])
    assert builder.prompt("3+3") == "<pad>[system]Think.[user]1+1[assistant]2[user]3+3"


def test_completion_is_thinking_between_its_tags_and_then_the_answer(make):
    builder = PromptBuilder(make(), PromptSettings())
    assert builder.completion(trace()) == "<think>\nso\n</think>\n\n42"
    assert builder.completion(trace(None)) == "42"
    assert builder.completion(trace("so", "", unfinished=True)) == "<think>\nso"


def test_opening_tag_that_the_prompt_writes_is_not_written_again(make):
    builder = PromptBuilder(make(template=OPENS_THINKING), PromptSettings())
    assert builder.opens_thinking == "<think>\n"
    assert builder.completion(trace()) == "so\n</think>\n\n42"
    both = builder.prompt("hi") + builder.completion(trace())
    assert both.count("<think>") == 1


def test_opening_tag_without_its_line_end_is_completed(make):
    builder = PromptBuilder(make(), PromptSettings(format="{question}\n<think>"))
    assert builder.opens_thinking == "<think>"
    assert builder.completion(trace()) == "\nso\n</think>\n\n42"


@pytest.mark.parametrize("opened", ["<think>", "<think>\n", "<think>\n\n", "<think> "])
def test_opening_tag_stands_once_whatever_white_space_the_prompt_puts_after_it(make, opened):
    builder = PromptBuilder(make(), PromptSettings(format="{question}\n" + opened))
    assert builder.opens_thinking == opened
    both = builder.prompt("hi") + builder.completion(trace())
    assert both.count("<think>") == 1
    assert both.endswith("so\n</think>\n\n42")


def test_a_prompt_that_opens_thinking_with_another_tag_is_refused(make):
    template = CHATML.replace("assistant\n", "assistant\n[THINK]\n")
    with pytest.raises(ConfigError) as error:
        PromptBuilder(make(template=template), PromptSettings())
    assert str(error.value) == (
        "the prompt opens thinking with another tag than prompt.think_open\n"
        "  expected: '<think>'\n"
        "  found: '[THINK]'\n"
        "  do: set prompt.think_open to '[THINK]' and prompt.think_close to '[/THINK]', with their "
        "line ends, or choose a prompt that opens none"
    )
    same = PromptSettings(think_open="[THINK]\n", think_close="\n[/THINK]\n")
    assert PromptBuilder(make(template=template), same).completion(trace()) == "so\n[/THINK]\n42"


def test_a_line_end_alone_opens_no_thinking(make):
    builder = PromptBuilder(make(), PromptSettings(think_open="\n<think>"))
    assert builder.opens_thinking == ""
    assert PromptBuilder(make(), PromptSettings(think_open="")).opens_thinking == ""


def test_plain_text_gets_the_marks_that_stand_before_it(make):
    tokenizer = make(before="<pad>", after="<eos>", bos="<pad>")
    assert tokens(tokenizer, tokenizer("ab").input_ids) == "<pad>ab<eos>"
    # never the stop token after it: the prompt is to be continued
    assert tokens(tokenizer, PromptBuilder(tokenizer, PromptSettings()).encode("ab")) == "<pad>ab"


def test_bos_is_never_doubled(make):
    tokenizer = make(before="<pad>", bos="<pad>", template=WITH_BOS)
    builder = PromptBuilder(tokenizer, PromptSettings())
    assert tokens(tokenizer, builder.encode(builder.prompt("ab"))) == "<pad>[user]ab"
    plain = PromptBuilder(make(before="<pad>", bos="<pad>"), PromptSettings())
    assert tokens(tokenizer, plain.encode("<pad>ab")) == "<pad>ab"


@pytest.mark.parametrize("system", [None, "Think."])
def test_chat_text_gets_no_mark_even_where_its_template_writes_none(make, system):
    tokenizer = make(before="<pad>", bos="<pad>", template=CHATML)
    builder = PromptBuilder(tokenizer, PromptSettings(system=system))
    text = builder.prompt("ab")
    direct = tokenizer(text, add_special_tokens=False).input_ids
    assert builder.encode(text) == direct
    assert "<pad>" not in tokens(tokenizer, direct)


def test_engine_without_settings_encodes_as_the_builder_does(make):
    for template in (None, CHATML, WITH_BOS, NO_SYSTEM):
        tokenizer = make(before="<pad>", bos="<pad>", template=template)
        builder = PromptBuilder(tokenizer, PromptSettings())
        text = builder.prompt("ab")
        assert PromptEncoder(tokenizer).encode_many([text]) == [builder.encode(text)]


def test_empty_text_is_bos_where_there_is_one(make):
    assert PromptEncoder(make()).encode("") == []
    tokenizer = make(bos="<pad>")  # has a BOS token and does not add it
    assert tokens(tokenizer, PromptEncoder(tokenizer).encode("")) == "<pad>"
    assert tokens(tokenizer, PromptEncoder(tokenizer).encode("a")) == "a"


def test_continuations_get_no_mark(make):
    encoder = PromptEncoder(make(before="<pad>", after="<eos>", bos="<pad>"))
    assert encoder.encode_continuations(["", "ab"])[0] == []
    assert tokens(make(), encoder.encode_continuations(["ab"])[0]) == "ab"


def test_template_that_refuses_a_system_prompt_is_a_config_error(make):
    assert PromptBuilder(make(template=NO_SYSTEM), PromptSettings()).prompt("a") == "<turn>a"
    with pytest.raises(ConfigError) as error:
        PromptBuilder(make(template=NO_SYSTEM), PromptSettings(system="Think."))
    assert str(error.value) == (
        "the chat template refuses this conversation: System role not supported\n"
        "  found: system → user\n"
        "  do: leave out prompt.system or prompt.few_shot, or set prompt.template: plain"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (PromptSettings(template="chat"), "prompt.template is chat, but the tokenizer has no chat"),
        (PromptSettings(format="Q:"), "prompt.format has no place for the question"),
        (PromptSettings(few_shot=2), "expected: 2 worked examples\n  found: 0"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(make, settings, message):
    with pytest.raises(ConfigError, match=message):
        PromptBuilder(make(), settings)
