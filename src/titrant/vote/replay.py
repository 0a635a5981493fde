"""Replaying votes and stopping rules on logged draws: what each would have answered, and spent.

A stopping rule does not influence sampling before it fires, so its run can be replayed exactly on draws
that were logged whole: a draw under the bar costs the tokens up to the end of the first window under it.
Draws are resampled per question without replacement (a permutation), so a replay of all draws of a log is
a replay of an online run that could have been.

The *control* of a bar is the same rule with confidences that say nothing: before a replay, those of a
question's warm-ups are dealt out anew among its warm-ups, and those of its later draws among these (signal
and record lows together, stops as shares of a draw's length). So the bar is the same, and as many draws
are stopped, as early, and weigh as much, but not the same ones; exactly as many where consensus ends
nothing early.

Left out: waiting for draws that were begun side by side; an online run with a width of w draws may have
spent up to w − 1 draws more than its replay when the vote was settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.errors import ConfigError
from titrant.seeds import derive_rng
from titrant.vote.equal import NO_ANSWER
from titrant.vote.logs.log import Lows, stopped_at
from titrant.vote.voters import vote
from titrant.vote.walks import Told, Walks

if TYPE_CHECKING:
    from collections.abc import Callable

    from titrant.vote.logs.log import DrawLog
    from titrant.vote.rules import Rule
    from titrant.vote.voters import Voter

NO_LOWS = Lows(np.zeros((0, 0)), np.zeros((0, 0), dtype=np.int32))
DEALT = ", dealt anew"
"""Ends the name of a control."""
RESAMPLES = 64
"""As in the paper's protocol."""


class Orders(NamedTuple):
    """In which order draws come: [resamples, questions, draws] indices of the log."""

    draws: np.ndarray
    seed: int
    """Root seed of the resampling."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Resamples, questions, draws."""
        r, q, k = self.draws.shape
        return r, q, k


@dataclass(frozen=True, slots=True)
class Replayed:
    """One rule or vote on all resamples; arrays are [resamples, questions]."""

    name: str
    is_right: np.ndarray
    """bool; false where nothing was answered."""
    has_answer: np.ndarray
    """bool."""
    tokens: np.ndarray
    """Generated, those of stopped draws among them; int64."""
    drawn: np.ndarray
    """Draws started; int64."""
    stopped: np.ndarray
    """Draws ended under the bar; int64."""
    fell_back: np.ndarray
    """bool: nobody voted, and the majority of complete draws was given."""


def make_orders(log: DrawLog, *, budget: int, resamples: int = RESAMPLES, seed: int = 0) -> Orders:
    """Permutations of each question's draws, cut to `budget`; the first is the order of the log.

    Raises:
        ConfigError: a question has fewer draws than the budget.
    """
    fewest = int(log.draws.min(initial=np.iinfo(np.int64).max))
    if budget > fewest:
        where = log.qids[int(log.draws.argmin())] if len(log) else ""
        raise ConfigError(
            f"a replay of {budget} draws per question needs as many in the log",
            expected=f"at most {fewest} draws (question {where} has no more)",
            came=str(budget),
            do=f"set the budget to {fewest}, or draw more",
        )
    found = np.empty((resamples, len(log), budget), dtype=np.int64)
    for q, qid in enumerate(log.qids):
        rng = derive_rng(seed, "replay", qid)
        n, start = int(log.draws[q]), int(log.offsets[q])
        found[0, q] = start + np.arange(budget)
        for r in range(1, resamples):
            found[r, q] = start + rng.permutation(n)[:budget]
    return Orders(found, seed)


def replay_vote(log: DrawLog, orders: Orders, voter: Voter) -> Replayed:
    """One vote over all draws of each order; every draw runs to its end."""
    r, q, k = orders.shape
    at = orders.draws.reshape(r * q, k)
    signal = None if voter.signal is None else log.signals[voter.signal][at]
    found = vote(voter, log.group[at], signal, log.n_tokens[at])
    questions = np.tile(np.arange(q), r)
    return Replayed(
        name=voter.text,
        is_right=_rightness(log, questions, found.group).reshape(r, q),
        has_answer=(found.group != NO_ANSWER).reshape(r, q),
        tokens=log.n_tokens[at].sum(axis=1).reshape(r, q),
        drawn=np.full((r, q), k),
        stopped=np.zeros((r, q), dtype=np.int64),
        fell_back=np.zeros((r, q), dtype=bool),
    )


def replay_rule(
    log: DrawLog,
    orders: Orders,
    rule: Rule,
    *,
    signal: str | None = None,
    is_control: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Replayed:
    """One stopping rule on all orders.

    Args:
        log: the draws.
        orders: at least as many draws per question as the rule's budget.
        rule: the rule.
        signal: what sets the bar, stops draws and weighs votes; one that can be negative weighs none,
            so votes count 1. `None` for a rule without a bar.
        is_control: deal the confidences of each question out anew among its draws.
        progress: called with (draws replayed, budget).
    """
    r, q, k = orders.shape
    walks, total = Walks(rule, r * q), min(rule.budget, k)
    at = orders.draws.reshape(r * q, k)
    proxies = _dealt(at, rule.warmup, orders.seed) if is_control else at
    values = np.full(len(log.group), np.nan) if signal is None else log.signals[signal]
    weights = values if not (values < 0).any() else np.where(np.isfinite(values), 1.0, np.nan)
    lows = NO_LOWS if signal is None else log.lows[signal]
    tokens, stopped = np.zeros(r * q, dtype=np.int64), np.zeros(r * q, dtype=np.int64)
    for step in range(total):
        rows = np.nonzero(walks.is_open)[0]
        if not len(rows):
            break
        draws, proxy = at[rows, step], proxies[rows, step]
        bar = np.where(walks.n_drawn[rows] < rule.warmup, -np.inf, walks.bar[rows])
        cut = stopped_at(lows, proxy, bar)
        length = log.n_tokens[draws]
        share = cut / np.maximum(log.n_tokens[proxy], 1)
        spent = np.ceil(share * length).astype(np.int64) if is_control else cut
        tokens[rows] += np.where(cut > 0, np.minimum(spent, length), length)
        stopped[rows] += cut > 0
        walks.tell(rows, Told(log.group[draws], values[proxy], cut > 0, weights[proxy]))
        if progress:
            progress(step + 1, total)
    return _replayed(log, walks, (r, q), tokens, stopped, f"{rule.text}{_of(signal, is_control)}")


def _of(signal: str | None, is_control: bool) -> str:  # noqa: FBT001 - a name
    words = "" if signal is None else f" {signal}"
    return f"{words}{DEALT}" if is_control else words


def _dealt(at: np.ndarray, warmup: int, seed: int) -> np.ndarray:
    """For each draw of an order, the draw of the same order whose confidence it gets."""
    keys = derive_rng(seed, "dealt").random(at.shape)
    keys[:, warmup:] += 1.0  # warm-ups stay among themselves
    return np.take_along_axis(at, keys.argsort(axis=1), axis=1)


def _replayed(
    log: DrawLog,
    walks: Walks,
    shape: tuple[int, int],
    tokens: np.ndarray,
    stopped: np.ndarray,
    name: str,
) -> Replayed:
    found = walks.decided()
    questions = np.tile(np.arange(shape[1]), shape[0])
    return Replayed(
        name=name,
        is_right=_rightness(log, questions, found.group).reshape(shape),
        has_answer=(found.group != NO_ANSWER).reshape(shape),
        tokens=tokens.reshape(shape),
        drawn=found.n_drawn.reshape(shape),
        stopped=stopped.reshape(shape),
        fell_back=found.fell_back.reshape(shape),
    )


def _rightness(log: DrawLog, questions: np.ndarray, group: np.ndarray) -> np.ndarray:
    right = log.right_groups()
    return np.where(group == NO_ANSWER, False, right[questions, np.maximum(group, 0)])
