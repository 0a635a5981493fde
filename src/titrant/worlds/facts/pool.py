"""Traces of the world of facts: terse and verbose, with some that misremember and some that slip.

A quarter of the questions need new facts, which no base has met: a pool teaches facts as well as
reasoning. `meta.kind` says what a trace is, so audits can be checked against it.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from titrant.seeds import derive_rng
from titrant.traces.record import Problem, Trace, Verdict, trace_id
from titrant.traces.steps import cut_steps
from titrant.worlds.base import Split
from titrant.worlds.facts.styles import misremember, slip, terse, verbose
from titrant.worlds.facts.world import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

KINDS = {"terse": 0.45, "verbose": 0.35, "wrong-fact": 0.10, "wrong": 0.10}
"""Kind of trace → share among draws. `wrong-fact` and `wrong` end in a wrong answer."""
TRACES_PER_QUESTION = (1, 1, 2, 2, 3)


def facts_pool(seed: int) -> Iterator[Trace]:
    """Endless traces of the pool split, question by question."""
    seen: set[str] = set()
    for index in count():
        problem = FACTS.problem("train", Split.POOL, index)
        if problem.qid in seen:
            continue
        seen.add(problem.qid)
        rng = derive_rng(seed, "pool", "facts", problem.qid)
        uids: set[str] = set()
        for _ in range(int(rng.choice(TRACES_PER_QUESTION))):
            trace = made_trace(problem, str(rng.choice(list(KINDS), p=list(KINDS.values()))), rng)
            if trace.uid not in uids:
                uids.add(trace.uid)
                yield trace


def made_trace(problem: Problem, kind: str, rng: np.random.Generator) -> Trace:
    """A trace of one of `KINDS`."""
    question, answer, fault = problem.question, str(problem.gold), None
    if kind == "terse":
        lines = terse(question)
    elif kind == "verbose":
        lines = verbose(question, rng)
    else:
        faulty = (misremember if kind == "wrong-fact" else slip)(question, rng)
        lines, answer, fault = faulty.lines, str(faulty.answer), faulty.step
    thinking, answer_text = "\n".join(lines), f"#### {answer}"
    return Trace(
        uid=trace_id(question, thinking, answer_text),
        qid=problem.qid,
        question=question,
        thinking=thinking,
        answer_text=answer_text,
        final_answer=answer,
        gold=problem.gold,
        gold_kind=problem.gold_kind,
        verdict=Verdict.CORRECT if answer == problem.gold else Verdict.WRONG,
        source=problem.source,
        domain=problem.domain,
        steps=cut_steps(thinking),
        meta={"kind": kind, **problem.meta} | ({} if fault is None else {"fault_step": fault}),
    )
