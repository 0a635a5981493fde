"""Whether the steps of a text are right, and its facts, where a world can tell.

A chain of thought is valid where it has a step, the world's validator passes every step, and it goes to
the end (in the worlds of `GOES_TO_THE_END` the oracle's last line has to be there; that of the maze charges
an unfinished trace itself). A text without thinking has no
valid chain. Elsewhere there is no judge, and the answer is `None`.

Facts: a world may check the facts that steps state (`KNOWLEDGE`); everywhere else there are none to check.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from titrant.lazy import load
from titrant.traces.verify.assess import WORLD
from titrant.worlds.base import has_reasoning, worlds

if TYPE_CHECKING:
    from titrant.traces.record import Problem
    from titrant.worlds.base import World

GOES_TO_THE_END = frozenset({"arithmetic", "facts"})
"""Worlds whose oracle's last line has to stand in a complete chain."""
KNOWLEDGE = {"facts": "titrant.worlds.facts.check:facts_of"}
"""World → (question, thinking) → checks with `is_right`, one per fact that a step states."""


def world_name(problem: Problem) -> str | None:
    """The world that a problem comes from; `None` for other problems.

    Example:
        >>> from titrant.traces.record import Problem
        >>> world_name(Problem(qid="q", question="?", gold="1", source="world:arithmetic/easy"))
        'arithmetic'
    """
    for text in (problem.gold_kind, problem.source):
        if text.startswith(WORLD):
            return text.removeprefix(WORLD).partition("/")[0]
    return None


@lru_cache(maxsize=1)
def _known_worlds() -> frozenset[str]:
    return frozenset(worlds.names())


def is_cot_valid(problem: Problem, thinking: str | None) -> bool | None:
    """Whether the chain of thought is right throughout; `None` where nobody can tell."""
    name = world_name(problem)
    if name is None or name not in _known_worlds():
        return None
    world: World = worlds.get(name)
    if not has_reasoning(world):
        return None
    if thinking is None:
        return False
    checks = world.validate(problem.question, thinking)
    is_right = bool(checks) and all(check.is_valid for check in checks)
    return is_right and (name not in GOES_TO_THE_END or _ends(world, problem, thinking))


def _ends(world: World, problem: Problem, thinking: str) -> bool:
    """Whether the oracle's last line is there, whatever word stands before it."""
    last = world.oracle(problem.question).splitlines()[-1]
    lines = (line.strip() for line in thinking.splitlines())
    return any(line == last or line.endswith(f" {last}") for line in lines)


def knowledge(problem: Problem, thinking: str | None) -> list[bool] | None:
    """Whether each fact that the steps state is right; `None` where facts cannot be checked."""
    name = world_name(problem)
    if name is None or name not in KNOWLEDGE:
        return None
    if thinking is None:
        return []
    checks: list[Any] = load(KNOWLEDGE[name])(problem.question, thinking)
    return [bool(check.is_right) for check in checks]
