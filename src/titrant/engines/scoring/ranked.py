"""Scores from ranked entries: how vLLM says logprobs of a prompt, in this process and over HTTP.

A position has a few tokens with their logprob and their rank in the whole vocabulary: the k likeliest, and the
one that stands there if it is none of them. The first position of a text has nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from titrant.engines.base import BranchScore, Score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Entry(Protocol):
    """One token at one position; vLLM's own class is one."""

    @property
    def logprob(self) -> float:
        """In nats."""
        ...

    @property
    def rank(self) -> int | None:
        """1 for the likeliest of the vocabulary."""
        ...


class Ranked(NamedTuple):
    """An entry of ours."""

    logprob: float
    rank: int


class ForcedText(NamedTuple):
    """A text that was teacher-forced, and what was said of each of its positions."""

    prefix_ids: Sequence[int]
    ids: Sequence[int]
    ends: np.ndarray
    """Characters up to the end of each token of `ids`, int32 [tokens]."""
    entries: Sequence[Mapping[int, Entry] | None]
    """Of prefix and text, one per token; `None` where nothing is before it."""


def likeliest(entries: Mapping[int, Entry], k: int) -> list[tuple[int, float]]:
    """Exactly the k likeliest tokens with their logprobs, best first."""
    ranked = sorted((e.rank, t, e.logprob) for t, e in entries.items() if e.rank and e.rank <= k)
    return [(token, logprob) for _, token, logprob in ranked[:k]]


def score_of(
    main: ForcedText, branches: Sequence[ForcedText], *, k: int, with_prefix: bool
) -> Score:
    """The score of a text and its branches.

    Args:
        main: the text.
        branches: without prefix: their entries are those of their own tokens.
        k: likeliest tokens that are wanted.
        with_prefix: whether the prefix is.
    """
    start = len(main.prefix_ids)
    top_ids, top = _top(main.entries[start:], k)
    return Score(
        token_ids=tuple(main.ids),
        logprobs=_own(main.entries[start:], main.ids),
        entropy=None,
        top_ids=top_ids if k else None,
        top_logprobs=top if k else None,
        token_ends=main.ends,
        n_prefix_tokens=start,
        prefix_logprobs=_own(main.entries[:start], main.prefix_ids) if with_prefix else None,
        branches=tuple(BranchScore(_own(b.entries, b.ids), b.ends) for b in branches),
    )


def _own(entries: Sequence[Mapping[int, Entry] | None], ids: Sequence[int]) -> np.ndarray:
    found = [
        np.nan if at is None else at[token].logprob for at, token in zip(entries, ids, strict=True)
    ]
    return np.array(found, dtype=np.float32)


def _top(entries: Sequence[Mapping[int, Entry] | None], k: int) -> tuple[np.ndarray, np.ndarray]:
    """−1 and NaN where there are none."""
    ids = np.full((len(entries), k), -1, dtype=np.int32)
    values = np.full((len(entries), k), np.nan, dtype=np.float32)
    for i, at in enumerate(entries):
        best = likeliest(at or {}, k)
        if best:
            ids[i, : len(best)] = [token for token, _ in best]
            values[i, : len(best)] = [logprob for _, logprob in best]
    return ids, values
