"""The questions most alike to each of a set, itself left out.

Where the meta of the traces holds `start` and `goal` (numbers, lists of numbers, or a list as the
maze world writes it, "3,4"), nearness is the sum of the absolute differences of these coordinates:
in a maze, first those with the same two ends. Otherwise it is the similarity of the questions' texts (rapidfuzz's normalised Indel distance:
the share of characters that the longest common subsequence takes up).

All pairs of texts are compared while they are `PAIRS` or fewer; beyond, each with those nearest to
it in length, since texts of different lengths cannot be much alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.process import cdist
from scipy.spatial import KDTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace

ENDS = ("start", "goal")
"""Keys of a trace's meta by which questions are matched."""
PAIRS = 1_000_000
"""Texts compared at most, about: a second or two for questions of 200 characters."""
CHUNK = 32
"""Questions compared at a time."""
TIES = 16
"""Most questions that are taken for equally near."""
CLOSE = 1e-6
"""Difference under which two nearnesses are equal; both measures move in larger steps."""

_NUMBER = r"[ ]?-?[0-9]{1,9}(?:\.[0-9]{1,9})?"
_LISTED = re.compile(rf"{_NUMBER}(?:,{_NUMBER})+")
"""Two numbers or more in one text; a text of one number may name anything."""


class Asked(NamedTuple):
    """A question, and where it lies."""

    qid: str
    question: str
    place: tuple[float, ...] | None
    """Coordinates of start and goal; `None` where the meta has none."""

    @classmethod
    def by(cls, trace: Trace) -> Self:
        """What a trace was asked."""
        ends = [_numbers(trace.meta.get(key)) for key in ENDS]
        place = None if None in ends else tuple(x for end in ends for x in end or ())
        return cls(trace.qid, trace.question, place)


def _numbers(value: Any) -> tuple[float, ...] | None:  # noqa: ANN401 - meta holds anything
    """A number, a list of them, or a list written as "3,4"; `None` for all else."""
    if isinstance(value, str):
        return tuple(map(float, value.split(","))) if _LISTED.fullmatch(value) else None
    numbers = value if isinstance(value, list | tuple) else [value]
    is_fine = all(isinstance(x, int | float) and not isinstance(x, bool) for x in numbers)
    return tuple(map(float, numbers)) if numbers and is_fine else None


def most_alike(asked: Sequence[Asked]) -> dict[str, list[str]]:
    """By qid, the qids of the nearest other questions: several where they are equally near.

    Questions with a place are matched among those whose places have as many coordinates, all others
    by their texts.

    Args:
        asked: two questions at least, all different; their order does not matter.
    """
    asked = sorted(asked)
    near: dict[str, list[str]] = {}
    kinds: dict[int, list[Asked]] = {}
    for one in asked:
        kinds.setdefault(len(one.place or ()), []).append(one)
    for n_numbers, of_kind in kinds.items():
        if n_numbers and len(of_kind) > 1:
            near.update(_by_place(of_kind))
    rest = [one for one in asked if one.qid not in near]
    if rest:  # a question that is alone in its kind is compared with all
        by_text = _by_text(rest if len(rest) > 1 else asked)
        near.update((one.qid, by_text[one.qid]) for one in rest)
    return near


def _by_place(asked: Sequence[Asked]) -> dict[str, list[str]]:
    points = np.array([one.place for one in asked])
    found = KDTree(points).query(points, k=min(len(asked), TIES + 1), p=1)
    distances, indices = np.asarray(found[0]).tolist(), np.asarray(found[1]).tolist()
    near = {}
    for i, one in enumerate(asked):
        found = [(d, j) for d, j in zip(distances[i], indices[i], strict=True) if j != i]
        near[one.qid] = [asked[j].qid for d, j in found if d <= found[0][0] + CLOSE]
    return near


def _by_text(asked: Sequence[Asked]) -> dict[str, list[str]]:
    asked = sorted(asked, key=lambda one: (len(one.question), one.qid))
    texts = [one.question for one in asked]
    n = len(texts)
    half = n if n * n <= PAIRS else max(TIES, PAIRS // n // 2)
    near = {}
    for start in range(0, n, CHUNK):
        end = min(start + CHUNK, n)
        first, last = max(0, start - half), min(n, end + half)
        scores = cdist(texts[start:end], texts[first:last], scorer=fuzz.ratio)
        scores[np.arange(end - start), np.arange(start, end) - first] = -1.0
        for i, row in enumerate(scores, start):
            best = np.flatnonzero(row >= row.max() - CLOSE)[:TIES]
            near[asked[i].qid] = [asked[first + j].qid for j in best.tolist()]
    return near
