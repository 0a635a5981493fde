"""The trace validator: is a trace what A* could have done on this maze?

The events are replayed with the open cells O = {start}, the closed cells C = ∅ and the costs g. An event
is at fault when

| rule | fault |
|---|---|
| 1 it is an operation, a cell on the grid and two costs | `unreadable`, `out of bounds` |
| 2 its second cost is the Manhattan distance to the goal | `wrong heuristic` |
| 3 a closed cell is open, has its recorded g, and no open cell has a lower f | `already closed`, `not open`, `wrong cost`, `not lowest f` |
| 4 a created cell is a free neighbour of the cell closed last, is not closed, has that cell's g + 1, and that is better than before | `no parent`, `wall`, `not adjacent`, `already closed`, `wrong cost`, `not better` |
| 5 the goal's `close` is the last event | `after goal`, `goal not closed` |
| 6 strict only: between two closes every better neighbour is created, up, right, down, left | `wrong order`, `incomplete expansion` |

A trace has the first fault of its first faulty event, and its index; `goal not closed` has the number of
events as its index. Ties in f are free, so both ways of A* pass. Without rule 6 a trace that leaves out
neighbours can pass; the published description does not say whether that is an error, so both are given.

Source: Stechly et al., "Beyond Semantics" (arXiv 2505.13775); the rules are written out here, since the
paper names its errors only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from titrant.worlds.maze.astar import CLOSE
from titrant.worlds.maze.grid import manhattan, neighbours_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.worlds.maze.astar import Event
    from titrant.worlds.maze.grid import Cell, Maze


class Fault(StrEnum):
    """What is wrong with a trace; see the module docstring."""

    UNREADABLE = "unreadable"
    OUT_OF_BOUNDS = "out of bounds"
    WRONG_HEURISTIC = "wrong heuristic"
    ALREADY_CLOSED = "already closed"
    NOT_OPEN = "not open"
    WRONG_COST = "wrong cost"
    NOT_LOWEST_F = "not lowest f"
    NO_PARENT = "no parent"
    WALL = "wall"
    NOT_ADJACENT = "not adjacent"
    NOT_BETTER = "not better"
    AFTER_GOAL = "after goal"
    GOAL_NOT_CLOSED = "goal not closed"
    WRONG_ORDER = "wrong order"
    INCOMPLETE_EXPANSION = "incomplete expansion"


class Found(NamedTuple):
    """A fault and where it is."""

    fault: Fault
    at: int
    """Index of the event; the number of events where the goal was not closed."""


class TraceCheck(NamedTuple):
    """What the validator says of a trace, at both levels."""

    first: Found | None
    """First fault under rules 1–5; `None`: the trace is valid."""
    strict: Found | None
    """First fault under all rules; never later than `first`."""

    @property
    def is_valid(self) -> bool:
        """Whether rules 1–5 hold."""
        return self.first is None

    @property
    def is_strictly_valid(self) -> bool:
        """Whether all rules hold."""
        return self.strict is None


class Stepped(NamedTuple):
    """What is wrong with one event."""

    fault: Fault | None
    """Under rules 1–5."""
    expansion: Fault | None
    """Under rule 6."""


def check_trace(maze: Maze, events: Sequence[Event | None]) -> TraceCheck:
    """Check a trace up to its first fault.

    Args:
        maze: what it should solve.
        events: as `form.read_thinking` gives them, `None` for what could not be read.
    """
    replay = Replay(maze)
    strict: Found | None = None
    for i, event in enumerate(events):
        stepped = replay.step(event)
        found = stepped.fault or stepped.expansion
        if strict is None and found is not None:
            strict = Found(found, i)
        if stepped.fault is not None:
            return TraceCheck(Found(stepped.fault, i), strict)
    end = None if replay.is_done else Found(Fault.GOAL_NOT_CLOSED, len(events))
    return TraceCheck(end, strict or end)


class Replay:
    """The state of the search after the events so far.

    A faulty event is taken as it is written, so that what follows is judged by what was said; one that
    cannot be read, or lies outside the grid, changes nothing.
    """

    def __init__(self, maze: Maze) -> None:
        self._maze = maze
        self._around = neighbours_of(maze.size)
        self._open = {maze.start: 0}
        self._closed: set[Cell] = set()
        self._parent: Cell | None = None
        self._parent_g = 0
        self._due: list[Cell] = []
        """Neighbours that the parent reaches better than was known when it was closed, in order."""
        self._made: set[Cell] = set()
        """Cells created since then."""

    @property
    def is_done(self) -> bool:
        """Whether the goal is closed."""
        return self._maze.goal in self._closed

    def step(self, event: Event | None) -> Stepped:
        """Judge an event, then take it."""
        if event is None:
            return Stepped(Fault.UNREADABLE, None)
        if event.cell not in self._around:
            return Stepped(Fault.OUT_OF_BOUNDS, None)
        is_close = event.op == CLOSE
        fault = self._any_fault(event)
        if fault is None:
            fault = self._close_fault(event) if is_close else self._create_fault(event)
        expansion = self._expansion_fault(event)
        (self._close if is_close else self._create)(event)
        return Stepped(fault, expansion)

    def _any_fault(self, event: Event) -> Fault | None:
        if self.is_done:
            return Fault.AFTER_GOAL
        if event.h != manhattan(event.cell, self._maze.goal):
            return Fault.WRONG_HEURISTIC
        return None

    def _close_fault(self, event: Event) -> Fault | None:
        if event.cell in self._closed:
            return Fault.ALREADY_CLOSED
        if event.cell not in self._open:
            return Fault.NOT_OPEN
        if event.g != self._open[event.cell]:
            return Fault.WRONG_COST
        goal = self._maze.goal
        lowest = min(g + manhattan(cell, goal) for cell, g in self._open.items())
        return Fault.NOT_LOWEST_F if event.g + event.h > lowest else None

    def _create_fault(self, event: Event) -> Fault | None:
        if self._parent is None:
            return Fault.NO_PARENT
        if event.cell in self._maze.walls:
            return Fault.WALL
        if event.cell not in self._around[self._parent]:
            return Fault.NOT_ADJACENT
        if event.cell in self._closed:
            return Fault.ALREADY_CLOSED
        if event.g != self._parent_g + 1:
            return Fault.WRONG_COST
        known = self._open.get(event.cell)
        return Fault.NOT_BETTER if known is not None and event.g >= known else None

    def _expansion_fault(self, event: Event) -> Fault | None:
        if event.op == CLOSE:
            is_whole = self._made.issuperset(self._due)
            return None if is_whole else Fault.INCOMPLETE_EXPANSION
        if event.cell not in self._due:
            return None
        later = self._due[self._due.index(event.cell) + 1 :]
        return None if self._made.isdisjoint(later) else Fault.WRONG_ORDER

    def _close(self, event: Event) -> None:
        self._open.pop(event.cell, None)
        self._closed.add(event.cell)
        self._parent, self._parent_g = event.cell, event.g
        self._made = set()
        self._due = [cell for cell in self._around[event.cell] if self._gains(cell)]

    def _gains(self, cell: Cell) -> bool:
        """Whether the cell is free, not closed and reached better from the parent."""
        if cell in self._maze.walls or cell in self._closed:
            return False
        known = self._open.get(cell)
        return known is None or self._parent_g + 1 < known

    def _create(self, event: Event) -> None:
        self._open[event.cell] = event.g
        self._made.add(event.cell)
