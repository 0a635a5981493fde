"""What a drawn row is to whoever asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.engines.base import Result

if TYPE_CHECKING:
    from titrant.engines.drawing.ends import TokenEnds
    from titrant.engines.drawing.rows import Admitted, Drawn

OUT_OF_MEMORY = "the device has not enough memory for this request, even alone"


def result_of(row: Admitted, drawn: Drawn | None, ends: TokenEnds) -> Result:
    """The result of a row.

    Args:
        row: what was asked.
        drawn: what came of it; `None`: it did not fit the memory even alone.
        ends: finds where tokens end in a text.
    """
    n_prompt = len(row.prompt_ids)
    if drawn is None or drawn.stop_reason == "error":
        error = OUT_OF_MEMORY if drawn is None else drawn.text
        return Result("", (), "error", n_prompt, error=error)
    taped = drawn.taped
    if taped is None:  # it never began
        return Result("", (), drawn.stop_reason or "cancelled", n_prompt)
    ids, k = taped.token_ids.tolist(), row.request.top_logprobs
    entropy, variance, vocab_mean = (
        taped.distribution.T if row.request.with_distribution else (None, None, None)
    )
    return Result(
        text=drawn.text,
        token_ids=tuple(ids),
        stop_reason=drawn.stop_reason or "length",
        n_prompt_tokens=n_prompt,
        logprobs=taped.logprobs,
        top_ids=taped.top_ids[:, :k] if k else None,
        top_logprobs=taped.top_logprobs[:, :k] if k else None,
        token_ends=ends.of(ids, drawn.text),
        entropy=entropy,
        variance=variance,
        vocab_mean=vocab_mean,
    )
