"""Sequential votes of many questions at once: one walk per question, or per question and resample.

A walk is what a rule has seen of one question: its draws in order, the votes, the bar, whether it goes on.
All walks are arrays, so that replaying 64 resamples of 1,000 questions takes as many steps as one question
has draws; and the online loop, which draws for many questions at a time, goes through the very same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.vote.equal import NO_ANSWER
from titrant.vote.rules import DeepConf
from titrant.vote.voters import TIE, threshold

if TYPE_CHECKING:
    from titrant.vote.rules import Rule

_NEVER = np.iinfo(np.int32).max


class Told(NamedTuple):
    """The next draw of each of some walks, once it is over."""

    group: np.ndarray
    """Group of its answer, −1 without one; int [told]."""
    signal: np.ndarray
    """Its lowest window, which sets the bar; NaN where not known; float64 [told]. Not looked at without a
    bar."""
    is_weak: np.ndarray
    """Whether it was ended for want of confidence; bool [told]."""
    weight: np.ndarray | None = None
    """Of its vote under a rule with a bar; `None`: the signal itself; float64 [told]."""


class Decided(NamedTuple):
    """Where the walks stand."""

    group: np.ndarray
    """The leader's; −1 where no draw has an answer; int [walks]."""
    share: np.ndarray
    """Its part of the votes; NaN where nobody voted; float64 [walks]."""
    n_votes: np.ndarray
    """int [walks]."""
    n_drawn: np.ndarray
    """Draws that were started; int [walks]."""
    is_settled: np.ndarray
    """Ended by the rule and not by the budget; bool [walks]."""
    fell_back: np.ndarray
    """Nobody voted, so the majority of complete draws is given; bool [walks]."""


class Walks:
    """The state of all walks under one rule."""

    def __init__(self, rule: Rule, n: int) -> None:
        self.rule = rule
        self._votes = np.zeros((n, 1))
        self._counts = np.zeros((n, 1), dtype=np.int64)
        """Complete draws with an answer, by group."""
        self._first = np.full((n, 1), _NEVER, dtype=np.int32)
        """The draw at which each group was first seen."""
        self._last = np.full(n, NO_ANSWER, dtype=np.int64)
        self._run = np.zeros(n, dtype=np.int64)
        self.n_drawn = np.zeros(n, dtype=np.int64)
        self.n_votes = np.zeros(n, dtype=np.int64)
        self.is_open = np.ones(n, dtype=bool)
        self._is_settled = np.zeros(n, dtype=bool)
        width = rule.warmup if rule.has_bar else 0
        self._warm_group = np.full((n, width), NO_ANSWER, dtype=np.int64)
        self._warm_signal = np.full((n, width), np.nan)
        self._warm_weight = np.full((n, width), np.nan)
        self.bar = np.full(n, -np.inf)
        """Confidence under which a draw is to be ended, `TIE` under the percentile; −∞ while there is none;
        float64 [walks]."""

    def __len__(self) -> int:
        return len(self.n_drawn)

    def tell(self, rows: np.ndarray, told: Told) -> None:
        """Count the next draw of some open walks; each row at most once.

        Args:
            rows: which walks, int [told].
            told: their draws.
        """
        self._widen(int(told.group.max(initial=-1)) + 1)
        at, group = self.n_drawn[rows], told.group.astype(np.int64)
        answered = (group != NO_ANSWER) & ~told.is_weak
        mine, groups = rows[answered], group[answered]
        self._counts[mine, groups] += 1
        self._first[mine, groups] = np.minimum(self._first[mine, groups], at[answered])
        self._follow(rows, np.where(answered, group, NO_ANSWER))
        self.n_drawn[rows] += 1
        if self.rule.has_bar:
            self._tell_with_bar(rows, at, told, answered)
        else:
            self._votes[mine, groups] += 1.0
            self.n_votes[mine] += 1
        self._is_settled[rows] = self.rule.settled(self, rows)
        self.is_open[rows] = ~self._is_settled[rows] & (self.n_drawn[rows] < self.rule.budget)

    def leaders(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Counts of the commonest and the next answer of some walks; int [rows] each."""
        ordered = np.sort(self._counts[rows], axis=1)
        second = ordered[:, -2] if ordered.shape[1] > 1 else np.zeros(len(rows), dtype=np.int64)
        return ordered[:, -1], second

    def run_length(self, rows: np.ndarray) -> np.ndarray:
        """How many of the last draws in a row gave one answer; int [rows]."""
        return self._run[rows]

    def leader_share(self, rows: np.ndarray) -> np.ndarray:
        """The leader's part of the votes; NaN where nobody voted; float64 [rows]."""
        votes = self._votes[rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = votes.max(axis=1) / votes.sum(axis=1)
        return np.where(self.n_votes[rows] > 0, share, np.nan)

    def decided(self) -> Decided:
        """Where each walk stands now."""
        has_voted = self.n_votes > 0
        by_votes = _winner(self._votes, self._first)
        by_counts = _winner(self._counts.astype(float), self._first)
        any_answer = self._counts.sum(axis=1) > 0
        group = np.where(has_voted, by_votes, np.where(any_answer, by_counts, NO_ANSWER))
        return Decided(
            group=group,
            share=self.leader_share(np.arange(len(self))),
            n_votes=self.n_votes.copy(),
            n_drawn=self.n_drawn.copy(),
            is_settled=self._is_settled.copy(),
            fell_back=~has_voted & any_answer,
        )

    def _follow(self, rows: np.ndarray, group: np.ndarray) -> None:
        """How long the last answer has been given in a row."""
        goes_on = (group == self._last[rows]) & (group != NO_ANSWER)
        starts = np.where(group == NO_ANSWER, 0, 1)
        self._run[rows] = np.where(goes_on, self._run[rows] + 1, starts)
        self._last[rows] = group

    def _tell_with_bar(
        self, rows: np.ndarray, at: np.ndarray, told: Told, answered: np.ndarray
    ) -> None:
        warmup, weight = self.rule.warmup, told.signal if told.weight is None else told.weight
        is_warm = at < warmup
        warm = rows[is_warm]
        self._warm_group[warm, at[is_warm]] = np.where(answered, told.group, NO_ANSWER)[is_warm]
        self._warm_signal[warm, at[is_warm]] = told.signal[is_warm]
        self._warm_weight[warm, at[is_warm]] = weight[is_warm]
        self._raise_bar(rows[at == warmup - 1])
        votes = ~is_warm & answered
        self._cast(rows[votes], told.group[votes].astype(np.int64), weight[votes])

    def _raise_bar(self, rows: np.ndarray) -> None:
        """Set the bar of walks whose last warm-up was told, and let those at or over it vote."""
        if not len(rows) or not isinstance(self.rule, DeepConf):
            return
        signal = self._warm_signal[rows]
        bars = threshold(signal, self.rule.eta) - TIE
        self.bar[rows] = bars = np.where(np.isnan(bars), -np.inf, bars)
        for column in range(signal.shape[1]):
            group = self._warm_group[rows, column]
            votes = (group != NO_ANSWER) & (signal[:, column] >= bars)
            self._cast(rows[votes], group[votes], self._warm_weight[rows[votes], column])

    def _cast(self, rows: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> None:
        """Add votes; without a known signal there is nothing to weigh, so no vote."""
        known = np.isfinite(weights)
        self._votes[rows[known], groups[known]] += weights[known]
        self.n_votes[rows[known]] += 1

    def _widen(self, n_groups: int) -> None:
        more = n_groups - self._votes.shape[1]
        if more > 0:
            pad = ((0, 0), (0, more))
            self._votes = np.pad(self._votes, pad)
            self._counts = np.pad(self._counts, pad)
            self._first = np.pad(self._first, pad, constant_values=_NEVER)


def _winner(votes: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The group with most votes, of equal ones the one drawn first; int [walks]."""
    is_top = votes >= votes.max(axis=1, keepdims=True) - 1e-12
    return np.where(is_top, first, _NEVER).argmin(axis=1)
