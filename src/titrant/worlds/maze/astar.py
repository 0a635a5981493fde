"""A* with the events that are its trace.

With f = g + h, g the moves from the start and h the Manhattan distance to the goal:

    open = {start}
    repeat: take the open cell of lowest f; event `close`; stop if it is the goal
            for each neighbour, up, right, down, left, that is free and not closed:
                if g + 1 is better than its g so far: event `create`, and it is open with g + 1

The start is closed without having been created; the goal's `close` is the last event. A cell that is
open may be created again with a better g, which happens in mazes with loops only.

Ties in f go to the cell that was opened first, which keeps its place when it is created again; or to the
lower g, and then to the one that was opened first. The first is how the data of the paper were made, the
second how its faster generator does it.

Source: Stechly et al., "Beyond Semantics" (arXiv 2505.13775) and its public generators.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from titrant.worlds.maze.grid import Cell, manhattan, neighbours_of

if TYPE_CHECKING:
    from titrant.worlds.maze.grid import Maze

CLOSE, CREATE = "close", "create"


class Ties(StrEnum):
    """Which of several open cells of lowest f is closed."""

    INSERTION = "insertion"
    """The one that was opened first."""
    LOWER_G = "lower g"
    """The one with the lowest g; of those, the one that was opened first."""


class Event(NamedTuple):
    """One event of the search."""

    op: str
    """`close` or `create`."""
    cell: Cell
    g: int
    """Moves from the start."""
    h: int
    """Manhattan distance to the goal."""


class Search(NamedTuple):
    """What A* did and found."""

    events: tuple[Event, ...]
    plan: tuple[Cell, ...]
    """A shortest path with both ends; empty where there is none."""


def search(maze: Maze, ties: Ties = Ties.INSERTION) -> Search:
    """Run A* on a maze; see the module docstring."""
    around, goal = neighbours_of(maze.size), maze.goal
    g = {maze.start: 0}
    parent: dict[Cell, Cell] = {}
    # A dict keeps the place of a key that is set again, and min takes the first of equal ones.
    ranks = {maze.start: _rank(0, manhattan(maze.start, goal), ties)}
    events: list[Event] = []
    while ranks:
        cell = min(ranks, key=ranks.__getitem__)
        del ranks[cell]
        events.append(Event(CLOSE, cell, g[cell], manhattan(cell, goal)))
        if cell == goal:
            return Search(tuple(events), _path(cell, parent))
        for other in around[cell]:
            cost = g[cell] + 1
            # A closed cell has its best g, since h is consistent, so it is never opened again.
            if other in maze.walls or g.get(other, cost + 1) <= cost:
                continue
            h = manhattan(other, goal)
            g[other], parent[other], ranks[other] = cost, cell, _rank(cost, h, ties)
            events.append(Event(CREATE, other, cost, h))
    return Search(tuple(events), ())


def _rank(g: int, h: int, ties: Ties) -> tuple[int, int]:
    return (g + h, g if ties == Ties.LOWER_G else 0)


def _path(end: Cell, parent: dict[Cell, Cell]) -> tuple[Cell, ...]:
    path = [end]
    while path[-1] in parent:
        path.append(parent[path[-1]])
    return tuple(reversed(path))
