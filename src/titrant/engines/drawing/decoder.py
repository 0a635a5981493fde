"""Decoding of one batch: left padding, a KV cache, and rows that leave when they have finished.

Why not `model.generate`: it keeps finished rows until the last one ends and keeps the logits of all
positions if any are wanted. On a batch of mixed lengths this loop is 3 to 5 times as fast on a CPU
(`python benchmarks/decoding.py`), with the same greedy tokens.

A row ends by its stop token or string, its limit, its guard (`guards`), or because it is no longer wanted;
whatever ends it, it leaves the batch, so that no more work is done for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from titrant.engines.drawing.choose import Wanted, choose, sampling_of
from titrant.engines.drawing.guards import Guards
from titrant.engines.drawing.rows import Drawn, Endings, stop_ids
from titrant.engines.drawing.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from transformers import PreTrainedTokenizerBase
    from transformers.cache_utils import Cache

    from titrant.engines.drawing.choose import Step
    from titrant.engines.drawing.rows import Admitted
    from titrant.engines.forward import ForwardPass

DROP_SHARE = 0.9
"""Finished rows leave when no more than this share is still going: leaving copies the cache."""


class Decoder:
    """Draws the continuations of batches with one model."""

    def __init__(self, forward: ForwardPass, tokenizer: PreTrainedTokenizerBase) -> None:
        self._forward = forward
        self._endings = Endings(tokenizer, stop_ids(forward.model, tokenizer))

    @torch.no_grad()
    def decode(
        self, batch: Sequence[Admitted], *, cancelled: Callable[[int], bool] | None = None
    ) -> Iterator[tuple[int, Drawn]]:
        """Yield (row of the batch, what it drew) as rows end.

        Args:
            batch: what is asked.
            cancelled: asked before each token whether a row is no longer wanted.
        """
        crowd = _Crowd(batch, self._forward.model.device)
        for position in range(max(row.limit for row in batch)):
            if cancelled is not None:
                yield from self._cancel(crowd, position, cancelled)
            if not crowd.going():
                return
            crowd.drop()
            passed = self._forward(
                crowd.ids, mask=crowd.mask, cache=crowd.cache, n_new=1, n_logits=1
            )
            crowd.cache = passed.cache
            step = choose(passed.logits[:, 0], crowd.sampling, position, crowd.wanted)
            yield from self._take(crowd, position, step)
            crowd.grow(step)

    def _cancel(
        self, crowd: _Crowd, n_tokens: int, cancelled: Callable[[int], bool]
    ) -> Iterator[tuple[int, Drawn]]:
        for row in crowd.rows:
            if row.stop_reason is None and cancelled(row.row):
                row.n_tokens = n_tokens
                self._endings.cancel(row, crowd.tape)
                yield row.row, row

    def _take(self, crowd: _Crowd, position: int, step: Step) -> Iterator[tuple[int, Drawn]]:
        """Give each row its token; yield those that it ends."""
        crowd.tape.write(crowd.numbers, position, step)
        is_weak = crowd.weak(step)
        may_end = is_weak | crowd.has_stops | (crowd.limits <= position + 1)
        may_end |= ~np.isfinite(step.logprobs) | np.isin(step.ids, self._endings.stop_ids)
        for place in np.nonzero(may_end)[0].tolist():
            row = crowd.rows[place]
            if row.stop_reason is None:
                row.n_tokens = position + 1
                self._endings.end(row, crowd.tape, is_weak=bool(is_weak[place]))
                if row.stop_reason is not None:
                    yield row.row, row


class _Crowd:
    """The rows of a batch that are still fed, and what the model has to know of them."""

    def __init__(self, batch: Sequence[Admitted], device: torch.device) -> None:
        requests = [row.request for row in batch]
        self.rows = [Drawn(admitted, i) for i, admitted in enumerate(batch)]
        self.numbers = np.arange(len(batch))
        """Of the rows that are still fed."""
        self.limits = np.array([row.limit for row in batch])
        self.has_stops = np.array([bool(request.stop) for request in requests])
        self.ids, self.mask = _padded(batch, device)
        self.cache: Cache | None = None
        self.sampling = sampling_of(batch, device)
        self.wanted = Wanted(
            max(request.top_logprobs for request in requests),
            any(request.with_distribution for request in requests),
        )
        self.tape = Tape(len(batch), self.wanted)
        self._guards = Guards([request.guard for request in requests])
        self._k = np.array([request.top_logprobs for request in requests])

    def going(self) -> list[int]:
        """Places of the rows that have not ended."""
        return [place for place, row in enumerate(self.rows) if row.stop_reason is None]

    def weak(self, step: Step) -> np.ndarray:
        """Which rows fall under the bar of their guard; bool [rows]."""
        if step.top_logprobs is None or not self._guards.is_needed:
            return np.zeros(len(self.rows), dtype=bool)
        return self._guards.push(step.top_logprobs, self._k)

    def grow(self, step: Step) -> None:
        """The tokens that were drawn are part of what is passed next."""
        new = torch.from_numpy(step.ids).to(self.ids.device)
        self.ids = torch.cat([self.ids, new[:, None]], dim=1)
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(self.mask), 1)], dim=1)

    def drop(self) -> None:
        """Let ended rows leave, where enough have ended."""
        going = self.going()
        if len(going) > DROP_SHARE * len(self.rows):
            return
        kept = torch.tensor(going, device=self.ids.device)
        self.ids, self.mask = self.ids[kept], self.mask[kept]
        self.rows = [self.rows[place] for place in going]
        self.numbers, self.limits = self.numbers[going], self.limits[going]
        self.has_stops = self.has_stops[going]
        self.sampling = None if self.sampling is None else self.sampling.at(kept)
        self._guards.keep(going)
        self._k = self._k[going]
        if self.cache is not None:
            self.cache.reorder_cache(kept)  # pyright: ignore[reportArgumentType]


def _padded(batch: Sequence[Admitted], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, padded on the left, int64 [rows, longest prompt]."""
    width = max(len(row.prompt_ids) for row in batch)
    ids = np.zeros((len(batch), width), dtype=np.int64)  # any id will do under the mask
    mask = np.zeros((len(batch), width), dtype=np.int64)
    for i, row in enumerate(batch):
        ids[i, width - len(row.prompt_ids) :] = row.prompt_ids
        mask[i, width - len(row.prompt_ids) :] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
