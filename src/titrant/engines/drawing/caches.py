"""Caches of rows that come and go: columns are padded on the left, so rows of any length stand side by side.

This needs a cache that is keys and values per token and nothing else (`DynamicCache` of plain layers, which
most decoders have). A cache with windows or with states of recurrent layers lets rows leave, but none join.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch.nn.functional import pad
from transformers.cache_utils import DynamicCache, DynamicLayer

if TYPE_CHECKING:
    from transformers.cache_utils import Cache


def is_plain(cache: Cache | None) -> bool:
    """Whether rows can join, and columns that nobody needs can go; true without a cache."""
    if cache is None:
        return True
    return type(cache) is DynamicCache and all(
        type(layer) is DynamicLayer for layer in cache.layers
    )


def keep(cache: Cache | None, rows: torch.Tensor, *, after: int) -> None:
    """Let rows go, and columns at the left.

    Args:
        cache: changed in place.
        rows: places of those that stay, int64.
        after: columns at the left that no row needs; passed over where the cache is not plain.
    """
    if cache is None:
        return
    cache.reorder_cache(rows)  # pyright: ignore[reportArgumentType] - takes any int64 tensor
    if after and is_plain(cache):
        for layer in cast("list[DynamicLayer]", cache.layers):
            layer.keys = _tensor(layer.keys)[:, :, after:]
            layer.values = _tensor(layer.values)[:, :, after:]


def join(one: Cache | None, other: Cache | None) -> Cache | None:
    """Further rows behind those of a plain cache, columns aligned on the right; `one` is changed."""
    if one is None or other is None:
        return None
    pairs = zip(one.layers, other.layers, strict=True)
    for mine, theirs in cast("list[tuple[DynamicLayer, DynamicLayer]]", list(pairs)):
        mine.keys = _behind(_tensor(mine.keys), _tensor(theirs.keys))
        mine.values = _behind(_tensor(mine.values), _tensor(theirs.values))
    return one


def widened(values: torch.Tensor, width: int) -> torch.Tensor:
    """Zeros on the left, up to so many columns, [rows, columns]."""
    return pad(values, (width - values.shape[1], 0))


def _behind(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    width = max(one.shape[2], other.shape[2])
    return torch.cat([pad(x, (0, 0, width - x.shape[2], 0)) for x in (one, other)])


def _tensor(values: torch.Tensor | None) -> torch.Tensor:
    if values is None:
        msg = "a cache that has been used holds nothing"
        raise RuntimeError(msg)
    return values
