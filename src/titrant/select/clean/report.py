"""What cleaning found, as one plain record for reports.

Every row and every problem is counted once per benchmark, under the strongest grade that it has. Examples
and evidence are few and chosen by content, so the same pool gives the same record whatever the order of its file.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING

from titrant.records import Record
from titrant.select.clean.overlap.evidence import Grade, Span, excerpt_of
from titrant.select.clean.overlap.find import QUESTION
from titrant.select.clean.overlap.plant import LeakTest, Recall, recall_of
from titrant.select.clean.pool import CleanSettings
from titrant.traces.read import row_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from titrant.select.clean.copies.groups import Group
    from titrant.select.clean.copies.units import Units
    from titrant.select.clean.overlap.find import Found, Hit
    from titrant.select.clean.pool import Cleaning
    from titrant.traces.record import Trace

MOST_EXAMPLES = 5
MOST_EVIDENCE = 20
LEAST_RUN = 3
"""Words of a run that is marked in both texts, where the hit is not one of n-grams."""
LONGEST_TEXT = 240
"""Characters of a text in an example."""


class CopyExample(Record):
    """A trace (or question) and a copy of it."""

    kept_uid: str
    kept_row: int
    """Row of the file, or place in the pool where that is unknown; from 1."""
    uid: str
    row: int
    similarity: float
    """Ratio or cosine, in [0, 1]; 1 for an exact copy."""
    kept_text: str
    """Its first characters."""
    text: str


class CopyCount(Record):
    """Copies of one kind."""

    kind: str
    """`exact`, `near` or `semantic`."""
    unit: str
    """What was compared: `trace` or `question`."""
    groups: int
    """Kept traces (or questions) that have copies."""
    copies: int
    """Rows that repeat a kept one: so many would be dropped."""
    pairs_compared: int | None
    """`None` where copies are found without comparing pairs."""
    pairs_left_out: int
    """Pairs not compared since a bound was hit, at most; the copies may then be too few."""
    pairs_other_figures: int
    """Pairs that read alike but have other numbers or signs: no copies."""
    examples: tuple[CopyExample, ...]


class GradeCount(Record):
    """What was found of a benchmark under one grade."""

    grade: str
    rows: int
    """Rows of the pool with this as their strongest grade."""
    rows_in_trace_only: int
    """Of them those whose question has no hit: the problem is quoted in the trace. 0 for what proves nothing."""
    problems: int
    """Problems of the benchmark with this as their strongest grade."""
    flagged_rows: int
    """Rows that count as contaminated for a hit of this grade, none for a stronger one."""


class BenchmarkOverlap(Record):
    """What a pool has of one benchmark."""

    name: str
    problems: int
    expressions: int
    """Problems that are bare arithmetic: without words, so told by their canonical form only."""
    templated: int
    """Problems that read like several others of the benchmark but for the numbers."""
    colliding: float
    """Share of the problems with no stronger hit that n-grams hit, in [0, 1]."""
    ngrams_are_diagnostic: bool
    """Too many collide: n-grams are counted and prove nothing here."""
    grades: tuple[GradeCount, ...]
    """The strongest first; only those that occur."""
    flagged_rows: int
    flagged_problems: int


class Evidence(Record):
    """One hit, with both texts."""

    grade: str
    is_flagged: bool
    similarity: float
    """In [0, 1]; for n-grams the share of the question's words."""
    place: str
    """Field of the trace: `question`, `thinking` or `answer_text`; the latter two are in the trace only."""
    uid: str
    """Of the first row, by uid."""
    row: int
    """Row of the file, or place in the pool where that is unknown; from 1."""
    rows: int
    """Rows of the pool with this hit."""
    benchmark: str
    qid: str
    """Of the benchmark's problem."""
    pool_text: str
    """Excerpt."""
    pool_offset: int
    """Where the excerpt begins in the field, in characters."""
    benchmark_text: str
    benchmark_offset: int
    """Where the excerpt begins in the question, in characters."""
    spans: tuple[Span, ...]
    """Runs of words that both excerpts have."""


class CleaningReport(Record):
    """What is repeated in a pool, and what of benchmarks is in it."""

    version: int = 1
    settings: CleanSettings
    rows: int
    questions: int
    """Different questions of the pool."""
    copies: tuple[CopyCount, ...]
    benchmarks: tuple[BenchmarkOverlap, ...]
    """In the order in which they were given."""
    evidence: tuple[Evidence, ...]
    """The strongest hits of every grade in turn, at most 20."""
    leaks: LeakTest | None
    """Recall on planted leaks; `None` where none were planted."""
    flagged_before: Recall | None
    """Rows of the pool flagged as they came: true leaks and false alarms together, so the upper end is a limit
    of the rate of false alarms. `None` without a benchmark."""
    flagged_uids: tuple[str, ...]
    """Contaminated traces, sorted."""
    flagged_qids: tuple[str, ...]
    """Problems of benchmarks that the pool contains, sorted: score the benchmark once more without them."""


def describe(cleaning: Cleaning) -> CleaningReport:
    """The report of a cleaning."""
    found, traces = cleaning.overlap, cleaning.traces
    flagged = found.flagged if found else []
    rows = {row for hit in flagged for row in hit.rows}
    qids = {found.index.questions[hit.problem].qid for hit in flagged} if found else set()
    return CleaningReport(
        settings=cleaning.settings,
        rows=len(traces),
        questions=len({trace.qid for trace in traces}),
        copies=tuple(_copies(cleaning)),
        benchmarks=tuple(_benchmarks(found)) if found else (),
        evidence=tuple(_evidence(found)) if found else (),
        leaks=cleaning.leaks,
        flagged_before=recall_of("before planting", len(traces), len(rows)) if found else None,
        flagged_uids=tuple(sorted({traces[row].uid for row in rows})),
        flagged_qids=tuple(sorted(qids)),
    )


def _copies(cleaning: Cleaning) -> Iterator[CopyCount]:
    pairs, semantic = cleaning.pairs, cleaning.semantic_pairs
    yield _exact(cleaning)
    near = _count("near", cleaning.near, pairs.units, cleaning.traces, pairs.n_left_out)
    yield near.model_copy(
        update={
            "pairs_compared": pairs.n_compared,
            "pairs_other_figures": pairs.n_other_figures,
        }
    )
    if semantic is not None:
        left_out = semantic.n_left_out
        yield _count("semantic", cleaning.semantic, semantic.units, cleaning.traces, left_out)


def _exact(cleaning: Cleaning) -> CopyCount:
    traces = cleaning.traces
    groups = sorted(cleaning.exact, key=lambda rows: traces[rows[0]].uid)
    return CopyCount(
        kind="exact",
        unit="trace",
        groups=len(groups),
        copies=sum(len(rows) - 1 for rows in groups),
        pairs_compared=None,
        pairs_left_out=0,
        pairs_other_figures=0,
        examples=tuple(_example(traces, rows[0], rows[1], 1.0) for rows in groups[:MOST_EXAMPLES]),
    )


def _count(
    kind: str, groups: Sequence[Group], units: Units, traces: Sequence[Trace], left_out: int
) -> CopyCount:
    """Groups of units in numbers of rows, with the least alike copies as examples."""
    copies = [(copy, group.kept) for group in groups for copy in group.copies]
    copies.sort(key=lambda pair: (pair[0].similarity, units.first(pair[0].unit).uid))
    return CopyCount(
        kind=kind,
        unit=units.unit,
        groups=len(groups),
        copies=sum(len(units.rows[copy.unit]) for copy, _ in copies),
        pairs_compared=None,
        pairs_left_out=left_out,
        pairs_other_figures=0,
        examples=tuple(
            _example(traces, units.rows[kept][0], units.rows[copy.unit][0], copy.similarity)
            for copy, kept in copies[:MOST_EXAMPLES]
        ),
    )


def _example(traces: Sequence[Trace], kept: int, copy: int, similarity: float) -> CopyExample:
    one, other = traces[kept], traces[copy]
    return CopyExample(
        kept_uid=one.uid,
        kept_row=row_of(one, kept + 1),
        uid=other.uid,
        row=row_of(other, copy + 1),
        similarity=similarity,
        kept_text=_opening(one),
        text=_opening(other),
    )


def _opening(trace: Trace) -> str:
    return f"{trace.question}\n{trace.body}"[:LONGEST_TEXT]


def _benchmarks(found: Found) -> Iterator[BenchmarkOverlap]:
    questions = found.index.questions
    hits: dict[str, list[Hit]] = defaultdict(list)
    for hit in found.hits:
        hits[questions[hit.problem].benchmark].append(hit)
    for name in dict.fromkeys(question.benchmark for question in questions):
        problems = [i for i, question in enumerate(questions) if question.benchmark == name]
        flagged = [hit for hit in hits[name] if found.is_flagged(hit)]
        yield BenchmarkOverlap(
            name=name,
            problems=len(problems),
            expressions=sum(questions[i].asked.forms.is_expression for i in problems),
            templated=int(found.index.is_templated[problems].sum()),
            colliding=found.colliding[name],
            ngrams_are_diagnostic=found.is_diagnostic[name],
            grades=tuple(_grades(found, hits[name], problems)),
            flagged_rows=len({row for hit in flagged for row in hit.rows}),
            flagged_problems=len({hit.problem for hit in flagged}),
        )


def _grades(found: Found, hits: Sequence[Hit], problems: Sequence[int]) -> Iterator[GradeCount]:
    """Rows and problems under their strongest grades; hits come strongest first."""
    of_row: dict[int, Grade] = {}
    of_problem: dict[int, Grade] = {}
    flagged: dict[int, Grade] = {}
    asked = {row for hit in hits if hit.place == QUESTION for row in hit.rows}
    for hit in hits:
        of_problem.setdefault(hit.problem, hit.judged.grade)
        for row in hit.rows:
            of_row.setdefault(row, hit.judged.grade)
            if found.is_flagged(hit):
                flagged.setdefault(row, hit.judged.grade)
    for grade in (Grade.TEMPLATE, Grade.SHARED):
        for problem in problems:
            for row in found.counted.get(grade, {}).get(problem, ()):
                of_problem.setdefault(problem, grade)
                of_row.setdefault(row, grade)
    for grade in Grade:
        rows = [row for row, best in of_row.items() if best is grade]
        is_proof = grade not in {Grade.TEMPLATE, Grade.SHARED}
        if rows or grade in of_problem.values():
            yield GradeCount(
                grade=grade.value,
                rows=len(rows),
                rows_in_trace_only=sum(row not in asked for row in rows) if is_proof else 0,
                problems=sum(best is grade for best in of_problem.values()),
                flagged_rows=sum(best is grade for best in flagged.values()),
            )


def _evidence(found: Found) -> Iterator[Evidence]:
    """The strongest hits, every grade in turn."""
    by_grade: dict[Grade, list[Hit]] = defaultdict(list)
    for hit in found.hits:
        by_grade[hit.judged.grade].append(hit)
    in_turn = chain.from_iterable(zip_longest(*by_grade.values()))
    chosen = list(islice((hit for hit in in_turn if hit is not None), MOST_EVIDENCE))
    for hit in sorted(chosen, key=found.hits.index):
        yield _piece(found, hit)


def _piece(found: Found, hit: Hit) -> Evidence:
    question = found.index.questions[hit.problem]
    row = min(hit.rows, key=lambda row: found.traces[row].uid)
    trace = found.traces[row]
    grams = found.index.grams
    is_run = hit.judged.grade is Grade.OVERLAP
    shown = excerpt_of(
        str(getattr(trace, hit.place) or ""),
        question.asked.text,
        least=grams.n if is_run else LEAST_RUN,
        rule=grams.rule if is_run else "letters",
    )
    return Evidence(
        grade=hit.judged.grade.value,
        is_flagged=found.is_flagged(hit),
        similarity=hit.judged.similarity,
        place=hit.place,
        uid=trace.uid,
        row=row_of(trace, row + 1),
        rows=len(hit.rows),
        benchmark=question.benchmark,
        qid=question.qid,
        pool_text=shown.pool,
        pool_offset=shown.pool_offset,
        benchmark_text=shown.benchmark,
        benchmark_offset=shown.benchmark_offset,
        spans=shown.spans,
    )
