"""Rules and votes against majority: accuracy, tokens, what is saved and what is lost, with intervals.

Everything is paired by question: both sides see the same draws in the same orders, and the bootstrap draws
questions. A question's value is the mean over its resamples, so the interval is over questions; resamples
only take out the noise of the order.

- *saved*: 1 − (tokens of the rule / tokens of majority over the same budget of draws).
- *loss*: accuracy of that majority − accuracy of the rule, in shares; its one-sided bound is what
  "no worse than" claims need. A bootstrap of questions of which none was lost would say that none ever is, so
  the bound is that of the sample with one more question, which the rule lost: with none lost among n, the
  95 % bound is 3/(n + 1), as the rule of three has it.
- *at equal tokens*: accuracy of the rule − that of majority with as many draws as cost the same tokens,
  interpolated on majority's own curve of accuracy against tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.seeds import derive_rng
from titrant.vote.replay import replay_vote
from titrant.vote.voters import Voter

if TYPE_CHECKING:
    from titrant.vote.logs.log import DrawLog
    from titrant.vote.replay import Orders, Replayed

BOOTSTRAPS = 2000
"""Resamples of questions."""
MAJORITY = Voter()


class Bounds(NamedTuple):
    """A number with its interval."""

    estimate: float
    low: float
    high: float


class Compared(NamedTuple):
    """One rule or vote."""

    name: str
    accuracy: Bounds
    """Right / asked; a question without an answer was asked."""
    tokens: float
    """Generated per question."""
    drawn: float
    """Draws started per question."""
    stopped: float
    """Share of them that was ended under the bar."""
    saved: Bounds
    """Share of majority's tokens that is saved; under 0 where more was spent."""
    loss: Bounds
    """Accuracy lost against majority over the whole budget."""
    loss_bound: float
    """One-sided upper bound of the loss, at the level of the intervals' one side."""
    at_equal_tokens: Bounds
    """Accuracy won against majority with as many tokens."""
    unanswered: float
    """Share of questions without an answer."""
    fell_back: float
    """Share of questions where nobody voted."""


class CurvePoint(NamedTuple):
    """Majority over n draws."""

    draws: int
    tokens: float
    """Per question."""
    accuracy: Bounds


class Comparing:
    """Compares replays with majority on the same orders."""

    def __init__(
        self, log: DrawLog, orders: Orders, *, confidence: float = 0.9, seed: int = 0
    ) -> None:
        """Replays majority at every number of draws.

        Args:
            log: the draws.
            orders: their resamples.
            confidence: level of two-sided intervals; bounds have (1 + level) / 2.
            seed: root of the bootstrap.
        """
        self._log, self._orders = log, orders
        self._tails = ((1 - confidence) / 2, (1 + confidence) / 2)
        n = len(log)
        rng = derive_rng(seed, "bootstrap of questions")
        self._counts = rng.multinomial(n, np.full(n, 1 / n), size=BOOTSTRAPS) / n
        m = n + 1
        self._counts_and_one = rng.multinomial(m, np.full(m, 1 / m), size=BOOTSTRAPS) / m
        steps = _steps(orders.shape[2])
        self._curve = [_means(replay_vote(log, _first(orders, k), MAJORITY)) for k in steps]
        self._steps = steps

    def curve(self) -> list[CurvePoint]:
        """Accuracy of majority against tokens."""
        return [
            CurvePoint(k, float(tokens.mean()), self._bounds(right))
            for k, (right, tokens) in zip(self._steps, self._curve, strict=True)
        ]

    def one_draw(self) -> Bounds:
        """Accuracy of a single draw, over all draws of the log; questions count alike."""
        return self._bounds(self._log.n_right() / np.maximum(self._log.draws, 1))

    def row(self, found: Replayed) -> Compared:
        """One rule or vote against majority over all draws of the orders."""
        right, tokens = _means(found)
        full_right, full_tokens = self._curve[-1]
        loss = full_right - right
        saved = 1 - (self._counts @ tokens) / (self._counts @ full_tokens)
        low, high = np.quantile(saved, self._tails)
        return Compared(
            name=found.name,
            accuracy=self._bounds(right),
            tokens=float(tokens.mean()),
            drawn=float(found.drawn.mean()),
            stopped=float(found.stopped.sum() / max(1, found.drawn.sum())),
            saved=Bounds(float(1 - tokens.mean() / full_tokens.mean()), float(low), float(high)),
            loss=self._bounds(loss),
            loss_bound=self._bound_of(loss),
            at_equal_tokens=self._at_equal_tokens(right, tokens),
            unanswered=float(1 - found.has_answer.mean()),
            fell_back=float(found.fell_back.mean()),
        )

    def _bound_of(self, loss: np.ndarray) -> float:
        """One-sided upper bound of a mean loss; see the module docstring."""
        drawn = self._counts_and_one @ np.append(loss, 1.0)
        return float(np.quantile(drawn, self._tails[1]))

    def _at_equal_tokens(self, right: np.ndarray, tokens: np.ndarray) -> Bounds:
        """Bootstrapped whole: the place on the curve moves with the questions."""
        costs = np.stack([self._counts @ cost for _, cost in self._curve])
        rights = np.stack([self._counts @ won for won, _ in self._curve])
        mine, spent = self._counts @ right, self._counts @ tokens
        won = mine - _interpolated(costs, rights, spent)
        points = [(cost.mean(), hit.mean()) for hit, cost in self._curve]
        at, level = np.array(points).T
        here = right.mean() - float(np.interp(tokens.mean(), at, level))
        low, high = np.quantile(won, self._tails)
        return Bounds(float(here), float(low), float(high))

    def _bounds(self, values: np.ndarray) -> Bounds:
        """A mean over questions, with its bootstrap interval."""
        low, high = np.quantile(self._counts @ values, self._tails)
        return Bounds(float(values.mean()), float(low), float(high))


def _means(found: Replayed) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy and tokens of each question, means over resamples."""
    return found.is_right.mean(axis=0), found.tokens.mean(axis=0)


def _first(orders: Orders, k: int) -> Orders:
    return orders._replace(draws=orders.draws[:, :, :k])


def _steps(budget: int) -> list[int]:
    """1, 2, 3 … 8, then by quarters of an octave, up to the budget."""
    steps = [*range(1, 9), *(round(8 * 2 ** (i / 4)) for i in range(1, 41))]
    return sorted({k for k in steps if k < budget} | {budget})


def _interpolated(costs: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Each column's curve at its own place; [points, draws] and [draws]."""
    return np.array([np.interp(x, costs[:, i], values[:, i]) for i, x in enumerate(at.tolist())])
