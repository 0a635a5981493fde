"""Pools of traces from the maze world, and the words that they are made of.

Every trace of the pool is A*'s on a maze of the pool split, with one step per event, and right; no two have
the same question.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING

from titrant.seeds import derive
from titrant.traces.record import Trace, Verdict, trace_id
from titrant.traces.steps import cut_steps
from titrant.worlds.base import IDLE_DRAWS, Split
from titrant.worlds.maze.form import write_cell
from titrant.worlds.maze.grid import cells_of
from titrant.worlds.maze.world import MAZE, PRESETS, preset_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from titrant.traces.record import Problem

DEFAULT_PRESET = next(iter(PRESETS))
SOURCE = f"world:{MAZE.name}/"


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


def words_of(source: str) -> frozenset[str] | None:
    """The words with digits that traces of a preset may hold: cells and costs of its grids.

    All else in a trace is a verb. Each word is a token of the world's tokenizers (`maze.vitro`), so other
    words with digits are unknown to them.

    Args:
        source: of a problem or trace: `world:maze/<preset>`.

    Returns:
        `None` where the source is none of this world's presets.
    """
    preset = PRESETS.get(source.removeprefix(SOURCE)) if source.startswith(SOURCE) else None
    return preset and _words(preset.size)


@lru_cache
def _words(size: int) -> frozenset[str]:
    cells = map(write_cell, cells_of(size))
    return frozenset([*cells, *(f"c{cost}" for cost in range(size * size))])
