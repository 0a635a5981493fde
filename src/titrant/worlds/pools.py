"""Pools of traces made from a world, with the blemishes of a real pool.

Several traces per question; some end in a wrong answer, some slip in a middle step and still end
right, some repeat an earlier trace almost word for word, some are terse and some meander. `meta.kind`
says which, so audits can be checked against it.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Protocol

from titrant.errors import ConfigError
from titrant.registry import nearest
from titrant.seeds import derive_rng
from titrant.traces.record import Problem, Trace, Verdict, trace_id
from titrant.traces.steps import cut_steps
from titrant.worlds.arithmetic import ARITHMETIC
from titrant.worlds.base import Split, distinct_problems, worlds
from titrant.worlds.facts.pool import facts_pool
from titrant.worlds.maze.pool import maze_pool
from titrant.worlds.styles import go_wrong, meander, slip, terse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

KINDS = {"terse": 0.42, "meandering": 0.30, "wrong": 0.10, "slip": 0.06, "near-duplicate": 0.12}
"""Kind of trace → share among draws; a draw that repeats a trace exactly is made meandering."""
TRACES_PER_QUESTION = (1, 1, 2, 2, 3, 4, 6)
DEFAULT_SIZE = 4096


def make_pool(name: str, n: int = DEFAULT_SIZE, seed: int = 0) -> list[Trace]:
    """The first `n` traces of a world's pool; a pure function of its arguments.

    Args:
        name: of the world; of those in `PRESET_POOLS` also `<world>/<preset>`, as in `maze/wilson-10`.
        n: traces; fewer where the pool ends.
        seed: of what is drawn.

    Raises:
        ConfigError: no pool is made from that world, or it has no such preset.
    """
    return [trace for _, trace in zip(range(n), _traces_from(name, seed), strict=False)]


def _traces_from(name: str, seed: int) -> Iterator[Trace]:
    world, _, preset = name.partition("/")
    if preset and world in PRESET_POOLS:
        return PRESET_POOLS[world](seed, preset=preset)
    if name not in POOLS:
        raise ConfigError(f"no pool is made from the world '{name}'", do=nearest(name, POOLS))
    return POOLS[name](seed)


def arithmetic_pool(seed: int) -> Iterator[Trace]:
    """Endless traces of the arithmetic world's pool split, question by question."""
    seen: set[str] = set()
    for index in count():
        problem = ARITHMETIC.problem("train", Split.POOL, index)
        if problem.qid in seen:
            continue
        seen.add(problem.qid)
        rng = derive_rng(seed, "pool", "arithmetic", problem.qid)
        yield from _traces_of(problem, rng)


def _traces_of(problem: Problem, rng: np.random.Generator) -> Iterator[Trace]:
    uids: set[str] = set()
    earlier: Trace | None = None
    for _ in range(int(rng.choice(TRACES_PER_QUESTION))):
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        if kind != "near-duplicate":
            trace = _trace(problem, kind, rng)
        elif earlier is None:
            trace = _trace(problem, "terse", rng)
        else:
            trace = _near_duplicate(earlier, rng)
        if trace.uid in uids:
            trace = _trace(problem, "meandering", rng)
        if trace.uid in uids:
            continue
        uids.add(trace.uid)
        earlier = trace
        yield trace


def _trace(problem: Problem, kind: str, rng: np.random.Generator) -> Trace:
    question = problem.question
    answer, fault = str(problem.gold), None
    lines = terse(question)
    if kind == "wrong":
        lines, wrong = go_wrong(question, rng)
        answer = str(wrong)
    elif kind == "slip":
        lines, fault = slip(question, rng)
    elif kind == "meandering":
        lines = meander(lines, rng)
    thinking, answer_text = "\n".join(lines), f"#### {answer}"
    return Trace(
        uid=trace_id(question, thinking, answer_text),
        qid=problem.qid,
        question=question,
        thinking=thinking,
        answer_text=answer_text,
        final_answer=answer,
        gold=problem.gold,
        gold_kind=problem.gold_kind,
        verdict=Verdict.CORRECT if answer == problem.gold else Verdict.WRONG,
        source=problem.source,
        domain=problem.domain,
        steps=cut_steps(thinking),
        meta={"kind": kind} | ({} if fault is None else {"fault_step": fault}),
    )


def _near_duplicate(earlier: Trace, rng: np.random.Generator) -> Trace:
    """A trace that says what `earlier` says, faults and answer included."""
    thinking = "\n".join(nearly_repeat((earlier.thinking or "").split("\n"), rng))
    return earlier.model_copy(
        update={
            "uid": trace_id(earlier.question, thinking, earlier.answer_text),
            "thinking": thinking,
            "steps": cut_steps(thinking),
            "meta": {**earlier.meta, "kind": "near-duplicate"},
        }
    )


def nearly_repeat(lines: list[str], rng: np.random.Generator) -> list[str]:
    """The same lines with one connective put in or taken out."""
    i = int(rng.integers(len(lines)))
    line = lines[i]
    changed = line.removeprefix("so ") if line.startswith("so ") else f"so {line}"
    return [*lines[:i], changed, *lines[i + 1 :]]


POOLS: dict[str, Callable[[int], Iterator[Trace]]] = {
    "arithmetic": arithmetic_pool,
    "facts": facts_pool,
    "maze": maze_pool,
}


class PresetPool(Protocol):
    """A pool that is made of any preset of its world."""

    def __call__(self, seed: int, *, preset: str) -> Iterator[Trace]:
        """Its traces."""
        ...


PRESET_POOLS: dict[str, PresetPool] = {"maze": maze_pool}


def world_problems(path: str, n: int) -> list[Problem]:
    """Test problems of `world:<name>[/preset]`, all with different questions.

    Raises:
        ConfigError: unknown world or preset.
    """
    name, _, preset = path.removeprefix("world:").partition("/")
    world = worlds.get(name)
    return list(distinct_problems(world, preset or world.presets[0], Split.TEST, n))


OUT_OF_DISTRIBUTION = {"arithmetic": "long", "maze": "drunkard-8"}
"""World → the preset that a model of its first preset has not seen the like of."""


def out_of_distribution(path: str) -> str | None:
    """`world:<name>/<preset>` of problems unlike those of a world's path; `None` where it has none."""
    name, _, preset = path.removeprefix("world:").partition("/")
    other = OUT_OF_DISTRIBUTION.get(name)
    return None if other is None or other == preset else f"world:{name}/{other}"
