"""What texts say about their mazes, and what many of them say together."""

import math

import pytest

from titrant.worlds.base import Split
from titrant.worlds.maze.measure import Measured, Table, by_gold_length, measure, summarise
from titrant.worlds.maze.world import MAZE

# S . .
# # # .
# G . .
CORRIDOR = "start 0,0 goal 0,2 wall 0,1 1,1"
TRACE = MAZE.oracle(CORRIDOR)
PLAN = "plan 0,0 1,0 2,0 2,1 2,2 1,2 0,2"
# S . G
# . . .
# . . #
FIELD = "start 0,0 goal 2,0 wall 2,2"


def text(thinking: str, plan: str) -> str:
    return f"<think>\n{thinking}\n</think>\n\n{plan}<eos>".removesuffix("<eos>")


def test_a_right_text_is_right_in_every_way():
    assert measure(CORRIDOR, text(TRACE, PLAN)) == Measured(
        plan_valid=True,
        plan_optimal=True,
        plan_fault=None,
        trace_valid=True,
        trace_strictly_valid=True,
        first_error_index=None,
        first_error_type=None,
        trace_events=13,
        gold_events=13,
    )


def test_plan_and_trace_are_judged_apart():
    lines = TRACE.split("\n")
    lines[3] = "create 2,0 c7 c4"
    good_plan = measure(CORRIDOR, text("\n".join(lines), PLAN))
    assert (good_plan.plan_valid, good_plan.trace_valid) == (True, False)
    assert (good_plan.first_error_index, good_plan.first_error_type) == (3, "wrong cost")
    good_trace = measure(CORRIDOR, text(TRACE, "plan 0,0 0,1 0,2"))
    assert (good_trace.plan_valid, good_trace.plan_optimal) == (False, False)
    assert (good_trace.plan_fault, good_trace.trace_valid) == ("wall", True)


def test_a_left_out_neighbour_and_a_detour_are_seen():
    lines = [line for line in MAZE.oracle(FIELD).split("\n") if line != "create 0,1 c1 c3"]
    found = measure(FIELD, text("\n".join(lines), "plan 0,0 0,1 1,1 1,0 2,0"))
    assert (found.trace_valid, found.trace_strictly_valid) == (True, False)
    assert (found.first_error_index, found.first_error_type) == (None, None)
    assert (found.plan_valid, found.plan_optimal) == (True, False)
    assert (found.trace_events, found.gold_events) == (6, 7)


def test_without_thinking_there_is_no_trace_to_judge():
    found = measure(CORRIDOR, PLAN)
    assert found.plan_valid
    assert found.trace_valid is None
    assert found.trace_strictly_valid is None
    assert found.trace_events is None
    assert measure(CORRIDOR, f"<think>\n\n</think>\n\n{PLAN}").trace_valid is None


def test_filler_is_a_trace_that_fails_at_once():
    found = measure(CORRIDOR, text(". . . .\n. . . .", PLAN))
    assert (found.trace_valid, found.first_error_index) == (False, 0)
    assert found.first_error_type == "unreadable"


def test_truncated_and_unfinished_texts_have_no_plan():
    cut = measure(CORRIDOR, text(TRACE, PLAN), is_cut=True)
    assert (cut.plan_valid, cut.plan_fault, cut.trace_valid) == (False, "truncated", True)
    unfinished = measure(CORRIDOR, f"<think>\n{TRACE}")
    assert (unfinished.plan_valid, unfinished.plan_fault) == (False, "unreadable")
    half = measure(CORRIDOR, f"<think>\n{TRACE[:40]}", is_cut=True)
    assert (half.trace_valid, half.first_error_type) == (False, "unreadable")


def test_what_the_prompt_opened_may_be_missing_from_the_text():
    assert measure(CORRIDOR, f"{TRACE}\n</think>\n\n{PLAN}").trace_valid


@pytest.fixture(scope="module")
def four():
    """Three valid plans, two valid traces (one with a valid plan), one text without a trace."""
    wrong_first = "close 0,0 c0 c9"
    return [
        measure(CORRIDOR, text(TRACE, PLAN)),
        measure(CORRIDOR, text(wrong_first, PLAN)),
        measure(CORRIDOR, text(TRACE, "plan"), is_cut=True),
        measure(CORRIDOR, PLAN),
    ]


def test_shares_have_their_own_denominators_and_wilson_intervals(four):
    found = summarise(four)
    assert (found.n, found.n_without_trace, found.n_truncated) == (4, 1, 1)
    # 3 of 4, z = 1.96: centre (0.75 + z²/8) / (1 + z²/4) = 1.2302 / 1.9604 = 0.6275;
    # half z √(0.75 · 0.25 / 4 + z²/64) / 1.9604 = 1.96 · 0.3270 / 1.9604 = 0.3269
    assert found.plan_valid.estimate == 0.75
    assert found.plan_valid.n == 4
    assert found.plan_valid.low == pytest.approx(0.3006, abs=2e-4)
    assert found.plan_valid.high == pytest.approx(0.9544, abs=2e-4)
    assert (found.trace_valid.estimate, found.trace_valid.n) == (pytest.approx(2 / 3), 3)
    assert found.trace_strictly_valid.estimate == pytest.approx(2 / 3)
    assert (found.trace_valid_given_plan.estimate, found.trace_valid_given_plan.n) == (0.5, 2)
    assert found.strictly_valid_given_plan.estimate == 0.5


def test_the_table_and_the_first_errors_count_texts_with_a_trace(four):
    nothing = measure(CORRIDOR, text("?", "plan"))
    found = summarise([*four, four[0], four[1], four[1], *[nothing] * 4])
    assert found.table == Table(both=2, plan_only=3, trace_only=1, neither=4)
    assert found.first_error_types == {"unreadable": 4, "wrong heuristic": 3}
    assert found.first_error_indices == {0: 7}


def test_the_level_is_a_setting(four):
    wide, narrow = summarise(four, level=0.99), summarise(four, level=0.5)
    assert wide.plan_valid.level == 0.99
    assert wide.plan_valid.low < narrow.plan_valid.low < 0.75 < narrow.plan_valid.high


def test_of_nothing_nothing_is_said():
    found = summarise([])
    assert found.n == 0
    assert found.plan_valid.estimate is None
    assert found.trace_valid_given_plan.low is None
    assert found.table == Table(both=0, plan_only=0, trace_only=0, neither=0)


def test_validity_is_given_by_length_of_the_gold_trace():
    short = measure(FIELD, text(MAZE.oracle(FIELD), "plan 0,0 1,0 2,0"))  # 7 events
    long = measure(CORRIDOR, text("close 0,0 c0 c9", PLAN))  # 13 events
    unsolved = measure(CORRIDOR, text(TRACE, "plan"))
    spans = by_gold_length([short, long, unsolved], [0, 7, 13])
    assert [(span.least, span.below) for span in spans] == [(0, 7), (7, 13), (13, None)]
    estimates = [span.trace_valid_given_plan for span in spans]
    assert [one.n for one in estimates] == [0, 1, 1]
    assert [one.estimate for one in estimates] == [None, 1.0, 0.0]


def test_swapped_traces_fail_at_the_first_event_and_their_plans_do_not():
    problems = [MAZE.problem("middle", Split.POOL, i) for i in range(80)]
    found = summarise(
        [
            measure(one.question, text(MAZE.oracle(other.question), one.gold))
            for one, other in zip(problems, problems[1:] + problems[:1], strict=True)
        ]
    )
    assert found.plan_valid.estimate == found.plan_optimal.estimate == 1.0
    assert found.trace_valid_given_plan.estimate == 0.0
    assert found.table.plan_only == 80
    assert found.first_error_indices[0] > 70


def test_a_summary_survives_the_disk(four):
    found = summarise(four)
    assert type(found).model_validate_json(found.model_dump_json()) == found
    assert not math.isnan(found.plan_valid.estimate)
