"""What generated texts answer and whether it is right: by gold, or by the world where gold cannot tell.

Where many answers are right (any valid plan through a maze) problems carry the gold kind `world:<name>`. The
answer is then all that follows the thinking, and the world parses it strictly. Else the final answer is
read and compared as `claim_of` and `Verifier` do. Answers inside the thinking alone were not given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.lazy import load
from titrant.traces.record import Verdict
from titrant.traces.thinking import split_thinking
from titrant.traces.verify.assess import WORLD, claim_of
from titrant.traces.verify.verdict import Claim
from titrant.worlds.base import worlds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Problem
    from titrant.traces.verify.verdict import Verifier

BY_PROBLEM = {"gym": "titrant.worlds.gym:judge"}
"""Worlds whose questions alone do not say what is right → what judges (problem, answer)."""


class Written(NamedTuple):
    """A text that a model wrote for a problem."""

    problem: Problem
    text: str
    """The whole, what the prompt had written of it in front."""
    is_cut: bool
    """A limit cut it, so it is truncated whatever it says."""
    pattern: str | None = None
    """The user's pattern for final answers."""


class Judged(NamedTuple):
    """What a text answers, and whether that is right."""

    answer: str | None
    """The final answer; `None` where none could be read."""
    verdict: Verdict | None
    """`None`: there is no gold answer."""


def judge_written(written: Sequence[Written], verifier: Verifier) -> list[Judged]:
    """Final answer and verdict of each text, in order.

    Raises:
        ConfigError: a problem's gold kind is unknown, or names no world.
    """
    by_world = [is_judged_by_world(one.problem) for one in written]
    claims = [
        Claim(None, None)
        if is_worlds
        else claim_of(one.text, one.problem, is_cut=one.is_cut, pattern=one.pattern)
        for one, is_worlds in zip(written, by_world, strict=True)
    ]
    verdicts = verifier.verify(claims)
    return [
        judge_by_world(one) if is_worlds else Judged(claim.answer, verdict)
        for one, is_worlds, claim, verdict in zip(written, by_world, claims, verdicts, strict=True)
    ]


def is_judged_by_world(problem: Problem) -> bool:
    """Whether the problem's world has to judge its answers."""
    return problem.gold_kind.startswith(WORLD)


def judge_by_world(one: Written) -> Judged:
    """The verdict of the problem's world; its gold kind is `world:<name>`.

    Raises:
        ConfigError: there is no such world.
    """
    worlds.check(_world_of(one.problem))
    parted = split_thinking(one.text)
    answer = None if parted.unfinished else parted.answer_text.strip() or None
    if one.is_cut:
        return Judged(answer, Verdict.TRUNCATED)
    if answer is None:
        return Judged(None, Verdict.UNREADABLE)
    return Judged(answer, verdict_of_world(one.problem, answer))


def verdict_of_world(problem: Problem, answer_text: str) -> Verdict:
    """What the problem's world says of an answer; its gold kind is `world:<name>`.

    Raises:
        ConfigError: there is no such world.
        DataError: the world does not know the problem.
    """
    name = _world_of(problem)
    if name in BY_PROBLEM:
        return load(BY_PROBLEM[name])(problem, answer_text)
    return worlds.get(name).verify(problem.question, answer_text)


def _world_of(problem: Problem) -> str:
    return problem.gold_kind.removeprefix(WORLD).partition("/")[0]
