"""Plans: what makes one invalid, and which are the shortest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.seeds import derive_rng
from titrant.worlds.maze.astar import Ties, search
from titrant.worlds.maze.draw import GENERATORS, draw_maze
from titrant.worlds.maze.form import read_plan, read_question
from titrant.worlds.maze.grid import Cell
from titrant.worlds.maze.plan import PlanFault, check_plan

# . . .
# S # G
# . # .
OPEN = read_question("start 0,1 goal 2,1 wall 1,1 1,2")
# S . .
# . # .
# . G .
LOOP = read_question("start 0,0 goal 1,2 wall 1,1")


def judged(maze, text):
    check = check_plan(maze, read_plan(text))
    return check.fault, check.is_optimal


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("plan 0,1 0,0 1,0 2,0 2,1", None),
        ("0,1 0,0 1,0 2,0 2,1", PlanFault.UNREADABLE),
        ("plan 0,1 0,0 0,3 2,0 2,1", PlanFault.OUT_OF_BOUNDS),
        ("plan 0,0 1,0 2,0 2,1", PlanFault.WRONG_START),
        ("plan 0,1 0,0 1,0 2,0", PlanFault.WRONG_GOAL),
        ("plan 2,1 2,0 1,0 0,0 0,1", PlanFault.WRONG_START),
        ("plan 0,1 1,1 2,1", PlanFault.WALL),
        ("plan 0,1 0,0 2,0 2,1", PlanFault.NOT_ADJACENT),
        ("plan 0,1 0,0 0,0 1,0 2,0 2,1", PlanFault.NOT_ADJACENT),
        ("plan 0,1 1,0 2,1", PlanFault.NOT_ADJACENT),  # diagonal
    ],
)
def test_each_fault_of_a_plan_is_named(text, fault):
    assert judged(OPEN, text) == (fault, fault is None)


def test_a_detour_is_valid_and_not_optimal():
    assert judged(OPEN, "plan 0,1 0,0 1,0 0,0 1,0 2,0 2,1") == (None, False)
    # Down and right is 3 moves, around the other side 5.
    assert judged(LOOP, "plan 0,0 0,1 0,2 1,2") == (None, True)
    assert judged(LOOP, "plan 0,0 1,0 2,0 2,1 2,2 1,2") == (None, False)


def test_no_plan_is_unreadable():
    assert check_plan(OPEN, None) == check_plan(OPEN, ()) == (PlanFault.UNREADABLE, False)


@settings(max_examples=60)
@given(
    st.sampled_from(list(GENERATORS)),
    st.integers(4, 10),
    st.integers(0, 2**30),
    st.sampled_from(Ties),
    st.data(),
)
def test_gold_plans_are_optimal_and_lose_that_with_any_cell(name, size, seed, ties, data):
    maze = draw_maze(name, size, derive_rng(seed, "plan"))
    plan = search(maze, ties).plan
    assert check_plan(maze, plan) == (None, True)
    at = data.draw(st.integers(0, len(plan) - 1))
    assert not check_plan(maze, (*plan[:at], *plan[at + 1 :])).is_valid
    there_and_back = (*plan[: at + 1], *plan[max(at - 1, 0) : at + 1])
    if at:  # one step back and forth again
        assert check_plan(maze, (*there_and_back, *plan[at + 1 :])) == (None, False)


def test_a_cell_outside_is_named_before_its_neighbours():
    assert check_plan(OPEN, (Cell(0, 1), Cell(-1, 1))).fault == PlanFault.OUT_OF_BOUNDS
