"""Does a signal tell right from wrong draws of the same question? AUROC within question.

Across questions a signal mostly knows which question is hard, which is of no use to a vote: all draws of a
question compete with each other only. So pairs (right, wrong) are those of one question: the share that the
signal orders as it should, ties counting half. Questions count by their pairs; the bootstrap draws
questions. Draws that were cut or are unreadable are neither right nor wrong here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from titrant.vote.logs.log import DrawLog

BOOTSTRAPS = 2000
"""Resamples of questions."""


class Within(NamedTuple):
    """AUROC within question."""

    auroc: float
    """0.5 is a coin; NaN where no question has both kinds."""
    low: float
    high: float
    questions: int
    """With a right and a wrong draw."""
    pairs: int


class Difference(NamedTuple):
    """AUROC of one signal less that of another, on the same questions."""

    estimate: float
    low: float
    high: float


def wins(signal: np.ndarray, log: DrawLog) -> np.ndarray:
    """Pairs won and pairs of each question, float64 [questions, 2]; 0 pairs where a kind is missing."""
    is_known = np.isfinite(signal)
    is_wrong = log.verdict == "wrong"
    found = np.zeros((len(log), 2))
    for q in range(len(log)):
        mine = slice(log.offsets[q], log.offsets[q + 1])
        right = np.sort(signal[mine][is_known[mine] & log.is_right[mine]])
        wrong = np.sort(signal[mine][is_known[mine] & is_wrong[mine]])
        if len(right) and len(wrong):
            under = np.searchsorted(wrong, right, side="left").sum()
            at_most = np.searchsorted(wrong, right, side="right").sum()
            found[q] = (under + at_most) / 2, len(right) * len(wrong)
    return found


def auroc_within(
    signal: np.ndarray, log: DrawLog, *, confidence: float = 0.9, seed: int = 0
) -> Within:
    """AUROC of a signal of which high is better, with its interval over questions.

    Args:
        signal: float64 [draws].
        log: the draws.
        confidence: level of the interval.
        seed: root of the bootstrap.
    """
    found = wins(signal, log)
    n_pairs = float(found[:, 1].sum())
    if not n_pairs:
        return Within(float("nan"), float("nan"), float("nan"), 0, 0)
    low, high = np.nanquantile(_drawn(found, len(log), seed), _tails(confidence))
    return Within(
        float(found[:, 0].sum() / n_pairs),
        float(low),
        float(high),
        int((found[:, 1] > 0).sum()),
        int(n_pairs),
    )


def auroc_difference(
    one: np.ndarray, other: np.ndarray, log: DrawLog, *, confidence: float = 0.9, seed: int = 0
) -> Difference:
    """How much better one signal tells right from wrong than another, on the draws where both are known.

    Args:
        one: float64 [draws].
        other: float64 [draws].
        log: the draws.
        confidence: level of the interval, which is paired by question.
        seed: root of the bootstrap.
    """
    is_known = np.isfinite(one) & np.isfinite(other)
    mine, theirs = (wins(np.where(is_known, values, np.nan), log) for values in (one, other))
    if not mine[:, 1].sum() or not theirs[:, 1].sum():
        return Difference(float("nan"), float("nan"), float("nan"))
    here = mine[:, 0].sum() / mine[:, 1].sum() - theirs[:, 0].sum() / theirs[:, 1].sum()
    drawn = _drawn(mine, len(log), seed) - _drawn(theirs, len(log), seed)
    low, high = np.nanquantile(drawn, _tails(confidence))
    return Difference(float(here), float(low), float(high))


def _drawn(found: np.ndarray, n: int, seed: int) -> np.ndarray:
    """AUROC under resampling of questions, the same ones for every signal; float64 [draws]."""
    counts = derive_rng(seed, "within", n).multinomial(n, np.full(n, 1 / n), size=BOOTSTRAPS)
    with np.errstate(invalid="ignore"):  # a draw without any pair
        return (counts @ found[:, 0]) / (counts @ found[:, 1])


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2
