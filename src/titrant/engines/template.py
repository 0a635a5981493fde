"""What a chat template writes around a conversation: how its texts begin, and what ends a turn.

Both are found by rendering small conversations, never by a model's name. The token that ends an
assistant's turn is often not the tokenizer's stop token (`<|im_end|>` beside `<|endoftext|>`), or
the other way round; trainer and engine both ask here, so what is trained as the end is what reading
stops on.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any, Protocol

from jinja2.exceptions import TemplateError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from transformers import PreTrainedTokenizerBase

Messages = list[dict[str, str]]

REFUSALS = (TemplateError, TypeError, ValueError)
"""What a template raises on a conversation that it was not made for."""
_PLACEHOLDER = "PLACEHOLDER"


class PromptTokenizer(Protocol):
    """The part of a tokenizer of transformers that prompts need."""

    @property
    def chat_template(self) -> Any: ...  # noqa: ANN401, D102 - text, or texts by name

    @property
    def special_tokens_map(self) -> Mapping[str, Any]: ...  # noqa: D102 - such as bos_token

    def __call__(self, text: list[str], *, add_special_tokens: bool) -> Mapping[str, Any]:
        """Token ids of texts under `input_ids`."""
        ...

    def convert_tokens_to_ids(self, tokens: str) -> Any:  # noqa: ANN401 - int for one token
        """The id of a token."""
        ...

    def apply_chat_template(
        self, conversation: Messages, *, tokenize: bool, add_generation_prompt: bool
    ) -> Any:  # noqa: ANN401 - text where tokenize is False
        """A conversation as text."""
        ...


def said(role: str, content: str) -> dict[str, str]:
    """One turn."""
    return {"role": role, "content": content}


def render(tokenizer: PromptTokenizer, messages: Messages, *, is_prompt: bool = True) -> str:
    """A conversation as text; a prompt ends where the assistant is to go on."""
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=is_prompt)
    return str(text)


def chat_heads(tokenizer: PromptTokenizer) -> set[str]:
    """How texts of the tokenizer's chat template begin, with and without a system prompt."""
    if not tokenizer.chat_template:
        return set()
    heads = set()
    for pair in (
        [[said("user", mark)] for mark in "AB"],
        [[said("system", mark), said("user", mark)] for mark in "AB"],
    ):
        try:
            left, right = (render(tokenizer, turns) for turns in pair)
        except REFUSALS:  # such as a template that knows no system prompt
            continue
        same = takewhile(lambda chars: chars[0] == chars[1], zip(left, right, strict=False))
        heads.add("".join(char for char, _ in same))
    return heads


def turn_end(tokenizer: PromptTokenizer) -> str:
    """What the chat template writes after the assistant's text in the last turn.

    Empty where there is no template, or it writes no assistant's turn.
    """
    if not tokenizer.chat_template:
        return ""
    turns = [said("user", "?"), said("assistant", _PLACEHOLDER)]
    try:
        text = render(tokenizer, turns, is_prompt=False)
    except REFUSALS:
        return ""
    return text.rpartition(_PLACEHOLDER)[2] if _PLACEHOLDER in text else ""


def end_tokens(tokenizer: PreTrainedTokenizerBase, known: Collection[int]) -> tuple[int, ...]:
    """The tokens that end an assistant's turn; reading stops on the last of them.

    That is the first token after the assistant's text that is one of `known` or marked as special;
    where there is none, the first that was added to the vocabulary at all. Empty where the turn ends
    with ordinary text or nothing.

    Args:
        tokenizer: the base model's.
        known: tokens on which the model stops anyway.
    """
    tail = turn_end(tokenizer)
    ids: list[int] = tokenizer(tail, add_special_tokens=False)["input_ids"] if tail else []
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if _stands_in(tail, token)}
    marked = {i for i in added if tokenizer.added_tokens_decoder[i].special}
    for ends in ({*known, *marked}, added):
        at = next((i for i, token in enumerate(ids) if token in ends), None)
        if at is not None:
            return tuple(ids[: at + 1])
    return ()


def _stands_in(tail: str, token: object) -> bool:
    """Whether the tail really has that token: what is unknown to a vocabulary becomes `<unk>`."""
    return str(token) in tail
