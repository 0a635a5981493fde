"""What every world must hold to, as checks that can be run on any of them.

    from titrant.testing import check_world
    check_world(MyWorld())

Each check raises AssertionError with the fact that does not hold. Checks draw a few hundred instances
and are deterministic, since an instance is a function of its labels. A solver is stated for the
difficulty: one that fails at each step of the oracle's reasoning with the same probability, so that
difficulty is the number of the oracle's steps.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from titrant.errors import ConfigError
from titrant.traces.record import Problem, Verdict, question_id
from titrant.worlds.base import Split, distinct_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from titrant.worlds.base import World

LADDER = ("easy", "middle", "hard")
"""Presets that every world has, in the order of their difficulty."""
N_DRAWS = 40
"""Instances per preset and split, where a check looks at each alone."""
N_SPLIT = 100
"""Instances per preset and split, where a check compares splits."""
N_GUESSES = 300
MOST_CHARACTERS = 4000
"""Longest question."""
VERY_LONG = 200_000
SIGMAS = 4.0
"""Allowed distance of a share from its expectation: missed by chance once in 16,000."""


class WorldCheck(NamedTuple):
    """One fact that a world must hold to."""

    name: str
    run: Callable[[World], None]


def check_world(world: World) -> None:
    """Run all checks.

    Raises:
        AssertionError: the world breaks the contract; the text says where.
    """
    for check in WORLD_CHECKS:
        check.run(world)


def check_declaration_is_complete(world: World) -> None:
    """A name, a version from 1 up, three presets of rising difficulty, what guessing earns."""
    _hold(bool(world.name) and world.version >= 1, "a world needs a name and a version from 1 up")
    missing = [preset for preset in LADDER if preset not in world.presets]
    _hold(not missing, f"no preset {', '.join(missing)}")
    _hold(0 <= world.guess_rate < 1, f"a guess rate of {world.guess_rate}")


def check_same_in_same_out(world: World) -> None:
    """An instance depends on its labels: not on the order of drawing, not on global generators."""
    labels = [(p, s, i) for p in world.presets for s in Split for i in range(8)]
    first = [world.problem(*label) for label in labels]
    before = _global_state()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - it is the global generator that must not matter
    seeded = _global_state()
    again = [world.problem(*label) for label in reversed(labels)][::-1]
    is_untouched = _global_state() == seeded
    random.setstate(before[0])
    np.random.set_state(before[1])  # noqa: NPY002
    _hold(first == again, "an instance differs from one drawing to the next")
    _hold(is_untouched, "a global random generator is used")


def _global_state() -> tuple[Any, Any]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), (kind, tuple(keys), *rest)


def check_instances_differ(world: World) -> None:
    """Neighbouring indices are other problems, most of the time."""
    for preset in world.presets:
        questions = {p.question for p in _draw(world, preset, Split.TEST, N_DRAWS)}
        _hold(len(questions) > N_DRAWS / 2, f"{preset}: {len(questions)} questions of {N_DRAWS}")


def check_splits_are_disjoint(world: World) -> None:
    """No question stands in two splits, whatever the preset."""
    seen = {
        split: {p.qid for preset in world.presets for p in _draw(world, preset, split, N_SPLIT)}
        for split in Split
    }
    for left in Split:
        for right in Split:
            both = seen[left] & seen[right] if left < right else set[str]()
            _hold(not both, f"{len(both)} questions stand in {left} and in {right}")


def check_problems_are_complete(world: World) -> None:
    """`qid` is the question's hash, gold is given, questions are short, records survive the disk."""
    for problem in _all(world):
        _hold(problem.qid == question_id(problem.question), "qid is not the hash of the question")
        _hold(bool(problem.gold), f"no gold answer to {problem.question!r}")
        _hold(
            world.name in problem.source, f"the source {problem.source!r} does not name the world"
        )
        _hold(len(problem.question) <= MOST_CHARACTERS, "a question is too long")
        again = Problem.model_validate_json(problem.model_dump_json())
        _hold(again == problem, "a problem does not survive being written and read")


def check_unknown_preset_is_refused(world: World) -> None:
    """A preset that does not exist is a ConfigError, not an empty draw."""
    try:
        world.problem("no such preset", Split.TEST, 0)
    except ConfigError:
        return
    _hold(False, "an unknown preset was accepted")


def check_oracle_passes(world: World) -> None:
    """The gold answer passes the verifier and the oracle's trace the validator, step by step."""
    for problem in _all(world):
        verdict = world.verify(problem.question, problem.gold or "")
        _hold(verdict == Verdict.CORRECT, f"gold of {problem.question!r} is {verdict}")
        checks = world.validate(problem.question, world.oracle(problem.question))
        _hold(bool(checks), f"the oracle's trace of {problem.question!r} claims no step")
        _hold(all(c.is_valid for c in checks), f"the oracle errs on {problem.question!r}")
        _hold(all(c.kind == "ok" for c in checks), "a valid step has a fault's kind")
        _hold([c.number for c in checks] == list(range(len(checks))), "steps are not numbered")


def check_near_misses_fail(world: World) -> None:
    """Nothing but the answer passes: off by one, sign, digits permuted, cut, among text, none, long."""
    problems = list(_all(world))
    for problem, other in itertools.pairwise(problems):
        gold = problem.gold or ""
        misses = near_misses(gold)
        if other.gold != gold:
            misses["another problem's answer"] = other.gold or ""
        for kind, text in misses.items():
            verdict = world.verify(problem.question, text)
            shown = f"{text[:40]!r} for {gold!r}"
            _hold(verdict in (Verdict.WRONG, Verdict.UNREADABLE), f"{kind}: {shown} is {verdict}")


def near_misses(gold: str) -> dict[str, str]:
    """Kind of miss → an answer that is not `gold`; numbers have more kinds than words."""
    misses = {
        "empty": "",
        "blank": " \n",
        "among other text": f"It cannot be {gold}, can it?",
        "twice": f"{gold} {gold}1",
        "one of two": f"{gold} or {gold}{gold}",
        "very long": gold + "x" * VERY_LONG,
        "padded": " ".join([gold] * (VERY_LONG // 4)),
    }
    if len(gold) > 1:
        misses["truncated"] = gold[:-1]
    if gold.isascii() and gold.isdigit():
        misses |= _numeric_misses(gold)
    return misses


def _numeric_misses(gold: str) -> dict[str, str]:
    number = int(gold)
    misses = {
        "one more": str(number + 1),
        "one less": str(number - 1),
        "ten times": f"{number or 1}0",
        "a fraction": f"{gold}.5",
    }
    if number:
        misses["other sign"] = f"-{gold}"
    if int(gold[::-1]) != number:
        misses["digits permuted"] = gold[::-1]
    return misses


def check_foreign_reasoning_fails(world: World) -> None:
    """A trace that solves another problem is not valid here, and no text breaks the validator."""
    problems = list(_all(world))
    for problem, other in itertools.pairwise(problems):
        if problem.question != other.question:
            checks = world.validate(problem.question, world.oracle(other.question))
            is_valid = bool(checks) and all(c.is_valid for c in checks)
            _hold(not is_valid, f"the reasoning of {other.question!r} solves {problem.question!r}")
    question = problems[0].question
    _hold(world.validate(question, "") == [], "no reasoning has steps")
    for hostile in ("9" * VERY_LONG, "=\n" * VERY_LONG, "\x00 é 漢", "{" * VERY_LONG):
        world.validate(question, hostile)


def check_difficulty_rises(world: World) -> None:
    """The oracle takes more steps on harder presets; see the module docstring for the solver."""
    steps = [
        sum(_n_steps(world, p) for p in _draw(world, preset, Split.TEST, N_DRAWS)) / N_DRAWS
        for preset in LADDER
    ]
    _hold(steps[0] < steps[1] < steps[2], f"steps of easy, middle and hard: {steps}")


def check_guessing_earns_what_is_declared(world: World) -> None:
    """The best constant answer of the pool split earns the declared rate on the test split."""
    for preset in world.presets:
        pool = Counter(p.gold for p in _draw(world, preset, Split.POOL, N_GUESSES))
        best = pool.most_common(1)[0][0]
        earned = np.mean([p.gold == best for p in _draw(world, preset, Split.TEST, N_GUESSES)])
        room = SIGMAS * math.sqrt(max(world.guess_rate, 1 / N_GUESSES) / N_GUESSES)
        text = f"{preset}: always {best!r} earns {earned:.1%}, declared {world.guess_rate:.1%}"
        _hold(abs(float(earned) - world.guess_rate) <= room, text)


def check_distinct_problems_are_distinct(world: World) -> None:
    """A benchmark of n problems has n questions."""
    problems = list(distinct_problems(world, world.presets[0], Split.TEST, N_SPLIT))
    _hold(len({p.qid for p in problems}) == N_SPLIT, "a benchmark asks a question twice")


WORLD_CHECKS = tuple(
    WorldCheck(run.__name__.removeprefix("check_"), run)
    for run in (
        check_declaration_is_complete,
        check_same_in_same_out,
        check_instances_differ,
        check_splits_are_disjoint,
        check_problems_are_complete,
        check_unknown_preset_is_refused,
        check_oracle_passes,
        check_near_misses_fail,
        check_foreign_reasoning_fails,
        check_difficulty_rises,
        check_guessing_earns_what_is_declared,
        check_distinct_problems_are_distinct,
    )
)
"""All checks of the contract, by name."""


def _draw(world: World, preset: str, split: Split, n: int) -> list[Problem]:
    return [world.problem(preset, split, i) for i in range(n)]


def _all(world: World) -> Iterator[Problem]:
    for preset in world.presets:
        yield from _draw(world, preset, Split.TEST, N_DRAWS)


def _n_steps(world: World, problem: Problem) -> int:
    return len(world.validate(problem.question, world.oracle(problem.question)))


def _hold(holds: bool, fact: str) -> None:  # noqa: FBT001
    """An assertion that python -O keeps."""
    if not holds:
        raise AssertionError(fact)
