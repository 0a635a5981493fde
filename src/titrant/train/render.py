"""A trace becomes a training row: text and loss mask are made once here, and frozen.

    input_ids = tokens(prompt) + tokens(completion) + stop tokens
    labels    =  −100 …         tokens(completion) + stop tokens

Prompt and completion are tokenised apart, so the row starts with exactly the tokens that the engine
is fed, and the border between them is the one of generation. The assistant text never goes through
a chat template: those of R1 and Qwen3 delete the thinking. What stands after the assistant's text is
read off the template once, as the tokens that it writes after a placeholder.

Left out: packing several rows into one, loss on the prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from titrant.engines.prompt import PromptEncoder
from titrant.errors import TrainError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from transformers import PreTrainedTokenizerBase

    from titrant.engines.prompt import PromptBuilder
    from titrant.traces.record import Trace

IGNORED = -100
"""The label that carries no loss, as torch and transformers have it."""
_PLACEHOLDER = "PLACEHOLDER"


class Row(NamedTuple):
    """One training row."""

    uid: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    """`IGNORED` on the prompt, equal to `input_ids` on completion and stop tokens."""

    @property
    def n_loss_tokens(self) -> int:
        """Tokens that carry the loss."""
        return len(self.labels) - self.labels.count(IGNORED)


def render_row(trace: Trace, builder: PromptBuilder, tokenizer: PreTrainedTokenizerBase) -> Row:
    """The training row of one trace; see `render_rows`."""
    return render_rows([trace], builder, tokenizer)[0]


def render_rows(
    traces: Sequence[Trace],
    builder: PromptBuilder,
    tokenizer: PreTrainedTokenizerBase,
    *,
    stop_ids: Collection[int] | None = None,
) -> list[Row]:
    """The training rows of traces, tokenised together.

    Args:
        traces: what to render.
        builder: makes prompts and completions.
        tokenizer: the base model's.
        stop_ids: tokens on which the model stops; default: the tokenizer's own stop token.

    Raises:
        TrainError: no token ends an answer.
    """
    stop = stop_tokens(builder, tokenizer, stop_ids=stop_ids)
    encoder = PromptEncoder(tokenizer)
    questions = list(dict.fromkeys(trace.question for trace in traces))
    prompts = encoder.encode_many([builder.prompt(question) for question in questions])
    prompt_of = dict(zip(questions, prompts, strict=True))
    completions = encoder.encode_continuations([builder.completion(trace) for trace in traces])
    return [
        _join(trace.uid, prompt_of[trace.question], [*completion, *stop])
        for trace, completion in zip(traces, completions, strict=True)
    ]


def _join(uid: str, prompt: list[int], target: list[int]) -> Row:
    return Row(uid, (*prompt, *target), (*[IGNORED] * len(prompt), *target))


def stop_tokens(
    builder: PromptBuilder,
    tokenizer: PreTrainedTokenizerBase,
    *,
    stop_ids: Collection[int] | None = None,
) -> tuple[int, ...]:
    """The tokens that end a completion; the last of them is one on which the model stops.

    Under a chat template they are what the template writes after the assistant's text, up to the
    first token on which the model stops; else the tokenizer's stop token.

    Raises:
        TrainError: the tokenizer has no stop token, or the template ends a turn with tokens on which
            the model does not stop: it would then be read to the token limit.
    """
    own = cast("int | None", tokenizer.eos_token_id)
    known = {*(stop_ids or ()), *(() if own is None else (own,))}
    if not known:
        raise TrainError(
            "the tokenizer has no stop token",
            expected="an eos_token, so that a trained model knows where to end",
            came="eos_token: none",
            do="set eos_token in the base's tokenizer_config.json",
        )
    if not builder.uses_chat:
        return (min(known) if own is None else own,)
    tail = turn_end(tokenizer)
    ids = tokenizer(tail, add_special_tokens=False)["input_ids"]
    for i, token in enumerate(ids):
        if token in known:
            return tuple(ids[: i + 1])
    names = ", ".join(tokenizer.convert_ids_to_tokens(sorted(known)))
    raise TrainError(
        "the chat template ends a turn with something on which the model does not stop",
        expected=f"one of {names}",
        came=repr(tail) if tail else "nothing",
        do="set prompt.template: plain, or name the template's end token as eos_token in the "
        "base's tokenizer_config.json and generation_config.json",
    )


def turn_end(tokenizer: PreTrainedTokenizerBase) -> str:
    """What the chat template writes after the assistant's text in the last turn."""
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": _PLACEHOLDER},
    ]
    text = str(tokenizer.apply_chat_template(messages, tokenize=False))
    return text.rpartition(_PLACEHOLDER)[2]
