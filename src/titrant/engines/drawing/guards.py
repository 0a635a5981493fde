"""Confidence of a draw while it is drawn: O(1) work per token, and the draw ends when it falls too low.

The confidence of a token is −(1/k) Σ_j ln P(j) over its k likeliest tokens (Fu et al. 2025, arXiv
2508.15260, §3); that of a window is the mean of its last n tokens. A draw under a `Guard` ends with the first
token at which a full window's mean is under the bar. A draw shorter than the window never does.

A window is a ring of n numbers and their sum. Adding and subtracting would let rounding pile up, so each
time the ring is full round the sum is made anew: n additions every n tokens.

Where we differ from the published logits processor: it masks all logits but one stop token's and so ends a
draw one token later, knows one stop token only, and copies each confidence to the host alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Guard


class Windows:
    """The mean of the last n numbers of several streams, one number of each at a time."""

    def __init__(self, sizes: np.ndarray) -> None:
        """Empty windows.

        Args:
            sizes: numbers of a full window, at least 1, int [streams].
        """
        self._sizes = np.asarray(sizes, dtype=np.int64)
        width = int(self._sizes.max(initial=1))
        self._ring = np.zeros((len(self._sizes), width))
        self._sums = np.zeros(len(self._sizes))
        self._n = np.zeros(len(self._sizes), dtype=np.int64)

    def push(self, values: np.ndarray) -> np.ndarray:
        """Add one number to each stream; the means of full windows, NaN before; float64 [streams]."""
        at = self._n % self._sizes
        rows = np.arange(len(self._sizes))
        self._sums += values - self._ring[rows, at]
        self._ring[rows, at] = values
        self._n += 1
        is_round = self._n % self._sizes == 0
        if is_round.any():
            self._sums[is_round] = self._ring[is_round].sum(axis=1)  # zeros beyond a smaller size
        return np.where(self._n >= self._sizes, self._sums / self._sizes, np.nan)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the streams, in this order."""
        at = np.asarray(rows, dtype=np.int64)
        self._sizes, self._ring, self._sums = self._sizes[at], self._ring[at], self._sums[at]
        self._n = self._n[at]

    def join(self, other: Windows) -> None:
        """Take further streams behind these."""
        width = max(self._ring.shape[1], other._ring.shape[1])
        rings = [
            np.pad(ring, ((0, 0), (0, width - ring.shape[1]))) for ring in (self._ring, other._ring)
        ]
        self._ring = np.concatenate(rings)
        self._sizes = np.concatenate([self._sizes, other._sizes])
        self._sums = np.concatenate([self._sums, other._sums])
        self._n = np.concatenate([self._n, other._n])


class Guards:
    """The guards of draws that are made side by side."""

    def __init__(self, guards: Sequence[Guard | None]) -> None:
        """`None` for a draw that nothing ends."""
        self._bars = np.array([-np.inf if g is None else g.bar for g in guards])
        self._floors = np.array([-np.inf if g is None else g.floor for g in guards])
        self._windows = Windows(np.array([1 if g is None else g.window for g in guards]))

    @property
    def is_needed(self) -> bool:
        """Whether any draw has a bar."""
        return bool((self._bars > -np.inf).any())

    def push(self, top_logprobs: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Tell each draw's next token; which of them fall under their bar, bool [draws].

        Args:
            top_logprobs: best first, [draws, most k].
            k: entries that each draw asked for; the rest is not looked at; int [draws].
        """
        floored = np.maximum(top_logprobs, self._floors[:, None])
        is_asked = np.arange(top_logprobs.shape[1]) < k[:, None]
        sums = np.sum(floored, axis=1, where=is_asked, dtype=np.float64, initial=0.0)
        with np.errstate(invalid="ignore"):
            means = self._windows.push(-sums / np.maximum(k, 1))
            return means < self._bars

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the draws, in this order."""
        at = np.asarray(rows, dtype=np.int64)
        self._bars, self._floors = self._bars[at], self._floors[at]
        self._windows.keep(rows)

    def join(self, other: Guards) -> None:
        """Take further draws behind these."""
        self._bars = np.concatenate([self._bars, other._bars])
        self._floors = np.concatenate([self._floors, other._floors])
        self._windows.join(other._windows)
