"""How mazes, traces and plans are written and read: titrant's compact form, and the paper's.

The compact form has one word per cell:

    start 3,4 goal 0,2 wall 1,1 2,1 …        the question, walls row by row
    close 3,4 c0 c5                          the thinking, one event per line: g and h
    create 3,5 c1 c4
    plan 3,4 3,5 …                           the answer

The paper's has one line per example, which holds all three, and a word per coordinate:

    query start 3 4 goal 0 2 wall 1 1 wall 2 1 … reasoning close 3 4 c0 c5 create 3 5 c1 c4 …
    solution plan 3 4 plan 3 5 … end

Neither says the size: it is the smallest grid that holds start, goal and walls. Reading is strict: one
blank between words, no leading zeros, walls in order. A text that differs is unreadable.

Source of the second form: Stechly et al., "Beyond Semantics" (arXiv 2505.13775) and its public generators.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import DataError
from titrant.worlds.maze.astar import Event
from titrant.worlds.maze.grid import Cell, Maze, implied_size, row_major

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_AXIS = r"(?:0|[1-9]\d?)"  # grids of at most 100 cells per side
_COST = r"c(0|[1-9]\d{0,3})"
_PAIR = rf"{_AXIS},{_AXIS}"
_TWO = rf"{_AXIS} {_AXIS}"
_QUESTION = re.compile(rf"start ({_PAIR}) goal ({_PAIR}) wall((?: {_PAIR})*)")
_EVENT = re.compile(rf"(close|create) ({_PAIR}) {_COST} {_COST}")
_PLAN = re.compile(rf"plan((?: {_PAIR})+)")
_PAPER = re.compile(
    rf"query start ({_TWO}) goal ({_TWO})((?: wall {_TWO})*) "
    rf"reasoning((?: (?:close|create) {_TWO} {_COST} {_COST})*) "
    rf"solution((?: plan {_TWO})+) end"
)
_PAPER_EVENT = re.compile(rf"(close|create) ({_TWO}) {_COST} {_COST}")
_PAPER_CELL = re.compile(_TWO)


class Compact(NamedTuple):
    """One example in the compact form."""

    question: str
    thinking: str
    answer_text: str


class Example(NamedTuple):
    """One example, parsed."""

    maze: Maze
    events: tuple[Event, ...]
    plan: tuple[Cell, ...]


@lru_cache(maxsize=10_000)
def write_cell(cell: Cell) -> str:
    """A cell as one word."""
    return f"{cell.x},{cell.y}"


def read_cell(word: str) -> Cell:
    """The cell of a word that is known to be one."""
    x, _, y = word.partition(",")
    return Cell(int(x), int(y))


def write_question(maze: Maze) -> str:
    """The question; also the canonical form of the maze."""
    words = ["start", write_cell(maze.start), "goal", write_cell(maze.goal), "wall"]
    return " ".join([*words, *map(write_cell, maze.walls_in_order)])


def read_question(question: str) -> Maze:
    """The maze of a question.

    Raises:
        DataError: the text is no question of this world.
    """
    match = _QUESTION.fullmatch(question.strip())
    maze = None
    if match is not None:
        walls = [read_cell(word) for word in match[3].split()]
        maze = _checked(read_cell(match[1]), read_cell(match[2]), walls)
    if maze is None:
        raise DataError(
            "not a question of the maze world",
            expected="start, goal and all walls row by row: start 0,0 goal 2,0 wall 1,1 2,1",
            came=question[:200],
            do="use the world's own problems: world:maze",
        )
    return maze


def _checked(start: Cell, goal: Cell, walls: list[Cell]) -> Maze | None:
    """The maze; `None` if ends coincide or stand in walls, or the walls are out of order."""
    unique = frozenset(walls)
    is_maze = start != goal and unique.isdisjoint((start, goal))
    if not is_maze or len(unique) != len(walls) or row_major(walls) != walls:
        return None
    return Maze(implied_size([start, goal, *walls]), unique, start, goal)


def write_thinking(events: Iterable[Event]) -> str:
    """The thinking, one event per line."""
    return "\n".join(f"{op} {write_cell(cell)} c{g} c{h}" for op, cell, g, h in events)


def read_thinking(thinking: str) -> list[Event | None]:
    """One event per line, `None` for a line that is none; nothing for a blank text."""
    text = thinking.strip()
    return [read_event(line) for line in text.split("\n")] if text else []


def read_event(line: str) -> Event | None:
    """The event of a line; `None` if it cannot be read."""
    match = _EVENT.fullmatch(line)
    return match and Event(match[1], read_cell(match[2]), int(match[3]), int(match[4]))


def write_plan(plan: Iterable[Cell]) -> str:
    """The answer text."""
    return " ".join(["plan", *map(write_cell, plan)])


def read_plan(answer_text: str) -> tuple[Cell, ...] | None:
    """The cells of an answer text; `None` if it cannot be read."""
    match = _PLAN.fullmatch(answer_text.strip())
    return match and tuple(map(read_cell, match[1].split()))


def write_paper(example: Example) -> str:
    """An example in the paper's form."""
    maze = example.maze
    words = ["query start", _two(maze.start), "goal", _two(maze.goal)]
    words += [f"wall {_two(cell)}" for cell in maze.walls_in_order]
    words += ["reasoning", *(f"{e.op} {_two(e.cell)} c{e.g} c{e.h}" for e in example.events)]
    words += ["solution", *(f"plan {_two(cell)}" for cell in example.plan), "end"]
    return " ".join(words)


def read_paper(text: str) -> Example | None:
    """The example of a text in the paper's form; `None` if it cannot be read."""
    match = _PAPER.fullmatch(text.strip())
    if match is None:
        return None
    (start,), (goal,), walls = map(_cells, (match[1], match[2], match[3]))
    maze = _checked(start, goal, walls)
    if maze is None:
        return None
    events = tuple(
        Event(op, _cells(two)[0], int(g), int(h))
        for op, two, g, h in _PAPER_EVENT.findall(match[4])
    )
    return Example(maze, events, tuple(_cells(match[7])))


def _two(cell: Cell) -> str:
    return f"{cell.x} {cell.y}"


def _cells(text: str) -> list[Cell]:
    pairs = (two.split() for two in _PAPER_CELL.findall(text))
    return [Cell(int(x), int(y)) for x, y in pairs]


def to_paper(compact: Compact) -> str | None:
    """An example of the compact form in the paper's; `None` if thinking or answer cannot be read.

    Raises:
        DataError: the question is none of this world.
    """
    maze = read_question(compact.question)
    events, plan = read_thinking(compact.thinking), read_plan(compact.answer_text)
    known = [event for event in events if event is not None]
    if plan is None or len(known) != len(events):
        return None
    return write_paper(Example(maze, tuple(known), plan))


def to_compact(paper: str) -> Compact | None:
    """An example of the paper's form in the compact one; `None` if it cannot be read."""
    example = read_paper(paper)
    return example and write_compact(example.maze, example.events, example.plan)


def write_compact(maze: Maze, events: Sequence[Event], plan: Sequence[Cell]) -> Compact:
    """An example in the compact form."""
    return Compact(write_question(maze), write_thinking(events), write_plan(plan))
