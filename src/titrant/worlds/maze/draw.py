"""Mazes drawn from a generator, with start and goal.

Start and goal are two different free cells, uniform. `searchformer` draws up to 100 pairs, takes the first
whose shortest path has at least as many cells as a side, and draws other walls if there is none.

Two departures from the source (Stechly et al., arXiv 2505.13775). A maze that does not say its size
(`Maze.says_its_size`) is drawn again, which at sizes 8 and 10 befalls no perfect maze and under 0.1 % of the
others. And where a maze has to be of one split, other ends are drawn on the same walls until it is, so walls
are distributed alike in all splits; under `searchformer`, which prefers some walls, everything is drawn anew.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import ConfigError, DataError
from titrant.registry import nearest
from titrant.worlds.maze.generators import (
    Luck,
    dfs,
    drunkard,
    edges_between,
    join,
    kruskal,
    rooms_at,
    searchformer,
    wilson,
)
from titrant.worlds.maze.grid import Cell, Maze, cells_of, moves_from, row_major

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

PAIRS = 100
"""Pairs of ends that are tried on the same walls."""
MOST_TRIES = 100_000
"""Mazes that are drawn for given ends before we say that there is none."""
LEAST_SIZE = 4
"""Smaller grids may have one room only."""


class Generator(NamedTuple):
    """One way of making a maze."""

    carve: Callable[[int, Luck], set[Cell]]
    """(size, luck) → free cells."""
    is_far: bool = False
    """A shortest path must have at least as many cells as a side."""

    def takes(self, size: int, free: set[Cell], start: Cell, goal: Cell) -> bool:
        """Whether two free cells may be the ends."""
        # A path of as many cells as a side has one move less.
        return not self.is_far or moves_from(start, free, size).get(goal, 0) >= size - 1


GENERATORS = {
    "wilson": Generator(wilson),
    "dfs": Generator(dfs),
    "kruskal": Generator(kruskal),
    "drunkard": Generator(drunkard),
    "searchformer": Generator(searchformer, is_far=True),
}


def draw_maze(
    generator: str,
    size: int,
    rng: np.random.Generator,
    *,
    is_wanted: Callable[[Maze], bool] | None = None,
) -> Maze:
    """A maze of a generator.

    Args:
        generator: a name of `GENERATORS`.
        size: cells per side, at least 4.
        rng: where the chance comes from.
        is_wanted: what else it must fulfil, such as its split; drawing goes on until it does.

    Raises:
        ConfigError: the generator is unknown, or the grid too small.
    """
    made, luck = _generator(generator, size), Luck(rng)
    while True:
        free = made.carve(size, luck)
        cells = row_major(free)
        for _ in range(PAIRS):
            start, goal = luck.pair(cells)
            if not made.takes(size, free, start, goal):
                continue
            maze = _maze(size, free, start, goal)
            if maze.says_its_size and (is_wanted is None or is_wanted(maze)):
                return maze
            if made.is_far:
                break


def draw_between(
    generator: str,
    size: int,
    rng: np.random.Generator,
    *,
    start: Cell,
    goal: Cell,
    is_wanted: Callable[[Maze], bool] | None = None,
) -> Maze:
    """A maze of a generator, given its start and goal; all of it is drawn until it fits.

    Args:
        generator: a name of `GENERATORS`.
        size: cells per side, at least 4.
        rng: where the chance comes from.
        start: of the maze.
        goal: of the maze.
        is_wanted: what else it must fulfil, such as its split.

    Raises:
        ConfigError: the generator is unknown, or the grid too small.
        DataError: no maze of the generator has these ends, such as two that cannot both be free.
    """
    made, luck = _generator(generator, size), Luck(rng)
    for _ in range(MOST_TRIES):
        free = made.carve(size, luck)
        if {start, goal} <= free and made.takes(size, free, start, goal):
            maze = _maze(size, free, start, goal)
            if maze.says_its_size and (is_wanted is None or is_wanted(maze)):
                return maze
    raise DataError(
        f"no {generator} maze of size {size} was found with the start and goal that are asked for",
        expected="ends of a maze of the same generator and size",
        came=f"start {start.x},{start.y}, goal {goal.x},{goal.y} in {MOST_TRIES:,} mazes",
        do="take start and goal from a maze that the generator made",
    )


def perfect_mazes(size: int) -> Iterator[Maze]:
    """Every perfect maze that says its size, with every pair of ends, in no useful order.

    At size 6 there are 104,448, as 2 offsets · 192 spanning trees of 3 × 3 rooms · 17 · 16 pairs of ends;
    at size 8 there are 187 million.
    """
    for offset in (0, 1):
        rooms = rooms_at(size, offset)
        for edges in itertools.combinations(edges_between(rooms), len(rooms) - 1):
            free = join(rooms, edges)
            # So many edges make a tree if each of them joins two parts.
            if len(free) == len(rooms) + len(edges):
                for start, goal in itertools.permutations(row_major(free), 2):
                    maze = _maze(size, free, start, goal)
                    if maze.says_its_size:
                        yield maze


def _generator(name: str, size: int) -> Generator:
    if name not in GENERATORS:
        raise ConfigError(f"unknown maze generator '{name}'", do=nearest(name, GENERATORS))
    if size < LEAST_SIZE:
        raise ConfigError(
            "the grid is too small for a maze",
            expected=f"a size of {LEAST_SIZE} or more",
            came=str(size),
            do="take a larger size",
        )
    return GENERATORS[name]


def _maze(size: int, free: set[Cell], start: Cell, goal: Cell) -> Maze:
    return Maze(size, frozenset(cells_of(size)).difference(free), start, goal)
