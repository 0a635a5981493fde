"""The rows that are drawn side by side, and what the model has to know of them; rows leave and join."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from titrant.engines.drawing import caches
from titrant.engines.drawing.choose import sampling_of
from titrant.engines.drawing.guards import Guards
from titrant.engines.drawing.rows import Drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers.cache_utils import Cache

    from titrant.engines.drawing.choose import Step
    from titrant.engines.drawing.rows import Admitted
    from titrant.engines.drawing.tape import Tape

DROP_SHARE = 0.9
"""Ended rows leave when no more than this share is still going: leaving copies the cache."""


class Crowd:
    """Rows that are fed together."""

    def __init__(
        self,
        rows: Sequence[tuple[int, Admitted]],
        tape: Tape,
        device: torch.device,
        *,
        is_greedy: bool,
    ) -> None:
        """Rows that have drawn nothing yet.

        Args:
            rows: (number, what is asked).
            tape: where their tokens go.
            device: where the model is.
            is_greedy: whether no row, of these and of those that may join, draws by chance.
        """
        batch = [admitted for _, admitted in rows]
        requests = [admitted.request for admitted in batch]
        self.tape, self.places = tape, tape.open(len(batch))
        self.rows = [
            Drawn(admitted, row, int(place))
            for (row, admitted), place in zip(rows, self.places, strict=True)
        ]
        self.positions = np.zeros(len(batch), dtype=np.int64)
        """Tokens that each has drawn."""
        self.is_going = np.ones(len(batch), dtype=bool)
        """Those that have not ended; others are fed on until they leave."""
        self.limits = np.array([admitted.limit for admitted in batch])
        self._lengths = np.array([len(row.prompt_ids) + row.limit for row in batch])
        self.has_stops = np.array([bool(request.stop) for request in requests])
        self.ids, self.mask = _padded(batch, device)
        self.cache: Cache | None = None
        self.sampling = None if is_greedy else sampling_of(batch, device)
        self._guards = Guards([request.guard for request in requests])
        self._k = np.array([request.top_logprobs for request in requests])

    def weak(self, step: Step) -> np.ndarray:
        """Which rows fall under the bar of their guard; bool [rows]."""
        if step.top_logprobs is None or not self._guards.is_needed:
            return np.zeros(len(self.rows), dtype=bool)
        return self._guards.push(step.top_logprobs, self._k)

    def grow(self, step: Step) -> None:
        """The tokens that were drawn are part of what is passed next; rows that ended grow no more."""
        new = torch.from_numpy(step.ids).to(self.ids.device)
        self.ids = torch.cat([self.ids, new[:, None]], dim=1)
        column = torch.from_numpy(self.is_going).to(self.mask)
        self.mask = torch.cat([self.mask, column[:, None]], dim=1)
        self.positions += self.is_going

    def drop(self) -> None:
        """Let ended rows leave, where enough have ended, and the columns that only they needed.

        They leave at once where there are more columns than any row that goes on will ever need, so that
        nothing is fed past the context or past the memory that was reckoned with.
        """
        going = np.nonzero(self.is_going)[0]
        is_wide = self.ids.shape[1] > self._lengths[going].max(initial=0)
        if len(going) == len(self.rows) or (
            len(going) > DROP_SHARE * len(self.rows) and not is_wide
        ):
            return
        self.tape.close(self.places[~self.is_going])
        kept = torch.from_numpy(going).to(self.ids.device)
        mask = self.mask[kept]
        after = int(mask.any(0).int().argmax()) if len(going) and caches.is_plain(self.cache) else 0
        caches.keep(self.cache, kept, after=after)
        self.ids, self.mask = self.ids[kept, after:], mask[:, after:]
        self.rows = [self.rows[at] for at in going.tolist()]
        self.places, self.limits = self.places[going], self.limits[going]
        self._lengths = self._lengths[going]
        self.positions, self.is_going = self.positions[going], self.is_going[going]
        self.has_stops, self._k = self.has_stops[going], self._k[going]
        self.sampling = None if self.sampling is None else self.sampling.at(kept)
        self._guards.keep(going.tolist())

    def join(self, other: Crowd) -> None:
        """Take further rows behind these; both have been fed, and hold plain caches or none."""
        width = max(self.ids.shape[1], other.ids.shape[1])
        sides = (self, other)
        self.ids = torch.cat([caches.widened(side.ids, width) for side in sides])
        self.mask = torch.cat([caches.widened(side.mask, width) for side in sides])
        self.cache = caches.join(self.cache, other.cache)
        self.rows = [*self.rows, *other.rows]
        self.places = np.concatenate([side.places for side in sides])
        self.limits = np.concatenate([side.limits for side in sides])
        self._lengths = np.concatenate([side._lengths for side in sides])
        self.positions = np.concatenate([side.positions for side in sides])
        self.is_going = np.concatenate([side.is_going for side in sides])
        self.has_stops = np.concatenate([side.has_stops for side in sides])
        if self.sampling is not None and other.sampling is not None:
            self.sampling = self.sampling.joined(other.sampling)
        self._guards.join(other._guards)
        self._k = np.concatenate([side._k for side in sides])


def _padded(batch: Sequence[Admitted], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, padded on the left, int64 [rows, longest prompt]."""
    width = max(len(row.prompt_ids) for row in batch)
    ids = np.zeros((len(batch), width), dtype=np.int64)  # any id will do under the mask
    mask = np.zeros((len(batch), width), dtype=np.int64)
    for i, row in enumerate(batch):
        ids[i, width - len(row.prompt_ids) :] = row.prompt_ids
        mask[i, width - len(row.prompt_ids) :] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
