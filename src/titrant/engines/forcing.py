"""Teacher forcing of one batch: logprobs, entropy and the likeliest tokens of given text.

Logits are the memory problem: tokens × vocabulary in float32 is 10 GB for 16,384 tokens of a model
with 152,000 tokens. So the batch passes through the model in windows of positions with a KV cache,
each window's logits are boiled down before the next, and positions before the first continuation are
passed without logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from titrant.engines.forward import ForwardPass, top_k

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers.cache_utils import Cache

CPU_ELEMENTS, GPU_ELEMENTS = 2**24, 2**27
"""Logits that exist at a time: 64 MB and 512 MB in float32, with up to three copies."""


class Forcible(NamedTuple):
    """Text as tokens; together they fit the context."""

    prefix_ids: list[int]
    ids: list[int]
    """Tokens of the continuation."""
    top_logprobs: int


class Forced(NamedTuple):
    """Numbers of one continuation, one row per token; NaN where the model gives none."""

    logprobs: np.ndarray
    entropy: np.ndarray
    top_ids: np.ndarray
    top_logprobs: np.ndarray


class _Window(NamedTuple):
    """Numbers of positions of a batch, on the CPU: [rows, positions] and [rows, positions, k]."""

    logprobs: np.ndarray
    entropy: np.ndarray
    top_ids: np.ndarray | None
    top_logprobs: np.ndarray | None


@torch.no_grad()
def force(forward: ForwardPass, batch: Sequence[Forcible], *, elements: int = 0) -> list[Forced]:
    """The numbers of each continuation.

    Args:
        forward: the model.
        batch: rows of similar length.
        elements: logits that may exist at a time; 0: what suits the device.
    """
    width = max(len(row.prefix_ids) + len(row.ids) for row in batch)
    k = max(row.top_logprobs for row in batch)
    whole = _empty(len(batch), width, k)
    ids = _padded(batch, width).to(forward.model.device)
    mask = torch.ones_like(ids)
    cache: Cache | None = None
    for start, end, is_wanted in _windows(forward, batch, width, elements):
        # Padding stands on the right, where causal attention never looks at it from the left.
        n_logits = end - start if is_wanted else 1
        passed = forward(
            ids[:, :end], mask=mask[:, :end], cache=cache, n_new=end - start, n_logits=n_logits
        )
        cache = passed.cache if forward.can_resume else None
        if is_wanted:
            _store(whole, _boil_down(passed.logits, ids[:, start + 1 : end + 1], k), start + 1)
    return [_of_row(whole, i, row) for i, row in enumerate(batch)]


def _windows(
    forward: ForwardPass, batch: Sequence[Forcible], width: int, elements: int
) -> Iterator[tuple[int, int, bool]]:
    """Pieces (start, end, are logits wanted); position p decides token p + 1, so the last is left."""
    device = forward.model.device
    elements = elements or (CPU_ELEMENTS if device.type == "cpu" else GPU_ELEMENTS)
    vocab = forward.model.config.get_text_config().vocab_size
    size = max(1, elements // (len(batch) * vocab))
    first = max(0, min(len(row.prefix_ids) for row in batch) - 1)
    if first and forward.can_skip_logits:
        yield 0, first, False
    else:
        first = 0
    for start in range(first, width - 1, size):
        yield start, min(start + size, width - 1), True


def _boil_down(logits: torch.Tensor, targets: torch.Tensor, k: int) -> _Window:
    """What is kept of logits [rows, positions, vocab] and the tokens that follow."""
    top_ids, top_logprobs = top_k(logits, k) if k else (None, None)
    logprobs = logits.log_softmax(-1)
    chosen = logprobs.gather(-1, targets[..., None])[..., 0]
    # A token of probability 0 adds nothing to the entropy, where 0 × -inf would be NaN.
    entropy = -(logprobs.exp() * logprobs.clamp(min=torch.finfo(logprobs.dtype).min)).sum(-1)
    return _Window(
        chosen.cpu().numpy(),
        entropy.cpu().numpy(),
        None if top_ids is None else top_ids.int().cpu().numpy(),
        None if top_logprobs is None else top_logprobs.cpu().numpy(),
    )


def _empty(rows: int, width: int, k: int) -> Forced:
    logprobs, entropy = (np.full((rows, width), np.nan, np.float32) for _ in range(2))
    top_ids = np.full((rows, width, k), -1, np.int32)
    return Forced(logprobs, entropy, top_ids, np.full((rows, width, k), np.nan, np.float32))


def _padded(batch: Sequence[Forcible], width: int) -> torch.Tensor:
    ids = np.zeros((len(batch), width), dtype=np.int64)
    for i, row in enumerate(batch):
        ids[i, : len(row.prefix_ids) + len(row.ids)] = row.prefix_ids + row.ids
    return torch.from_numpy(ids)


def _store(whole: Forced, window: _Window, start: int) -> None:
    at = slice(start, start + window.logprobs.shape[1])
    for target, source in zip(whole, window, strict=True):
        if source is not None:
            target[:, at] = source


def _of_row(whole: Forced, i: int, row: Forcible) -> Forced:
    start = len(row.prefix_ids)
    at = slice(start, start + len(row.ids))
    k = row.top_logprobs
    ids, logprobs = whole.top_ids[i, at, :k].copy(), whole.top_logprobs[i, at, :k].copy()
    return Forced(whole.logprobs[i, at].copy(), whole.entropy[i, at].copy(), ids, logprobs)
