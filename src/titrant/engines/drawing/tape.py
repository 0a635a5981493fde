"""What rows have drawn, token by token: one write per token of all rows, one read per row.

Every row has a place on the tape, which the next one takes when it has been read. Numbers stand in arrays
of places × tokens that grow by doubling, so a token costs a few numpy calls whatever the number of rows, and
memory grows with what is drawn and not with what might be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from titrant.engines.drawing.choose import Step, Wanted

SHORTEST = 128
"""Tokens that an empty tape has room for."""


class Taped(NamedTuple):
    """What one row drew; or, on the tape, what all did, with places in front."""

    token_ids: np.ndarray
    """int64 [tokens]."""
    logprobs: np.ndarray
    """float32 [tokens]."""
    top_ids: np.ndarray
    """int32 [tokens, k]; k is the most that any row wants, best first."""
    top_logprobs: np.ndarray
    """float32 [tokens, k]."""
    distribution: np.ndarray
    """Entropy, variance and mean logprob, float32 [tokens, 3]; [tokens, 0] where nobody asked."""


class Tape:
    """Of the rows that are drawn side by side."""

    def __init__(self, wanted: Wanted) -> None:
        """An empty tape.

        Args:
            wanted: which numbers come beside token and logprob.
        """
        k, width = wanted.k, 3 if wanted.with_distribution else 0
        shape = (0, SHORTEST)
        self._all = Taped(
            np.empty(shape, dtype=np.int64),
            np.empty(shape, dtype=np.float32),
            np.empty((*shape, k), dtype=np.int32),
            np.empty((*shape, k), dtype=np.float32),
            np.empty((*shape, width), dtype=np.float32),
        )
        self._free: list[int] = []

    def open(self, n: int) -> np.ndarray:
        """Places for new rows, int64 [n]."""
        places, tokens = self._all.token_ids.shape
        missing = n - len(self._free)
        if missing > 0:
            self._grow(max(places + missing, 2 * places), tokens)
            self._free += range(places, len(self._all.token_ids))
        taken, self._free = self._free[:n], self._free[n:]
        return np.array(taken, dtype=np.int64)

    def write(self, places: np.ndarray, positions: np.ndarray, step: Step) -> None:
        """Keep the token that each of some rows drew.

        Args:
            places: of the rows, int64 [some].
            positions: tokens that each has drawn before, int64 [some].
            step: of those rows.
        """
        rows, tokens = self._all.token_ids.shape
        if positions.max(initial=0) >= tokens:
            self._grow(rows, 2 * tokens)
        kept, at = self._all, (places, positions)
        kept.token_ids[at] = step.ids
        kept.logprobs[at] = step.logprobs
        if step.top_ids is not None and step.top_logprobs is not None:
            kept.top_ids[at] = step.top_ids
            kept.top_logprobs[at] = step.top_logprobs
        if step.distribution is not None:
            kept.distribution[at] = step.distribution

    def read(self, place: int, n: int) -> Taped:
        """The first `n` tokens of a row."""
        return Taped(*(values[place, :n].copy() for values in self._all))

    def close(self, places: np.ndarray) -> None:
        """Give places to other rows; int64 [some]."""
        self._free += places.tolist()

    def last(self, place: int, n: int, count: int) -> list[int]:
        """The last `count` of the first `n` tokens of a row, or as many as there are."""
        return self._all.token_ids[place, max(0, n - count) : n].tolist()

    def _grow(self, places: int, tokens: int) -> None:
        grown = []
        for values in self._all:
            more = np.empty((places, tokens, *values.shape[2:]), dtype=values.dtype)
            more[: values.shape[0], : values.shape[1]] = values
            grown.append(more)
        self._all = Taped(*grown)
