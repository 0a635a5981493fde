"""Questions, traces and plans as text: strict reading, both forms, round trips."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import DataError
from titrant.seeds import derive_rng
from titrant.worlds.maze.astar import Event, search
from titrant.worlds.maze.draw import GENERATORS, draw_maze
from titrant.worlds.maze.form import (
    Compact,
    Example,
    read_event,
    read_paper,
    read_plan,
    read_question,
    read_thinking,
    to_compact,
    to_paper,
    write_compact,
    write_paper,
    write_plan,
    write_question,
    write_thinking,
)
from titrant.worlds.maze.grid import Cell, Maze

mazes = st.builds(
    lambda name, size, seed: draw_maze(name, size, derive_rng(seed, "form")),
    st.sampled_from(list(GENERATORS)),
    st.integers(4, 12),
    st.integers(0, 2**30),
)
MAZE = Maze(3, frozenset({Cell(1, 1), Cell(0, 1)}), Cell(0, 0), Cell(0, 2))
QUESTION = "start 0,0 goal 0,2 wall 0,1 1,1"
PAPER = (
    "query start 0 0 goal 0 2 wall 0 1 wall 1 1 "
    "reasoning close 0 0 c0 c2 create 1 0 c1 c3 "
    "solution plan 0 0 plan 1 0 end"
)
COMPACT = Compact(QUESTION, "close 0,0 c0 c2\ncreate 1,0 c1 c3", "plan 0,0 1,0")


def test_a_question_lists_start_goal_and_walls_row_by_row():
    assert write_question(MAZE) == QUESTION
    assert read_question(QUESTION) == MAZE
    assert read_question(f" {QUESTION}\n") == MAZE


def test_the_size_is_that_of_the_smallest_grid_that_holds_all_cells():
    assert read_question("start 0,0 goal 1,0 wall").size == 2
    assert read_question("start 0,0 goal 1,0 wall 3,2").size == 4
    assert read_question("start 0,0 goal 1,0 wall 3,2 0,5").size == 6
    assert read_question("start 0,0 goal 11,0 wall").size == 12


@pytest.mark.parametrize(
    "text",
    [
        "",
        "start 0,0 goal 0,2",
        "start 0,0 goal 0,2 wall  0,1",
        "start 0,0 goal 0,2 wall 1,1 0,1",  # not row by row
        "start 0,0 goal 0,2 wall 0,1 0,1",  # twice
        "start 0,0 goal 0,0 wall 0,1",
        "start 0,1 goal 0,2 wall 0,1 1,1",  # the start is a wall
        "start 0,0 goal 1,1 wall 0,1 1,1",
        "start 00,0 goal 0,2 wall 0,1",
        "start 0,0 goal 0,100 wall 0,1",
        "start 0,0 goal 0,-2 wall 0,1",
        "start 0,0 goal 0,2 wall 0,1\nwall 1,1",
        "goal 0,2 start 0,0 wall 0,1",
        "47+3*5=",
    ],
)
def test_other_text_is_no_question(text):
    with pytest.raises(
        DataError, match="not a question of the maze world\n  expected: start, goal and all walls"
    ):
        read_question(text)


def test_the_question_in_the_error_is_a_question():
    assert read_question("start 0,0 goal 2,0 wall 1,1 2,1").size == 3


def test_an_event_is_a_line():
    assert read_event("close 3,4 c0 c5") == Event("close", Cell(3, 4), 0, 5)
    assert read_event("create 10,4 c12 c5") == Event("create", Cell(10, 4), 12, 5)


@pytest.mark.parametrize(
    "line",
    [
        *("", "close", "close 3,4 c0", "close 3,4 c0 c5 c1", "open 3,4 c0 c5", "Close 3,4 c0 c5"),
        *(" close 3,4 c0 c5", "close 3,4 c0 c5 ", "close 3, 4 c0 c5", "close  3,4 c0 c5"),
        *("close 03,4 c0 c5", "close 3,4 c00 c5", "close 3,4 c-1 c5", "close 3,4 0 5"),
        *("close 3,4 c0 c5.", "close 3 4 c0 c5", "close ٣,4 c0 c5"),
    ],
)
def test_a_line_that_differs_is_unreadable(line):
    assert read_event(line) is None


def test_thinking_is_read_line_by_line():
    event = Event("close", Cell(0, 0), 0, 2)
    assert read_thinking("close 0,0 c0 c2\n\nclose 0,0\nclose 0,0 c0 c2\n") == [
        event,
        None,
        None,
        event,
    ]
    assert read_thinking("") == read_thinking(" \n ") == []


def test_a_plan_is_one_line_of_cells():
    assert read_plan("plan 0,0 1,0") == (Cell(0, 0), Cell(1, 0))
    assert read_plan(" plan 0,0\n") == (Cell(0, 0),)
    assert write_plan([Cell(0, 0), Cell(10, 0)]) == "plan 0,0 10,0"


@pytest.mark.parametrize(
    "text",
    [
        *("", "plan", "plan ", "0,0 1,0", "plan 0,0, 1,0", "plan 0,0 1,", "plan 0,0  1,0"),
        *("plan 0,0\n1,0", "plan 0,0 plan 1,0", "Plan 0,0", "the plan 0,0", "plan 0,0 1,0."),
    ],
)
def test_other_text_is_no_plan(text):
    assert read_plan(text) is None


def test_both_forms_say_the_same():
    assert to_paper(COMPACT) == PAPER
    assert to_compact(PAPER) == COMPACT
    assert to_compact(f"{PAPER}\n") == COMPACT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("query ", ""),
        (" end", ""),
        ("reasoning", "thinking"),
        ("wall 0 1", "wall 0,1"),
        ("wall 0 1 wall 1 1", "wall 1 1 wall 0 1"),
        ("c0 c2", "c0"),
        ("plan 1 0", "plan 1"),
        ("plan 0 0 plan 1 0 ", ""),
        ("close", "open"),
        ("goal 0 2", "goal 0 0"),
        (" reasoning", "  reasoning"),
    ],
)
def test_a_changed_text_of_the_paper_is_unreadable(old, new):
    assert old in PAPER
    assert read_paper(PAPER.replace(old, new, 1)) is None
    assert to_compact(PAPER.replace(old, new, 1)) is None


def test_an_example_without_trace_or_walls_is_readable_in_the_papers_form():
    text = "query start 0 0 goal 1 0 reasoning solution plan 0 0 plan 1 0 end"
    plan = (Cell(0, 0), Cell(1, 0))
    assert read_paper(text) == Example(Maze(2, frozenset(), *plan), (), plan)


def test_what_cannot_be_read_has_no_other_form():
    assert to_paper(COMPACT._replace(thinking="close 0,0")) is None
    assert to_paper(COMPACT._replace(answer_text="plan")) is None
    with pytest.raises(DataError, match="not a question of the maze world"):
        to_paper(COMPACT._replace(question="?"))


@settings(max_examples=60)
@given(mazes)
def test_everything_comes_back_from_both_forms(maze):
    found = search(maze)
    assert read_question(write_question(maze)) == maze
    assert read_thinking(write_thinking(found.events)) == list(found.events)
    assert read_plan(write_plan(found.plan)) == found.plan
    paper = write_paper(Example(maze, *found))
    assert read_paper(paper) == Example(maze, *found)
    compact = write_compact(maze, *found)
    assert to_compact(paper) == compact
    assert to_paper(compact) == paper


def test_hostile_texts_are_read_in_no_time():
    for text in (
        "start " * 50_000,
        QUESTION + " 9,9" * 50_000,
        PAPER * 5_000,
        "plan" + " 0,0" * 50_000,
    ):
        read_paper(text)
        read_plan(text)
        with pytest.raises(DataError):
            read_question(text)
