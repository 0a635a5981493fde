"""One draw while it streams: its text and tokens so far, and whether it is to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.engines.base import Result
from titrant.engines.drawing.guards import Guards
from titrant.engines.http.tokens import ends_of

if TYPE_CHECKING:
    from titrant.engines.base import Request, StopReason
    from titrant.engines.http.tokens import Chunk, Token

REASONS: dict[str, StopReason] = {
    "stop": "stop",
    "length": "length",
    "eos": "stop",
    "stop_sequence": "stop",
}
"""What servers call it → what we call it; another is an error."""
UNKNOWN_ID = -1


class Draw:
    """Gathers the chunks of one draw."""

    def __init__(self, request: Request, *, think: tuple[str, str]) -> None:
        """An empty draw.

        Args:
            request: what was asked.
            think: what opens and closes thinking, for servers that part it from the answer.
        """
        self._request, self._think = request, think
        self._text = self._thinking = ""
        self._tokens: list[Token] = []
        self._chunks = 0
        self._usage: tuple[int | None, int | None] = (None, None)
        self._guards = Guards([request.guard])
        self._k = np.array([request.top_logprobs])
        self.reason: StopReason | None = None
        self.error: str | None = None

    def add(self, chunk: Chunk) -> bool:
        """Take a chunk; whether the draw goes on."""
        self._text += chunk.text
        self._thinking += chunk.thinking
        self._chunks += bool(chunk.text or chunk.thinking)
        if chunk.completion_tokens is not None:
            self._usage = (chunk.prompt_tokens, chunk.completion_tokens)
        for token in chunk.tokens:
            self._tokens.append(token)
            if self._is_weak(token):
                self._cut_here(chunk)
                return False
        if chunk.finish is not None and self.reason is None:
            self.reason = REASONS.get(chunk.finish, "error")
            if self.reason == "error":
                self.error = f"the server ended it with the reason {chunk.finish!r}"
        return True

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self.reason = self.reason or "cancelled"

    def result(self) -> Result:
        """What came of it."""
        assert self.reason is not None  # whoever reads the stream has looked
        prompt, completion = self._usage
        n = len(self._tokens) or self._n_untold(completion)
        if self.reason == "error":
            return Result("", (), "error", -1 if prompt is None else prompt, error=self.error)
        k = self._request.top_logprobs
        has_top = bool(self._tokens) and k > 0 and all(len(t.top) == k for t in self._tokens)
        top = np.array([t.top for t in self._tokens], dtype=np.float32).reshape(
            len(self._tokens) if k else 0, k
        )
        text = self._whole()
        logprobs = np.array([t.logprob for t in self._tokens], dtype=np.float32)
        return Result(
            text=text,
            token_ids=tuple(t.token_id for t in self._tokens) or (UNKNOWN_ID,) * n,
            stop_reason=self.reason,
            n_prompt_tokens=-1 if prompt is None else prompt,
            logprobs=logprobs if self._tokens else None,
            top_ids=np.full(top.shape, UNKNOWN_ID, dtype=np.int32) if has_top else None,
            top_logprobs=top if has_top else None,
            token_ends=ends_of(self._tokens, text) if self._tokens else None,
        )

    def _is_weak(self, token: Token) -> bool:
        if not self._guards.is_needed or len(token.top) != self._request.top_logprobs:
            return False
        return bool(self._guards.push(np.array([token.top]), self._k)[0])

    def _cut_here(self, chunk: Chunk) -> None:
        """The draw ends at its last token: what else the chunk brought is not part of it."""
        is_last = chunk.tokens and self._tokens[-1] is chunk.tokens[-1]
        if is_last and chunk.finish == "stop":
            self.reason = "stop"  # it ended itself with the same token
            return
        self.reason = "weak"
        kept = b"".join(token.data for token in self._tokens).decode(errors="ignore")
        whole = self._thinking + self._text
        if whole.startswith(kept):
            self._thinking, self._text = kept[: len(self._thinking)], kept[len(self._thinking) :]

    def _n_untold(self, completion: int | None) -> int:
        """Tokens where the server gives no logprobs: its own count, else at least one per chunk."""
        return self._chunks if completion is None else completion

    def _whole(self) -> str:
        if not self._thinking:
            return self._text
        opener, closer = self._think
        is_closed = bool(self._text) or self.reason == "stop"
        return f"{opener}{self._thinking}{closer if is_closed else ''}{self._text}"
