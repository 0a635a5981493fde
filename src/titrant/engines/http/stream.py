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


class Incoming:
    """A draw of which chunks come in."""

    def __init__(self, request: Request, *, think: tuple[str, str]) -> None:
        """An empty draw.

        Args:
            request: what was asked.
            think: what opens and closes thinking, for servers that part it from the answer.
        """
        self._request, self._think = request, think
        self._text = self._thinking = ""
        self._tokens: list[Token] = []
        self._ends: list[int] = []
        """Characters of text and thinking up to the end of the chunk that brought each token."""
        self._chunks = 0
        self._usage: tuple[int | None, int | None] = (None, None)
        self._guards = Guards([request.guard])
        self._k = np.array([request.top_logprobs])
        self.reason: StopReason | None = None
        self.error: str | None = None

    def add(self, chunk: Chunk) -> bool:
        """Take a chunk; whether the draw goes on."""
        before = len(self._thinking) + len(self._text)
        self._text += chunk.text
        self._thinking += chunk.thinking
        self._chunks += bool(chunk.text or chunk.thinking)
        if chunk.completion_tokens is not None:
            self._usage = (chunk.prompt_tokens, chunk.completion_tokens)
        for token in chunk.tokens:
            self._tokens.append(token)
            self._ends.append(len(self._thinking) + len(self._text))
            if self._is_weak(token):
                self._cut_here(chunk, before)
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
        text = self._whole()
        logprobs = np.array([t.logprob for t in self._tokens], dtype=np.float32)
        return Result(
            text=text,
            token_ids=tuple(t.token_id for t in self._tokens) or (UNKNOWN_ID,) * n,
            stop_reason=self.reason,
            n_prompt_tokens=-1 if prompt is None else prompt,
            logprobs=logprobs if self._tokens else None,
            top_ids=self._top_ids(k) if has_top else None,
            top_logprobs=np.array([t.top for t in self._tokens], np.float32) if has_top else None,
            token_ends=self._token_ends(text) if self._tokens else None,
        )

    def _top_ids(self, k: int) -> np.ndarray:
        unknown = (UNKNOWN_ID,) * k
        rows = [token.top_ids if len(token.top_ids) == k else unknown for token in self._tokens]
        return np.array(rows, dtype=np.int32).reshape(len(rows), k)

    def _token_ends(self, text: str) -> np.ndarray | None:
        """By what tokens write, where that is told; else by the chunks that brought them."""
        if any(token.data is None for token in self._tokens) and not self._thinking:
            ends = np.minimum(self._ends, len(text)).astype(np.int32)
            ends[-1:] = len(text)
            return ends
        return ends_of(self._tokens, text)

    def _is_weak(self, token: Token) -> bool:
        if not self._guards.is_needed or len(token.top) != self._request.top_logprobs:
            return False
        return bool(self._guards.push(np.array([token.top]), self._k)[0])

    def _cut_here(self, chunk: Chunk, before: int) -> None:
        """The draw ends at its last token: what else the chunk brought is not part of it."""
        is_last = chunk.tokens and self._tokens[-1] is chunk.tokens[-1]
        if is_last and chunk.finish == "stop":
            self.reason = "stop"  # it ended itself with the same token
            return
        self.reason = "weak"
        whole = self._thinking + self._text
        pieces = [token.data for token in self._tokens if token.data is not None]
        kept = b"".join(pieces).decode(errors="ignore")
        if len(pieces) < len(self._tokens):  # what a token of several in a chunk wrote is not known
            kept = whole if is_last else whole[:before]
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
