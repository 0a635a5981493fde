"""Traces that repeat earlier ones, exactly or nearly.

Exact: the same `uid`, that is, the same question and trace but for white space. Near: the same letters
and digits whatever the case and punctuation (under any question), or a similarity of 95 % and more to
an earlier trace of the same question (1 − edits / length of both, insertions and deletions only).

Comparing is bounded: pairs of a question are compared until `MOST_WORK` is spent, and the record says
how many pairs were left out. Left out altogether: traces that say the same in other words.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from rapidfuzz.distance import Indel

from titrant.records import Record
from titrant.traces.read import row_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from titrant.traces.record import Trace

ALIKE = 0.95
MOST_WORK = 4_000_000_000
"""Products of the lengths of compared texts, in sum; rapidfuzz does this much in about a second."""
MOST_EARLIER = 256
"""A trace is compared with so many earlier ones of its question."""

_NOISE = (string.punctuation + string.whitespace).encode()


class Repeats(Record):
    """How many traces repeat an earlier one."""

    exact: int
    """Traces with the `uid` of an earlier one."""
    near: int
    """Other traces that nearly repeat an earlier one."""
    first_exact: tuple[int, int] | None
    """Rows of the first exact repeat: that of the earlier trace and that of the later one."""
    first_near: tuple[int, int] | None
    pairs_compared: int
    pairs_left_out: int
    """Pairs within a question that were not compared, so `near` may be too low."""


class _Counts:
    """What is known so far."""

    def __init__(self) -> None:
        self.exact = self.near = self.compared = self.left_out = self.work = 0
        self.first_exact: tuple[int, int] | None = None
        self.first_near: tuple[int, int] | None = None


def find_repeats(traces: Sequence[Trace]) -> Repeats:
    """Exact and near repeats in a pool; each trace counts once, as exact or near or neither."""
    counts = _Counts()
    by_uid: dict[str, int] = {}
    by_letters: dict[int, int] = {}
    by_question: dict[str, list[int]] = {}
    for i, trace in enumerate(traces):
        earlier = by_uid.setdefault(trace.uid, i)
        if earlier != i:
            counts.exact += 1
            counts.first_exact = counts.first_exact or _rows(traces, earlier, i)
            continue
        twin = by_letters.setdefault(_letters(trace), i)
        alike = twin if twin != i else _alike(traces, i, by_question.get(trace.qid, []), counts)
        if alike is not None:
            counts.near += 1
            counts.first_near = counts.first_near or _rows(traces, alike, i)
        by_question.setdefault(trace.qid, []).append(i)
    return Repeats(
        exact=counts.exact,
        near=counts.near,
        first_exact=counts.first_exact,
        first_near=counts.first_near,
        pairs_compared=counts.compared,
        pairs_left_out=counts.left_out,
    )


def _rows(traces: Sequence[Trace], i: int, j: int) -> tuple[int, int]:
    return row_of(traces[i], i + 1), row_of(traces[j], j + 1)


def _letters(trace: Trace) -> int:
    """A hash of the body's letters and digits; a bare answer only repeats under its own question."""
    body = trace.body.casefold().encode(errors="replace").translate(None, _NOISE)
    return hash(body) if len(body) > 40 else hash((body, trace.qid))


def _alike(traces: Sequence[Trace], i: int, earlier: Sequence[int], counts: _Counts) -> int | None:
    text = _text(traces[i])
    for j in _candidates(earlier, counts):
        other = _text(traces[j])
        # Texts whose lengths differ by more than this cannot be alike, whatever is in them.
        if min(len(text), len(other)) < ALIKE / (2 - ALIKE) * max(len(text), len(other)):
            counts.compared += 1
            continue
        work = len(text) * len(other)
        if counts.work + work > MOST_WORK:
            counts.left_out += 1
            continue
        counts.work += work
        counts.compared += 1
        if Indel.normalized_similarity(text, other, score_cutoff=ALIKE):
            return j
    return None


def _candidates(earlier: Sequence[int], counts: _Counts) -> Iterator[int]:
    counts.left_out += max(0, len(earlier) - MOST_EARLIER)
    yield from earlier[-MOST_EARLIER:]


def _text(trace: Trace) -> str:
    return f"{trace.thinking or ''}\n{trace.answer_text}"
