"""A benchmark made ready to be looked for: canonical forms, n-grams, weighted words.

Before anything is looked for the benchmark is held against itself. A problem that reads like `SIBLINGS` others
but for the numbers, or by half of its words, comes out of a template, and what its siblings show proves nothing
about a pool: of such problems only the same question counts, or all of it standing in a text.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.errors import ConfigError, DataError
from titrant.select.clean.overlap.canonical import canonical
from titrant.select.clean.overlap.evidence import LONG, Asked, Grade, Judged, judge_questions
from titrant.select.clean.overlap.ngrams import Encoded, GramIndex, N, cover, index_grams
from titrant.select.clean.overlap.retrieve import Retriever

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from titrant.select.clean.words import Rule
    from titrant.traces.record import Problem

SIBLINGS = 3
MOST_OF_A_FORM = 8
"""So many problems with one canonical form are compared, the first ones."""


class Question(NamedTuple):
    """A problem of a benchmark."""

    benchmark: str
    qid: str
    asked: Asked


class Overlap(NamedTuple):
    """What a text has of a problem."""

    text: int
    problem: int
    judged: Judged


@dataclass(frozen=True)
class Index:
    """The problems of one or more benchmarks."""

    questions: tuple[Question, ...]
    grams: GramIndex
    words: GramIndex
    """Vocabulary of the retriever; the same as `grams` under the rule `letters`."""
    retriever: Retriever
    by_form: Mapping[str, tuple[int, ...]]
    """Canonical key, ordered form or template → problems."""
    is_templated: np.ndarray
    """bool [problems]."""

    def compare(self, texts: Sequence[Asked]) -> list[Overlap]:
        """What questions have of the problems: the strongest grade of each pair, n-grams included."""
        raw = [text.text for text in texts]
        words = self.words.encode(raw)
        pairs = {
            (found.text, found.problem): found
            for found in self._quoted(words if self.grams is self.words else self.grams.encode(raw))
        }
        for i, problem in sorted(self._candidates(texts, words)):
            judged = judge_questions(texts[i], self.questions[problem].asked)
            known = pairs.get((i, problem))
            if judged and (known is None or judged.grade.rank < known.judged.grade.rank):
                pairs[i, problem] = Overlap(i, problem, judged)
        return [pairs[key] for key in sorted(pairs)]

    def quote(self, texts: Sequence[str]) -> list[Overlap]:
        """What texts of any length have of the problems, by n-grams alone."""
        return self._quoted(self.grams.encode(texts))

    def _quoted(self, encoded: Encoded) -> list[Overlap]:
        covered = cover(self.grams.match(encoded))
        share = covered.words / self.grams.n_words[covered.problem]
        # What lies in grams of a template was not looked up: only the whole question tells more.
        for i in np.flatnonzero((self.grams.n_common[covered.problem] > 0) & (share < 1)).tolist():
            if self.grams.holds(encoded, int(covered.text[i]), int(covered.problem[i])):
                share[i] = 1.0
        columns = (covered.text.tolist(), covered.problem.tolist(), share.tolist())
        return [
            Overlap(i, problem, Judged(Grade.OVERLAP if part >= LONG else Grade.SHARED, part))
            for i, problem, part in zip(*columns, strict=True)
        ]

    def _candidates(self, texts: Sequence[Asked], words: Encoded) -> set[tuple[int, int]]:
        near = self.retriever.find(words)
        found = set(zip(near.text.tolist(), near.problem.tolist(), strict=True))
        for i, text in enumerate(texts):
            for form in forms_of(text):
                found |= {(i, problem) for problem in self.by_form.get(form, ())}
        return found


def forms_of(text: Asked) -> list[str]:
    """The canonical forms by which a question is looked up."""
    forms = text.forms
    return [form for form in (forms.key, forms.ordered, forms.template) if form]


def build_index(
    benchmarks: Mapping[str, Sequence[Problem]], *, n: int = N, rule: Rule = "letters"
) -> Index:
    """Index benchmarks.

    Args:
        benchmarks: name → problems.
        n: words of an n-gram.
        rule: what a word of an n-gram is.

    Raises:
        ConfigError: n is under 3.
        DataError: there are no problems.
    """
    if n < 3:
        raise ConfigError(
            f"n-grams of {n} words say nothing",
            expected="3 words or more: 8 as s1 and open-r1, 13 as GPT-3",
            came=str(n),
            do="use 8",
        )
    questions = tuple(
        Question(name, problem.qid, _asked(problem))
        for name, problems in benchmarks.items()
        for problem in problems
    )
    if not questions:
        raise DataError(
            "no benchmark to look for",
            expected="at least one problem",
            came="none",
            do="name a benchmark with problems: --benchmark FILE",
        )
    # An expression has no words: rows of its numbers would meet those of any other one.
    texts = [None if q.asked.forms.is_expression else q.asked.text for q in questions]
    grams = index_grams(texts, n=n, rule=rule)
    words = grams if rule == "letters" else index_grams(texts, n=n)
    retriever = Retriever(words.encode([text or "" for text in texts]), len(words.vocabulary))
    unmarked = np.zeros(len(questions), dtype=bool)
    index = Index(questions, grams, words, retriever, _by_form(questions), unmarked)
    return replace(index, is_templated=_templated(index))


def _asked(problem: Problem) -> Asked:
    forms = canonical(problem.question, gold=problem.gold, source=problem.source)
    return Asked(problem.question, forms)


def _by_form(questions: Sequence[Question]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = defaultdict(list)
    for problem, question in enumerate(questions):
        for form in forms_of(question.asked):
            found[form].append(problem)
    return {form: tuple(problems[:MOST_OF_A_FORM]) for form, problems in found.items()}


def _templated(index: Index) -> np.ndarray:
    """Which problems have siblings in the benchmark; bool [problems]."""
    siblings = np.zeros(len(index.questions), dtype=np.int64)
    for found in index.compare([question.asked for question in index.questions]):
        is_sibling = found.judged.grade in {Grade.RENUMBERED, Grade.OVERLAP}
        siblings[found.text] += found.text != found.problem and is_sibling
    n_words = np.maximum(index.grams.n_words, 1)
    return (siblings >= SIBLINGS) | (index.grams.n_common / n_words >= LONG)
