"""Completions of a rollout, judged as a reading is: final answer, verdict, agreement with the majority.

A completion that the token limit cut is truncated whatever it says, one without an answer behind its
thinking is unreadable; neither is correct (`judge_written`). A stop text (`decode.stop`) ends a reading, so
what stands behind it is not judged, though its tokens were drawn and are trained.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from titrant.traces.record import Verdict
from titrant.traces.verify.verdict import Claim
from titrant.train.grpo.labels import compared_as
from titrant.worlds.verdicts import Written, judge_written

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from titrant.traces.verify.verdict import Verifier
    from titrant.train.grpo.prompts import Prompt


class Completion(NamedTuple):
    """One draw of a rollout."""

    prompt: Prompt
    text: str
    """The whole, what the prompt had written of the answer in front."""
    is_cut: bool
    """It did not end before the limit."""


class Attempt(NamedTuple):
    """A completion, judged."""

    qid: str
    ordinal: int
    """Among the completions of its question in this rollout, from 0."""
    text: str
    verdict: Verdict | None
    """`None` where no gold answer is known."""
    has_answer: bool
    """A final answer can be read, and the completion was not cut."""
    agrees: bool | None
    """Whether it gives the majority's answer; `None` where the question has no label."""
    label_is_wrong: bool
    """The question has a label, and that is known to be wrong."""


def ended(text: str, stop: Collection[str], *, is_cut: bool) -> tuple[str, bool]:
    """The text up to the first stop text, and whether it is still cut."""
    found = [at for mark in stop if (at := text.find(mark)) >= 0]
    return (text[: min(found)], False) if found else (text, is_cut)


def judge(
    completions: Sequence[Completion], verifier: Verifier, *, pattern: str | None = None
) -> list[Attempt]:
    """Judge the completions of one rollout.

    Args:
        completions: in their order.
        verifier: an open verifier.
        pattern: of final answers; see `find_answer`.
    """
    judged = judge_written(
        [Written(c.prompt.problem, c.text, c.is_cut, pattern) for c in completions], verifier
    )
    agreements = verifier.verify(
        [_vote(c, one.answer) for c, one in zip(completions, judged, strict=True)]
    )
    seen: Counter[str] = Counter()
    attempts = []
    for completion, one, agreement in zip(completions, judged, agreements, strict=True):
        qid, label = completion.prompt.problem.qid, completion.prompt.label
        attempts.append(
            Attempt(
                qid,
                seen[qid],
                completion.text,
                one.verdict,
                has_answer=one.answer is not None and not completion.is_cut,
                agrees=None if label is None else agreement == Verdict.CORRECT,
                label_is_wrong=label is not None and label.is_right is False,
            )
        )
        seen[qid] += 1
    return attempts


def _vote(completion: Completion, answer: str | None) -> Claim:
    """The claim that an answer is the majority's; one without a label has no verdict."""
    problem, label = completion.prompt.problem, completion.prompt.label
    gold = None if label is None else label.answer
    return Claim(answer, gold, compared_as(problem), truncated=completion.is_cut)
