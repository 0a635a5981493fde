"""Contamination of a pool: which of its traces hold problems of a benchmark, and on what evidence.

Questions are compared with the problems in every way that `evidence` grades, each question once however many
traces answer it. What was thought and answered is searched for n-grams: a quote in a trace whose own question
is another one is *in the trace only*. The pool streams by in chunks; what is kept are the hits.

**When n-grams prove nothing.** Where n-grams alone hit more than `MOST_COLLIDING` of the problems that no
stronger grade has found, or where a problem comes out of a template (`index`), long overlaps are a diagnostic: they
are counted and not flagged, unless all of the problem stands there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from titrant.select.clean.overlap.canonical import canonical
from titrant.select.clean.overlap.evidence import WHOLE, Asked, Grade, Judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from titrant.select.clean.overlap.index import Index
    from titrant.traces.record import Trace

    Progress = Callable[[int, int], None]

QUESTION, THINKING, ANSWER = "question", "thinking", "answer_text"
"""Where something was found: fields of a trace."""
MOST_COLLIDING = 0.2
"""Of GSM8K's test problems, 0.06 share an n-gram with its training set."""
CHUNK_TEXTS = 2000
CHUNK_CHARACTERS = 2**20
Askers = dict[int, dict[int, bool]]
"""Row → problems that its question is close to → whether that is a hit."""
_OF_A_TEMPLATE = {Grade.RENUMBERED, Grade.OVERLAP, Grade.REWORDED}


class Hit(NamedTuple):
    """A problem found in a pool."""

    judged: Judged
    place: str
    """`question`, or the field of the trace that quotes it."""
    rows: tuple[int, ...]
    """Rows of the pool: all traces of the question, or the ones that quote."""
    problem: int
    """Number of the problem in the index."""


@dataclass
class Found:
    """What was found in a pool."""

    index: Index
    traces: Sequence[Trace]
    hits: list[Hit] = field(default_factory=list)
    """What proves something, the strongest first."""
    counted: dict[Grade, dict[int, set[int]]] = field(default_factory=dict)
    """What proves nothing (another of its template, a shared n-gram): problem → rows."""
    is_diagnostic: dict[str, bool] = field(default_factory=dict)
    """Benchmark → whether its n-grams are only a diagnostic in this pool."""
    colliding: dict[str, float] = field(default_factory=dict)
    """Benchmark → share of its problems, without those otherwise found, that n-grams hit; in [0, 1]."""

    def is_flagged(self, hit: Hit) -> bool:
        """Whether a hit counts as contamination."""
        if hit.judged.grade is not Grade.OVERLAP or hit.judged.similarity >= WHOLE:
            return True
        return not self.is_diagnostic.get(self.index.questions[hit.problem].benchmark, False)

    @property
    def flagged(self) -> list[Hit]:
        """The hits that count, the strongest first."""
        return [hit for hit in self.hits if self.is_flagged(hit)]


def find_overlap(
    index: Index, traces: Sequence[Trace], *, progress: Progress | None = None
) -> Found:
    """Look for a benchmark's problems in a pool.

    Args:
        index: the benchmark.
        traces: the pool.
        progress: called with (texts read, all texts): a text is a question or a trace.
    """
    found = Found(index, traces)
    questions = _rows_by(traces, lambda trace: trace.qid)
    attempts = _rows_by(traces, lambda trace: trace.uid)
    n_texts = len(questions) + len(attempts)
    asked: Askers = {}
    for done, chunk in _chunks(questions):
        _compare(found, chunk, asked)
        if progress is not None:
            progress(done, n_texts)
    for done, chunk in _chunks(attempts, [_size(traces[rows[0]]) for rows in attempts]):
        _search(found, chunk, asked)
        if progress is not None:
            progress(len(questions) + done, n_texts)
    found.hits.sort(key=lambda hit: _strength(found, hit))
    _weigh_collisions(found)
    return found


def _rows_by(traces: Sequence[Trace], key: Callable[[Trace], str]) -> list[tuple[int, ...]]:
    rows: dict[str, list[int]] = {}
    for row, trace in enumerate(traces):
        rows.setdefault(key(trace), []).append(row)
    return [tuple(found) for found in rows.values()]


def _size(trace: Trace) -> int:
    return len(trace.thinking or "") + len(trace.answer_text)


def _chunks(
    units: Sequence[tuple[int, ...]], sizes: Sequence[int] | None = None
) -> Iterator[tuple[int, list[tuple[int, ...]]]]:
    """Pieces of the units, each with how many are done after it."""
    chunk: list[tuple[int, ...]] = []
    size = 0
    for done, unit in enumerate(units, start=1):
        chunk.append(unit)
        size += 0 if sizes is None else sizes[done - 1]
        if len(chunk) == CHUNK_TEXTS or size >= CHUNK_CHARACTERS or done == len(units):
            yield done, chunk
            chunk, size = [], 0


def _compare(found: Found, chunk: list[tuple[int, ...]], asked: Askers) -> None:
    """Compare a chunk of questions; `asked` learns which rows ask something close to which problem."""
    first = [found.traces[rows[0]] for rows in chunk]
    texts = [Asked(t.question, canonical(t.question, source=t.source)) for t in first]
    for overlap in found.index.compare(texts):
        rows = chunk[overlap.text]
        is_hit = _keep(found, Hit(overlap.judged, QUESTION, rows, overlap.problem))
        for row in rows:
            asked.setdefault(row, {})[overlap.problem] = is_hit


def _search(found: Found, chunk: list[tuple[int, ...]], asked: Askers) -> None:
    """Search a chunk of traces, what was thought and what was answered apart.

    A trace that restates a question close to a problem is no quote of it, unless all of the problem is
    there: a question of the same template does not hold its numbers.
    """
    first = [found.traces[rows[0]] for rows in chunk]
    places = [(i, field) for i in range(len(chunk)) for field in (THINKING, ANSWER)]
    texts = [(t.thinking or "", t.answer_text) for t in first]
    for overlap in found.index.quote([text for both in texts for text in both]):
        i, place = places[overlap.text]
        is_whole = overlap.judged.similarity >= WHOLE
        close = [asked.get(row, {}).get(overlap.problem) for row in chunk[i]]
        restates = [is_hit is not None and (is_hit or not is_whole) for is_hit in close]
        rows = tuple(row for row, known in zip(chunk[i], restates, strict=True) if not known)
        if rows:
            _keep(found, Hit(overlap.judged, place, rows, overlap.problem))


def _keep(found: Found, hit: Hit) -> bool:
    """Keep what proves something, count the rest; which of both it was."""
    grade, similarity = hit.judged
    is_whole = grade is Grade.OVERLAP and similarity >= WHOLE
    if found.index.is_templated[hit.problem] and grade in _OF_A_TEMPLATE and not is_whole:
        grade = Grade.TEMPLATE
    if grade in {Grade.TEMPLATE, Grade.SHARED}:
        found.counted.setdefault(grade, {}).setdefault(hit.problem, set()).update(hit.rows)
        return False
    found.hits.append(hit)
    return True


def _strength(found: Found, hit: Hit) -> tuple[int, bool, float, str, str]:
    """Stronger ones first; ties by the content of both sides, never by position."""
    question = found.index.questions[hit.problem]
    uid = min(found.traces[row].uid for row in hit.rows)
    return (hit.judged.grade.rank, hit.place != QUESTION, -hit.judged.similarity, question.qid, uid)


def _weigh_collisions(found: Found) -> None:
    """Tell for each benchmark whether its n-grams prove anything in this pool."""
    stronger = {hit.problem for hit in found.hits if hit.judged.grade is not Grade.OVERLAP}
    hit_at_all = {hit.problem for hit in found.hits}.union(*found.counted.values())
    names = [question.benchmark for question in found.index.questions]
    left = Counter(name for i, name in enumerate(names) if i not in stronger)
    hits = Counter(name for i, name in enumerate(names) if i in hit_at_all - stronger)
    for name in dict.fromkeys(names):
        found.colliding[name] = hits[name] / left[name] if left[name] else 0.0
        found.is_diagnostic[name] = found.colliding[name] > MOST_COLLIDING
