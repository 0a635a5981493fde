"""Problems of reasoning-gym: `world:gym/<task>`, a hundred procedural tasks with their own scorers.

A source of problems only: reasoning-gym gives answers and no reasoning, so there is no oracle, no
validator of steps and no pool. reasoning-gym is loaded on first use (`pip install reasoning-gym`).

Its tasks seed item i of a data set with seed + i, so that data sets of neighbouring seeds share
items. Here an item's data set has a seed of its own, hashed from task, split, block and draw, and
the split is decided by the hash of the question, by rejection, as in the other worlds. Its default
scorer pays in part for an answer that merely holds the right one: an answer is correct if it earns
the full score, and else wrong.

`verify` has only a question, and the scorers need the whole item: it knows the questions that this
process has drawn. `judge` makes the item of any problem anew; wordings change between versions of
reasoning-gym, so a question that does not come back is refused.
"""

from __future__ import annotations

import hashlib
import importlib
import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from titrant.errors import ConfigError, DataError, MissingPackageError
from titrant.registry import nearest
from titrant.seeds import derive
from titrant.traces.record import Problem, Verdict, question_id
from titrant.worlds.arithmetic import SHARES
from titrant.worlds.base import Split, StepCheck

PACKAGE = "reasoning_gym"
BLOCK = 100
"""Items of one data set."""
MOST_DRAWS = 300
"""So many questions of other splits in a row, and a task is given up as too small."""
FULL_SCORE = 1.0

Entry = dict[str, Any]
"""An item as reasoning-gym has it: question, answer, metadata."""


class Place(NamedTuple):
    """Where an item is from."""

    task: str
    split: Split
    number: int
    """The index of the problem."""
    draw: int
    """How many questions of that index fell into other splits before it."""


@lru_cache(maxsize=1)
def _gym() -> Any:  # noqa: ANN401 - an optional package
    try:
        return importlib.import_module(PACKAGE)
    except ModuleNotFoundError as error:
        if error.name != PACKAGE:
            raise
        raise MissingPackageError(
            "the world gym needs the package reasoning-gym, which is not installed",
            do="pip install reasoning-gym",
        ) from error


def tasks() -> list[str]:
    """All tasks, sorted, but those that are made of others.

    Raises:
        MissingPackageError: reasoning-gym is not installed.
    """
    return sorted(set(_gym().factory.DATASETS) - {"composite"})


@lru_cache(maxsize=32)
def _dataset(task: str, split: Split, block: int, draw: int) -> Any:  # noqa: ANN401 - not ours
    seed = derive(0, "gym", task, split, block, draw) % 2**31
    return _gym().create_dataset(task, size=BLOCK, seed=seed)


@lru_cache(maxsize=256)
def _entry(place: Place) -> Entry:
    block, offset = divmod(place.number, BLOCK)
    state = np.random.get_state()  # noqa: NPY002 - pool_matrix seeds the global generator
    try:
        return _dataset(place.task, place.split, block, place.draw)[offset]
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _split_of(task: str, question: str) -> Split:
    digest = hashlib.sha256(f"gym/{task}/{question}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return next(split for split, (low, high) in SHARES.items() if low <= share < high)


def _score(place: Place, answer_text: str) -> float:
    block = place.number // BLOCK
    dataset = _dataset(place.task, place.split, block, place.draw)
    return float(dataset.score_answer(answer_text, _entry(place)))


def _verdict(place: Place, answer_text: str) -> Verdict:
    answer = answer_text.strip().removeprefix("#### ")
    if not answer:
        return Verdict.UNREADABLE
    return Verdict.CORRECT if _score(place, answer) >= FULL_SCORE else Verdict.WRONG


def judge(problem: Problem, answer_text: str) -> Verdict:
    """The verdict on an answer to a problem of this world, drawn in whatever process.

    Raises:
        DataError: the problem is none of this world, or this version of reasoning-gym words it otherwise.
    """
    place = _place_of(problem)
    if _entry(place)["question"] != problem.question:
        raise DataError(
            "reasoning-gym does not make this problem any more",
            expected=f"the question {problem.qid} of {problem.source}",
            came="another wording from the installed version",
            do=f"install the version that made it: {problem.meta.get('reasoning_gym', 'unknown')}",
        )
    return _verdict(place, answer_text)


def _place_of(problem: Problem) -> Place:
    meta = problem.meta
    if not problem.source.startswith("world:gym/") or not {"split", "index", "draw"} <= set(meta):
        raise DataError(
            "not a problem of the world gym",
            expected="source world:gym/<task>, and split, index and draw among what is known of it",
            came=problem.source or problem.question[:80],
            do="use the world's own problems: world:gym/<task>",
        )
    task = problem.source.removeprefix("world:gym/")
    return Place(task, Split(meta["split"]), int(meta["index"]), int(meta["draw"]))


class Gym:
    """The world of this module; see its docstring."""

    name = "gym"
    version = 1
    presets = ("",)
    """No task is the default: one must be named, and `problem` says so."""
    guess_rate = math.nan
    """Not known, and not the same for all tasks."""
    has_reasoning = False

    def __init__(self) -> None:
        self._drawn: dict[str, Place] = {}

    def problem(self, preset: str, split: Split, index: int) -> Problem:
        """Item `index` of a task and split.

        Raises:
            ConfigError: there is no such task, or it has hardly a question of that split.
            MissingPackageError: reasoning-gym is not installed.
        """
        _check_task(preset)
        for draw in range(MOST_DRAWS):
            place = Place(preset, split, index, draw)
            entry = _entry(place)
            if _split_of(preset, entry["question"]) == split:
                problem = _problem(place, entry)
                self._drawn[problem.qid] = place
                return problem
        raise ConfigError(
            f"the task {preset} of reasoning-gym has too few questions",
            expected=f"one of the {split} split among {MOST_DRAWS} draws",
            came="none",
            do="take a task with more of them",
        )

    def count(self, preset: str, split: Split) -> int | None:
        """`None`: not known of any task."""
        _check_task(preset)
        return None

    def oracle(self, question: str) -> str:
        """There is none.

        Raises:
            ConfigError: always.
        """
        raise _without_reasoning()

    def verify(self, question: str, answer_text: str) -> Verdict:
        """The verdict of the task's scorer, for questions that this process has drawn.

        Raises:
            DataError: it has not drawn that question; `judge` needs no drawing.
        """
        place = self._drawn.get(question_id(question))
        if place is None:
            raise DataError(
                "this question of reasoning-gym was not drawn here, and its item is needed to judge",
                expected="a question that GYM.problem has given",
                came=question[:80],
                do="use titrant.worlds.gym.judge, which takes the problem",
            )
        return _verdict(place, answer_text)

    def validate(self, question: str, thinking: str) -> list[StepCheck]:
        """There is none.

        Raises:
            ConfigError: always.
        """
        raise _without_reasoning()


def _problem(place: Place, entry: Entry) -> Problem:
    return Problem(
        qid=question_id(entry["question"]),
        question=entry["question"],
        gold=None if entry["answer"] is None else str(entry["answer"]),
        gold_kind=f"world:gym/{place.task}",
        source=f"world:gym/{place.task}",
        domain=place.task,
        meta={
            "split": str(place.split),
            "index": place.number,
            "draw": place.draw,
            "reasoning_gym": _version(),
        },
    )


@lru_cache(maxsize=1)
def _version() -> str:
    from importlib.metadata import version

    return version("reasoning-gym")


def _check_task(task: str) -> None:
    known = tasks()
    if not task:
        raise ConfigError(
            "the world gym needs a task",
            expected="world:gym/<task>",
            came="world:gym",
            do="name one, world:gym/chain_sum say",
        )
    if task not in known:
        raise ConfigError(f"reasoning-gym has no task '{task}'", do=nearest(task, known))


def _without_reasoning() -> ConfigError:
    return ConfigError(
        "the world gym has problems and no reasoning about them",
        expected="a world with an oracle, such as world:arithmetic",
        came="world:gym",
        do="use it as a benchmark; take the pool from elsewhere",
    )


GYM = Gym()
