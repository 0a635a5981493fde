"""Word n-grams that texts share with a benchmark: the benchmark is indexed, the texts stream by.

An n-gram is n words in a row under a rule of `words` (8 as in s1 and open-r1; GPT-3 took 13). A question with
fewer words is one gram as a whole, from `WHOLE_FROM` words on. Under the rule `letters` at least half of the
words of a gram hold a letter, since rows of digits meet by chance; s1's rule (`blanks`) takes all of them.

Words become numbers through the benchmark's own vocabulary, so a word that no question has is 0 and no window
over it is looked at. The others are hashed, h = Σ idᵢ·pⁱ mod 2⁶⁴, and looked up; a hash that is found counts
only if its words are the same, so there are no false hits. s1 and open-r1 build the index over all traces and look
up the benchmark: the same hits for many times the work and memory (`benchmarks/contamination.py`).

A gram that more than `MOST_PROBLEMS` questions of the benchmark have is the text of a template: it is left out,
and how much of each question such grams cover is kept. Grams that recur all over the pool stay (GPT-3 drops
them): `evidence` grades by how much of a question is covered instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from titrant.select.clean.words import Rule, word_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

N = 8
WHOLE_FROM = 5
"""Shorter questions are not looked for inside texts."""
MOST_PROBLEMS = 50
_PRIME = 0x9E3779B97F4A7C15


class Encoded(NamedTuple):
    """Texts as numbers of words."""

    ids: np.ndarray
    """int32 [words]; 0 where the benchmark lacks the word."""
    sizes: np.ndarray
    """Words of each text; int64 [texts]."""


class Matches(NamedTuple):
    """Grams that texts share with questions, sorted, each once."""

    text: np.ndarray
    """int64 [matches]."""
    problem: np.ndarray
    position: np.ndarray
    """First word of the gram in the question."""
    length: np.ndarray
    """Words of the gram."""


class Covered(NamedTuple):
    """How much of a question stands in a text."""

    text: np.ndarray
    """int64 [pairs]."""
    problem: np.ndarray
    words: np.ndarray
    """Words of the question that lie in a shared gram."""


@dataclass(frozen=True)
class GramTable:
    """All grams of one length."""

    length: int
    hashes: np.ndarray
    """uint64 [grams], ascending."""
    ids: np.ndarray
    """int32 [grams, length]."""
    starts: np.ndarray
    """Where the places of each gram begin; int64 [grams + 1]."""
    places: np.ndarray
    """int64 [places, 2]: problem and first word."""


@dataclass(frozen=True)
class GramIndex:
    """The grams of a benchmark's questions."""

    n: int
    rule: Rule
    vocabulary: dict[bytes, int]
    tables: tuple[GramTable, ...]
    n_words: np.ndarray
    """Words of each question; int64 [problems]."""
    n_common: np.ndarray
    """Words of each question in grams that were left out, as too many questions have them."""
    word_ids: tuple[bytes, ...]
    """Each question as numbers of words, int32 one after the other."""

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Texts as numbers of words."""
        found = [word_bytes(text, self.rule) for text in texts]
        sizes = np.array([len(words) for words in found], dtype=np.int64)
        look_up = map(self.vocabulary.get, chain.from_iterable(found), repeat(0))
        return Encoded(np.fromiter(look_up, dtype=np.int32, count=int(sizes.sum())), sizes)

    def holds(self, encoded: Encoded, text: int, problem: int) -> bool:
        """Whether all of a question stands in a text, word for word."""
        start = int(encoded.sizes[:text].sum())
        words = encoded.ids[start : start + int(encoded.sizes[text])].tobytes()
        question = self.word_ids[problem]
        at = words.find(question)
        while at > 0 and at % 4:  # not where a word begins
            at = words.find(question, at + 1)
        return at >= 0

    def match(self, encoded: Encoded) -> Matches:
        """The grams that texts share with questions."""
        parts = [_match(table, encoded) for table in self.tables]
        rows = np.unique(np.concatenate([np.empty((0, 4), np.int64), *parts]), axis=0)
        return Matches(*rows.T)


def index_grams(
    questions: Sequence[str | None],
    *,
    n: int = N,
    rule: Rule = "letters",
    whole_from: int = WHOLE_FROM,
) -> GramIndex:
    """Index a benchmark's questions.

    Args:
        questions: `None` stands for one that has no grams, an expression say.
        n: words of a gram.
        rule: what a word is.
        whole_from: shortest question, in words, that is looked for as a whole; `n` for none.
    """
    found = [word_bytes(question or "", rule) for question in questions]
    vocabulary: dict[bytes, int] = {}
    for word in chain.from_iterable(found):
        vocabulary.setdefault(word, len(vocabulary) + 1)
    ids = [np.array([vocabulary[word] for word in words], dtype=np.int32) for words in found]
    n_words = np.array([len(words) for words in found], dtype=np.int64)
    is_telling = np.array([False, *(rule == "blanks" or not word.isdigit() for word in vocabulary)])
    tables, common = [], np.empty((0, 4), np.int64)
    for length in range(1, n + 1):
        at_least = n_words >= n if length == n else (n_words == length) & (length >= whole_from)
        problems = np.flatnonzero(at_least)
        table, left_out = _table(length, ids, problems, is_telling)
        common = np.concatenate([common, left_out])
        if len(table.hashes):
            tables.append(table)
    covered = cover(Matches(*common[np.lexsort(common.T[::-1])].T))
    n_common = np.zeros(len(found), dtype=np.int64)
    n_common[covered.problem] = covered.words
    word_ids = tuple(words.tobytes() for words in ids)
    return GramIndex(n, rule, vocabulary, tuple(tables), n_words, n_common, word_ids)


def _table(
    length: int, ids: Sequence[np.ndarray], problems: np.ndarray, is_telling: np.ndarray
) -> tuple[GramTable, np.ndarray]:
    """The grams of some problems, and rows of `Matches` for those that too many problems have."""
    windows = [sliding_window_view(ids[i], length) for i in problems.tolist()]
    sizes = [len(window) for window in windows]
    grams = np.concatenate([np.empty((0, length), np.int32), *windows])
    places = np.column_stack([
        np.repeat(problems, sizes),
        np.concatenate([np.empty(0, np.int64), *map(np.arange, sizes)]),
    ])  # fmt: skip
    is_kept = 2 * is_telling[grams].sum(axis=1) >= length
    grams, places = grams[is_kept], places[is_kept]
    hashes = _hash(grams.T)
    order = np.argsort(hashes, kind="stable")
    grams, places, hashes = grams[order], places[order], hashes[order]
    is_first = np.ones(len(hashes), dtype=bool)
    is_first[1:] = hashes[1:] != hashes[:-1]
    if (grams[1:] != grams[:-1])[~is_first[1:]].any():
        raise ArithmeticError("two grams of a benchmark have one hash")  # 1 in 10⁹ at 10⁵ grams
    group = np.cumsum(is_first) - 1
    is_common = (np.bincount(group, minlength=1) > MOST_PROBLEMS)[group]
    left_out = places[is_common]
    rows = np.column_stack([np.zeros(len(left_out), np.int64), left_out])
    left_out = np.column_stack([rows, np.full(len(rows), length)])
    grams, places, hashes = grams[~is_common], places[~is_common], hashes[~is_common]
    starts = np.flatnonzero(is_first[~is_common])
    table = GramTable(length, hashes[starts], grams[starts], np.append(starts, len(hashes)), places)
    return table, left_out


def _hash(columns: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Hashes of grams given word by word; uint64 [grams]."""
    total = np.zeros(len(columns[0]), dtype=np.uint64)
    power = 1
    for column in columns:
        power = power * _PRIME % 2**64
        total += column.astype(np.uint64) * np.uint64(power)
    return total


def _match(table: GramTable, encoded: Encoded) -> np.ndarray:
    """Rows of text, problem, position and length; int64 [matches, 4], unsorted."""
    length, ids = table.length, encoded.ids
    n = len(ids) - length + 1
    if n <= 0:
        return np.empty((0, 4), np.int64)
    text = np.repeat(np.arange(len(encoded.sizes)), encoded.sizes)
    unknown = np.concatenate([[0], np.cumsum(ids == 0)])
    at = np.flatnonzero((unknown[length:] == unknown[:-length]) & (text[:n] == text[length - 1 :]))
    hashes = _hash([ids[at + i] for i in range(length)])
    gram = np.minimum(np.searchsorted(table.hashes, hashes), len(table.hashes) - 1)
    is_hit = table.hashes[gram] == hashes
    at, gram = at[is_hit], gram[is_hit]
    is_same = (ids[at[:, None] + np.arange(length)] == table.ids[gram]).all(axis=1)
    at, gram = at[is_same], gram[is_same]
    sizes = np.diff(table.starts)[gram]
    ends = np.cumsum(sizes)
    each = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
    places = table.places[np.repeat(table.starts[gram], sizes) + each]
    rows = np.repeat(text[at], sizes)
    return np.column_stack([rows, places, np.full(len(rows), length)])


def cover(matches: Matches) -> Covered:
    """Words of each question that lie in grams of each text, overlapping grams counted once."""
    text, problem, position, length = matches
    if not len(text):
        return Covered(text, problem, position)
    is_first = np.concatenate([[True], (np.diff(text) != 0) | (np.diff(problem) != 0)])
    reach = np.concatenate([np.diff(position), [np.iinfo(np.int64).max]])
    reach[np.flatnonzero(is_first)[1:] - 1] = np.iinfo(np.int64).max
    starts = np.flatnonzero(is_first)
    words = np.add.reduceat(np.minimum(reach, length), starts)
    return Covered(text[starts], problem[starts], words)
