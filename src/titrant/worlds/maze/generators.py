"""Five ways of carving a maze, which differ in their corridors and not in the task.

| generator | what it makes |
|---|---|
| `wilson` | a uniform spanning tree over rooms, by loop-erased random walks |
| `dfs` | a tree by recursive backtracking: long corridors |
| `kruskal` | a tree from shuffled edges |
| `drunkard` | the cells that a random walk has seen when half of the grid is free: loops, open areas |
| `searchformer` | 30–50 % of the cells as walls, wherever they fall |

Rooms are the cells (off + 2i, off + 2j), with off 0 or 1 at even odds; passages lie between them. The
first three are perfect mazes: any two free cells have one path, and m² rooms give 2m² − 1 free cells.

Source: Stechly et al., "Beyond Semantics" (arXiv 2505.13775) and its public generators; the distributions
are theirs, the streams of random numbers are not. Left out: its cellular automata, which it does not report.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from titrant.worlds.maze.grid import Cell, cells_of, neighbours_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np

T = TypeVar("T")

COVERAGE = 0.5
"""Share of the cells that a drunkard frees."""
BLOCK = 64
"""Uniform numbers that are drawn at a time."""


class Luck:
    """Uniform choices from a generator, drawn in blocks; one call each would take most of the time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._uniforms = _uniforms(rng)

    def below(self, n: int) -> int:
        """A number in 0 … n − 1."""
        return int(next(self._uniforms) * n)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def pair(self, items: Sequence[T]) -> tuple[T, T]:
        """Two different ones, in order."""
        i, j = self.below(len(items)), self.below(len(items) - 1)
        return items[i], items[j + (j >= i)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of them in a uniform order."""
        keys = [next(self._uniforms) for _ in items]
        return [items[i] for i in sorted(range(len(items)), key=keys.__getitem__)]


def _uniforms(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(BLOCK).tolist()


def wilson(size: int, luck: Luck) -> set[Cell]:
    """Free cells of a uniform spanning tree: walks from rooms outside to the tree, loops erased."""
    rooms = _rooms(size, luck)
    around = neighbours_of(size, 2)
    free = {luck.pick(rooms)}
    while outside := [room for room in rooms if room not in free]:
        start = room = luck.pick(outside)
        onward: dict[Cell, Cell] = {}
        while room not in free:
            onward[room] = luck.pick(around[room])
            room = onward[room]
        # The last way out of each room is what is left of the walk without its loops.
        while start not in free:
            free |= {start, _between(start, onward[start])}
            start = onward[start]
    return free


def dfs(size: int, luck: Luck) -> set[Cell]:
    """Free cells of a tree by recursive backtracking from a random room."""
    around = neighbours_of(size, 2)
    path = [luck.pick(_rooms(size, luck))]
    free = set(path)
    while path:
        unseen = [room for room in around[path[-1]] if room not in free]
        if not unseen:
            path.pop()
            continue
        room = luck.pick(unseen)
        free |= {room, _between(path[-1], room)}
        path.append(room)
    return free


def kruskal(size: int, luck: Luck) -> set[Cell]:
    """Free cells of a tree that takes each edge, in shuffled order, that joins two parts."""
    rooms = _rooms(size, luck)
    return join(rooms, luck.shuffled(edges_between(rooms)))


def join(rooms: Sequence[Cell], edges: Iterable[tuple[Cell, Cell]]) -> set[Cell]:
    """The rooms, and the passages of those edges that join two parts, in order."""
    part = {room: [room] for room in rooms}
    free = set(rooms)
    for room, other in edges:
        if part[room] is not part[other]:
            free.add(_between(room, other))
            part[room].extend(part[other])
            part |= dict.fromkeys(part[other], part[room])
    return free


def drunkard(size: int, luck: Luck) -> set[Cell]:
    """Free cells of a random walk, when there are enough of them."""
    around = neighbours_of(size)
    wanted = math.ceil(COVERAGE * size**2)
    at = luck.pick(cells_of(size))
    free = {at}
    while len(free) < wanted:
        at = luck.pick(around[at])
        free.add(at)
    return free


def searchformer(size: int, luck: Luck) -> set[Cell]:
    """The cells that are left when walls were dropped on 30–50 % of them; they may hang apart."""
    base = size**2 // 10
    n_walls = 3 * base + luck.below(2 * base + 1)
    return set(luck.shuffled(cells_of(size))[n_walls:])


def edges_between(rooms: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Pairs of rooms that are next to each other, the left or upper one first."""
    known = set(rooms)
    steps = (
        (room, Cell(room.x + dx, room.y + dy)) for room in rooms for dx, dy in ((2, 0), (0, 2))
    )
    return [(room, other) for room, other in steps if other in known]


def rooms_at(size: int, offset: int) -> list[Cell]:
    """The rooms of a perfect maze, row by row."""
    return [cell for cell in cells_of(size) if cell.x % 2 == cell.y % 2 == offset]


def _rooms(size: int, luck: Luck) -> list[Cell]:
    return rooms_at(size, luck.below(2))


def _between(room: Cell, other: Cell) -> Cell:
    """The passage between two rooms."""
    return Cell((room.x + other.x) // 2, (room.y + other.y) // 2)
