"""The rows of a batch: what is asked of each, what it has drawn so far, and what ends it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from titrant.engines.template import end_tokens

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerBase

    from titrant.engines.base import Request, StopReason

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
    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top_ids: list[np.ndarray] = field(default_factory=list)
    top_logprobs: list[np.ndarray] = field(default_factory=list)
    distribution: list[np.ndarray] = field(default_factory=list)
    stop_reason: StopReason | None = None


class Endings:
    """Decides after each token whether its row has ended, and cuts its text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop_ids: frozenset[int]) -> None:
        self._tokenizer, self._stop_ids = tokenizer, stop_ids

    def end(self, row: Drawn, *, is_weak: bool = False) -> None:
        """End the row if its last token ends it; one that ends itself is not weak."""
        request = row.admitted.request
        if not math.isfinite(row.logprobs[-1]):
            row.stop_reason, row.text = "error", NOT_FINITE
        elif row.token_ids[-1] in self._stop_ids:
            row.stop_reason, row.text = "stop", self.text(row.token_ids[:-1])
        elif request.stop and self._near_stop(row):
            row.text = self.text(row.token_ids)
            found = [at for mark in request.stop if (at := row.text.find(mark)) >= 0]
            if found:
                row.stop_reason, row.text = "stop", row.text[: min(found)]
        if row.stop_reason is None and is_weak:
            row.stop_reason, row.text = "weak", self.text(row.token_ids)
        if row.stop_reason is None and len(row.token_ids) >= row.admitted.limit:
            row.stop_reason, row.text = "length", self.text(row.token_ids)

    def cancel(self, row: Drawn) -> None:
        """End the row where it is."""
        row.stop_reason, row.text = "cancelled", self.text(row.token_ids)

    def text(self, ids: list[int]) -> str:
        """The text of tokens."""
        # Thinking tags are special tokens in some vocabularies, so special tokens stay in the text.
        text = self._tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return str(text)

    def _near_stop(self, row: Drawn) -> bool:
        """Whether a stop string stands in the last tokens, as many as it can possibly be cut into."""
        marks = row.admitted.request.stop
        tail = self.text(row.token_ids[-(max(len(mark.encode()) for mark in marks) + 4) :])
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
