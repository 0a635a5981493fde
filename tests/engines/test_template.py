"""Which token ends an assistant's turn, found by rendering alone."""

import pytest

pytest.importorskip("transformers", reason="needs the train extra")

from chat_models import CHATML, CHATML_MARKS, OPENS_THINKING, STRIPS_THINKING, ids, llama

from chat_models import make_tokenizer, qwen  # isort: skip

from titrant.engines.drawing.rows import stop_ids
from titrant.engines.template import end_tokens, turn_end

pytestmark = pytest.mark.train


class Model:
    """Only what stop tokens are looked up in."""

    class generation_config:  # noqa: N801 - the attribute's name
        eos_token_id = None


@pytest.mark.parametrize(
    ("tokenizer", "stops"),
    [
        (qwen(), ("<|endoftext|>", "<|im_end|>")),
        (qwen(eos="<|im_end|>"), ("<|im_end|>",)),
        (qwen(template=STRIPS_THINKING), ("<|endoftext|>", "<|im_end|>")),
        (qwen(template=OPENS_THINKING), ("<|endoftext|>", "<|im_end|>")),
        (llama(), ("<|end_of_text|>", "<|eot_id|>")),
        (llama(eos="<|eot_id|>"), ("<|eot_id|>",)),
        (qwen(template=None), ("<|endoftext|>",)),
        # The reverse: the template ends a turn with the base's end of text, not with its own mark.
        (
            qwen(eos="<|im_end|>", template=CHATML.replace("<|im_end|>", "<|endoftext|>")),
            ("<|endoftext|>", "<|im_end|>"),
        ),
    ],
    ids=["qwen2.5", "qwen2.5-it", "qwen3", "qwen3-opens", "llama3", "llama3-it", "none", "reverse"],
)
def test_reading_stops_on_the_end_of_a_turn_and_on_the_end_of_text(tokenizer, stops):
    assert stop_ids(Model(), tokenizer) == ids(tokenizer, *stops)


def test_a_turn_end_is_cut_after_the_first_token_that_can_end_it():
    tokenizer = qwen(template=CHATML.replace("<|im_end|>\n", "\n<|im_end|>\n<|endoftext|>"))
    known = ids(tokenizer, "<|endoftext|>")
    assert tokenizer.decode(end_tokens(tokenizer, known)) == "\n<|im_end|>"


def test_an_added_token_that_is_not_special_counts_where_there_is_no_other():
    tokenizer = qwen(template=CHATML.replace("<|im_end|>", "</think>"))
    assert end_tokens(tokenizer, ()) == tuple(ids(tokenizer, "</think>"))
    both = qwen(template=CHATML.replace("<|im_end|>", "</think><|im_end|>"))
    assert both.decode(end_tokens(both, ())) == "</think><|im_end|>"


def test_a_character_outside_the_vocabulary_ends_no_turn():
    tokenizer = qwen(template=CHATML.replace("<|im_end|>", "¶"))  # becomes <unk>, a special token
    assert turn_end(tokenizer) == "¶\n"
    assert end_tokens(tokenizer, ()) == ()


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('never') }}",
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}",
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
    ],
    ids=["refuses", "drops the assistant", "plain text"],
)
def test_a_template_without_an_end_of_turn_adds_nothing(template):
    tokenizer = qwen(template=template)
    assert stop_ids(Model(), tokenizer) == ids(tokenizer, "<|endoftext|>")


def test_templates_by_name_use_the_default_one():
    tokenizer = make_tokenizer(CHATML_MARKS, "<|endoftext|>", None)
    tokenizer.chat_template = {"default": CHATML, "tools": "{{ raise_exception('no') }}"}
    assert turn_end(tokenizer) == "<|im_end|>\n"
    tokenizer.chat_template = {"tools": CHATML}
    assert turn_end(tokenizer) == ""
