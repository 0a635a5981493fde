"""Asking a model again with a trace of our choice: what several audits share.

The text is built as a training row is: prompt, opening tag, thinking, closing tag; the model writes the
answer, greedily. What the prompt itself has written of the opening tag is not written twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.engines.base import Request
from titrant.errors import EngineError
from titrant.traces.record import Verdict
from titrant.traces.thinking import split_thinking
from titrant.traces.verify.verdict import Verifier
from titrant.worlds.verdicts import Written, judge_written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.audits.base import Material, Subject
    from titrant.engines.base import Result
    from titrant.traces.record import Problem


class Forced(NamedTuple):
    """A problem with the thinking that stands before its answer."""

    problem: Problem
    kind: str
    """What was done to the thinking, for the rows."""
    thinking: str


class Answered(NamedTuple):
    """What a model wrote for a problem."""

    thinking: str | None
    """`None`: no thinking, or one that was never closed."""
    answer: str | None
    """The final answer; `None`: unreadable."""
    correct: bool
    """Truncated and unreadable answers are not."""
    verdict: str
    text: str
    n_tokens: int


def own_traces(
    subject: Subject, problems: Sequence[Problem], material: Material
) -> dict[str, Answered]:
    """What a model writes greedily for each problem, by qid."""
    prompts = [subject.prompts.prompt(problem.question) for problem in problems]
    results = _greedy(subject, prompts, material)
    texts = [subject.prompts.opens_thinking + result.text for result in results]
    judged = judge_texts(problems, texts, results, material)
    return {problem.qid: one for problem, one in zip(problems, judged, strict=True)}


def ask_again(subject: Subject, asked: Sequence[Forced], material: Material) -> list[Answered]:
    """The answers after the given thinking, in order."""
    heads = [forced_head(subject, one, material) for one in asked]
    prompts = [
        subject.prompts.prompt(one.problem.question) + head[len(subject.prompts.opens_thinking) :]
        for one, head in zip(asked, heads, strict=True)
    ]
    results = _greedy(subject, prompts, material)
    texts = [head + result.text for head, result in zip(heads, results, strict=True)]
    return judge_texts([one.problem for one in asked], texts, results, material)


def forced_head(subject: Subject, asked: Forced, material: Material) -> str:
    """The opening tag, the thinking and the closing tag."""
    prompt = material.config.prompt
    opening = prompt.think_open
    if subject.prompts.opens_thinking:
        opening = subject.prompts.opens_thinking + opening[len(subject.prompts.opens_thinking) :]
    return opening + asked.thinking + prompt.think_close


def judge_texts(
    problems: Sequence[Problem],
    texts: Sequence[str],
    results: Sequence[Result],
    material: Material,
) -> list[Answered]:
    """Final answers and verdicts, as a reading gives them."""
    pattern = material.config.benchmark[0].answer_pattern
    written = [
        Written(problem, text, result.stop_reason == "length", pattern)
        for problem, text, result in zip(problems, texts, results, strict=True)
    ]
    with Verifier() as verifier:
        judged = judge_written(written, verifier)
    return [
        _answered(text, *one, result.n_tokens)
        for text, one, result in zip(texts, judged, results, strict=True)
    ]


def _answered(text: str, answer: str | None, verdict: Verdict | None, n_tokens: int) -> Answered:
    parted = split_thinking(text)
    return Answered(
        thinking=None if parted.unfinished else parted.thinking,
        answer=answer,
        correct=verdict == Verdict.CORRECT,
        verdict="" if verdict is None else verdict.value,
        text=text,
        n_tokens=n_tokens,
    )


def _greedy(subject: Subject, prompts: Sequence[str], material: Material) -> list[Result]:
    """Greedy continuations, in order.

    Raises:
        EngineError: the engine failed on one; nothing of the chunk is kept.
    """
    decode = material.config.decode
    requests = [Request(prompt, decode.max_new_tokens, stop=decode.stop) for prompt in prompts]
    found = dict(subject.engine.generate(requests))
    results = [found[i] for i in range(len(prompts))]
    failed = next((result for result in results if result.error is not None), None)
    if failed is not None:
        raise EngineError(
            "an audit could not ask the model",
            came=str(failed.error),
            do="correct the cause and run the same command again: what was asked is kept",
        )
    return results
