"""A*: its events worked out by hand, ties, cells created twice, and shortest paths."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.seeds import derive_rng
from titrant.worlds.maze.astar import CLOSE, CREATE, Ties, search
from titrant.worlds.maze.draw import GENERATORS, draw_maze
from titrant.worlds.maze.form import read_question, write_plan, write_thinking
from titrant.worlds.maze.grid import Cell, Maze, cells_of, manhattan, moves_from, neighbours_of

mazes = st.builds(
    lambda name, size, seed: draw_maze(name, size, derive_rng(seed, "astar")),
    st.sampled_from(list(GENERATORS)),
    st.integers(4, 10),
    st.integers(0, 2**30),
)


def trace(question: str, ties: Ties = Ties.INSERTION) -> list[str]:
    return write_thinking(search(read_question(question), ties).events).split("\n")


def test_a_corridor_is_followed_to_its_end():
    # S . .     h = |x − 0| + |y − 2|: 2 at the start, 3 and 4 to the right, then 3, 2, 1, 0.
    # # # .
    # G . .
    found = search(read_question("start 0,0 goal 0,2 wall 0,1 1,1"))
    assert write_thinking(found.events).split("\n") == [
        "close 0,0 c0 c2",
        "create 1,0 c1 c3",
        "close 1,0 c1 c3",
        "create 2,0 c2 c4",
        "close 2,0 c2 c4",
        "create 2,1 c3 c3",
        "close 2,1 c3 c3",
        "create 2,2 c4 c2",
        "close 2,2 c4 c2",
        "create 1,2 c5 c1",
        "close 1,2 c5 c1",
        "create 0,2 c6 c0",
        "close 0,2 c6 c0",
    ]
    assert write_plan(found.plan) == "plan 0,0 1,0 2,0 2,1 2,2 1,2 0,2"


def test_neighbours_are_tried_up_right_down_left():
    # . . .     From the middle all four are new; right has h = 1, up and left 3, down 1.
    # . S .     f: up 1 + 3 = 4, right 1 + 1 = 2, down 1 + 1 = 2, left 4. Right was opened first.
    # . . G
    assert trace("start 1,1 goal 2,2 wall") == [
        "close 1,1 c0 c2",
        "create 1,0 c1 c3",
        "create 2,1 c1 c1",
        "create 1,2 c1 c1",
        "create 0,1 c1 c3",
        "close 2,1 c1 c1",
        "create 2,0 c2 c2",
        "create 2,2 c2 c0",
        "close 1,2 c1 c1",  # f = 2 like the goal, and opened before it
        "create 0,2 c2 c2",
        "close 2,2 c2 c0",
    ]


# # # . # #
# . . # . .     After `close 4,1` three cells have f = 6: (3,4) with g 3, opened first, and (3,1) with g 2.
# # . # # S
# # G # . .
# # . . . #
TIED = "start 4,2 goal 1,3 wall 0,0 1,0 3,0 4,0 2,1 0,2 2,2 3,2 0,3 2,3 0,4 4,4"
HEAD = [
    "close 4,2 c0 c4",
    "create 4,1 c1 c5",
    "create 4,3 c1 c3",
    "close 4,3 c1 c3",
    "create 3,3 c2 c2",
    "close 3,3 c2 c2",
    "create 3,4 c3 c3",
    "close 4,1 c1 c5",
    "create 3,1 c2 c4",
]


def test_ties_go_to_the_cell_that_was_opened_first():
    assert trace(TIED)[:12] == [
        *HEAD,
        "close 3,4 c3 c3",
        "create 2,4 c4 c2",
        "close 3,1 c2 c4",
    ]


def test_or_to_the_lower_g():
    assert trace(TIED, Ties.LOWER_G)[:12] == [
        *HEAD,
        "close 3,1 c2 c4",
        "close 3,4 c3 c3",
        "create 2,4 c4 c2",
    ]


def test_a_cell_that_is_created_again_keeps_its_place():
    # # . . # .     (2,2) is created from (2,3) with g 5, f 9, then (1,3) with f 7; then (2,2) again from
    # . # . . .     (3,2) with g 3, f 7. Of the two it was opened first, so it is closed first.
    # # # . . .
    # . . . # S
    # G # . . .
    lines = trace("start 4,3 goal 0,4 wall 0,0 3,0 1,1 0,2 1,2 3,3 1,4")
    assert lines[12:20] == [
        "close 2,3 c4 c3",
        "create 2,2 c5 c4",
        "create 1,3 c5 c2",
        "close 3,2 c2 c5",
        "create 3,1 c3 c6",
        "create 2,2 c3 c4",
        "close 2,2 c3 c4",
        "create 2,1 c4 c5",
    ]


def test_without_a_path_there_is_no_plan():
    # S # G
    found = search(
        Maze(3, frozenset(cells_of(3)) - {Cell(0, 0), Cell(2, 0)}, Cell(0, 0), Cell(2, 0))
    )
    assert found.plan == ()
    assert write_thinking(found.events) == "close 0,0 c0 c2"


@settings(max_examples=60)
@given(mazes, st.sampled_from(Ties))
def test_plans_are_shortest_paths(maze, ties):
    found = search(maze, ties)
    free = set(cells_of(maze.size)) - maze.walls
    assert (found.plan[0], found.plan[-1]) == (maze.start, maze.goal)
    assert len(found.plan) == moves_from(maze.start, free, maze.size)[maze.goal] + 1
    around = neighbours_of(maze.size)
    assert all(b in around[a] and b in free for a, b in itertools.pairwise(found.plan))


@settings(max_examples=60)
@given(mazes, st.sampled_from(Ties))
def test_a_trace_begins_and_ends_with_the_ends_and_closes_no_cell_twice(maze, ties):
    events = search(maze, ties).events
    closed = [event.cell for event in events if event.op == CLOSE]
    assert (events[0].cell, events[-1].cell) == (maze.start, maze.goal)
    assert len(set(closed)) == len(closed)
    assert maze.start not in {event.cell for event in events if event.op == CREATE}
    assert all(event.h == manhattan(event.cell, maze.goal) for event in events)


@pytest.mark.parametrize("name", ["wilson", "dfs", "kruskal"])
def test_perfect_mazes_create_no_cell_twice(name):
    rng = derive_rng(0, "twice", name)
    for _ in range(60):
        created = [e.cell for e in search(draw_maze(name, 10, rng)).events if e.op == CREATE]
        assert len(set(created)) == len(created)
