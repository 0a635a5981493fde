"""The verdict on a plan: is it a path from start to goal, and is it a shortest one?

A plan is valid when it can be read, begins at the start, ends at the goal, and goes from neighbour to
neighbour over free cells. It may visit a cell twice. Optimal means as short as A*'s plan; in a perfect maze
every valid plan without a repeated cell is.

Source: Stechly et al., "Beyond Semantics" (arXiv 2505.13775), whose "valid" this is.
"""

from __future__ import annotations

import itertools
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from titrant.worlds.maze.astar import search
from titrant.worlds.maze.grid import manhattan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.worlds.maze.grid import Cell, Maze


class PlanFault(StrEnum):
    """What is wrong with a plan; the first that applies, in this order."""

    UNREADABLE = "unreadable"
    OUT_OF_BOUNDS = "out of bounds"
    WRONG_START = "wrong start"
    WRONG_GOAL = "wrong goal"
    WALL = "wall"
    NOT_ADJACENT = "not adjacent"


class PlanCheck(NamedTuple):
    """The verdict on a plan."""

    fault: PlanFault | None
    """`None`: the plan is valid."""
    is_optimal: bool
    """Valid, and no path is shorter."""

    @property
    def is_valid(self) -> bool:
        """Whether the plan is a path from start to goal."""
        return self.fault is None


def check_plan(maze: Maze, plan: Sequence[Cell] | None) -> PlanCheck:
    """Judge a plan, as `form.read_plan` gives it (`None`: it could not be read)."""
    fault = plan_fault(maze, plan)
    if plan is None or fault is not None:
        return PlanCheck(fault, is_optimal=False)
    return PlanCheck(None, is_optimal=len(plan) == len(search(maze).plan))


def plan_fault(maze: Maze, plan: Sequence[Cell] | None) -> PlanFault | None:
    """What is wrong with a plan; `None`: it is valid."""
    if not plan:
        return PlanFault.UNREADABLE
    tests = (
        (PlanFault.OUT_OF_BOUNDS, any(not 0 <= axis < maze.size for cell in plan for axis in cell)),
        (PlanFault.WRONG_START, plan[0] != maze.start),
        (PlanFault.WRONG_GOAL, plan[-1] != maze.goal),
        (PlanFault.WALL, not maze.walls.isdisjoint(plan)),
        (PlanFault.NOT_ADJACENT, any(manhattan(*two) != 1 for two in itertools.pairwise(plan))),
    )
    return next((fault for fault, holds in tests if holds), None)
