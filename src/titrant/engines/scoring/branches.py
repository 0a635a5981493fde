"""Branches: texts forced after parts of a continuation, over the cache that the main pass has left.

All branches of a row are fed as one chunk behind its prefix and continuation. A mask lets each token see
the cached positions up to its branch point and the earlier tokens of its own branch, and its position
goes on from the branch point, so it gets what a pass of its own would give. The first token of a branch
is decided by the main pass, and the last one decides nothing, so a branch of n tokens feeds n − 1:

    S + 1 passes over prefix + part + branch   become   one pass over prefix + continuation + branches

The mask is rows × branch tokens × (cached + branch tokens), so a chunk is bounded, and the cache is cut
back before the next one.

Not every model can do this: recurrent ones, those with attention windows shorter than the text, those
that take no mask of four dimensions or find positions in their own way. `forcing` tries it out on made-up
text of the length in question, against one pass per branch, and falls back to that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from titrant.engines.forward import Feed
from titrant.engines.scoring.numbers import Numbers, Piece
from titrant.engines.scoring.rows import Forcible, Run, Twig, laid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers.cache_utils import Cache

    from titrant.engines.scoring.head import Head
    from titrant.engines.scoring.trunk import Cached

CPU_MASK, GPU_MASK = 2**23, 2**26
"""Elements of a mask at most: 32 MB and 256 MB in float32."""

Twigs = dict[tuple[int, int], np.ndarray]
"""Logprobs by row and branch, float32 [tokens]."""


class _Fed(NamedTuple):
    """One branch in a chunk."""

    branch: int
    twig: Twig
    start: int
    """Its first column in the chunk."""

    @property
    def n_tokens(self) -> int:
        """Tokens that are fed: all but the last."""
        return len(self.twig.ids) - 1


def alone(row: Forcible, branch: int) -> Forcible:
    """A branch as a row of its own."""
    twig = row.twigs[branch]
    return Forcible([*row.prefix_ids, *row.ids[: twig.at]], twig.ids)


def can_hold(cache: Cache, n_tokens: int) -> bool:
    """Whether a cache keeps so many positions of every layer, so that any of them may be seen."""
    limits = (layer.get_max_length() for layer in cache.layers if hasattr(layer, "get_max_length"))
    return not any(cache.is_linear) and all(limit < 0 or n_tokens < limit for limit in limits)


def after_cache(
    head: Head, batch: Sequence[Forcible], cached: Cached, *, vocab: int, elements: int = 0
) -> Twigs:
    """Logprobs of the tokens of all branches but the first of each.

    Args:
        head: the model's output layer.
        batch: the rows whose main pass left the cache; the cache is used up.
        cached: that cache.
        vocab: tokens that the model knows.
        elements: elements of a mask at most; 0: what suits the device.
    """
    which = np.array([i for i, row in enumerate(batch) if row.n_twig_tokens], dtype=np.int64)
    if not len(which):
        return {}
    if len(which) < len(batch):
        cached.cache.batch_select_indices(torch.from_numpy(which).to(head.device))
    rows, shift = [batch[i] for i in which], cached.shift[which]
    elements = elements or (CPU_MASK if head.device.type == "cpu" else GPU_MASK)
    most = _most_tokens(elements // len(rows), cached.columns)
    found: Twigs = {}
    n_fed = 0
    for chunk in _chunks(rows, most):
        if n_fed:
            cached.cache.crop(-n_fed)
        feed = _feed(rows, chunk, cached._replace(shift=shift), head)
        n_fed = feed.ids.shape[1]
        logprobs = _decided(head, chunk, head.read(feed).states, vocab)
        found |= {(int(which[i]), branch): values for (i, branch), values in logprobs.items()}
    return found


def _most_tokens(elements: int, columns: int) -> int:
    """The largest n with n × (columns + n) ≤ elements, or 1."""
    return max(1, int((math.sqrt(columns**2 + 4 * elements) - columns) / 2))


def _chunks(rows: Sequence[Forcible], most: int) -> Iterator[list[list[_Fed]]]:
    """Branches of each row, so many tokens at a time; a branch that is longer alone comes alone."""
    cut = [_cut(row, most) for row in rows]
    for n in range(max(len(groups) for groups in cut)):
        yield [groups[n] if n < len(groups) else [] for groups in cut]


def _cut(row: Forcible, most: int) -> list[list[_Fed]]:
    groups: list[list[_Fed]] = []
    start = most
    for branch, twig in enumerate(row.twigs):
        n = len(twig.ids) - 1
        if n < 1:
            continue
        if start + n > most:
            groups.append([])
            start = 0
        groups[-1].append(_Fed(branch, twig, start))
        start += n
    return groups


def _feed(
    rows: Sequence[Forcible], chunk: Sequence[Sequence[_Fed]], cached: Cached, head: Head
) -> Feed:
    """A chunk as the model takes it."""
    width = max(fed[-1].start + fed[-1].n_tokens for fed in chunk if fed)
    ids, positions, ends = (np.zeros((len(rows), width), dtype=np.int64) for _ in range(3))
    branches = np.full((len(rows), width), -1, dtype=np.int64)
    for i, (row, group) in enumerate(zip(rows, chunk, strict=True)):
        for fed in group:
            at = slice(fed.start, fed.start + fed.n_tokens)
            n_before = len(row.prefix_ids) + fed.twig.at
            ids[i, at] = fed.twig.ids[:-1]
            positions[i, at] = n_before + np.arange(fed.n_tokens)
            ends[i, at] = cached.shift[i] + n_before
            branches[i, at] = fed.branch
    sees, own, shift, fed_ids, places = (
        torch.from_numpy(array).to(head.device)
        for array in (ends, branches, cached.shift, ids, positions)
    )
    mask = _mask(sees, own, shift=shift, columns=cached.columns, dtype=head.dtype)
    return Feed(fed_ids, mask, places, cached.cache)


def _mask(
    ends: torch.Tensor,
    branches: torch.Tensor,
    *,
    shift: torch.Tensor,
    columns: int,
    dtype: torch.dtype,
) -> torch.Tensor:
    """What each token of a chunk sees, to be added to attention: [rows, 1, tokens, columns + tokens].

    Args:
        ends: the column of the cache before which it sees everything, int64 [rows, tokens].
        branches: the branch that it belongs to, int64 [rows, tokens].
        shift: the first column of its row, int64 [rows].
        columns: of the cache.
        dtype: the model's.
    """
    rows, n = ends.shape
    column = torch.arange(columns, device=ends.device)
    order = torch.arange(n, device=ends.device)
    before = (column >= shift[:, None, None]) & (column < ends[:, :, None])
    own = (branches[:, :, None] == branches[:, None, :]) & (order <= order[:, None])
    hidden = torch.finfo(dtype).min
    mask = torch.full((rows, 1, n, columns + n), hidden, dtype=dtype, device=ends.device)
    mask[:, 0, :, :columns].masked_fill_(before, 0)
    mask[:, 0, :, columns:].masked_fill_(own, 0)
    return mask


def _decided(
    head: Head, chunk: Sequence[Sequence[_Fed]], states: torch.Tensor, vocab: int
) -> Twigs:
    """Logprobs of what the tokens of a chunk decide, by row of the chunk and branch."""
    runs = [Run(i, fed.start, fed.twig.ids[1:]) for i, group in enumerate(chunk) for fed in group]
    keys = [(i, fed.branch) for i, group in enumerate(chunk) for fed in group]
    wants = laid(runs)
    numbers = Numbers(wants.targets, k=0, device=states.device, only_logprobs=True)
    at = wants.rows * states.shape[1] + wants.positions
    numbers.fill(Piece(states, np.arange(len(at)), at), head.logits, vocab=vocab)
    (logprobs,) = numbers.per_token()
    return {key: logprobs[bounds] for key, bounds in zip(keys, wants.bounds, strict=True)}
