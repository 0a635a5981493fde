"""The trace validator: one planted fault per rule, all gold traces pass, no swapped one does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.seeds import derive_rng
from titrant.worlds.maze.astar import CREATE, Ties, search
from titrant.worlds.maze.draw import GENERATORS, draw_maze
from titrant.worlds.maze.form import read_question, read_thinking
from titrant.worlds.maze.validate import Fault, Found, Replay, check_trace

# S . .
# # # .
# G . .
CORRIDOR = read_question("start 0,0 goal 0,2 wall 0,1 1,1")
GOLD = [
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
# S . G
# . . .
# . . #
FIELD = read_question("start 0,0 goal 2,0 wall 2,2")
FIELD_GOLD = [
    "close 0,0 c0 c2",
    "create 1,0 c1 c1",
    "create 0,1 c1 c3",
    "close 1,0 c1 c1",
    "create 2,0 c2 c0",
    "create 1,1 c2 c2",
    "close 2,0 c2 c0",
]


def checked(maze, lines):
    return check_trace(maze, read_thinking("\n".join(lines)))


def test_gold_traces_by_hand_are_valid_at_both_levels():
    for maze, lines in ((CORRIDOR, GOLD), (FIELD, FIELD_GOLD)):
        check = checked(maze, lines)
        assert check == (None, None)
        assert check.is_valid
        assert check.is_strictly_valid


def replaced(at, *lines):
    return [*GOLD[:at], *lines, *GOLD[at + 1 :]]


@pytest.mark.parametrize(
    ("lines", "fault", "at"),
    [
        (replaced(3, "create 2,0 c2"), Fault.UNREADABLE, 3),
        (replaced(3, ""), Fault.UNREADABLE, 3),
        (replaced(3, "create 3,0 c2 c5"), Fault.OUT_OF_BOUNDS, 3),
        (replaced(2, "close 1,0 c1 c2"), Fault.WRONG_HEURISTIC, 2),
        (replaced(1, "create 1,0 c1 c1"), Fault.WRONG_HEURISTIC, 1),
        (replaced(3, "close 0,0 c0 c2", GOLD[3]), Fault.ALREADY_CLOSED, 3),
        (replaced(3, "create 0,0 c2 c2", GOLD[3]), Fault.ALREADY_CLOSED, 3),
        (replaced(2, "close 2,0 c2 c4"), Fault.NOT_OPEN, 2),
        (["close 0,2 c6 c0"], Fault.NOT_OPEN, 0),
        (replaced(2, "close 1,0 c2 c3"), Fault.WRONG_COST, 2),
        (replaced(3, "create 2,0 c3 c4"), Fault.WRONG_COST, 3),
        (GOLD[1:], Fault.NO_PARENT, 0),
        (replaced(1, "create 0,1 c1 c1"), Fault.WALL, 1),
        (replaced(1, "create 2,0 c1 c4"), Fault.NOT_ADJACENT, 1),
        (replaced(1, "create 0,0 c1 c2"), Fault.NOT_ADJACENT, 1),
        (replaced(1, GOLD[1], GOLD[1]), Fault.NOT_BETTER, 2),
        ([*GOLD, "close 0,2 c6 c0"], Fault.AFTER_GOAL, 13),
        ([*GOLD, "create 1,2 c7 c1"], Fault.AFTER_GOAL, 13),
        (GOLD[:-1], Fault.GOAL_NOT_CLOSED, 12),
        ([], Fault.GOAL_NOT_CLOSED, 0),
    ],
)
def test_each_planted_fault_is_named_where_it_is(lines, fault, at):
    check = checked(CORRIDOR, lines)
    assert check.first == Found(fault, at)
    assert not check.is_valid
    assert check.strict is not None
    assert check.strict.at <= at


def test_closing_a_cell_that_is_not_best_is_named():
    # (0,1) has f = 1 + 3 = 4, (1,0) has 1 + 1 = 2.
    lines = [*FIELD_GOLD[:3], "close 0,1 c1 c3"]
    assert checked(FIELD, lines).first == Found(Fault.NOT_LOWEST_F, 3)


def test_ties_are_free():
    # . S    Both neighbours of the start have f = 2.
    # G .
    maze = read_question("start 1,0 goal 0,1 wall")
    down_first = [
        "close 1,0 c0 c2",
        "create 1,1 c1 c1",
        "create 0,0 c1 c1",
        "close 0,0 c1 c1",
        "create 0,1 c2 c0",
        "close 0,1 c2 c0",
    ]
    assert checked(maze, down_first) == (None, None)


def test_a_better_way_to_an_open_cell_is_told():
    maze = read_question("start 4,3 goal 0,4 wall 0,0 3,0 1,1 0,2 1,2 3,3 1,4")
    events = list(search(maze).events)
    again = next(i for i, e in enumerate(events) if e.cell == (2, 2) and e.g == 3)
    assert events[again].op == CREATE
    assert check_trace(maze, events) == (None, None)
    # Without it, the cell is closed next with a g that it was never given.
    del events[again]
    assert check_trace(maze, events).first == Found(Fault.WRONG_COST, again)


def test_a_neighbour_left_out_is_an_error_under_the_strict_rule_only():
    lines = [line for line in FIELD_GOLD if line != "create 0,1 c1 c3"]
    assert checked(FIELD, lines) == (None, Found(Fault.INCOMPLETE_EXPANSION, 2))
    # Left out after the last close before the goal's
    lines = [line for line in FIELD_GOLD if line != "create 1,1 c2 c2"]
    assert checked(FIELD, lines) == (None, Found(Fault.INCOMPLETE_EXPANSION, 5))


def test_neighbours_out_of_order_are_an_error_under_the_strict_rule_only():
    lines = [FIELD_GOLD[0], FIELD_GOLD[2], FIELD_GOLD[1], *FIELD_GOLD[3:]]
    assert checked(FIELD, lines) == (None, Found(Fault.WRONG_ORDER, 2))


def test_the_strict_fault_is_the_earlier_one():
    lines = [line for line in FIELD_GOLD if line != "create 0,1 c1 c3"][:-1]
    check = checked(FIELD, lines)
    assert check.first == Found(Fault.GOAL_NOT_CLOSED, 5)
    assert check.strict == Found(Fault.INCOMPLETE_EXPANSION, 2)
    check = checked(FIELD, [*lines[:3], "create 2,0 c2 c1"])
    assert check.first == Found(Fault.WRONG_HEURISTIC, 3)
    assert check.strict == Found(Fault.INCOMPLETE_EXPANSION, 2)


def test_after_a_fault_the_trace_is_taken_at_its_word():
    replay = Replay(CORRIDOR)
    off_by_one = [
        "close 0,0 c0 c2",
        "create 1,0 c2 c3",  # wrong: 1
        "close 1,0 c2 c3",  # what it said
        "create 2,0 c3 c4",
        "close 2,0 c2 c4",  # wrong again: it said 3
    ]
    faults = [replay.step(event).fault for event in read_thinking("\n".join(off_by_one))]
    assert faults == [None, Fault.WRONG_COST, None, None, Fault.WRONG_COST]


def test_what_is_unreadable_or_outside_changes_nothing():
    replay = Replay(CORRIDOR)
    lines = [GOLD[0], "?", "create 9,9 c1 c16", GOLD[1], GOLD[2]]
    stepped = [replay.step(event) for event in read_thinking("\n".join(lines))]
    assert [one.fault for one in stepped] == [
        *(None, Fault.UNREADABLE, Fault.OUT_OF_BOUNDS, None, None)
    ]
    assert stepped[4].expansion is None


def gold(name, size, n):
    rng = derive_rng(0, "validate", name, size)
    return [draw_maze(name, size, rng) for _ in range(n)]


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize("name", GENERATORS)
def test_every_gold_trace_is_valid_at_both_levels(name, ties):
    mazes = [maze for size in (6, 8, 10) for maze in gold(name, size, 60)]
    checks = [check_trace(maze, search(maze, ties).events) for maze in mazes]
    assert checks == [(None, None)] * 180


@pytest.mark.parametrize("name", GENERATORS)
def test_no_trace_of_another_maze_is_valid(name):
    mazes = gold(name, 8, 600)
    traces = [search(maze).events for maze in mazes]
    checks = [check_trace(mazes[i], traces[i - 1]) for i in range(600)]
    firsts = [check.first for check in checks if check.first is not None]
    assert len(firsts) == 600
    # Nearly all fail at once, since the other start and goal are others.
    assert sum(first.at == 0 for first in firsts) > 0.95 * 600


maze_and_ties = st.tuples(
    st.builds(
        lambda name, size, seed: draw_maze(name, size, derive_rng(seed, "any fault")),
        st.sampled_from(list(GENERATORS)),
        st.integers(4, 9),
        st.integers(0, 2**30),
    ),
    st.sampled_from(Ties),
)


@settings(max_examples=60)
@given(maze_and_ties, st.data())
def test_any_changed_cost_is_found_where_it_is(pair, data):
    maze, ties = pair
    events = list(search(maze, ties).events)
    at = data.draw(st.integers(0, len(events) - 1))
    which = data.draw(st.sampled_from(["g", "h"]))
    wrong = data.draw(st.integers(0, 40).filter(lambda cost: cost != getattr(events[at], which)))
    events[at] = events[at]._replace(**{which: wrong})
    fault = Fault.WRONG_COST if which == "g" else Fault.WRONG_HEURISTIC
    assert check_trace(maze, events).first == Found(fault, at)


@settings(max_examples=60)
@given(maze_and_ties, st.data())
def test_any_create_left_out_is_a_strict_fault(pair, data):
    maze, ties = pair
    events = list(search(maze, ties).events)
    creates = [i for i, event in enumerate(events) if event.op == CREATE]
    del events[data.draw(st.sampled_from(creates))]
    assert not check_trace(maze, events).is_strictly_valid


@settings(max_examples=60)
@given(maze_and_ties, st.data())
def test_any_event_told_twice_is_a_fault(pair, data):
    maze, ties = pair
    events = list(search(maze, ties).events)
    at = data.draw(st.integers(0, len(events) - 1))
    events.insert(at, events[at])
    first = check_trace(maze, events).first
    assert first is not None
    assert first.at == at + 1
