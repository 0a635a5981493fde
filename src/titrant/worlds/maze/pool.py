"""Pools of traces from the maze world: clean ones, and foreign ones with the same start and goal.

Every trace of the pool is A*'s on a maze of the pool split, with one step per event, and right; no two have
the same question. `foreign_trace` answers a weak point of swapping traces between problems: a trace of another
problem has another start and goal, so the first token tells that it does not belong. A foreign trace here is
A*'s on another maze between the *same* ends, so only the walls contradict it.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from titrant.seeds import derive, derive_rng
from titrant.traces.record import Trace, Verdict, trace_id
from titrant.traces.steps import cut_steps
from titrant.worlds.base import IDLE_DRAWS, Split
from titrant.worlds.maze.astar import search
from titrant.worlds.maze.draw import draw_between
from titrant.worlds.maze.form import read_question
from titrant.worlds.maze.validate import check_trace
from titrant.worlds.maze.world import MAZE, PRESETS, as_problem, is_of, preset_of, split_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from titrant.traces.record import Problem
    from titrant.worlds.maze.grid import Maze

DEFAULT_PRESET = next(iter(PRESETS))
TRIES = 30
"""Mazes of the split that are tried for a foreign trace."""


def maze_pool(seed: int, *, preset: str = DEFAULT_PRESET) -> Iterator[Trace]:
    """Clean traces of a preset's pool split, all of different questions, as many as there are.

    That is without end, except for `easy`. Other seeds give other mazes, as far as there are others.

    Raises:
        ConfigError: there is no such preset.
    """
    preset_of(preset)
    return _clean_traces(seed, preset)


def _clean_traces(seed: int, preset: str) -> Iterator[Trace]:
    seen: set[str] = set()
    idle = 0
    for i in count():
        index = derive(seed, "pool", MAZE.name, preset, i)
        problem = MAZE.problem(preset, Split.POOL, index)
        idle += 1
        if problem.qid not in seen:
            idle = 0
            seen.add(problem.qid)
            yield clean_trace(problem)
        elif idle % IDLE_DRAWS == 0 and len(seen) == MAZE.count(preset, Split.POOL):
            return


def clean_trace(problem: Problem) -> Trace:
    """A*'s trace of a problem of the maze world, ties by insertion."""
    thinking, answer_text = MAZE.oracle(problem.question), problem.gold or ""
    return Trace(
        uid=trace_id(problem.question, thinking, answer_text),
        qid=problem.qid,
        question=problem.question,
        thinking=thinking,
        answer_text=answer_text,
        final_answer=answer_text,
        gold=problem.gold,
        gold_kind=problem.gold_kind,
        verdict=Verdict.CORRECT,
        source=problem.source,
        domain=problem.domain,
        steps=cut_steps(thinking),
        meta=problem.meta,
    )


def foreign_trace(trace: Trace, seed: int) -> Trace | None:
    """The clean trace of another maze with the same start and goal; a pure function of its arguments.

    The other maze is of the same preset and split, and its trace is not one that A* could have made here: of
    `TRIES` mazes, the first whose trace breaks a rule of the validator, else the first whose trace leaves out
    a neighbour that is free here. `None` where there is neither: a start next to its goal may be left by the
    same events whatever the walls (4 % of the traces of `wilson-8`).

    Args:
        trace: of the maze world, its source `world:maze/<preset>`.
        seed: where the chance comes from, together with the question.

    Raises:
        ConfigError: the source names no preset.
        DataError: the question is none of this world, or its ends are not of the preset.
    """
    own, preset = read_question(trace.question), trace.source.rpartition("/")[2]
    generator, size = preset_of(preset)
    rng = derive_rng(seed, "foreign", MAZE.name, trace.qid)
    split = split_of(trace.question)
    second: Maze | None = None
    for _ in range(TRIES):
        other = draw_between(
            generator,
            size,
            rng,
            start=own.start,
            goal=own.goal,
            is_wanted=lambda maze: is_of(split, maze),
        )
        check = check_trace(own, search(other).events)
        if not check.is_valid:
            return clean_trace(as_problem(other, preset))
        if second is None and not check.is_strictly_valid:
            second = other
    return second and clean_trace(as_problem(second, preset))
