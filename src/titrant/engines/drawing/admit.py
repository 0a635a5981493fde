"""Which requests a model can serve: prompts as tokens, and what its context leaves for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.engines.base import Result
from titrant.engines.drawing.rows import Admitted
from titrant.engines.requests import utf8_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Request
    from titrant.engines.prompt import PromptEncoder

EMPTY_PROMPT = "the prompt has no token to start from, and the tokenizer has no BOS token"
UNLIMITED = 2**31


class Admission(NamedTuple):
    """Requests parted; each index stands once in one of the two."""

    admitted: list[tuple[int, Admitted]]
    refused: list[tuple[int, Result]]


def admit(
    requests: Sequence[Request], encoder: PromptEncoder, *, context_tokens: int | None
) -> Admission:
    """Part what can be drawn from what cannot; no request spoils another.

    Args:
        requests: what is asked.
        encoder: how prompts become tokens.
        context_tokens: longest prompt plus continuation; `None` if unknown.
    """
    found = Admission([], [])
    errors = [utf8_error(request.prompt) for request in requests]
    texts = ["" if error else r.prompt for r, error in zip(requests, errors, strict=True)]
    for i, (ids, broken) in enumerate(zip(encoder.encode_many(texts), errors, strict=True)):
        room = UNLIMITED if context_tokens is None else context_tokens - len(ids)
        error = broken or (None if ids else EMPTY_PROMPT)
        if error is None and room < 1:
            error = f"{len(ids) + 1} tokens do not fit the model's context of {context_tokens}"
        if error is None:
            limit = min(requests[i].max_new_tokens, room)
            found.admitted.append((i, Admitted(requests[i], ids, limit)))
        else:
            n_prompt = 0 if broken else len(ids)
            found.refused.append((i, Result("", (), "error", n_prompt, error=error)))
    return found
