"""The rows of a batch: what is asked of each, what it has drawn so far, and what ends it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.engines.drawing.ends import text_of
from titrant.engines.template import end_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from titrant.engines.base import Request, StopReason
    from titrant.engines.drawing.tape import Tape, Taped

NOT_FINITE = "the model gave logits that are not finite (NaN or infinite)"


class Admitted(NamedTuple):
    """A request that fits the model."""

    request: Request
    prompt_ids: list[int]
    limit: int
    """New tokens at most: those asked for, or what the context leaves."""


@dataclass(slots=True)
class Drawn:
    """A row while it is drawn, and after."""

    admitted: Admitted
    row: int = 0
    """Its number among all that are asked for."""
    place: int = 0
    """On the tape."""
    n_tokens: int = 0
    text: str = ""
    stop_reason: StopReason | None = None
    taped: Taped | None = None
    """What it drew; `None` until it has ended, and for one that never began."""


class Endings:
    """Decides whether a row has ended, and cuts its text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop_ids: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self.stop_ids = np.array(sorted(stop_ids), dtype=np.int64)

    def end(
        self, row: Drawn, tape: Tape, *, is_weak: bool = False, is_broken: bool = False
    ) -> None:
        """End the row if its last token ends it; one that ends itself is not weak.

        Args:
            row: with the number of its tokens.
            tape: where they are.
            is_weak: whether it fell under its bar.
            is_broken: whether the model gave a number that is not finite.
        """
        request, n = row.admitted.request, row.n_tokens
        may_end = is_weak or is_broken or not request.stop or self._is_last(row, tape)
        if not may_end and not self._near_stop(row, tape):
            return
        taped = tape.read(row.place, n)
        ids = taped.token_ids.tolist()
        if not math.isfinite(taped.logprobs[-1]):
            row.stop_reason, row.text = "error", NOT_FINITE
        elif ids[-1] in self.stop_ids:
            row.stop_reason, row.text = "stop", self.text(ids[:-1])
        elif request.stop:
            text = self.text(ids)
            found = [at for mark in request.stop if (at := text.find(mark)) >= 0]
            if found:
                row.stop_reason, row.text = "stop", text[: min(found)]
        if row.stop_reason is None and is_weak:
            row.stop_reason, row.text = "weak", self.text(ids)
        if row.stop_reason is None and n >= row.admitted.limit:
            row.stop_reason, row.text = "length", self.text(ids)
        if row.stop_reason is not None:
            row.taped = taped

    def cancel(self, row: Drawn, tape: Tape) -> None:
        """End the row where it is."""
        row.taped = tape.read(row.place, row.n_tokens)
        row.stop_reason, row.text = "cancelled", self.text(row.taped.token_ids.tolist())

    def _is_last(self, row: Drawn, tape: Tape) -> bool:
        (token,) = tape.last(row.place, row.n_tokens, 1)
        return token in self.stop_ids or row.n_tokens >= row.admitted.limit

    def text(self, ids: list[int]) -> str:
        """The text of tokens."""
        return text_of(self._tokenizer, ids)

    def _near_stop(self, row: Drawn, tape: Tape) -> bool:
        """Whether a stop string stands in the last tokens, as many as it can possibly be cut into."""
        marks = row.admitted.request.stop
        count = max(len(mark.encode()) for mark in marks) + 4
        tail = self.text(tape.last(row.place, row.n_tokens, count))
        return any(mark in tail for mark in marks)


def stop_ids(model: object, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokens that end a draw: the tokenizer's, the generation settings' and the chat template's.

    Those of the model's generation settings count only where the tokenizer knows them as added or
    special tokens: a config that was never adapted to its tokenizer names some ordinary letter. The
    template's is the one that ends an assistant's turn, which is what a trained model writes last.
    """
    settings = getattr(model, "generation_config", None)
    named = getattr(settings, "eos_token_id", None)
    ids = named if isinstance(named, list) else [named]
    known = {*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}
    own = tokenizer.eos_token_id
    found: set[int] = {*(known & set(ids)), *([own] if isinstance(own, int) else [])}
    return frozenset({*found, *end_tokens(tokenizer, found)[-1:]})
