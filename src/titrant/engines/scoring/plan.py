"""Which rows make a batch, and whether a batch passes its prefixes once for all rows that share them.

Rows of similar length go together, so that little is padded. Where many rows have one prefix it can
be better to bring those together instead: the prefix is then passed once, and its cache serves all of
them. That saves tokens and costs attention, because a continuation after a cached prefix needs a mask
and cannot use the causal kernel, which leaves half of the work out. So both plans are priced in
floating-point operations, and the cheaper one is taken:

    pass of a token = 2 × weights + s × keys × width × layers,   s = 2 causal, 4 under a mask

Left out: prefixes that are equal only in their beginning, and prefixes shared across batches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from titrant.engines.requests import pack

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from titrant.engines.scoring.rows import Forcible

ATTENTION_COST = 1.5
"""What an operation of attention costs beside one of a matrix product. Measured on a CPU with AVX2: with it
the prices of batches of 0.9 M and 5 M parameters, prefixes of 60 to 1,500 tokens before 100 to 400, stand
to each other as their times do, to a sixth."""
LENGTH_STEP = 1.25
"""Rows of one prefix go together if their lengths differ by less than about this factor."""


class Way(NamedTuple):
    """How a batch is passed; every way gives the same numbers."""

    shares_prefixes: bool = False
    """Each different prefix once, or every row whole."""
    chunks_branches: bool = False
    """All branches of a row over its cache, or each as a row of its own."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a token of a model costs, in operations."""

    weights: int
    """Weights that every token meets, the output layer aside."""
    attended: int
    """Width × layers."""

    def causal(self, keys: int) -> float:
        """A token in a row of so many, without a mask."""
        return 2 * self.weights + ATTENTION_COST * 2 * keys * self.attended

    def masked(self, keys: int) -> float:
        """A token under a mask over so many."""
        return 2 * self.weights + ATTENTION_COST * 4 * keys * self.attended


class Shape(NamedTuple):
    """What a batch is to its price."""

    rows: int
    prefixes: int
    """Different ones."""
    prefix_tokens: int
    """Of the longest."""
    tokens: int
    """Of the longest continuation."""
    width: int
    """Tokens of the longest row."""


def shape_of(batch: Sequence[Forcible]) -> Shape:
    """The shape of a batch."""
    return Shape(
        rows=len(batch),
        prefixes=len({tuple(row.prefix_ids) for row in batch}),
        prefix_tokens=max(len(row.prefix_ids) for row in batch),
        tokens=max(len(row.ids) for row in batch),
        width=max(row.n_tokens for row in batch),
    )


def sharing_pays(shape: Shape, prices: Prices) -> bool:
    """Whether it is cheaper to pass each prefix once than each row whole."""
    return _shared(shape, prices) < _apart(shape, prices)


def _apart(shape: Shape, prices: Prices) -> float:
    return shape.rows * shape.width * prices.causal(shape.width)


def _shared(shape: Shape, prices: Prices) -> float:
    once = shape.prefixes * shape.prefix_tokens * prices.causal(shape.prefix_tokens)
    keys = shape.prefix_tokens + shape.tokens
    return once + shape.rows * shape.tokens * prices.masked(keys)


def plan(
    rows: Sequence[Forcible], *, budget: int, memory: int, prices: Prices | None
) -> list[list[int]]:
    """Indices in batches; rows that ask for the likeliest tokens, or for branches, stay apart.

    Args:
        rows: what is to be forced.
        budget: tokens, rows × longest, that a batch is best kept under.
        memory: tokens that it must be kept under where prefixes are shared.
        prices: of the model; `None` where its prefixes cannot be shared.
    """
    kinds: dict[Hashable, list[int]] = {}
    for i, row in enumerate(rows):
        kinds.setdefault((row.top_logprobs > 0, bool(row.twigs)), []).append(i)
    batches = []
    for kind in kinds.values():
        some = [rows[i] for i in kind]
        batches += [[kind[i] for i in batch] for batch in _cheapest(some, budget, memory, prices)]
    return batches


def _cheapest(
    rows: Sequence[Forcible], budget: int, memory: int, prices: Prices | None
) -> list[list[int]]:
    by_length = pack([_cost(row) for row in rows], budget=budget)
    if prices is None or len({tuple(row.prefix_ids) for row in rows}) == len(rows):
        return by_length
    by_prefix = _by_prefix(rows, budget, memory)
    return min(by_length, by_prefix, key=lambda batches: _price(rows, batches, prices))


def _cost(row: Forcible) -> int:
    """Tokens that a row keeps in memory."""
    return row.n_tokens + row.n_twig_tokens


def _price(rows: Sequence[Forcible], batches: list[list[int]], prices: Prices) -> float:
    shapes = [shape_of([rows[i] for i in batch]) for batch in batches]
    return sum(min(_apart(shape, prices), _shared(shape, prices)) for shape in shapes)


def _by_prefix(rows: Sequence[Forcible], budget: int, memory: int) -> list[list[int]]:
    """Batches of rows of about one length, those of one prefix side by side.

    A batch ends where a new prefix begins and the budget is spent, or where memory ends.
    """

    def order(i: int) -> tuple[int, tuple[int, ...], int]:
        step = math.floor(math.log(max(1, _cost(rows[i])), LENGTH_STEP))
        return -step, tuple(rows[i].prefix_ids), -_cost(rows[i])

    batches: list[list[int]] = []
    last, longest = None, 0
    for i in sorted(range(len(rows)), key=order):
        prefix = tuple(rows[i].prefix_ids)
        longest = max(longest, _cost(rows[i]))
        n = len(batches[-1]) if batches else 0
        is_full = (n + 1) * longest > memory or (prefix != last and (n + 1) * longest > budget)
        if n and not is_full:
            batches[-1].append(i)
        else:
            batches.append([i])
            longest = _cost(rows[i])
        last = prefix
    return batches
