"""Accuracies of a small base, asked greedily or made to think, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.stats import binomtest

from titrant.engines.base import Request
from titrant.records import Record
from titrant.traces.record import Verdict
from titrant.traces.thinking import split_thinking
from titrant.worlds.arithmetic import ARITHMETIC
from titrant.worlds.base import Split, distinct_problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Engine
    from titrant.traces.record import Problem
    from titrant.worlds.base import World

N_PROBLEMS = 1000
MAX_NEW_TOKENS = 256


class Measured(Record):
    """One accuracy with its Wilson interval at 95 %."""

    accuracy: float
    low: float
    high: float
    n: int
    truncated: float
    """Share of answers cut by the limit."""


def measure(
    engine: Engine,
    preset: str,
    opening: str,
    n: int = N_PROBLEMS,
    *,
    world: World = ARITHMETIC,
) -> Measured:
    """Accuracy of greedy answers on test problems, with `opening` put after each prompt."""
    problems = list(distinct_problems(world, preset, Split.TEST, n))
    return measure_problems(engine, problems, opening, world=world)


def measure_problems(
    engine: Engine, problems: Sequence[Problem], opening: str, *, world: World = ARITHMETIC
) -> Measured:
    """Accuracy of greedy answers on these problems, with `opening` put after each prompt."""
    requests = [Request(f"{p.question}\n{opening}", MAX_NEW_TOKENS) for p in problems]
    correct = truncated = 0
    for i, result in engine.generate(requests):
        answer = split_thinking(opening + result.text).answer_text
        truncated += result.stop_reason == "length"
        verdict = world.verify(problems[i].question, answer)
        correct += result.stop_reason == "stop" and verdict == Verdict.CORRECT
    return share(correct, len(problems), truncated=truncated)


def share(correct: int, n: int, *, truncated: int = 0) -> Measured:
    """A share of n with its interval."""
    interval = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return Measured(
        accuracy=correct / n,
        low=round(float(interval.low), 4),
        high=round(float(interval.high), 4),
        n=n,
        truncated=truncated / n,
    )
