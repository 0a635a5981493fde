"""Does choosing pay? What a strategy's selection cost against what its smaller subset saves.

A forward pass costs 2 floating-point operations per parameter and token, training 6 (Kaplan et al. 2020,
arXiv 2001.08361, §2.1; attention left out). With P parameters, E passes over the subset, n traces
chosen by the strategy of t tokens each and n₀ traces of t₀ tokens chosen by the reference,

    saving = 6 · P · E · (n₀·t₀ − n·t)

per training, and the strategy pays once if the saving is over the selection's cost C. Where it does
not, three numbers say what would have to be different, all else equal:

- the trained model would have to be C / saving times as large as the one that scored,
- or the subset be trained on so many times,
- or the pool be pool × saving / C traces at most, since C grows with the pool and the saving does not.

A run under `match: updates` trains every dose alike, so nothing is saved in the run itself; the
saving is that of a later training of E epochs, which is how a subset is used. What a trace costs to
make or to buy is left out. Source of the question: Yin & Rush 2025, *Compute-constrained data
selection* (ICLR), which finds that perplexity and gradients pay from models 5 and 10 times the scorer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from titrant.dose.curve.endpoint import Interval

TRAIN = 6
"""Floating-point operations per parameter and token trained; a forward pass is `signals.derive.FORWARD`."""


@dataclass(frozen=True, slots=True)
class Subsets:
    """What two strategies need to reach the same target."""

    traces: float
    """Of the strategy."""
    tokens: float
    """Mean tokens of a training row of the strategy's subset, prompt included."""
    reference_traces: float
    reference_tokens: float


@dataclass(frozen=True, slots=True)
class Payoff:
    """The balance of one strategy against the reference."""

    saving: float
    """Floating-point operations that one later training saves; negative where it costs more."""
    cost: float
    """Floating-point operations of the selection."""
    break_even: float | None
    """cost / saving: how many times as large the trained model would have to be, or how often the
    subset be trained on, for the strategy to pay. At most 1: it pays. `None`: it never does."""
    pool: float | None
    """Largest pool, in traces, at which it pays for one training of a model as large as the scorer;
    `None`: at none, or at any (a selection that costs nothing)."""

    @property
    def pays(self) -> bool:
        """Whether one training of a model as large as the scorer pays for the selection."""
        return self.break_even is not None and self.break_even <= 1


def payoff(
    subsets: Subsets, *, cost: float, parameters: int, epochs: int, pool_size: int
) -> Payoff:
    """The balance of a strategy.

    Args:
        subsets: traces and tokens of both strategies at the same target.
        cost: floating-point operations of the selection; 0 for a strategy that needs no model.
        parameters: of the trained model.
        epochs: passes over the subset in a later training.
        pool_size: traces that the selection looked at.
    """
    tokens = subsets.reference_traces * subsets.reference_tokens - subsets.traces * subsets.tokens
    saving = TRAIN * parameters * epochs * tokens
    if saving <= 0:
        return Payoff(saving, cost, None, None)
    return Payoff(saving, cost, cost / saving, pool_size * saving / cost if cost else None)


def saving_range(subsets: Subsets, ratio: Interval, *, parameters: int, epochs: int) -> Interval:
    """The saving at the ends of the interval of the ratio of the two end points.

    The reference's end point is held; the larger the ratio, the smaller the saving.
    """

    def at(value: float) -> float:
        traces = subsets.reference_traces * value
        tokens = subsets.reference_traces * subsets.reference_tokens - traces * subsets.tokens
        return TRAIN * parameters * epochs * tokens

    estimate, low, high = at(ratio.estimate), at(ratio.high), at(ratio.low)
    return ratio._replace(estimate=estimate, low=low, high=high)
