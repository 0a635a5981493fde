"""The maze world: shortest paths through small grids, with the trace of A* as the reasoning.

A question lists start, goal and walls; the thinking is one A* event per line; the answer is the plan
(`form`). Any valid plan is right, so the world judges answers (`gold_kind` is `world:maze`), and gold is the
plan of the oracle, which breaks ties by insertion (`astar`). The validator is `validate`, rules 1–5.

Presets are a generator and a size: `wilson-8` is what models are trained on, the others are other corridors
or larger grids. `easy`, `middle` and `hard` are Wilson mazes of size 6, 8 and 10; the last two are the
presets `wilson-8` and `wilson-10` under another name. The best constant plan is right for under 0.2 % of the
problems, where its start and goal happen to be theirs; we declare 0.

Split: the SHA-256 of the question, which is the maze's canonical form, falls into a share of the hash space;
drawing goes on until the hash lands in the wanted share, as in the arithmetic world (`draw` says how). Mazes
of size 6 are few (104,448 questions of perfect ones), so labelled seed streams alone would collide.

Source: Stechly et al., "Beyond Semantics" (arXiv 2505.13775). Difference: grids of 8 and 10 in place of 30.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import ConfigError
from titrant.registry import nearest
from titrant.seeds import derive_rng
from titrant.traces.record import Problem, Verdict, question_id
from titrant.worlds.base import Split, StepCheck
from titrant.worlds.maze.astar import search
from titrant.worlds.maze.draw import GENERATORS, draw_maze, perfect_mazes
from titrant.worlds.maze.form import (
    read_plan,
    read_question,
    read_thinking,
    write_cell,
    write_plan,
    write_question,
    write_thinking,
)
from titrant.worlds.maze.plan import plan_fault
from titrant.worlds.maze.validate import Fault, Replay

if TYPE_CHECKING:
    from titrant.worlds.maze.grid import Maze


class Preset(NamedTuple):
    """A distribution of mazes."""

    generator: str
    size: int


PRESETS = {
    **{f"{name}-{size}": Preset(name, size) for size in (8, 10) for name in GENERATORS},
    "easy": Preset("wilson", 6),
    "middle": Preset("wilson", 8),
    "hard": Preset("wilson", 10),
}
"""The first is the default of benchmarks and pools."""
SHARES = {Split.PRETRAIN: (0.0, 0.7), Split.POOL: (0.7, 0.85), Split.TEST: (0.85, 1.0)}
MOST_COUNTED = 6
"""Presets of larger grids are not counted: at 8 there are 187 million perfect mazes with their ends."""
COUNTED = ("wilson", "kruskal")
"""Generators that make every perfect maze; backtracking makes some of them only."""


def split_of(question: str) -> Split:
    """The split a question belongs to, whoever draws it."""
    share = _share(question)
    return next(split for split, (low, high) in SHARES.items() if low <= share < high)


def is_of(split: Split, maze: Maze) -> bool:
    """Whether a maze belongs to a split."""
    return split_of(write_question(maze)) == split


def _share(question: str) -> float:
    """Where a question falls in the hash space, in [0, 1)."""
    digest = hashlib.sha256(f"maze/1/{question}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def preset_of(name: str) -> Preset:
    """Generator and size of a preset.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset '{name}'", do=nearest(name, PRESETS))
    return PRESETS[name]


@lru_cache
def count_perfect(size: int) -> Counter[Split]:
    """Questions about perfect mazes of a size, by split; each is hashed, which takes seconds at 6."""
    return Counter(split_of(write_question(maze)) for maze in perfect_mazes(size))


class Mazes:
    """The world of this module; see its docstring."""

    name = "maze"
    version = 1
    presets = tuple(PRESETS)
    guess_rate = 0.0

    def problem(self, preset: str, split: Split, index: int) -> Problem:
        """Instance `index`; presets of the same generator and size have the same instances."""
        generator, size = preset_of(preset)
        rng = derive_rng(0, self.name, self.version, generator, size, split, index)
        maze = draw_maze(generator, size, rng, is_wanted=lambda maze: is_of(split, maze))
        return as_problem(maze, preset)

    def count(self, preset: str, split: Split) -> int | None:
        """Exact for Wilson and Kruskal mazes up to size 6, else `None`."""
        generator, size = preset_of(preset)
        if size > MOST_COUNTED or generator not in COUNTED:
            return None
        return count_perfect(size)[split]

    def oracle(self, question: str) -> str:
        """The events of A*, one per line."""
        return write_thinking(search(read_question(question)).events)

    def verify(self, question: str, answer_text: str) -> Verdict:
        """Exact: `plan` and cells and nothing else, a valid path; it need not be a shortest one."""
        maze, plan = read_question(question), read_plan(answer_text)
        if plan is None:
            return Verdict.UNREADABLE
        return Verdict.CORRECT if plan_fault(maze, plan) is None else Verdict.WRONG

    def validate(self, question: str, thinking: str) -> list[StepCheck]:
        """Check each line against the state that the lines before it have stated.

        A line that is no event is a fault. Where no line closes the goal, the last line has that fault,
        if it has no other.
        """
        replay = Replay(read_question(question))
        faults = [replay.step(event).fault for event in read_thinking(thinking)]
        if faults and not replay.is_done:
            faults[-1] = faults[-1] or Fault.GOAL_NOT_CLOSED
        return [
            StepCheck(i, is_valid=fault is None, kind="ok" if fault is None else fault.value)
            for i, fault in enumerate(faults)
        ]


def as_problem(maze: Maze, preset: str) -> Problem:
    """A maze as a problem of a preset; gold is the plan of the oracle."""
    question = write_question(maze)
    generator, size = preset_of(preset)
    return Problem(
        qid=question_id(question),
        question=question,
        gold=write_plan(search(maze).plan),
        gold_kind=f"world:{Mazes.name}",
        source=f"world:{Mazes.name}/{preset}",
        domain=f"{generator} {size}",
        meta={"start": write_cell(maze.start), "goal": write_cell(maze.goal)},
    )


MAZE = Mazes()
