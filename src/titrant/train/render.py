"""A trace becomes a training row: text and loss mask are made once here, and frozen.

    input_ids = tokens(prompt) + tokens(completion) + stop tokens
    labels    =  −100 …         tokens(completion) + stop tokens

Prompt and completion are tokenised apart, so the row starts with exactly the tokens that the engine
is fed, and the border between them is the one of generation. The assistant text never goes through
a chat template: those of R1 and Qwen3 delete the thinking. The stop tokens under a chat template are
those that it ends a turn with (`engines.template`), on which the engine stops too.

Left out: packing several rows into one, loss on the prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from titrant.engines.prompt import PromptEncoder
from titrant.engines.template import end_tokens, turn_end
from titrant.errors import TrainError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from transformers import PreTrainedTokenizerBase

    from titrant.engines.prompt import PromptBuilder
    from titrant.traces.record import Trace

IGNORED = -100
"""The label that carries no loss, as torch and transformers have it."""


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
        stop_ids: tokens on which the engine stops; default: the tokenizer's own stop token and the
            one that ends a turn of its chat template.

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
    """The tokens that end a completion; the last of them is one on which the engine stops.

    Under a chat template they are what it writes after the assistant's text, up to the token that
    ends the turn; else, and where the template writes nothing there, the tokenizer's stop token.

    Raises:
        TrainError: the tokenizer has no stop token, or the template ends a turn with ordinary text,
            at which no reading can stop.
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
    end = end_tokens(tokenizer, known) if builder.uses_chat else ()
    if end:
        return end
    tail = turn_end(tokenizer) if builder.uses_chat else ""
    if not tail.strip():
        return (min(known) if own is None else own,)
    names = ", ".join(tokenizer.convert_ids_to_tokens(sorted(known)))
    raise TrainError(
        "the chat template ends a turn with ordinary text, on which the model does not stop",
        expected=f"{names}, or another token that the vocabulary marks as special",
        came=repr(tail),
        do="set prompt.template: plain, or add the template's end token to the base's tokenizer as "
        "a special token",
    )
