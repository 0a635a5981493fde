"""Clean regeneration: problems like the benchmark's that nobody can have seen, since they are made now.

| benchmark | maker | exchangeable |
|---|---|---|
| a world's (`world:NAME/PRESET`) | further instances of its test split, from an index far away | yes |
| bare arithmetic | `world:randcalc` with as many operations | no |
| word problems with calculator annotations | other numbers, answer reckoned anew (`renumber`) | no |
| any, where the user names a set (`audit.fresh`) | none: they are given | as `audit.fresh_is_alike` claims |

reasoning-gym's tasks are a world too (`world:gym/gsm_symbolic`; needs that package). *Exchangeable* means that
a base that has seen neither cannot tell them from the benchmark's. The benchmark's own problems are never among
them (by `qid`). All of it is a function of the benchmark and the root seed. Where
nothing fits, the set is empty and says why; `audit.fresh` then names one.

Source for the demand: LiveMathBench and RandomCalculation in Wu et al. 2025 (arXiv 2507.10532); GSM-Symbolic
(arXiv 2410.05229) exchanges numbers by hand-made templates, which we do by the solutions' own annotations.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from statistics import median_low
from typing import TYPE_CHECKING, Any, NamedTuple

from titrant.audits.contamination.renumber.vary import vary
from titrant.errors import ConfigError
from titrant.seeds import derive, derive_rng
from titrant.select.clean.overlap.canonical import canonical
from titrant.traces.record import Problem, question_id
from titrant.worlds.base import Split, distinct_problems, worlds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

FAR = 1_000_000
"""Index of a world's first fresh instance; benchmarks start at 0."""
WORLD, RANDCALC = "world:", "randcalc"
EXPRESSIONS, NUMBERS, GIVEN, NONE = "expressions", "numbers", "given", "none"
"""What `FreshSet.how` says beside `world`."""
MOST_OPERATIONS = 20
"""Of an expression of `randcalc`."""
_OPERATION = re.compile(r"[-+*/×÷−^]|\\(?:times|div|cdot|frac)")
MARK = "<<"
"""Solutions with calculator annotations have it."""


@dataclass(frozen=True, slots=True)
class FreshSet:
    """Fresh problems and how they came about."""

    problems: tuple[Problem, ...]
    how: str
    """The maker: a key of `MAKERS`, `given` where the user names them, `none` where nothing fits."""
    is_exchangeable: bool
    """Whether they were made as the benchmark's were."""
    notes: tuple[str, ...] = ()
    """What to keep in mind, in sentences."""


class Maker(NamedTuple):
    """One way of making fresh problems."""

    name: str
    fits: Callable[[Sequence[Problem], Mapping[str, str]], bool]
    """Whether it can be used for a benchmark with these solutions."""
    make: Callable[[Sequence[Problem], int, int, Mapping[str, str]], FreshSet]
    """(benchmark, how many, root seed, solutions) → at most so many."""


def fresh_problems(
    benchmark: Sequence[Problem],
    n: int,
    *,
    root: int,
    solutions: Mapping[str, str] | None = None,
) -> FreshSet:
    """At most `n` fresh problems like those of a benchmark, by the first maker that fits.

    Args:
        benchmark: its problems.
        n: wanted; fewer where no more can be made.
        root: seed.
        solutions: gold solutions by qid (`solutions_in`), where the problems' `meta` has none under
            `solution`.

    Raises:
        ConfigError: a world or preset that the problems name is not known, or has no more of them.
        MissingPackageError: the benchmark is of the world `gym`, and reasoning-gym is not installed.
    """
    known = {
        problem.qid: str(problem.meta["solution"])
        for problem in benchmark
        if problem.meta.get("solution")
    } | dict(solutions or {})
    for maker in MAKERS:
        if benchmark and maker.fits(benchmark, known):
            return maker.make(benchmark, n, root, known)
    return FreshSet(
        (),
        NONE,
        is_exchangeable=False,
        notes=(
            "no fresh problems can be made of this benchmark: it is of no world, no bare arithmetic, "
            "and its solutions have no calculator annotations; audit.fresh names some",
        ),
    )


def solutions_in(rows: Iterable[Any], question: str = "question") -> dict[str, str]:
    """Gold solutions with calculator annotations by qid, out of a benchmark file's rows (`open_rows`).

    Args:
        rows: as the file has them; what is no object is passed over.
        question: the column of the question.
    """
    found = {}
    for row in rows:
        cells = row if isinstance(row, dict) else {}
        asked = cells.get(question)
        text = next((v for v in cells.values() if isinstance(v, str) and MARK in v), None)
        if isinstance(asked, str) and text is not None:
            found[question_id(asked)] = text
    return found


def _all_from(benchmark: Sequence[Problem], head: str) -> bool:
    return all(problem.source.startswith(head) for problem in benchmark)


def _of_worlds(benchmark: Sequence[Problem], n: int) -> Iterator[Problem]:
    """Instances of each world and preset of a benchmark, in its proportions."""
    seen = {problem.qid for problem in benchmark}
    counts = Counter(problem.source for problem in benchmark)
    for source, wanted in _proportions(counts, n).items():
        name, _, preset = source.removeprefix(WORLD).partition("/")
        world = worlds.get(name)
        preset = preset or world.presets[0]
        most = wanted + counts[source]
        drawn = distinct_problems(world, preset, Split.TEST, most, start=FAR)
        yield from islice(_while_there_are(p for p in drawn if p.qid not in seen), wanted)


def _while_there_are(problems: Iterator[Problem]) -> Iterator[Problem]:
    """The problems up to where the world has no more; that it has none at all is an error."""
    has_any = False
    try:
        for problem in problems:
            has_any = True
            yield problem
    except ConfigError:
        if not has_any:
            raise


def _proportions(counts: Mapping[str, int], n: int) -> dict[str, int]:
    """How many of n fall to each; those with the largest remainders get one more."""
    whole = sum(counts.values())
    exact = {name: n * count / whole for name, count in counts.items()}
    found = {name: int(share) for name, share in exact.items()}
    by_rest = sorted(exact, key=lambda name: (found[name] - exact[name], name))
    for name in by_rest[: n - sum(found.values())]:
        found[name] += 1
    return found


def _make_world(
    benchmark: Sequence[Problem], n: int, root: int, solutions: Mapping[str, str]
) -> FreshSet:
    del root, solutions  # an instance is a function of its index
    problems = tuple(_of_worlds(benchmark, n))
    few = f"the benchmark's world has only {len(problems):,} problems more"
    notes = (few,) if len(problems) < n else ()
    return FreshSet(problems, "world", is_exchangeable=True, notes=notes)


def _make_expressions(
    benchmark: Sequence[Problem], n: int, root: int, solutions: Mapping[str, str]
) -> FreshSet:
    del root, solutions
    operations = median_low([len(_OPERATION.findall(problem.question)) for problem in benchmark])
    preset = f"steps-{min(max(operations, 1), MOST_OPERATIONS)}"
    drawn = distinct_problems(worlds.get(RANDCALC), preset, Split.TEST, n, start=FAR)
    notes = (f"fresh problems are of world:{RANDCALC}/{preset}; their form is not the benchmark's",)
    return FreshSet(tuple(drawn), EXPRESSIONS, is_exchangeable=False, notes=notes)


def _make_numbers(
    benchmark: Sequence[Problem], n: int, root: int, solutions: Mapping[str, str]
) -> FreshSet:
    seen = {problem.qid for problem in benchmark}
    found: list[Problem] = []
    tried = 0
    for problem in sorted(benchmark, key=lambda p: derive(root, "fresh", p.qid)):
        if len(found) == n:
            break
        tried += 1
        variant = None
        if problem.gold is not None and problem.qid in solutions:
            rng = derive_rng(root, "fresh", "numbers", problem.qid)
            variant = vary(problem.question, solutions[problem.qid], problem.gold, rng)
        qid = None if variant is None else question_id(variant.question)
        if variant is None or qid is None or qid in seen:
            continue
        seen.add(qid)
        update = {"qid": qid, "question": variant.question, "gold": variant.gold}
        update |= {"source": "fresh:numbers", "meta": {"of": problem.qid, "gold_was": problem.gold}}
        found.append(problem.model_copy(update=update))
    notes = (
        f"the numbers of {len(found):,} of {tried:,} problems that were tried could be changed with a gold "
        "answer that follows from the solution's annotations; the others' operands are not clear",
    )
    return FreshSet(tuple(found), NUMBERS, is_exchangeable=False, notes=notes)


def _has_solutions(benchmark: Sequence[Problem], solutions: Mapping[str, str]) -> bool:
    return any(MARK in solutions.get(problem.qid, "") for problem in benchmark)


def _are_expressions(benchmark: Sequence[Problem], solutions: Mapping[str, str]) -> bool:
    del solutions
    return all(canonical(p.question, gold=p.gold, source=p.source).is_expression for p in benchmark)


MAKERS: tuple[Maker, ...] = (
    Maker("world", lambda problems, _: _all_from(problems, WORLD), _make_world),
    Maker(EXPRESSIONS, _are_expressions, _make_expressions),
    Maker(NUMBERS, _has_solutions, _make_numbers),
)
"""Asked in order. A further one is a row here."""
