"""A pool cleaned: copies found, benchmark problems found, planted leaks measured, and why a row is to go.

Nothing is dropped here by itself: `Cleaning.reasons` says for each row why it would be, and the caller drops.
Verdicts decide which of several copies is kept, and only rows that have copies need one, so they are asked for
when those rows are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from titrant.errors import ConfigError
from titrant.records import Record
from titrant.registry import nearest
from titrant.select.clean.copies.duplicates import Pairs, exact_copies, near_copies, near_pairs
from titrant.select.clean.copies.semantic import SemanticPairs, semantic_copies, semantic_pairs
from titrant.select.clean.overlap.find import Found, find_overlap
from titrant.select.clean.overlap.index import build_index
from titrant.select.clean.overlap.plant import LeakTest, measure_leaks
from titrant.select.clean.words import Rule
from titrant.traces.read import row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import numpy as np

    from titrant.select.clean.copies.groups import Group
    from titrant.select.clean.overlap.find import Hit
    from titrant.select.clean.overlap.index import Question
    from titrant.traces.record import Problem, Trace

    Judge = Callable[[list[Trace]], list[Trace]]
    Progress = Callable[[str, int, int], None]

DROPS = ("contaminated", "exact", "near", "semantic", "shared")
"""Reasons for which a row may be dropped; one that has several goes for the first."""


class CleanSettings(Record):
    """How a pool is looked at."""

    unit: Literal["trace", "question"] = "trace"
    """What near copies are: traces of (nearly) one question that say nearly the same, or questions
    that are nearly the same whatever was answered."""
    ratio: float = Field(default=0.95, ge=0.8, le=1.0)
    """Least similarity of a near copy: 1 − inserted and deleted characters / characters of both."""
    figures: Literal["same", "any"] = "same"
    """`same`: copies have the same numbers and signs in the same order; `any`: as OpenThoughts, which
    takes two problems that differ in one number for copies."""
    n: int = Field(default=8, ge=3)
    """Words of an n-gram: 8 as in s1 and open-r1, 13 as in GPT-3."""
    words: Rule = "letters"
    """What a word of an n-gram is: a run of letters and digits, or what blanks part (s1, open-r1)."""
    semantic: bool = False
    """Look for copies in meaning too; takes some seconds per 10,000 units."""
    cosine: float = Field(default=0.95, gt=0.0, le=1.0)
    """Least cosine of a copy in meaning."""
    planted: int = Field(default=100, ge=0)
    """Leaks of each kind that are planted to measure recall; 0 leaves the measurement out."""
    seed: int = Field(default=0, ge=0)
    """Root of all seeds."""


class Reason(NamedTuple):
    """Why a row is dropped."""

    drop: str
    """One of `DROPS`."""
    detail: str
    """In words."""


@dataclass(frozen=True)
class Cleaning:
    """What was found in a pool."""

    settings: CleanSettings
    traces: Sequence[Trace]
    """As they were handed in, with the verdicts that were asked for."""
    exact: list[list[int]]
    """Rows that are the same trace, the kept one first."""
    pairs: Pairs
    near: list[Group]
    semantic_pairs: SemanticPairs | None
    semantic: list[Group]
    overlap: Found | None
    """`None` without a benchmark."""
    leaks: LeakTest | None

    def reasons(self, drop: Collection[str]) -> dict[int, Reason]:
        """Row → why it is dropped.

        Args:
            drop: some of `DROPS`.

        Raises:
            ConfigError: one is unknown, or was not looked for.
        """
        check_drops(drop, self)
        found: dict[int, Reason] = {}
        for name, rows in self._by_drop():
            if name in drop:
                for row, detail in rows:
                    found.setdefault(row, Reason(name, detail))
        return found

    def _by_drop(self) -> Iterator[tuple[str, Iterator[tuple[int, str]]]]:
        yield "contaminated", self._contaminated()
        yield (
            "exact",
            (
                (r, f"the same as row {row_of(self.traces[rows[0]], rows[0] + 1)}")
                for rows in self.exact
                for r in rows[1:]
            ),
        )
        yield "near", self._copies(self.near, self.pairs.units.rows, "near copy")
        if self.semantic_pairs is not None:
            yield (
                "semantic",
                self._copies(self.semantic, self.semantic_pairs.units.rows, "means what"),
            )
        yield "shared", self._shared()

    def _contaminated(self) -> Iterator[tuple[int, str]]:
        for hit in self.overlap.flagged if self.overlap else ():
            yield from ((row, self.describe(hit)) for row in hit.rows)

    def describe(self, hit: Hit) -> str:
        """A hit in words."""
        question = self._question(hit.problem)
        grade, similarity = hit.judged
        where = "" if hit.place == "question" else f", in its {hit.place}"
        return f"{grade.value}: {question.qid} of {question.benchmark} ({similarity:.2f}{where})"

    def _question(self, problem: int) -> Question:
        if self.overlap is None:
            raise LookupError("no benchmark was looked for")
        return self.overlap.index.questions[problem]

    def _copies(
        self, groups: Sequence[Group], rows: Sequence[tuple[int, ...]], word: str
    ) -> Iterator[tuple[int, str]]:
        for group in groups:
            kept = self.traces[rows[group.kept][0]].uid
            for copy in group.copies:
                yield from (
                    (row, f"{word} of {kept} ({copy.similarity:.2f})") for row in rows[copy.unit]
                )

    def _shared(self) -> Iterator[tuple[int, str]]:
        if self.overlap is None:
            return
        for hit in self.overlap.hits:
            yield from ((row, self.describe(hit)) for row in hit.rows)
        for grade, problems in sorted(self.overlap.counted.items()):
            for problem, rows in sorted(problems.items()):
                question = self._question(problem)
                for row in sorted(rows):
                    yield row, f"{grade.value}: {question.qid} of {question.benchmark}"


def check_drops(drop: Collection[str], cleaning: Cleaning) -> None:
    """Refuse to drop for what is unknown or was not looked for.

    Raises:
        ConfigError: says which.
    """
    for name in drop:
        if name not in DROPS:
            raise ConfigError(f"--drop knows no '{name}'", do=nearest(name, DROPS))
    if "semantic" in drop and cleaning.semantic_pairs is None:
        raise ConfigError(
            "copies in meaning were not looked for",
            expected="--semantic beside --drop semantic",
            do="add --semantic, or leave semantic out of --drop",
        )


def clean_pool(
    traces: Sequence[Trace],
    benchmarks: Mapping[str, Sequence[Problem]],
    settings: CleanSettings,
    *,
    judge: Judge | None = None,
    vectors: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Cleaning:
    """Look for copies and for problems of benchmarks in a pool.

    Args:
        traces: the pool.
        benchmarks: name → problems; none at all leaves contamination out.
        settings: how to look.
        judge: gives traces with verdicts; called with those that have near copies and no verdict.
        vectors: one per trace, for copies in meaning; default: TF-IDF and singular value decomposition.
        progress: called with (stage, done, total).
    """

    def at(stage: str) -> Callable[[int, int], None] | None:
        return None if progress is None else partial(progress, stage)

    exact = exact_copies(traces)
    pairs = near_pairs(
        traces,
        unit=settings.unit,
        threshold=settings.ratio,
        figures=settings.figures,
        progress=at("copies"),
    )
    semantic = None
    if settings.semantic:
        semantic = semantic_pairs(
            traces,
            unit=settings.unit,
            vectors=vectors,
            threshold=settings.cosine,
            root=settings.seed,
        )
    rows = {*pairs.rows, *(semantic.rows if semantic else ())}
    judged = _judged(traces, rows, judge)
    overlap = leaks = None
    if benchmarks:
        index = build_index(benchmarks, n=settings.n, rule=settings.words)
        overlap = find_overlap(index, judged, progress=at("benchmark"))
        if settings.planted:
            leaks = measure_leaks(overlap, root=settings.seed, most=settings.planted)
    return Cleaning(
        settings,
        judged,
        exact=exact,
        pairs=pairs,
        near=near_copies(pairs, judged),
        semantic_pairs=semantic,
        semantic=semantic_copies(semantic, judged) if semantic else [],
        overlap=overlap,
        leaks=leaks,
    )


def _judged(traces: Sequence[Trace], rows: Collection[int], judge: Judge | None) -> Sequence[Trace]:
    """The pool with verdicts where copies need them."""
    asked = sorted(row for row in rows if traces[row].verdict is None)
    if judge is None or not asked:
        return traces
    judged = list(traces)
    for row, trace in zip(asked, judge([traces[row] for row in asked]), strict=True):
        judged[row] = trace
    return judged
