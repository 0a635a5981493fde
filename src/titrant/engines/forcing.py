"""Teacher forcing of a batch in one pass: all numbers of given text, each token passed once.

What a pass costs is the model's body, the output layer and the numbers made of its logits. Each is done
as seldom as can be: prefixes that rows share are passed once where that is cheaper (`scoring.plan`),
logits are made only for the positions that decide wanted tokens, block by block and never tokens ×
vocabulary (`scoring.head`, `scoring.numbers`), and branches are fed behind the text that they branch off,
over its cache (`scoring.branches`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from titrant.engines.requests import pack
from titrant.engines.scoring.branches import after_cache, alone, can_hold
from titrant.engines.scoring.head import Head
from titrant.engines.scoring.means import HiddenMeans
from titrant.engines.scoring.numbers import Numbers
from titrant.engines.scoring.plan import Prices, Way, shape_of, sharing_pays
from titrant.engines.scoring.rows import Asked, Forced, Forcible, Wants, asked_of, laid
from titrant.engines.scoring.trial import Trials
from titrant.engines.scoring.trunk import Trunk, shared_prefixes, whole_rows, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from titrant.engines.forward import ForwardPass


class Forcer:
    """Forces batches with one model, and remembers what the model can do."""

    def __init__(
        self, forward: ForwardPass, *, context_tokens: int | None = None, elements: int = 0
    ) -> None:
        """Takes a model as it is; what it can do is found out when it matters.

        Args:
            forward: the model.
            context_tokens: longest row; `None` if unknown.
            elements: logits, and elements of masks, that may exist at a time; 0: what suits the device.
        """
        self._forward, self._elements = forward, elements
        self._head = Head(forward)
        self._vocab = int(forward.model.config.get_text_config().vocab_size)
        self._trials = Trials(
            self._logprobs,
            self._vocab,
            context_tokens=context_tokens,
            is_half=torch.finfo(forward.model.dtype).bits < 32,
        )
        self._prices = prices_of(forward.model)

    def prices(self) -> Prices | None:
        """What a token costs; `None` where prefixes cannot be shared."""
        is_able = self._head.mode != "whole" and self._forward.can_resume
        if self._prices is None or not is_able or not self._trials.can_share_prefixes():
            return None
        return self._prices

    def force(self, batch: Sequence[Forcible]) -> list[Forced]:
        """The numbers of each row, in the way that is cheapest for the batch; rows of similar length."""
        return self._force(batch, Way(self._shares(batch), self._chunks(batch)))

    def _shares(self, batch: Sequence[Forcible]) -> bool:
        shape = shape_of(batch)
        if shape.prefixes == shape.rows or not shape.tokens:
            return False
        if not all(row.prefix_ids for row in batch):
            return False
        prices = self.prices()
        return prices is not None and sharing_pays(shape, prices)

    def _chunks(self, batch: Sequence[Forcible]) -> bool:
        lengths = [row.n_reached for row in batch if row.twigs]
        is_able = self._head.mode != "whole" and self._forward.can_resume
        return bool(lengths) and is_able and self._trials.can_chunk_branches(max(lengths))

    def _logprobs(self, batch: Sequence[Forcible], way: Way) -> np.ndarray:
        """All logprobs of a batch passed in some way, end to end."""
        forced = self._force(batch, way)
        return np.concatenate([part for row in forced for part in (row.logprobs, *row.twigs)])

    @torch.no_grad()
    def _force(self, batch: Sequence[Forcible], way: Way) -> list[Forced]:
        asked = asked_of(batch, with_firsts=way.chunks_branches)
        wants = laid(asked.runs)
        k = max(row.top_logprobs for row in batch)
        numbers = Numbers(wants.targets, is_wide=wants.is_wide, k=k, device=self._head.device)
        means = HiddenMeans(batch)
        trunk = self._trunk(batch, wants, way)
        to_logits = _as_they_are if self._head.mode == "whole" else self._head.logits
        for stretch in trunk.stretches:
            numbers.fill(stretch.piece, to_logits, vocab=self._vocab, elements=self._elements)
            means.add(stretch)
        found = _Found(asked, wants, numbers.per_token(), *numbers.top())
        twigs = self._twigs(batch, trunk, found, way)
        return [_forced(i, row, found, twigs, means.of(i)) for i, row in enumerate(batch)]

    def _trunk(self, batch: Sequence[Forcible], wants: Wants, way: Way) -> Trunk:
        if not any(row.n_tokens for row in batch):
            return Trunk([], None)
        if self._head.mode == "whole":
            return windows(self._forward, self._head, batch, wants, elements=self._elements)
        if way.shares_prefixes:
            return shared_prefixes(self._head, batch, wants)
        return whole_rows(self._head, batch, wants, keep_cache=way.chunks_branches)

    def _twigs(
        self, batch: Sequence[Forcible], trunk: Trunk, found: _Found, way: Way
    ) -> dict[tuple[int, int], np.ndarray]:
        """Logprobs of each branch, by row and branch."""
        if not way.chunks_branches:
            return self._one_by_one(batch)
        cached = trunk.cached
        if cached is None or not can_hold(cached.cache, max(row.n_reached for row in batch)):
            msg = "the model's cache does not keep what branches have to see"
            raise RuntimeError(msg)
        rest = after_cache(self._head, batch, cached, vocab=self._vocab, elements=self._elements)
        twigs = {}
        for i, row in enumerate(batch):
            for b, twig in enumerate(row.twigs):
                logprobs = np.full(len(twig.ids), np.nan, dtype=np.float32)
                if (i, b) in found.asked.firsts:
                    logprobs[:1] = found.logprobs(found.asked.firsts[i, b])
                logprobs[1:] = rest.get((i, b), ())
                twigs[i, b] = logprobs
        return twigs

    def _one_by_one(self, batch: Sequence[Forcible]) -> dict[tuple[int, int], np.ndarray]:
        """Each branch passed as a row of its own, as many at a time as the batch has tokens."""
        keys = [(i, b) for i, row in enumerate(batch) for b in range(len(row.twigs))]
        rows = [alone(batch[i], b) for i, b in keys]
        budget = len(batch) * max(row.n_tokens for row in batch)
        twigs = {}
        for some in pack([row.n_tokens for row in rows], budget=budget):
            forced = self._force([rows[j] for j in some], Way())
            twigs |= {keys[j]: one.logprobs for j, one in zip(some, forced, strict=True)}
        return twigs


class _Found(NamedTuple):
    """Numbers of wants."""

    asked: Asked
    wants: Wants
    per_token: np.ndarray
    """float32 [1 or 4, wants]."""
    top_ids: np.ndarray
    top_logprobs: np.ndarray

    def logprobs(self, run: int) -> np.ndarray:
        """Of a run."""
        return self.per_token[0, self.wants.bounds[run]]


def _as_they_are(logits: torch.Tensor) -> torch.Tensor:
    return logits.float()


def _forced(
    i: int,
    row: Forcible,
    found: _Found,
    twigs: dict[tuple[int, int], np.ndarray],
    hidden: np.ndarray | None,
) -> Forced:
    n, bounds = len(row.ids), found.wants.bounds[i]
    # The first token has no number where nothing is before it.
    at = slice(n - (bounds.stop - bounds.start), None)
    per_token = np.full((4, n), np.nan, dtype=np.float32)
    per_token[: len(found.per_token), at] = found.per_token[:, bounds]
    distribution = per_token[1:] if row.with_distribution else (None, None, None)
    top_ids = np.full((n, row.top_logprobs), -1, dtype=np.int32)
    top_ids[at] = found.top_ids[bounds, : row.top_logprobs]
    top_logprobs = np.full((n, row.top_logprobs), np.nan, dtype=np.float32)
    top_logprobs[at] = found.top_logprobs[bounds, : row.top_logprobs]
    prefix = None
    if row.with_prefix:
        prefix = np.full(len(row.prefix_ids), np.nan, dtype=np.float32)
        prefix[1:] = found.logprobs(found.asked.prefixes[i])
    return Forced(
        logprobs=per_token[0],
        entropy=distribution[0],
        variance=distribution[1],
        vocab_mean=distribution[2],
        top_ids=top_ids,
        top_logprobs=top_logprobs,
        prefix_logprobs=prefix,
        twigs=tuple(twigs[i, b] for b in range(len(row.twigs))),
        hidden=hidden,
    )


def prices_of(model: PreTrainedModel) -> Prices | None:
    """What a token of a model costs; `None` where its config does not say how large it is."""
    config = model.config.get_text_config()
    width, layers = (getattr(config, name, None) for name in ("hidden_size", "num_hidden_layers"))
    if not isinstance(width, int) or not isinstance(layers, int):
        return None
    ends = {id(p): p for end in (model.get_input_embeddings(), model.get_output_embeddings())
            if end is not None for p in end.parameters()}  # fmt: skip
    weights = sum(p.numel() for p in model.parameters() if id(p) not in ends)
    return Prices(weights, width * layers)
