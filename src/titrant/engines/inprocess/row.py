"""A draw of vLLM's under way: tokens come piece by piece, until it ends or its guard ends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from titrant.engines.base import Result
from titrant.engines.drawing.ends import TokenEnds, text_of
from titrant.engines.scoring.ranked import likeliest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from titrant.engines.drawing.guards import Guards
    from titrant.engines.drawing.rows import Admitted

REASONS: dict[str, Literal["stop", "length"]] = {"stop": "stop", "length": "length"}


class Texts(NamedTuple):
    """What turns tokens to text."""

    tokenizer: PreTrainedTokenizerBase
    ends: TokenEnds


@dataclass(slots=True)
class Row:
    """A draw under way: what came of it so far."""

    index: int
    admitted: Admitted
    guards: Guards
    stop_ids: frozenset[int]
    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top_ids: list[list[int]] = field(default_factory=list)
    top_logprobs: list[list[float]] = field(default_factory=list)

    def take(self, piece: Any) -> Any:  # noqa: ANN401 - vLLM's class; a stop reason
        """Add new tokens; why the draw ended, `None` while it goes on."""
        k = self.admitted.request.top_logprobs
        self.text += piece.text
        found: list[Any] = list(piece.logprobs or [])
        n_left = len(piece.token_ids)
        for token, entries in zip(piece.token_ids, found, strict=True):
            self.token_ids.append(token)
            self.logprobs.append(entries[token].logprob)
            best = likeliest(entries, k)
            self.top_ids.append([t for t, _ in best])
            self.top_logprobs.append([logprob for _, logprob in best])
            n_left -= 1
            ends_itself = not n_left and piece.finish_reason == "stop"  # by a token or a text
            if self.guards.is_needed and not ends_itself:
                top = np.array([self.top_logprobs[-1]])
                if self.guards.push(top, np.array([k]))[0]:
                    return "weak"
        if piece.finish_reason is None:
            return None
        return REASONS.get(piece.finish_reason, "error")

    def result(self, piece: Any, reason: Any, texts: Texts) -> Result:  # noqa: ANN401 - vLLM's class
        """What the draw gave, once it ended for `reason`."""
        request, n, ids = self.admitted.request, len(self.token_ids), self.token_ids
        n_prompt, k = len(self.admitted.prompt_ids), request.top_logprobs
        if reason == "error":
            return Result("", (), "error", n_prompt, error=f"vLLM ended it: {piece.finish_reason}")
        is_told = isinstance(getattr(piece, "stop_reason", None), str)
        own = ids[:-1] if ids and ids[-1] in self.stop_ids and reason == "stop" else ids
        text = self.text if is_told and reason == "stop" else text_of(texts.tokenizer, own)
        return Result(
            text=text,
            token_ids=tuple(ids),
            stop_reason=reason,
            n_prompt_tokens=n_prompt,
            logprobs=np.array(self.logprobs, dtype=np.float32),
            top_ids=np.array(self.top_ids, dtype=np.int32).reshape(n, k) if k else None,
            top_logprobs=np.array(self.top_logprobs, np.float32).reshape(n, k) if k else None,
            token_ends=texts.ends.of(ids, text),
        )
