"""The maze world: presets, splits by hash, any valid plan is right, faults of traces line by line."""

import json
import os
from collections import Counter
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import ConfigError, DataError
from titrant.traces.record import Problem, Verdict
from titrant.worlds.base import Split, worlds
from titrant.worlds.maze.astar import search
from titrant.worlds.maze.draw import GENERATORS, perfect_mazes
from titrant.worlds.maze.form import read_question, write_question
from titrant.worlds.maze.grid import Cell, cells_of, moves_from
from titrant.worlds.maze.world import (
    MAZE,
    MOST_COUNTED,
    PRESETS,
    SHARES,
    count_perfect,
    is_of,
    split_of,
)
from titrant.worlds.verdicts import Written, judge_by_world

GOLDEN = Path(__file__).with_name("maze.json")
CORRIDOR = "start 0,0 goal 0,2 wall 0,1 1,1"
TRACE = MAZE.oracle(CORRIDOR).split("\n")


def kinds(lines, question=CORRIDOR):
    return [check.kind for check in MAZE.validate(question, "\n".join(lines))]


def test_presets_are_every_generator_at_8_and_10_and_the_ladder():
    named = {f"{name}-{size}" for name in GENERATORS for size in (8, 10)}
    assert set(PRESETS) == {*named, "easy", "middle", "hard"}
    assert next(iter(PRESETS)) == "wilson-8"
    assert worlds.get("maze") is MAZE


@pytest.mark.parametrize("preset", PRESETS)
def test_instances_lie_in_their_split_and_in_the_preset(preset):
    generator, size = PRESETS[preset]
    for split in Split:
        for index in range(15):
            problem = MAZE.problem(preset, split, index)
            maze = read_question(problem.question)
            assert maze.size == size
            assert split_of(problem.question) == split
            assert problem.domain == f"{generator} {size}"
            assert problem.source == f"world:maze/{preset}"
            assert problem.gold_kind == "world:maze"
            assert problem.question.startswith(
                f"start {problem.meta['start']} goal {problem.meta['goal']} wall "
            )
            free = set(cells_of(size)) - maze.walls
            n_cells = len((problem.gold or "").split()) - 1
            assert n_cells == moves_from(maze.start, free, size)[maze.goal] + 1
            if generator == "searchformer":
                assert n_cells >= size


def test_middle_and_hard_are_wilson_mazes_under_another_name():
    for ladder, name in (("middle", "wilson-8"), ("hard", "wilson-10")):
        for split in Split:
            one, other = (MAZE.problem(preset, split, 3) for preset in (ladder, name))
            assert one.question == other.question
            assert one.source == f"world:maze/{ladder}"


def test_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="unknown preset 'wilson8'\n  do: did you mean wilson-8"):
        MAZE.problem("wilson8", Split.TEST, 0)
    with pytest.raises(ConfigError, match="unknown preset 'dfs-9'"):
        MAZE.count("dfs-9", Split.TEST)


def test_splits_have_their_shares_without_gaps():
    edges = sorted(SHARES.values())
    assert (edges[0][0], edges[-1][1]) == (0.0, 1.0)
    assert [high for _, high in edges[:-1]] == [low for low, _ in edges[1:]]


def test_walls_are_distributed_alike_in_all_splits():
    # Other ends are drawn until the hash fits, so a split does not prefer mazes. Mean free cells of
    # drunkards are fixed; of Wilson trees the dead ends are counted instead.
    means = []
    for split in Split:
        ends = []
        for index in range(400):
            maze = read_question(MAZE.problem("wilson-8", split, index).question)
            free = set(cells_of(8)) - maze.walls
            ends.append(sum(_degree(cell, free) == 1 for cell in free))
        means.append(np.mean(ends))
    # About 4.7 dead ends with a standard deviation of 1.1: a difference has an error of 0.08.
    assert max(means) - min(means) < 0.35


def _degree(cell, free):
    return sum(
        Cell(cell.x + dx, cell.y + dy) in free for dx, dy in ((0, 1), (1, 0), (0, -1), (-1, 0))
    )


def test_counts_are_exact_for_small_grids_and_unknown_for_others():
    # Size 4: 2 offsets · 4 trees · 7 · 6 pairs of ends = 336
    counts = count_perfect(4)
    assert counts.total() == 336
    for split in Split:
        assert counts[split] == sum(is_of(split, maze) for maze in perfect_mazes(4))
    assert MAZE.count("wilson-8", Split.TEST) is None
    assert MAZE.count("hard", Split.POOL) is None


@pytest.mark.slow
def test_all_104448_easy_questions_are_counted():
    assert PRESETS["easy"].size == MOST_COUNTED
    counts = {split: MAZE.count("easy", split) for split in Split}
    assert sum(counts.values()) == 104_448  # 2 · 192 · 17 · 16
    for split, (low, high) in SHARES.items():
        share = high - low  # 4 standard errors of 104,448 draws
        room = 4 * (104_448 * share * (1 - share)) ** 0.5
        assert abs(counts[split] - 104_448 * share) < room


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("plan 0,0 1,0 2,0 2,1 2,2 1,2 0,2", Verdict.CORRECT),
        (" plan 0,0 1,0 2,0 2,1 2,2 1,2 0,2\n", Verdict.CORRECT),
        ("plan 0,0 1,0 0,0 1,0 2,0 2,1 2,2 1,2 0,2", Verdict.CORRECT),  # a detour
        ("plan 0,0 0,1 0,2", Verdict.WRONG),  # through a wall
        ("plan 0,0 1,0 2,0 2,1 2,2 1,2", Verdict.WRONG),
        ("plan 0,2 1,2 2,2 2,1 2,0 1,0 0,0", Verdict.WRONG),  # backwards
        ("plan 0,0 1,0 2,0 3,0 2,0 2,1 2,2 1,2 0,2", Verdict.WRONG),
        ("0,0 1,0 2,0 2,1 2,2 1,2 0,2", Verdict.UNREADABLE),
        ("The plan 0,0 1,0 2,0 2,1 2,2 1,2 0,2", Verdict.UNREADABLE),
        ("plan 0,0 1,0 2,0 2,1 2,2 1,2 0,2 end", Verdict.UNREADABLE),
        ("plan", Verdict.UNREADABLE),
        ("", Verdict.UNREADABLE),
    ],
)
def test_any_path_is_right_and_nothing_else(text, verdict):
    assert MAZE.verify(CORRIDOR, text) == verdict


def test_another_path_than_gold_is_right():
    # Both ways around the middle are 2 moves, or 4 of them.
    question = "start 0,0 goal 1,1 wall 2,2"
    assert {MAZE.verify(question, f"plan 0,0 {cell} 1,1") for cell in ("1,0", "0,1")} == {
        Verdict.CORRECT
    }


def test_texts_are_judged_through_the_gold_kind():
    problem = MAZE.problem("easy", Split.TEST, 0)
    right = f"<think>\n{MAZE.oracle(problem.question)}\n</think>\n\n{problem.gold}"
    assert judge_by_world(Written(problem, right, is_cut=False)) == (problem.gold, Verdict.CORRECT)
    assert judge_by_world(Written(problem, right, is_cut=True))[1] == Verdict.TRUNCATED
    in_thinking = f"<think>\n{problem.gold}\n</think>\n\n"
    assert judge_by_world(Written(problem, in_thinking, is_cut=False))[1] == Verdict.UNREADABLE


def test_a_question_of_another_world_is_refused():
    for ask in (MAZE.oracle, lambda q: MAZE.verify(q, "plan 0,0"), lambda q: MAZE.validate(q, "")):
        with pytest.raises(DataError, match="not a question of the maze world"):
            ask("47+3*5=")


def test_every_line_of_the_oracle_is_checked_and_valid():
    assert kinds(TRACE) == ["ok"] * 13
    assert kinds([]) == []


def test_a_wrong_cost_that_is_carried_on_is_charged_once():
    shifted = [TRACE[0]]
    for line in TRACE[1:]:
        op, cell, g, h = line.split()
        shifted.append(f"{op} {cell} c{int(g[1:]) + 1} {h}")
    # The first create is off by one, and all that follows goes on from it.
    assert kinds(shifted) == ["ok", "wrong cost", *["ok"] * 11]


def test_lines_that_are_no_event_are_faults():
    assert kinds([TRACE[0], "", "so", *TRACE[1:]]) == [
        *("ok", "unreadable", "unreadable"),
        *["ok"] * 12,
    ]


def test_a_trace_that_stops_early_is_faulty_in_its_last_line():
    assert kinds(TRACE[:5]) == [*["ok"] * 4, "goal not closed"]
    assert kinds([*TRACE[:4], "?"]) == [*["ok"] * 4, "unreadable"]


def test_neighbours_left_out_are_no_fault_of_a_line():
    question = "start 0,0 goal 2,0 wall 2,2"
    lines = MAZE.oracle(question).split("\n")
    lines.remove("create 0,1 c1 c3")
    assert set(kinds(lines, question)) == {"ok"}


def test_the_best_constant_plan_is_right_for_next_to_nothing():
    # Over all perfect mazes of size 6: the best is a plan of two cells, with the most frequent ends.
    right = Counter()
    for index in range(3000):
        problem = MAZE.problem("easy", Split.PRETRAIN, index)
        right[problem.gold] += 1
    ((best, n_right),) = right.most_common(1)
    assert best is not None
    assert n_right / 3000 < 0.004


def instance_hashes() -> dict[str, str]:
    """A hash of the first 20 instances with their oracle traces, per preset and split."""
    hashes = {}
    for preset, split in product(PRESETS, Split):
        problems = [MAZE.problem(preset, split, i) for i in range(20)]
        text = "\n".join(p.model_dump_json() + MAZE.oracle(p.question) for p in problems)
        hashes[f"{preset}/{split}"] = sha256(text.encode()).hexdigest()[:16]
    return hashes


def test_golden_instances_are_the_recorded_ones():
    found = {"version": MAZE.version, "instances": instance_hashes()}
    if os.environ.get("TITRANT_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    recorded = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert found == recorded, "a byte changed: raise the world's version, then make golden"


@settings(max_examples=20)
@given(st.integers(0, 2**62), st.sampled_from(list(PRESETS)), st.sampled_from(list(Split)))
def test_an_instance_does_not_depend_on_what_was_drawn_before(index, preset, split):
    first = MAZE.problem(preset, split, index)
    MAZE.problem("hard", Split.TEST, 3)
    assert MAZE.problem(preset, split, index) == first
    assert isinstance(first, Problem)
    maze = read_question(first.question)
    assert write_question(maze) == first.question
    assert len(search(maze).plan) == len((first.gold or "").split()) - 1
