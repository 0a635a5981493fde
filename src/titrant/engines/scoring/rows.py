"""Texts as tokens on the way in, numbers per token on the way out; nothing here needs torch.

What has to be answered is a list of runs: tokens that follow each other, each decided by the position
before it. A continuation is a run, a prefix whose logprobs are wanted is one, and so is the first token
of a branch, which the position at its branch point decides beside the continuation's own next token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


class Twig(NamedTuple):
    """A branch as tokens."""

    at: int
    """Tokens of the continuation that stand before it."""
    ids: Sequence[int]


class Forcible(NamedTuple):
    """A request as tokens; together they fit the context."""

    prefix_ids: Sequence[int]
    ids: Sequence[int]
    """Tokens of the continuation."""
    top_logprobs: int = 0
    twigs: tuple[Twig, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    """Pieces of the continuation (tokens from, to)."""
    with_hidden: bool = False
    with_prefix: bool = False
    with_distribution: bool = True

    @property
    def is_wide(self) -> bool:
        """Whether a token of the continuation asks for more than its logprob."""
        return self.with_distribution or self.top_logprobs > 0

    @property
    def n_tokens(self) -> int:
        """Tokens of prefix and continuation."""
        return len(self.prefix_ids) + len(self.ids)

    @property
    def n_reached(self) -> int:
        """Positions that are reached: of the row itself, or of a branch that is longer."""
        ends = (len(self.prefix_ids) + twig.at + len(twig.ids) for twig in self.twigs)
        return max(self.n_tokens, *ends, 0)

    @property
    def n_twig_tokens(self) -> int:
        """Tokens of branches that have to be passed: the last of each decides nothing."""
        return sum(max(0, len(twig.ids) - 1) for twig in self.twigs)


class Forced(NamedTuple):
    """Numbers of one continuation, one row per token; NaN where the model gives none."""

    logprobs: np.ndarray
    entropy: np.ndarray | None
    """`None`, as the next two, where the request does not ask."""
    variance: np.ndarray | None
    vocab_mean: np.ndarray | None
    top_ids: np.ndarray
    """int32 [tokens, k]; −1 where the model gives none."""
    top_logprobs: np.ndarray
    prefix_logprobs: np.ndarray | None = None
    twigs: tuple[np.ndarray, ...] = ()
    """Logprobs of each branch."""
    hidden: np.ndarray | None = None
    """float32 [1 + spans, width]; see `Score.hidden`."""


class Run(NamedTuple):
    """Tokens that follow each other, whose logprobs are wanted."""

    row: int
    first: int
    """Position that decides the first of them, in the row's prefix and continuation."""
    targets: Sequence[int]
    is_wide: bool = False
    """Whether more than logprobs is wanted."""


class Wants(NamedTuple):
    """Runs laid end to end; int64 and bool [wants]."""

    rows: np.ndarray
    positions: np.ndarray
    targets: np.ndarray
    is_wide: np.ndarray
    bounds: list[slice]
    """Where each run lies."""


def laid(runs: Sequence[Run]) -> Wants:
    """Runs end to end."""
    lengths = np.array([len(run.targets) for run in runs], dtype=np.int64)
    ends = lengths.cumsum()
    starts = ends - lengths
    firsts = np.array([run.first for run in runs], dtype=np.int64)
    return Wants(
        rows=np.array([run.row for run in runs], dtype=np.int64).repeat(lengths),
        positions=np.arange(int(lengths.sum())) + (firsts - starts).repeat(lengths),
        targets=np.array([token for run in runs for token in run.targets], dtype=np.int64),
        is_wide=np.array([run.is_wide for run in runs], dtype=bool).repeat(lengths),
        bounds=[slice(*both) for both in zip(starts.tolist(), ends.tolist(), strict=True)],
    )


class Asked(NamedTuple):
    """What one pass over a batch has to answer."""

    runs: list[Run]
    """First one per row for its continuation, which lacks the first token where nothing is before it."""
    prefixes: dict[int, int]
    """Runs of prefixes by row; they lack the first token."""
    firsts: dict[tuple[int, int], int]
    """Runs of the first tokens of branches, by row and branch."""


def asked_of(batch: Sequence[Forcible], *, with_firsts: bool) -> Asked:
    """The runs of a batch; `with_firsts`: also those of branches."""
    runs = [
        _after(i, len(row.prefix_ids), row.ids)._replace(is_wide=row.is_wide)
        for i, row in enumerate(batch)
    ]
    prefixes, firsts = {}, {}
    for i, row in enumerate(batch):
        if row.with_prefix:
            prefixes[i] = len(runs)
            runs.append(_after(i, 0, row.prefix_ids))
        for b, twig in enumerate(row.twigs if with_firsts else ()):
            run = _after(i, len(row.prefix_ids) + twig.at, twig.ids[:1])
            if run.targets:
                firsts[i, b] = len(runs)
                runs.append(run)
    return Asked(runs, prefixes, firsts)


def _after(row: int, n_before: int, ids: Sequence[int]) -> Run:
    """The run of tokens after so many others; without the first where nothing is before it."""
    return Run(row, n_before - 1, ids) if n_before else Run(row, 0, ids[1:])


def token_range(ends: np.ndarray, start: int, end: int) -> tuple[int, int]:
    """The tokens that end inside a piece of text.

    Args:
        ends: characters up to the end of each token, ascending.
        start: where the piece begins; a token that ends there is not in it.
        end: where it ends.
    """
    first, last = np.searchsorted(ends, (start, end), side="right")
    return int(first), int(last)


def tokens_before(ends: np.ndarray, at: int) -> int:
    """How many tokens stand before a place in the text, one that it cuts included."""
    whole = int(np.searchsorted(ends, at, side="right"))
    reached = int(ends[whole - 1]) if whole else 0
    return whole + int(reached < at and whole < len(ends))
