"""Twelve traces made by hand: the pool of the run folder that exports read."""

from __future__ import annotations

from titrant.traces.record import Trace, question_id, trace_id


def make_trace(i: int) -> Trace:
    question, thinking = f"{i} + 1 =", f"{i}+1={i + 1};"
    answer = f"The answer is {i + 1}."
    return Trace(
        uid=trace_id(question, thinking, answer),
        qid=question_id(question),
        question=question,
        thinking=thinking,
        answer_text=answer,
        final_answer=str(i + 1),
        gold=str(i + 1),
        verdict="correct",
        source="test",
        n_tokens=10 + i,
    )


POOL = [make_trace(i) for i in range(12)]
