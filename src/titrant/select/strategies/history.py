"""Rankings by how accuracy went in an earlier training run: learning impact and historical variance.

A history is one accuracy per epoch and question, so all traces of a question share its number. Where
an epoch is missing (histories of unequal length, or a null) it is left out of every sum.

`limr` (Li, Zou, Liu, "LIMR", arXiv 2502.11886). With r_i^k the accuracy of question i in epoch k and
r_avg^k its mean over the questions,

    s_i = 1 − Σ_k (r_i^k − r_avg^k)² / Σ_k (1 − r_avg^k)².

1: it goes as the mean does. A question that is always solved has exactly 0. LIMR trains on s_i > 0.6
(its released script defaults to 0.2); here it is an order, high first. Where we depart: the sums go over
the epochs that the question and the mean both have, and the mean of an epoch over the questions that
have it. The script of 1-shot RLVR cuts all histories at the shortest, LIMR's fills a gap with the
epoch after it and drops the questions that still have one. The mean is over the questions of the pool,
not over those of the whole earlier run. LIMR's paper puts rewards of 1, −0.5 and −1 into the formula, its
script accuracies, as here; with rewards the mean is lower and the denominator larger.

`history-std` (Wang et al., "1-shot RLVR", arXiv 2504.20571): the standard deviation over the epochs,
high first; population form (numpy's default), as in their script. One epoch has none.

**Cost**: an earlier run on the whole pool, which is what a selection is meant to save.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.select.strategies.order import by_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.select.candidates import Candidates
    from titrant.select.strategies.base import Placed

KEPT_BY_LIMR = 0.6


def place_limr(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """Questions that go as the mean does first."""
    scores = alignment(candidates.history())[candidates.question]
    side = np.where(scores > KEPT_BY_LIMR, "over", "not over")
    return by_value(
        scores,
        lambda i: f"alignment {scores[i]:.3f}, {side[i]} LIMR's {KEPT_BY_LIMR}",
        first="high",
    )


def place_history_std(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """Questions whose accuracy changed most first."""
    spread = spreads(candidates.history())[candidates.question]
    return by_value(
        spread, lambda i: f"accuracy's std {spread[i]:.3f} over the epochs", first="high"
    )


def alignment(histories: Sequence[np.ndarray]) -> np.ndarray:
    """s_i of each history, float64 [histories]; see the module docstring.

    NaN where a history has no epoch, or where the mean is 1 in all of its epochs (0 / 0).
    """
    table = as_table(histories)
    known = ~np.isnan(table)
    counts = known.sum(axis=0)
    mean = np.where(known, table, 0.0).sum(axis=0) / np.maximum(counts, 1)
    off = np.where(known, (table - mean) ** 2, 0.0).sum(axis=1)
    most = np.where(known, (1.0 - mean) ** 2, 0.0).sum(axis=1)
    scores = np.full(len(table), np.nan)
    return 1.0 - np.divide(off, most, out=scores, where=most > 0)


def spreads(histories: Sequence[np.ndarray]) -> np.ndarray:
    """Population standard deviation of each history, float64 [histories]; NaN under two epochs."""
    table = as_table(histories)
    known = ~np.isnan(table)
    counts = known.sum(axis=1)
    mean = np.where(known, table, 0.0).sum(axis=1) / np.maximum(counts, 1)
    squares = np.where(known, (table - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return np.where(counts > 1, np.sqrt(squares / np.maximum(counts, 1)), np.nan)


def as_table(histories: Sequence[np.ndarray]) -> np.ndarray:
    """Histories side by side, float64 [histories, epochs]; NaN where one has no such epoch."""
    epochs = max((len(history) for history in histories), default=0)
    table = np.full((len(histories), epochs), np.nan)
    for row, history in zip(table, histories, strict=True):
        row[: len(history)] = history
    return table
