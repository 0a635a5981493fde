"""Branches: texts forced after parts of a continuation, over the cache that the main pass has left.

All branches of a row are fed as one chunk behind its prefix and continuation. A mask lets each token see
the cached positions up to its branch point and the earlier tokens of its own branch, and its position
goes on from the branch point, so it gets what a pass of its own would give. The first token of a branch
is decided by the main pass, and the last one decides nothing, so a branch of n tokens feeds n − 1:

    S + 1 passes over prefix + part + branch   become   one pass over prefix + continuation + branches

The mask is rows × branch tokens × (cached + branch tokens), so a chunk is bounded. Before the next one the
cache is cut back to what that one sees.

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
from titrant.engines.scoring.trunk import Cached

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers.cache_utils import Cache

    from titrant.engines.scoring.head import Head

CPU_MASK, GPU_MASK = 2**23, 2**26
"""Elements of a mask at most: 32 MB and 256 MB in float32."""
NARROWEST = 64
"""Tokens per row that a chunk has at least, where memory lets it."""

Twigs = dict[tuple[int, int], np.ndarray]
"""Logprobs by row and branch, float32 [tokens]."""


class _Fed(NamedTuple):
    """One branch in a chunk."""

    branch: int
    twig: Twig
    n_before: int
    """Tokens of prefix and continuation before it."""
    start: int
    """Its first column in the chunk."""

    @property
    def n_tokens(self) -> int:
        """Tokens that are fed: all but the last."""
        return len(self.twig.ids) - 1


_Chunk = dict[int, list[_Fed]]
"""What is fed at a time, by row of the batch; no row is without a branch."""


def alone(row: Forcible, branch: int) -> Forcible:
    """A branch as a row of its own."""
    twig = row.twigs[branch]
    return Forcible([*row.prefix_ids, *row.ids[: twig.at]], twig.ids, with_distribution=False)


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
    elements = elements or (CPU_MASK if head.device.type == "cpu" else GPU_MASK)
    most = _most_tokens(elements // len(batch), cached.columns)
    found: Twigs = {}
    rows, columns, n_fed = list(range(len(batch))), cached.columns, 0
    for chunk in _chunks(batch, most):
        shift = cached.shift[list(chunk)]
        ends = shift + [max(fed.n_before for fed in group) for group in chunk.values()]
        needed = max(1, int(ends.max()))
        if n_fed + columns > needed:
            cached.cache.crop(needed - n_fed - columns)
        if len(chunk) < len(rows):
            kept = torch.tensor([rows.index(i) for i in chunk], device=head.device)
            cached.cache.batch_select_indices(kept)
        rows, columns = list(chunk), needed
        feed = _feed(chunk, Cached(cached.cache, shift, columns), head)
        n_fed = feed.ids.shape[1]
        found |= _decided(head, chunk, head.read(feed).states, vocab)
    return found


def _most_tokens(elements: int, columns: int) -> int:
    """The largest n with n × (columns + n) ≤ elements, or 1."""
    return max(1, int((math.sqrt(columns**2 + 4 * elements) - columns) / 2))


def _chunks(batch: Sequence[Forcible], most: int) -> Iterator[_Chunk]:
    """Branches of each row, so many tokens at a time; a branch that is longer alone comes alone.

    A chunk is about as wide as the branches of the row with fewest, so that little is padded; rows
    whose branches are through leave. Late branches come first, since they see most: then the cache can
    be cut back for the others.
    """
    totals = [row.n_twig_tokens for row in batch if row.n_twig_tokens]
    if not totals:
        return
    most = min(most, max(NARROWEST, min(totals)))
    groups = {i: _cut(row, most) for i, row in enumerate(batch)}
    for n in range(max(len(row_groups) for row_groups in groups.values())):
        yield {i: of_row[n] for i, of_row in groups.items() if n < len(of_row)}


def _cut(row: Forcible, most: int) -> list[list[_Fed]]:
    groups: list[list[_Fed]] = []
    start = most
    for branch in sorted(range(len(row.twigs)), key=lambda b: -row.twigs[b].at):
        twig = row.twigs[branch]
        n = len(twig.ids) - 1
        if n < 1:
            continue
        if start + n > most:
            groups.append([])
            start = 0
        groups[-1].append(_Fed(branch, twig, len(row.prefix_ids) + twig.at, start))
        start += n
    return groups


def _feed(chunk: _Chunk, cached: Cached, head: Head) -> Feed:
    """A chunk as the model takes it."""
    width = max(group[-1].start + group[-1].n_tokens for group in chunk.values())
    ids, positions, ends = (np.zeros((len(chunk), width), dtype=np.int64) for _ in range(3))
    branches = np.full((len(chunk), width), -1, dtype=np.int64)
    for i, group in enumerate(chunk.values()):
        for fed in group:
            at = slice(fed.start, fed.start + fed.n_tokens)
            ids[i, at] = fed.twig.ids[:-1]
            positions[i, at] = fed.n_before + np.arange(fed.n_tokens)
            ends[i, at] = cached.shift[i] + fed.n_before
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


def _decided(head: Head, chunk: _Chunk, states: torch.Tensor, vocab: int) -> Twigs:
    """Logprobs of what the tokens of a chunk decide."""
    runs = [
        Run(i, fed.start, fed.twig.ids[1:])
        for i, group in enumerate(chunk.values())
        for fed in group
    ]
    keys = [(row, fed.branch) for row, group in chunk.items() for fed in group]
    wants = laid(runs)
    numbers = Numbers(wants.targets, is_wide=wants.is_wide, k=0, device=states.device)
    at = wants.rows * states.shape[1] + wants.positions
    numbers.fill(Piece(states, np.arange(len(at)), at), head.logits, vocab=vocab)
    (logprobs,) = numbers.per_token()
    return {key: logprobs[bounds] for key, bounds in zip(keys, wants.bounds, strict=True)}
