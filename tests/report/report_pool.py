"""Twelve traces made by hand: the pool of the run folder that exports read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trace_made import made_trace

if TYPE_CHECKING:
    from titrant.traces.record import Trace


def make_trace(i: int) -> Trace:
    question, thinking = f"{i} + 1 =", f"{i}+1={i + 1};"
    answer = f"The answer is {i + 1}."
    return made_trace(
        question,
        thinking,
        answer,
        final_answer=str(i + 1),
        gold=str(i + 1),
        verdict="correct",
        source="test",
        n_tokens=10 + i,
    )


POOL = [make_trace(i) for i in range(12)]
