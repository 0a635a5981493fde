"""What a shared text proves: grades from strong to weak, and the places in both texts.

| grade | the pool's text and the benchmark's question |
|---|---|
| same question | equal canonical keys, or a ratio of 95 and more with the same figures in the same order |
| same expression, reordered | equal once operands that commute are sorted (`canonical`) |
| same question, numbers changed | equal templates, or templates with a ratio of 85 and more, and other figures |
| long overlap | half of the question's words lie in shared n-grams |
| same question, reworded | the same figures in any order, and enough of the words (`LEAST_WORDS`) |
| another of its template | numbers changed, overlap or rewording of a problem out of a template (`index`); no proof |
| a shared n-gram | any n-gram at all, s1's and open-r1's rule; no proof |

Ratios are rapidfuzz's on folded text, `token_set_ratio` for rewordings. The thresholds were read off GSM8K: of
3,540 pairs of a training and a test question with rare words in common one has the same figures, and 4 have
templates that alike, all of them the same story with other numbers (`benchmarks/contamination.py`).

A shared n-gram is weak: an audit of 114 sources that such a rule flagged found 3 true ones (marin #6852).
Left out: what only a reader sees, a translation or a question asked backwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from rapidfuzz import fuzz

from titrant.records import Record
from titrant.select.clean.words import Rule, figures, fold, locate_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.select.clean.overlap.canonical import Canonical
    from titrant.select.clean.words import Word

NEAR = 95.0
"""Ratio of questions that are the same but for a slip; OpenThoughts' threshold."""
TEMPLATES_ALIKE = 85.0
"""Ratio of templates of one question with other numbers, and perhaps other names."""
LONG = 0.5
"""Share of a question's words in shared n-grams from which an overlap is long."""
WHOLE = 0.95
"""Such an overlap counts even where n-grams are only a diagnostic."""
LEAST_WORDS = (90.0, 80.0, 70.0, 60.0)
"""Least token set ratio of a rewording by the number of figures that it shares, from none to three and more."""
LEAST_LENGTH = 0.4
"""A rewording is no shorter than this share of the question, or the other way round, in characters."""
LONGEST_EXCERPT = 600
"""Characters."""
CONTEXT = 80
"""Characters shown around what is shared."""


class Grade(StrEnum):
    """What is proved, the strongest first."""

    SAME = "same question"
    REORDERED = "same expression, reordered"
    RENUMBERED = "same question, numbers changed"
    OVERLAP = "long overlap"
    REWORDED = "same question, reworded"
    TEMPLATE = "another of its template"
    SHARED = "a shared n-gram"

    @property
    def rank(self) -> int:
        """0 for the strongest."""
        return list(Grade).index(self)


class Judged(NamedTuple):
    """A grade and how alike the texts are under it, in [0, 1]."""

    grade: Grade
    similarity: float


class Span(Record):
    """A run of words that both texts have."""

    pool_start: int
    """Offset in the excerpt of the pool's text, in characters."""
    pool_end: int
    benchmark_start: int
    """Offset in the excerpt of the benchmark's question, in characters."""
    benchmark_end: int


class Excerpt(NamedTuple):
    """What both texts share, to be shown side by side."""

    pool: str
    pool_offset: int
    """Where the excerpt begins in the pool's text, in characters."""
    benchmark: str
    benchmark_offset: int
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Asked:
    """A question with all that is compared of it, worked out when it is needed."""

    text: str
    forms: Canonical

    @cached_property
    def folded(self) -> str:
        """As it is compared."""
        return fold(self.text)

    @cached_property
    def figures(self) -> tuple[str, ...]:
        """Numbers and signs, in order."""
        return figures(self.text)


def judge_questions(one: Asked, other: Asked) -> Judged | None:
    """What two questions are to each other; `None` if nothing is proved.

    Expressions are only told by their canonical forms; shared n-grams are not looked at here.
    """
    if one.forms.key and one.forms.key == other.forms.key:
        return Judged(Grade.SAME, 1.0)
    if one.forms.ordered is not None and one.forms.ordered == other.forms.ordered:
        return Judged(Grade.REORDERED, 1.0)
    if one.forms.is_expression or other.forms.is_expression:
        return None
    if one.figures == other.figures:
        ratio = fuzz.ratio(one.folded, other.folded, score_cutoff=NEAR)
        if ratio:
            return Judged(Grade.SAME, ratio / 100)
    elif one.forms.template is not None and other.forms.template is not None:
        ratio = fuzz.ratio(one.forms.template, other.forms.template, score_cutoff=TEMPLATES_ALIKE)
        if ratio:
            return Judged(Grade.RENUMBERED, ratio / 100)
    return _reworded(one, other)


def _reworded(one: Asked, other: Asked) -> Judged | None:
    lengths = sorted((len(one.folded), len(other.folded)))
    if sorted(one.figures) != sorted(other.figures) or lengths[0] < LEAST_LENGTH * lengths[1]:
        return None
    least = LEAST_WORDS[min(len(one.figures), len(LEAST_WORDS) - 1)]
    ratio = fuzz.token_set_ratio(one.folded, other.folded, score_cutoff=least)
    return Judged(Grade.REWORDED, ratio / 100) if ratio else None


def excerpt_of(pool: str, question: str, *, least: int, rule: Rule = "letters") -> Excerpt:
    """The runs of at least so many words that two texts share, with what stands around them.

    Args:
        pool: a question, a thinking or an answer of the pool.
        question: of the benchmark.
        least: words of the shortest run that is shown.
        rule: what a word is.
    """
    ours, theirs = locate_words(pool, rule), locate_words(question, rule)
    runs = _shared_runs(ours, theirs, least)
    pool_places = [(ours[i].start, ours[i + n - 1].end) for i, _, n in runs]
    places = [(theirs[j].start, theirs[j + n - 1].end) for _, j, n in runs]
    pool_from, pool_to = _window(pool, pool_places)
    begin, end = _window(question, places)
    spans = tuple(
        Span(
            pool_start=a - pool_from,
            pool_end=b - pool_from,
            benchmark_start=c - begin,
            benchmark_end=d - begin,
        )
        for (a, b), (c, d) in zip(pool_places, places, strict=True)
        if pool_from <= a and b <= pool_to and begin <= c and d <= end
    )
    return Excerpt(pool[pool_from:pool_to], pool_from, question[begin:end], begin, spans)


def _shared_runs(
    ours: Sequence[Word], theirs: Sequence[Word], least: int
) -> list[tuple[int, int, int]]:
    """Longest runs of equal words, none overlapping in `theirs`: first word in each, and words."""
    words, others = [word.text for word in ours], [word.text for word in theirs]
    least = max(1, min(least, len(others)))
    starts: dict[tuple[str, ...], int] = {}
    for j in range(len(others) - least + 1):
        starts.setdefault(tuple(others[j : j + least]), j)
    runs: list[tuple[int, int, int]] = []
    i = 0
    while i <= len(words) - least:
        j = starts.get(tuple(words[i : i + least]))
        if j is None:
            i += 1
            continue
        n = least
        while i + n < len(words) and j + n < len(others) and words[i + n] == others[j + n]:
            n += 1
        runs.append((i, j, n))
        i += n
    taken: set[int] = set()
    kept = []
    for run in sorted(runs, key=lambda run: -run[2]):
        covered = set(range(run[1], run[1] + run[2]))
        if not covered & taken:
            taken |= covered
            kept.append(run)
    return sorted(kept)


def _window(text: str, places: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The piece of a text to show: all of it, or from a little before the longest place on."""
    if len(text) <= LONGEST_EXCERPT or not places:
        return 0, min(len(text), LONGEST_EXCERPT)
    start = max(places, key=lambda place: place[1] - place[0])[0]
    begin = max(0, min(start - CONTEXT, len(text) - LONGEST_EXCERPT))
    return begin, begin + LONGEST_EXCERPT
