r"""What the base would answer for a budget of tokens: draws in their order, then a majority vote.

The first draw counts always; a later one counts only if all draws up to it fit into the budget. The base's
own reading (greedy, as a rule) comes first, then its draws: so at its own price the base answers as it was
read, more tokens can only add votes, and a tie goes to the reading (`vote.voters`: the first drawn).

All right answers are one group; wrong ones are grouped as they are spelt (`vote.equal.spelling_of`). A
wrong answer in two spellings has its votes split, which favours the base, and so works against the gain.
A draw without a readable answer, or one that was cut, costs its tokens and has no vote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.traces.record import Verdict
from titrant.vote.equal import NO_ANSWER, spelling_of
from titrant.vote.voters import Voter, vote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RIGHT = 0
"""Group of the right answers."""
MAJORITY = Voter()


class Answer(NamedTuple):
    """One draw."""

    answer: str | None
    correct: bool
    verdict: str | None
    n_tokens: int


class Purse(NamedTuple):
    """Draws of some problems in the order in which they are spent."""

    group: np.ndarray
    """Of each answer, −1 without one and behind the last; int [problems, draws]."""
    cost: np.ndarray
    """Tokens of all draws up to each; int64 [problems, draws]."""
    n: np.ndarray
    """Draws, int64 [problems]."""

    @property
    def mean_tokens(self) -> np.ndarray:
        """Of a draw, float64 [problems]; NaN without draws."""
        last = self.cost[:, -1] if self.cost.shape[1] else np.zeros(len(self.n))
        return np.divide(last, self.n, where=self.n > 0, out=np.full(len(self.n), np.nan))


class Spent(NamedTuple):
    """What a budget gave."""

    is_right: np.ndarray
    """float64 [problems]; NaN without draws."""
    tokens: np.ndarray
    """Tokens of the draws that counted, float64 [problems]."""
    is_short: np.ndarray
    """Whether another draw of usual length would have fitted, had there been one; bool [problems]."""


def fill_purse(qids: Sequence[str], drawn: Mapping[str, Iterable[Answer]]) -> Purse:
    """Draws of problems side by side.

    Args:
        qids: the problems, in the order of rows.
        drawn: of each problem in the order in which they are spent; none for a problem that is not there.
    """
    rows = [list(drawn.get(qid, ())) for qid in qids]
    width = max((len(row) for row in rows), default=0)
    group = np.full((len(rows), width), NO_ANSWER, dtype=np.int64)
    tokens = np.zeros((len(rows), width), dtype=np.int64)
    for i, row in enumerate(rows):
        group[i, : len(row)] = _groups(row)
        tokens[i, : len(row)] = [one.n_tokens for one in row]
    return Purse(group, tokens.cumsum(axis=1), np.array([len(row) for row in rows], dtype=np.int64))


def _groups(row: Sequence[Answer]) -> list[int]:
    number: dict[str, int] = {}
    found = []
    for one in row:
        text = None if one.verdict == Verdict.TRUNCATED else spelling_of(one.answer)
        if one.correct:
            found.append(RIGHT)
        elif text is None:
            found.append(NO_ANSWER)
        else:
            found.append(number.setdefault(text, RIGHT + 1 + len(number)))
    return found


def spend(purse: Purse, budget: np.ndarray) -> Spent:
    """Vote over what the budget pays for.

    Args:
        purse: the draws.
        budget: tokens, float64 [problems].

    Example:
        Draws of 10, 10 and 10 tokens, the first wrong, the others right: 25 tokens pay for two, and the
        tie goes to the first; 30 pay for all.

        >>> wrong, right = Answer("7", False, "wrong", 10), Answer("8", True, "correct", 10)
        >>> purse = fill_purse(["q"], {"q": [wrong, right, right]})
        >>> [float(spend(purse, np.array([tokens])).is_right[0]) for tokens in (25, 30)]
        [0.0, 1.0]
    """
    has_any = purse.n > 0
    if not purse.group.shape[1]:
        nothing = np.full(len(purse.n), np.nan)
        return Spent(nothing, nothing, np.ones(len(purse.n), dtype=bool))
    place = np.arange(purse.group.shape[1])
    is_draw = place < purse.n[:, None]
    counts = is_draw & ((purse.cost <= budget[:, None]) | (place == 0))
    winner = vote(MAJORITY, np.where(counts, purse.group, NO_ANSWER)).group
    last = counts.sum(axis=1) - 1
    tokens = purse.cost[np.arange(len(last)), last.clip(min=0)]
    another = np.where(has_any, tokens + purse.mean_tokens, 0.0)
    is_short = (counts.sum(axis=1) == purse.n) & (another <= budget)
    return Spent(
        np.where(has_any, winner == RIGHT, np.nan),
        np.where(has_any, tokens, np.nan),
        is_short,
    )
