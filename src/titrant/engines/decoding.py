"""Decoding of one batch: left padding, a KV cache, and rows that leave when they have finished.

Why not `model.generate`: it keeps finished rows until the last one ends and keeps the logits of all
positions if any are wanted. On a batch of mixed lengths this loop is 3 to 5 times as fast on a CPU
(`python benchmarks/decoding.py`), with the same greedy tokens.

A sampled row draws by inverting the cumulative distribution at its own stream of uniform numbers,
which is a hash of the request. So its draw does not depend on the rows beside it, up to rounding of
the logits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from titrant.engines.forward import ForwardPass, top_k
from titrant.engines.template import end_tokens
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from titrant.engines.base import Request, StopReason

DROP_SHARE = 0.9
"""Finished rows leave when no more than this share is still going: leaving copies the cache."""
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
    stop_reason: StopReason | None = None


class _Sampling(NamedTuple):
    """How the rows of a batch choose."""

    temperature: torch.Tensor
    top_p: torch.Tensor
    uniforms: torch.Tensor
    """In [0, 1), float32 [rows, tokens]; column t decides token t."""
    cuts: bool
    """Whether any row has a `top_p` under 1."""

    def at(self, rows: torch.Tensor) -> _Sampling:
        """The same for some of the rows."""
        columns = (self.temperature[rows], self.top_p[rows], self.uniforms[rows])
        return _Sampling(*columns, cuts=self.cuts)


class _Step(NamedTuple):
    """One token of every row."""

    ids: torch.Tensor
    logprobs: list[float]
    top_ids: np.ndarray | None
    top_logprobs: np.ndarray | None


class Decoder:
    """Draws the continuations of batches with one model."""

    def __init__(self, forward: ForwardPass, tokenizer: PreTrainedTokenizerBase) -> None:
        self._forward = forward
        self._tokenizer = tokenizer
        self._stop_ids = stop_ids(forward.model, tokenizer)

    @torch.no_grad()
    def decode(self, batch: Sequence[Admitted]) -> list[Drawn]:
        """Draw the continuation of each row."""
        rows = [Drawn(admitted) for admitted in batch]
        alive, cache, step = rows, None, None
        ids, mask = self._padded(batch)
        sampling = _sampling(batch, ids.device)
        k = max(row.request.top_logprobs for row in batch)
        for position in range(max(row.limit for row in batch)):
            passed = self._forward(ids, mask=mask, cache=cache, n_new=1, n_logits=1)
            cache = passed.cache
            step = _choose(passed.logits[:, 0], sampling, position, k)
            going = self._take(alive, step)
            if not going:
                break
            ids = torch.cat([ids, step.ids[:, None]], dim=1)
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
            if len(going) <= DROP_SHARE * len(alive):
                kept = torch.tensor(going, device=ids.device)
                ids, mask, alive = ids[kept], mask[kept], [alive[i] for i in going]
                sampling = None if sampling is None else sampling.at(kept)
                if cache is not None:
                    cache.reorder_cache(kept)  # pyright: ignore[reportArgumentType]
        return rows

    def _padded(self, batch: Sequence[Admitted]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and mask, padded on the left, int64 [rows, longest prompt]."""
        width = max(len(row.prompt_ids) for row in batch)
        ids = np.zeros((len(batch), width), dtype=np.int64)  # any id will do under the mask
        mask = np.zeros((len(batch), width), dtype=np.int64)
        for i, row in enumerate(batch):
            ids[i, width - len(row.prompt_ids) :] = row.prompt_ids
            mask[i, width - len(row.prompt_ids) :] = 1
        device = self._forward.model.device
        return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)

    def _take(self, alive: list[Drawn], step: _Step) -> list[int]:
        """Give each row its token; the indices of the rows that go on."""
        going = []
        for i, (row, token, logprob) in enumerate(
            zip(alive, step.ids.tolist(), step.logprobs, strict=True)
        ):
            if row.stop_reason is not None:
                continue
            row.token_ids.append(token)
            row.logprobs.append(logprob)
            if step.top_ids is not None and step.top_logprobs is not None:
                row.top_ids.append(step.top_ids[i])
                row.top_logprobs.append(step.top_logprobs[i])
            self._end(row)
            if row.stop_reason is None:
                going.append(i)
        return going

    def _end(self, row: Drawn) -> None:
        """End the row if its last token ends it."""
        request = row.admitted.request
        if not math.isfinite(row.logprobs[-1]):
            row.stop_reason, row.text = "error", NOT_FINITE
        elif row.token_ids[-1] in self._stop_ids:
            row.stop_reason, row.text = "stop", self._text(row.token_ids[:-1])
        elif request.stop and self._near_stop(row):
            row.text = self._text(row.token_ids)
            found = [at for mark in request.stop if (at := row.text.find(mark)) >= 0]
            if found:
                row.stop_reason, row.text = "stop", row.text[: min(found)]
        if row.stop_reason is None and len(row.token_ids) >= row.admitted.limit:
            row.stop_reason, row.text = "length", self._text(row.token_ids)

    def _near_stop(self, row: Drawn) -> bool:
        """Whether a stop string stands in the last tokens, as many as it can possibly be cut into."""
        marks = row.admitted.request.stop
        tail = self._text(row.token_ids[-(max(len(mark.encode()) for mark in marks) + 4) :])
        return any(mark in tail for mark in marks)

    def _text(self, ids: list[int]) -> str:
        # Thinking tags are special tokens in some vocabularies, so special tokens stay in the text.
        text = self._tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return str(text)


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


def _sampling(batch: Sequence[Admitted], device: torch.device) -> _Sampling | None:
    """`None` where all rows are greedy."""
    requests = [row.request for row in batch]
    if all(request.temperature == 0 for request in requests):
        return None
    uniforms = np.zeros((len(batch), max(row.limit for row in batch)), dtype=np.float32)
    for i, row in enumerate(batch):
        if row.request.temperature > 0:
            rng = derive_rng(row.request.seed, "draw", row.request.prompt)
            # Below 1 by more than float32 rounds, so that the draw stays inside the distribution.
            uniforms[i, : row.limit] = rng.random(row.limit) * (1 - 1e-6)
    columns = np.array([(r.temperature, r.top_p) for r in requests], dtype=np.float32)
    temperature, top_p = torch.from_numpy(columns).to(device).T
    cuts = any(request.top_p < 1 for request in requests)
    return _Sampling(temperature, top_p, torch.from_numpy(uniforms).to(device), cuts)


def _choose(logits: torch.Tensor, sampling: _Sampling | None, position: int, k: int) -> _Step:
    """Draw one token per row; logprobs are those of the model as it is (temperature 1, no top_p)."""
    ids = logits.argmax(-1)
    if sampling is not None:
        sampled = _sample(logits, sampling, sampling.uniforms[:, position])
        ids = torch.where(sampling.temperature > 0, sampled, ids)
    logprobs = logits.gather(1, ids[:, None])[:, 0] - logits.logsumexp(-1)
    if k == 0:
        return _Step(ids, logprobs.tolist(), None, None)
    best, best_logprobs = top_k(logits, k)
    return _Step(ids, logprobs.tolist(), best.int().cpu().numpy(), best_logprobs.cpu().numpy())


def _sample(logits: torch.Tensor, sampling: _Sampling, uniforms: torch.Tensor) -> torch.Tensor:
    """Invert the cumulative distribution, in the order of the vocabulary, after the cut of `top_p`.

    The order is the same whether or not some row of the batch has a `top_p`, so that a row's draw
    does not depend on its neighbours.
    """
    scaled = logits / sampling.temperature.clamp(min=1e-6)[:, None]
    probabilities = scaled.softmax(-1)
    if sampling.cuts:
        ordered, order = probabilities.sort(dim=-1, descending=True)
        before = ordered.cumsum(-1) - ordered  # 0 for the first, so at least one token stays
        is_out = (before >= sampling.top_p[:, None]) & (sampling.top_p[:, None] < 1)
        is_out = torch.zeros_like(is_out).scatter(1, order, is_out)
        probabilities = probabilities.masked_fill(is_out, 0.0)
    cumulative = probabilities.cumsum(-1)
    target = uniforms[:, None] * cumulative[:, -1:]
    at = torch.searchsorted(cumulative, target, right=True)
    return at[:, 0].clamp(max=logits.shape[1] - 1)
