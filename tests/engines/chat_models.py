"""Tokenizers with the chat templates of well-known families, small enough to be made in a test.

Only the marks are those of the families; the vocabulary is one token per printable character.
"""

from __future__ import annotations

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

LETTERS = [*(chr(i) for i in range(32, 127)), "\n"]

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Like Qwen2.5's."""

STRIPS_THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and not loop.last %}"
    "{{ m.content.split('</think>')[-1].lstrip('\n') }}"
    "{% elif m.role == 'assistant' and '<think>' not in m.content %}"
    "<think>\n\n</think>\n\n{{ m.content }}"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Like Qwen3's: earlier turns lose their thinking, a last turn without any gets an empty block."""

OPENS_THINKING = STRIPS_THINKING.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
"""Like that of Qwen3's thinking-only models: the generation prompt opens the thinking."""

HEADERS = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
"""Like Llama 3's."""

CHATML_MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
HEADER_MARKS = (
    "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>",
)  # fmt: skip
TAGS = ("<think>", "</think>")
"""Added tokens that are not special, as Qwen3 has them."""


def make_tokenizer(
    marks: tuple[str, ...], eos: str, template: str | None, *, bos: str | None = None
) -> PreTrainedTokenizerFast:
    """A character tokenizer with these special tokens, a BOS token in front where there is one."""
    vocab = {token: i for i, token in enumerate(["<unk>", *marks, *TAGS, *LETTERS])}
    inner = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    inner.decoder = decoders.Fuse()
    inner.add_special_tokens([AddedToken(mark, special=True) for mark in ("<unk>", *marks)])
    inner.add_tokens([AddedToken(tag, special=False) for tag in TAGS])
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=eos, bos_token=bos, unk_token="<unk>", pad_token=marks[0]
    )
    made.chat_template = template
    return made


def qwen(eos: str = "<|endoftext|>", template: str | None = CHATML) -> PreTrainedTokenizerFast:
    """Like Qwen's: ChatML, and as a base model the stop token `<|endoftext|>`."""
    return make_tokenizer(CHATML_MARKS, eos, template)


def llama(eos: str = "<|end_of_text|>") -> PreTrainedTokenizerFast:
    """Like Llama 3's."""
    return make_tokenizer(HEADER_MARKS, eos, HEADERS, bos="<|begin_of_text|>")


def ids(tokenizer: PreTrainedTokenizerFast, *tokens: str) -> set[int]:
    """The ids of tokens."""
    return {tokenizer.convert_tokens_to_ids(token) for token in tokens}
