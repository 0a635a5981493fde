"""The main pass over a batch: prefix and continuation of every row, each token once.

Three ways, by what the model allows and what is cheaper:

- **whole rows**: all rows side by side, padded on the right, where causal attention never looks at the
  padding from the left; no mask, no windows;
- **shared prefixes**: each different prefix once, padded on the left, so that all continuations begin in
  the same column; then the cache is indexed row by row, and the continuations follow under a mask;
- **windows**: where the output layer cannot be had apart (see `head`), rows pass in windows of positions
  whose logits fit the memory, over a cache that is continued from window to window.

Each yields rectangles of positions with the wants that they decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch

from titrant.engines.forward import Feed
from titrant.engines.scoring.numbers import Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from transformers.cache_utils import Cache

    from titrant.engines.forward import ForwardPass
    from titrant.engines.scoring.head import Head
    from titrant.engines.scoring.rows import Forcible, Wants

CPU_WINDOW, GPU_WINDOW = 2**24, 2**27
"""Logits that a window makes at most: 64 MB and 512 MB in float32, with up to three copies."""


class Stretch(NamedTuple):
    """A rectangle of positions that has been passed."""

    piece: Piece
    states: torch.Tensor | None
    """What goes into the output layer [rows, columns, width]; `None` where that is unknown."""
    first: np.ndarray | None
    """Position of each row's first column, int64 [rows]; `None` where the rows are prefixes."""


class Cached(NamedTuple):
    """The cache of a whole batch, and where the positions of a row are in it."""

    cache: Cache
    shift: np.ndarray
    """Columns before the first position of each row, int64 [rows]."""
    columns: int


class Trunk(NamedTuple):
    """What the main pass gives."""

    stretches: Iterable[Stretch]
    """To be gone through once; windows are passed as they are asked for."""
    cached: Cached | None


def whole_rows(head: Head, batch: Sequence[Forcible], wants: Wants, *, keep_cache: bool) -> Trunk:
    """Pass all rows side by side."""
    ids = padded([[*row.prefix_ids, *row.ids] for row in batch], head.device)
    rows, width = ids.shape
    positions = torch.arange(width, device=head.device).expand(rows, -1)
    read = head.read(Feed(ids, torch.ones_like(ids), positions, use_cache=keep_cache))
    piece = Piece(read.states, np.arange(len(wants.rows)), wants.rows * width + wants.positions)
    none = np.zeros(rows, dtype=np.int64)
    cached = None if read.cache is None or not keep_cache else Cached(read.cache, none, width)
    return Trunk([Stretch(piece, read.states, none)], cached)


def shared_prefixes(head: Head, batch: Sequence[Forcible], wants: Wants) -> Trunk:
    """Pass each different prefix once; prefixes have tokens, and some continuation has."""
    places: dict[tuple[int, ...], int] = {}
    of_row = np.array([places.setdefault(tuple(row.prefix_ids), len(places)) for row in batch])
    ids = padded(list(places), head.device, side="left")
    width = ids.shape[1]
    mask = _after_padding([len(prefix) for prefix in places], width, head.device)
    before = head.read(Feed(ids, mask, (mask.cumsum(-1) - 1).clamp(min=0)))
    n_before = np.array([len(row.prefix_ids) for row in batch])
    shift = width - n_before
    is_before = wants.positions < n_before[wants.rows]
    at = of_row[wants.rows] * width + shift[wants.rows] + wants.positions
    first = Stretch(_piece(before.states, is_before, at), None, None)
    cache = _indexed(before.cache, of_row, head.device)
    columns = max(len(row.ids) for row in batch)
    mask = _after_padding(n_before.tolist(), width, head.device)
    mask = torch.cat([mask, mask.new_ones(len(batch), columns)], dim=1)
    after = _continued(head, batch, cache, mask)
    at = wants.rows * columns + wants.positions - n_before[wants.rows]
    second = Stretch(_piece(after, ~is_before, at), after, n_before)
    return Trunk([first, second], Cached(cache, shift, width + columns))


def _continued(
    head: Head, batch: Sequence[Forcible], cache: Cache, mask: torch.Tensor
) -> torch.Tensor:
    """States of the continuations after a cache of prefixes, [rows, longest, width]."""
    ids = padded([row.ids for row in batch], head.device)
    n_before = torch.tensor([len(row.prefix_ids) for row in batch], device=head.device)
    # Learned positions end where the context does, and padding must not reach beyond.
    last = torch.tensor([row.n_tokens - 1 for row in batch], device=head.device)
    positions = n_before[:, None] + torch.arange(ids.shape[1], device=head.device)
    positions = positions.minimum(last[:, None])
    return head.read(Feed(ids, mask, positions, cache)).states


def _indexed(cache: Cache | None, of_row: np.ndarray, device: torch.device) -> Cache:
    if cache is None:
        msg = "a model that was said to give a cache gave none"
        raise RuntimeError(msg)
    cache.batch_select_indices(torch.from_numpy(of_row).to(device))
    return cache


def _piece(states: torch.Tensor, is_here: np.ndarray, at: np.ndarray) -> Piece:
    which = np.flatnonzero(is_here)
    return Piece(states, which, at[which])


def windows(
    forward: ForwardPass,
    head: Head,
    batch: Sequence[Forcible],
    wants: Wants,
    *,
    elements: int = 0,
) -> Trunk:
    """Pass all rows in windows of positions that bring their own logits.

    Args:
        forward: the model.
        head: its output layer.
        batch: the rows.
        wants: what is to be answered.
        elements: logits that a window may make; 0: what suits the device.
    """
    return Trunk(_windows(forward, head, batch, wants, elements), None)


def _windows(
    forward: ForwardPass, head: Head, batch: Sequence[Forcible], wants: Wants, elements: int
) -> Iterator[Stretch]:
    ids = padded([[*row.prefix_ids, *row.ids] for row in batch], head.device)
    mask = torch.ones_like(ids)
    cache: Cache | None = None
    for start, end, is_wanted in _cuts(forward, batch, wants, elements):
        n_logits = end - start if is_wanted else 1
        with head.watched() as seen:
            passed = forward(
                ids[:, :end], mask=mask[:, :end], cache=cache, n_new=end - start, n_logits=n_logits
            )
        cache = passed.cache if forward.can_resume else None
        if is_wanted:
            is_here = (wants.positions >= start) & (wants.positions < end)
            at = wants.rows * n_logits + wants.positions - start
            states = seen[-1][:, -n_logits:] if seen else None
            first = np.full(len(batch), start)
            yield Stretch(_piece(passed.logits, is_here, at), states, first)


def _cuts(
    forward: ForwardPass, batch: Sequence[Forcible], wants: Wants, elements: int
) -> Iterator[tuple[int, int, bool]]:
    """Windows (start, end, are logits wanted)."""
    device = forward.model.device
    elements = elements or (CPU_WINDOW if device.type == "cpu" else GPU_WINDOW)
    vocab = forward.model.config.get_text_config().vocab_size
    size = max(1, elements // (len(batch) * vocab))
    width = max(row.n_tokens for row in batch)
    first = int(wants.positions.min(initial=width))
    first = min(first, *(len(row.prefix_ids) for row in batch), width)
    if first and forward.can_skip_logits:
        yield 0, first, False
    else:
        first = 0
    for start in range(first, width, size):
        yield start, min(start + size, width), True


def padded(
    rows: Sequence[Sequence[int]], device: torch.device, *, side: Literal["left", "right"] = "right"
) -> torch.Tensor:
    """Rows of one length, int64 [rows, longest]; the padding is some token."""
    width = max(len(row) for row in rows)
    ids = np.zeros((len(rows), width), dtype=np.int64)
    for i, row in enumerate(rows):
        start = width - len(row) if side == "left" else 0
        ids[i, start : start + len(row)] = row
    return torch.from_numpy(ids).to(device)


def _after_padding(lengths: Sequence[int], width: int, device: torch.device) -> torch.Tensor:
    """1 for the last so many columns of each row, int64 [rows, width]."""
    padding = width - torch.tensor(lengths, device=device)
    return (torch.arange(width, device=device) >= padding[:, None]).long()
