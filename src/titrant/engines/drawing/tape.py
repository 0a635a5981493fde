"""What the rows of a batch have drawn, token by token: one write per token of the batch, one read per row.

Numbers are kept in arrays of `STRETCH` tokens for all rows, so a token costs a few numpy calls whatever the
number of rows, and memory grows with what is drawn and not with what might be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from titrant.engines.drawing.choose import Step, Wanted

STRETCH = 128


class Taped(NamedTuple):
    """What one row drew."""

    token_ids: np.ndarray
    """int64 [tokens]."""
    logprobs: np.ndarray
    """float32 [tokens]."""
    top_ids: np.ndarray
    """int32 [tokens, k]; k is that of the batch, best first."""
    top_logprobs: np.ndarray
    """float32 [tokens, k]."""
    distribution: np.ndarray
    """Entropy, variance and mean logprob, float32 [tokens, 3]; [tokens, 0] where nobody asked."""


class Tape:
    """Of one batch."""

    def __init__(self, n_rows: int, wanted: Wanted) -> None:
        """An empty tape.

        Args:
            n_rows: rows of the batch; each keeps its number.
            wanted: which numbers come beside token and logprob.
        """
        self._n_rows, self._k = n_rows, wanted.k
        self._width = 3 if wanted.with_distribution else 0
        self._stretches: list[Taped] = []

    def write(self, rows: np.ndarray, position: int, step: Step) -> None:
        """Keep the token that each of some rows drew at a position.

        Args:
            rows: numbers of the rows, int [some].
            position: tokens before it; positions come in order.
            step: of those rows.
        """
        at = position % STRETCH
        if at == 0:
            self._stretches.append(self._blank())
        here = self._stretches[-1]
        here.token_ids[rows, at] = step.ids
        here.logprobs[rows, at] = step.logprobs
        if step.top_ids is not None and step.top_logprobs is not None:
            here.top_ids[rows, at] = step.top_ids
            here.top_logprobs[rows, at] = step.top_logprobs
        if step.distribution is not None:
            here.distribution[rows, at] = step.distribution

    def read(self, row: int, n: int) -> Taped:
        """The first `n` tokens of a row."""
        if not self._stretches:
            return Taped(*(values[row, :0] for values in self._blank()))
        columns = zip(*self._stretches, strict=True)
        return Taped(*(np.concatenate([part[row] for part in parts])[:n] for parts in columns))

    def last(self, row: int, n: int, count: int) -> list[int]:
        """The last `count` of the first `n` tokens of a row, or as many as there are."""
        found: list[int] = []
        for position in range(max(0, n - count), n):
            stretch, at = divmod(position, STRETCH)
            found.append(int(self._stretches[stretch].token_ids[row, at]))
        return found

    def _blank(self) -> Taped:
        shape = (self._n_rows, STRETCH)
        return Taped(
            np.empty(shape, dtype=np.int64),
            np.empty(shape, dtype=np.float32),
            np.empty((*shape, self._k), dtype=np.int32),
            np.empty((*shape, self._k), dtype=np.float32),
            np.empty((*shape, self._width), dtype=np.float32),
        )
