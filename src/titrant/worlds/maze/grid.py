"""Mazes: square grids of free and wall cells with a start and a goal.

x is the column, y the row, (0, 0) the upper left corner; a move goes to one of the four neighbours and
costs 1. Directions are tried in the order up, right, down, left, which decides the order of A*'s events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

DIRECTIONS = ((0, -1), (1, 0), (0, 1), (-1, 0))
"""Up, right, down, left."""


class Cell(NamedTuple):
    """One cell."""

    x: int
    """Column, from the left."""
    y: int
    """Row, from the top."""


@dataclass(frozen=True, slots=True)
class Maze:
    """One problem: find a path from start to goal over free cells."""

    size: int
    """Cells per side."""
    walls: frozenset[Cell]
    start: Cell
    goal: Cell

    @property
    def walls_in_order(self) -> list[Cell]:
        """The walls row by row, each row from the left."""
        return [cell for cell in cells_of(self.size) if cell in self.walls]

    @property
    def says_its_size(self) -> bool:
        """Whether the last row or column holds a wall, the start or the goal.

        Questions list these cells and no size, so the size can be read only then.
        """
        last = self.size - 1
        return any(last in cell for cell in (self.start, self.goal, *self.walls))


@lru_cache
def cells_of(size: int) -> tuple[Cell, ...]:
    """All cells, row by row."""
    return tuple(Cell(x, y) for y in range(size) for x in range(size))


@lru_cache
def neighbours_of(size: int, step: int = 1) -> dict[Cell, tuple[Cell, ...]]:
    """Cell → the cells `step` away in the four directions that lie on the grid, in order."""
    inside = range(size)
    return {
        cell: tuple(
            Cell(cell.x + step * dx, cell.y + step * dy)
            for dx, dy in DIRECTIONS
            if cell.x + step * dx in inside and cell.y + step * dy in inside
        )
        for cell in cells_of(size)
    }


def manhattan(cell: Cell, other: Cell) -> int:
    """Moves between two cells if there were no walls."""
    return abs(cell.x - other.x) + abs(cell.y - other.y)


def moves_from(start: Cell, free: Set[Cell], size: int) -> dict[Cell, int]:
    """Moves of a shortest path to each free cell that can be reached."""
    around = neighbours_of(size)
    moves, queue = {start: 0}, [start]
    for cell in queue:  # it grows while it is read
        for other in around[cell]:
            if other in free and other not in moves:
                moves[other] = moves[cell] + 1
                queue.append(other)
    return moves


def row_major(cells: Iterable[Cell]) -> list[Cell]:
    """Cells row by row, each row from the left."""
    return sorted(cells, key=lambda cell: (cell.y, cell.x))


def implied_size(cells: Iterable[Cell]) -> int:
    """The smallest grid that holds the cells; 0 for none."""
    return 1 + max((max(cell) for cell in cells), default=-1)
