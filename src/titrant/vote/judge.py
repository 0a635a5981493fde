"""Results of an engine as draws: text, answer, verdict, and the numbers of each token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.signals.asking import step_of_tokens
from titrant.traces.steps import cut_steps
from titrant.traces.thinking import split_thinking
from titrant.traces.verify.answer import find_answer
from titrant.traces.verify.assess import WORLD
from titrant.traces.verify.verdict import Claim
from titrant.vote.draws import Draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Request, Result
    from titrant.traces.record import Problem
    from titrant.traces.verify.verdict import Verifier

WHOLE = ("stop", "length")
"""Draws that ran to their end or to the limit: they have a verdict. Others were ended, or failed."""


def judge_results(
    found: Sequence[tuple[Problem, int, Request, Result]],
    verifier: Verifier,
    *,
    opens: str,
    pattern: str | None,
) -> list[Draw]:
    """The draws, judged as a reading is: the final answer must stand after the thinking.

    Args:
        found: problem, number of the draw, what was asked, what came.
        verifier: an open verifier.
        opens: what the prompt had already written of the answer.
        pattern: of final answers.
    """
    texts = [opens + result.text for *_, result in found]
    answers = [
        find_answer(split_thinking(text).answer_text, pattern=pattern)
        if result.stop_reason == "stop"
        else None
        for text, (*_, result) in zip(texts, found, strict=True)
    ]
    claims = [
        _claim(problem, answer, result)
        for answer, (problem, _, _, result) in zip(answers, found, strict=True)
    ]
    verdicts = verifier.verify(claims)
    return [
        _draw(problem, sample, request, result, text)._replace(
            final_answer=answer, verdict=None if verdict is None else str(verdict)
        )
        for text, answer, verdict, (problem, sample, request, result) in zip(
            texts, answers, verdicts, found, strict=True
        )
    ]


def _claim(problem: Problem, answer: str | None, result: Result) -> Claim:
    if result.stop_reason not in WHOLE or problem.gold_kind.startswith(WORLD):
        return Claim(None, None)
    is_cut = result.stop_reason == "length"
    return Claim(answer, problem.gold, problem.gold_kind, truncated=is_cut)


def _draw(problem: Problem, sample: int, request: Request, result: Result, text: str) -> Draw:
    n_steps, step = steps_of(text, len(text) - len(result.text), result)
    numbers = {
        "logprob": result.logprobs,
        "top": None if result.top_logprobs is None else result.top_logprobs.ravel(),
        "entropy": result.entropy,
        "variance": result.variance,
        "vocab_mean": result.vocab_mean,
    }
    return Draw(
        qid=problem.qid,
        sample=sample,
        text=text,
        final_answer=None,
        verdict=None,
        stop_reason=result.stop_reason,
        n_tokens=result.n_tokens,
        n_prompt_tokens=result.n_prompt_tokens,
        bar=None if request.guard is None else request.guard.bar,
        error=result.error,
        n_steps=n_steps,
        step=step,
        numbers={name: values for name, values in numbers.items() if values is not None},
    )


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
