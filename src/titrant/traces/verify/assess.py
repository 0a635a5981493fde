"""Final answers and verdicts of traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.traces.record import Trace, Verdict
from titrant.traces.thinking import split_thinking
from titrant.traces.verify.answer import find_answer
from titrant.traces.verify.verdict import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.traces.record import Problem
    from titrant.traces.verify.verdict import Verifier

WORLD = "world:"


def assess(
    traces: Sequence[Trace],
    verifier: Verifier,
    *,
    pattern: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Trace]:
    """The traces with `final_answer` and `verdict` filled.

    The answer is looked for after the thinking, and inside it only where nothing is found after it.
    An unfinished trace is truncated and has no final answer. A verdict stays `None` where there is
    no gold answer, or where a world has to judge (`gold_kind` "world:…").

    Args:
        traces: any number.
        verifier: an open verifier.
        pattern: the user's pattern for final answers; see `find_answer`.
        progress: called with (traces decided, all traces).

    Raises:
        ConfigError: the pattern cannot be used.
    """
    answers = [final_answer(trace, pattern=pattern) for trace in traces]
    claims = [_claim(trace, answer) for trace, answer in zip(traces, answers, strict=True)]
    verdicts = verifier.verify(claims, progress=progress)
    return [
        trace.model_copy(
            update={
                "final_answer": answer,
                "verdict": Verdict.TRUNCATED if trace.unfinished else verdict,
            }
        )
        for trace, answer, verdict in zip(traces, answers, verdicts, strict=True)
    ]


def final_answer(trace: Trace, *, pattern: str | None = None) -> str | None:
    """The final answer of a trace; `None` for an unfinished one."""
    if trace.unfinished:
        return None
    answer = find_answer(trace.answer_text, pattern=pattern)
    if answer is None and trace.thinking is not None:
        answer = find_answer(trace.thinking, pattern=pattern)
    return answer


def claim_of(text: str, problem: Problem, *, is_cut: bool, pattern: str | None = None) -> Claim:
    """What a generated text claims: stricter than `assess`, as every reading of a model is.

    An answer that stands inside the thinking alone was not given.

    Args:
        text: the whole, what the prompt had written of it in front.
        problem: with its gold answer.
        is_cut: a limit cut it, so it is truncated whatever it says.
        pattern: the user's pattern for final answers; see `find_answer`.
    """
    answer = find_answer(split_thinking(text).answer_text, pattern=pattern)
    return Claim(answer, problem.gold, problem.gold_kind, truncated=is_cut)


def _claim(trace: Trace, answer: str | None) -> Claim:
    if trace.gold_kind.startswith(WORLD):
        return Claim(None, None)
    return Claim(answer, trace.gold, trace.gold_kind, truncated=trace.unfinished)
