"""What a world is: a procedural source of problems with oracle traces and exact checks.

An instance is a pure function of (world, version, preset, split, index). The split is decided by a
hash of the instance's canonical form, by rejection, so no instance can stand in two splits however
many are drawn. A verifier parses strictly to a value and then decides; a validator checks each step
of a trace by itself and against the problem.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from titrant.errors import ConfigError
from titrant.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from titrant.traces.record import Problem, Verdict


COUNTED_FROM = 10_000
"""From so many problems on, a world is asked beforehand whether it has them: counting may take seconds."""
IDLE_DRAWS = 1000
"""So many draws without a new problem, and it is asked too."""


class Split(StrEnum):
    """Disjoint parts of a world, each a share of the hash space of canonical forms."""

    PRETRAIN = "pretrain"
    POOL = "pool"
    TEST = "test"


class StepCheck(NamedTuple):
    """What the validator says of one step."""

    number: int
    is_valid: bool
    kind: str
    """`ok`, or the type of the first fault: `slip`, `operand`, `operator`, `order`, `unreadable`."""


class World(Protocol):
    """A procedural source of problems; all methods are pure.

    One that has problems alone says `has_reasoning = False`; its `oracle` and `validate` are not asked then
    (see `has_reasoning`).
    """

    name: str
    version: int
    presets: tuple[str, ...]
    guess_rate: float
    """Accuracy of the best constant answer, in expectation."""

    def problem(self, preset: str, split: Split, index: int) -> Problem:
        """The instance number `index` of a preset and split."""
        ...

    def count(self, preset: str, split: Split) -> int | None:
        """How many different problems a preset and split have; `None`: more than can be counted."""
        ...

    def oracle(self, question: str) -> str:
        """A right chain of reasoning, in the terse style."""
        ...

    def verify(self, question: str, answer_text: str) -> Verdict:
        """The verdict on an answer; exact."""
        ...

    def validate(self, question: str, thinking: str) -> list[StepCheck]:
        """One check per line of the thinking that claims an operation."""
        ...


worlds: Registry[World] = Registry(
    "worlds",
    {
        "arithmetic": "titrant.worlds.arithmetic:ARITHMETIC",
        "facts": "titrant.worlds.facts.world:FACTS",
        "gym": "titrant.worlds.gym:GYM",
        "maze": "titrant.worlds.maze.world:MAZE",
        "randcalc": "titrant.worlds.randcalc:RANDCALC",
    },
)


def has_reasoning(world: World) -> bool:
    """Whether a world has an oracle and a validator of steps: all have but those that say otherwise."""
    return getattr(world, "has_reasoning", True)  # optional: worlds of others need not name it


def distinct_problems(
    world: World, preset: str, split: Split, n: int, *, start: int = 0
) -> Iterator[Problem]:
    """The first `n` problems from index `start` on that differ in their question.

    Raises:
        ConfigError: the world has fewer; raised at once where `n` is large, else when drawing idles.
    """
    seen: set[str] = set()
    index, idle = start, 0
    if n >= COUNTED_FROM:
        _check_count(world, preset, split, n)
    while len(seen) < n:
        problem = world.problem(preset, split, index)
        index += 1
        idle += 1
        if problem.qid not in seen:
            seen.add(problem.qid)
            idle = 0
            yield problem
        elif idle == IDLE_DRAWS:
            _check_count(world, preset, split, n)


def _check_count(world: World, preset: str, split: Split, n: int) -> None:
    there = world.count(preset, split)
    if there is not None and n > there:
        raise ConfigError(
            f"the world {world.name} has not so many different {preset} problems",
            expected=f"at most {there:,} of the {split} split",
            came=f"{n:,}",
            do="ask for fewer (limit), or take a preset with more of them",
        )
