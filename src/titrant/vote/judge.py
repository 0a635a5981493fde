"""Results of an engine as draws: text, answer, verdict, and the numbers of each token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.signals.asking import step_of_tokens
from titrant.traces.steps import cut_steps
from titrant.traces.thinking import split_thinking
from titrant.traces.verify.assess import WORLD, claim_of
from titrant.traces.verify.verdict import Claim
from titrant.vote.logs.draws import Draw

if TYPE_CHECKING:
    from titrant.engines.base import Request, Result
    from titrant.traces.record import Problem
    from titrant.traces.verify.verdict import Verifier

NOTHING = Claim(None, None)
"""Has no verdict."""
WHOLE = ("stop", "length")
"""Draws that ran to their end or to the limit: they have a verdict. Others were ended, or failed."""


def judge(
    problem: Problem,
    sample: int,
    asked: tuple[Request, Result],
    verifier: Verifier,
    *,
    opens: str,
    pattern: str | None,
) -> Draw:
    """A draw, judged as a reading is (`claim_of`); one that was ended or failed has no verdict.

    Args:
        problem: what was asked about.
        sample: number of the draw.
        asked: what was asked of the engine, and what came.
        verifier: an open verifier.
        opens: what the prompt had already written of the answer.
        pattern: of final answers.
    """
    request, result = asked
    text = opens + result.text
    claim = claim_of(text, problem, is_cut=result.stop_reason == "length", pattern=pattern)
    can_judge = result.stop_reason in WHOLE and not problem.gold_kind.startswith(WORLD)
    (verdict,) = verifier.verify([claim if can_judge else NOTHING])
    n_steps, step = steps_of(text, len(opens), result)
    return Draw(
        qid=problem.qid,
        sample=sample,
        text=text,
        final_answer=claim.answer if result.stop_reason == "stop" else None,
        verdict=None if verdict is None else str(verdict),
        stop_reason=result.stop_reason,
        n_tokens=result.n_tokens,
        n_prompt_tokens=result.n_prompt_tokens,
        bar=None if request.guard is None else request.guard.bar,
        error=result.error,
        n_steps=n_steps,
        step=step,
        numbers=_numbers(result),
    )


def _numbers(result: Result) -> dict[str, np.ndarray]:
    top = result.top_logprobs
    found = {
        "logprob": result.logprobs,
        "top": None if top is None else top.ravel(),
        "entropy": result.entropy,
        "variance": result.variance,
        "vocab_mean": result.vocab_mean,
    }
    return {name: values for name, values in found.items() if values is not None}


def steps_of(text: str, before: int, result: Result) -> tuple[int, np.ndarray]:
    """How many steps a text has, and the step that each generated token ends in, −1 outside.

    Args:
        text: the whole, what the prompt had written of it in front.
        before: characters of that.
        result: the draw; where it does not say where its tokens end, none is in a step.
    """
    parted = split_thinking(text)
    body = parted.answer_text if parted.thinking is None else parted.thinking
    start = text.find(body)
    steps = cut_steps(body) if start >= 0 else ()
    if result.token_ends is None:
        return len(steps), np.full(result.n_tokens, -1, dtype=np.int32)
    spans = tuple((start + step.start, start + step.end) for step in steps)
    return len(steps), step_of_tokens(result.token_ends.astype(np.int64) + before, spans)
