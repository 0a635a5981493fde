"""Draws of many questions as arrays: what votes, rules and replays work on.

The draws of a question stand side by side in the order in which they were drawn. A draw has the group of
its answer, its verdict, its length, and signals of which high is better; of its tokens the log keeps only
what a stopping rule can ask: at which token the mean of a full window first fell under a bar, for any bar
(the record lows of the window means).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.signals.ragged import Ragged, offsets_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Lows(NamedTuple):
    """Record lows of each draw's window confidences, padded to one width."""

    value: np.ndarray
    """Falling along a row, −∞ never: padding is +∞; float64 [draws, records]."""
    tokens: np.ndarray
    """Tokens generated when each record was reached; int32 [draws, records]."""


@dataclass(frozen=True, slots=True)
class DrawLog:
    """All draws of some questions."""

    qids: tuple[str, ...]
    offsets: np.ndarray
    """Draws of question q are `offsets[q]:offsets[q + 1]`; int64 [questions + 1]."""
    group: np.ndarray
    """Of each draw's answer within its question, −1 without one; int32 [draws]."""
    is_right: np.ndarray
    """bool [draws]; false for cut and unreadable ones too."""
    verdict: np.ndarray
    """Of each draw as text; empty where there is no gold answer, and for draws that did not run to their
    end; [draws]."""
    n_tokens: np.ndarray
    """Generated tokens, the stop token included; int64 [draws]."""
    lows: Mapping[str, Lows]
    """Of the signals that a rule can stop by, by name: means of windows of that size."""
    window: int
    """Tokens of a window of group confidence."""
    signals: Mapping[str, np.ndarray] = field(default_factory=dict)
    """By name, high is better; float64 [draws], NaN where it cannot be computed."""

    def __len__(self) -> int:
        return len(self.qids)

    @property
    def draws(self) -> np.ndarray:
        """Draws of each question, int64 [questions]."""
        return Ragged(self.group, self.offsets).lengths

    @property
    def question(self) -> np.ndarray:
        """The question of each draw, int64 [draws]."""
        return Ragged(self.group, self.offsets).row_of

    def whole(self) -> DrawLog:
        """The log of the draws that ran to their end or to the limit.

        Those that were stopped or cancelled, or that failed, are neither right nor wrong, and say nothing of
        what the model would have answered.
        """
        return self._of_draws(self.verdict != "")

    def n_right(self) -> np.ndarray:
        """Right draws of each question, int64 [questions]."""
        return np.bincount(self.question[self.is_right], minlength=len(self))

    def only(self, kept: np.ndarray) -> DrawLog:
        """The log of some of its questions; bool [questions]."""
        found = self._of_draws(kept[self.question])
        qids = tuple(qid for qid, keep in zip(self.qids, kept.tolist(), strict=True) if keep)
        return replace(found, qids=qids, offsets=offsets_of(self.draws[kept]))

    def _of_draws(self, kept: np.ndarray) -> DrawLog:
        """The log of some of its draws, all questions in place; bool [draws]."""
        return replace(
            self,
            offsets=offsets_of(np.bincount(self.question[kept], minlength=len(self))),
            group=self.group[kept],
            is_right=self.is_right[kept],
            verdict=self.verdict[kept],
            n_tokens=self.n_tokens[kept],
            lows={
                name: Lows(lows.value[kept], lows.tokens[kept]) for name, lows in self.lows.items()
            },
            signals={name: values[kept] for name, values in self.signals.items()},
        )

    def right_groups(self) -> np.ndarray:
        """Whether each group's first draw is right; bool [questions, groups]."""
        n_groups = max(1, int(self.group.max(initial=-1)) + 1)
        found = np.zeros((len(self), n_groups), dtype=bool)
        answered = np.nonzero(self.group >= 0)[0][::-1]  # backwards, so that the first stays
        found[self.question[answered], self.group[answered]] = self.is_right[answered]
        return found


def record_lows(confidence: Ragged, window: int, *, ends_itself: np.ndarray | None = None) -> Lows:
    """The record lows of window confidences of each draw.

    Args:
        confidence: of each token, row by row.
        window: tokens of a window. A draw shorter than that has no window, and no record.
        ends_itself: draws whose last token ended them, so that it cannot have been stopped there; bool
            [draws]; `None`: none.
    """
    groups, lengths = confidence.sliding_mean(window), confidence.lengths
    rows, places, values = [], [], []
    for i in range(len(groups)):
        row = groups.row(i)
        if ends_itself is not None and ends_itself[i]:
            row = row[:-1]
        if lengths[i] < window or not len(row):
            continue
        before = np.minimum.accumulate(row)
        is_record = np.concatenate([[True], before[1:] < before[:-1]])
        rows.append(np.full(int(is_record.sum()), i))
        places.append(np.nonzero(is_record)[0] + window)
        values.append(row[is_record])
    return _padded(len(groups), rows, places, values)


def _padded(
    n: int,
    rows: Sequence[np.ndarray],
    places: Sequence[np.ndarray],
    values: Sequence[np.ndarray],
) -> Lows:
    lengths = np.zeros(n, dtype=np.int64)
    for row in rows:
        lengths[row[0]] = len(row)
    width = int(lengths.max(initial=0))
    value = np.full((n, width), np.inf)
    tokens = np.zeros((n, width), dtype=np.int32)
    if rows:
        row = np.concatenate(rows)
        column = np.arange(len(row)) - np.repeat(offsets_of(lengths)[:-1], lengths)
        value[row, column], tokens[row, column] = np.concatenate(values), np.concatenate(places)
    return Lows(value, tokens)


def stopped_at(lows: Lows, draws: np.ndarray, bar: np.ndarray) -> np.ndarray:
    """Tokens generated when each draw falls under its bar, int64 [asked]; 0: it never does.

    Args:
        lows: of all draws.
        draws: which ones, int [asked].
        bar: float64 [asked]; −∞: no bar.
    """
    if not lows.value.shape[1]:
        return np.zeros(len(draws), dtype=np.int64)
    is_under = lows.value[draws] < bar[:, None]
    first = is_under.argmax(axis=1)
    return np.where(is_under.any(axis=1), lows.tokens[draws, first], 0).astype(np.int64)
