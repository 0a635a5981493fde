import pytest

pytest.importorskip("torch", reason="needs the train extra")

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from titrant.engines.prompt import PromptBuilder
from titrant.errors import TrainError
from titrant.settings import PromptSettings
from titrant.traces.record import Trace
from titrant.train.render import IGNORED, render_row, render_rows, stop_tokens
from titrant.worlds.vitro import make_tokenizer

pytestmark = pytest.mark.train

TRACE = Trace(uid="u", qid="q", question="1+2=", thinking="1+2=3", answer_text="3")

CHAT = (
    "{% for m in messages %}<|start|>{{ m.role }}\n"
    "{{ m.content.split('</think>')[-1] if m.role == 'assistant' else m.content }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
"""Like R1's: the thinking of an assistant's turn is deleted."""


def make_chat_tokenizer(stop: str | None = "<|end|>", template: str = CHAT):
    specials = ["<pad>", "<|start|>", "<|end|>", "<|text|>"]
    letters = [chr(i) for i in range(32, 127)] + ["\n"]
    vocab = {token: i for i, token in enumerate([*specials, *letters])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(specials)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token=stop)
    made.chat_template = template
    return made


def test_plain_row_token_by_token(tokenizer, builder):
    row = render_row(TRACE, builder, tokenizer)

    # The tokenizer begins with <eos>, as it does in pretraining. With it the prompt "1+2=\n" is 6
    # tokens and carries no loss; then the completion, one token per character but for the two tags,
    # and the stop token.
    prompt = ["<eos>", "1", "+", "2", "=", "\n"]
    target = ["<think>", "\n", "1", "+", "2", "=", "3", "\n", "</think>", "\n", "\n", "3", "<eos>"]
    assert tokenizer.convert_ids_to_tokens(row.input_ids) == prompt + target
    assert row.labels[:6] == (IGNORED,) * 6
    assert row.labels[6:] == row.input_ids[6:]
    assert row.n_loss_tokens == 13


def test_a_trace_without_thinking_is_its_answer(tokenizer, builder):
    row = render_row(TRACE.model_copy(update={"thinking": None}), builder, tokenizer)

    assert tokenizer.convert_ids_to_tokens(row.input_ids[6:]) == ["3", "<eos>"]


def test_chat_row_keeps_the_thinking_that_the_template_would_delete():
    tokenizer = make_chat_tokenizer()
    builder = PromptBuilder(tokenizer, PromptSettings())
    assert "1+2=3" not in tokenizer.apply_chat_template(
        [{"role": "assistant", "content": builder.completion(TRACE)}], tokenize=False
    )

    row = render_row(TRACE, builder, tokenizer)

    n = row.labels.count(IGNORED)
    assert tokenizer.decode(row.input_ids[:n]) == "<|start|>user\n1+2=<|end|>\n<|start|>assistant\n"
    assert tokenizer.decode(row.input_ids[n:]) == "<think>\n1+2=3\n</think>\n\n3<|end|>"
    assert row.labels[n:] == row.input_ids[n:]


def test_the_opening_tag_stands_once_where_the_template_writes_it():
    template = CHAT.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
    tokenizer = make_chat_tokenizer(template=template)

    row = render_row(TRACE, PromptBuilder(tokenizer, PromptSettings()), tokenizer)

    assert tokenizer.decode(row.input_ids).count("<think>") == 1
    assert tokenizer.decode([t for t in row.labels if t != IGNORED]).startswith("1+2=3\n</think>")


def test_many_rows_are_those_of_single_traces(tokenizer, builder, traces):
    rows = render_rows(traces, builder, tokenizer)

    assert rows == [render_row(trace, builder, tokenizer) for trace in traces]


def test_the_stop_tokens_of_a_template_end_at_the_one_on_which_the_model_stops():
    template = CHAT.replace("<|end|>\n", "\n<|end|><|text|>\n")
    tokenizer = make_chat_tokenizer(template=template)

    stop = stop_tokens(PromptBuilder(tokenizer, PromptSettings()), tokenizer)

    assert tokenizer.decode(stop) == "\n<|end|>"


def test_a_stop_token_may_be_known_to_the_model_only():
    tokenizer = make_chat_tokenizer(stop="<|text|>")
    end = tokenizer.convert_tokens_to_ids("<|end|>")

    stop = stop_tokens(PromptBuilder(tokenizer, PromptSettings()), tokenizer, stop_ids={end})

    assert stop == (end,)


def test_a_template_that_ends_a_turn_with_ordinary_text_is_refused():
    tokenizer = make_chat_tokenizer(stop="<|text|>", template=CHAT.replace("<|end|>", "[END]"))
    builder = PromptBuilder(tokenizer, PromptSettings())

    with pytest.raises(TrainError, match=r"(?s)ordinary text.*<\|text\|>.*'\[END\]\\n'.*plain"):
        render_row(TRACE, builder, tokenizer)


def test_a_tokenizer_without_stop_token_is_refused():
    tokenizer = make_tokenizer()
    tokenizer.eos_token = None

    with pytest.raises(TrainError, match=r"(?s)has no stop token.*set eos_token"):
        render_row(TRACE, PromptBuilder(tokenizer, PromptSettings()), tokenizer)
