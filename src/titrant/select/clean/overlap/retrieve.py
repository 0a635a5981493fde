"""Which benchmark questions a question may be a rewording of: cosine of rare words.

Words weigh their inverse document frequency over the benchmark, log((1 + N) / (1 + df)) + 1, once per
question, those that more than `MOST_COMMON` of the questions have weigh nothing; words that the benchmark
lacks weigh in the norm as words of no question. What is found is a candidate, and is compared by `evidence`.

Left out: rewordings that keep less than `LEAST_COSINE` of the weight. A language model can write such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from titrant.select.clean.distinct import distinct

if TYPE_CHECKING:
    from titrant.select.clean.overlap.ngrams import Encoded

LEAST_COSINE = 0.25
MOST_COMMON = 0.1
NEAREST = 5
"""Candidates per question."""


class Candidates(NamedTuple):
    """Questions that may be rewordings of benchmark questions."""

    text: np.ndarray
    """int64 [candidates]."""
    problem: np.ndarray
    cosine: np.ndarray


class Retriever:
    """The questions of a benchmark as weighted bags of words."""

    def __init__(self, questions: Encoded, n_words: int) -> None:
        """Weigh the words.

        Args:
            questions: of the benchmark, encoded by its own index.
            n_words: words of the vocabulary.
        """
        n = len(questions.sizes)
        counts = _bags(questions, n_words)
        documents = np.bincount(counts.indices, minlength=n_words + 1)
        self._weight = np.log((1 + n) / (1 + documents)) + 1
        self._weight[documents > max(MOST_COMMON * n, 1)] = 0
        # Words that no question has are one column, left out of the products and not of the norms.
        self._weight[0] = np.log(1 + n) + 1
        bags, norms = self._weigh(questions, counts)
        self._bags = _scaled(bags, norms).T.tocsr()

    def find(self, texts: Encoded) -> Candidates:
        """The nearest questions of the benchmark, for each text at most `NEAREST`."""
        bags, norms = self._weigh(texts, _bags(texts, len(self._weight) - 1))
        near = (_scaled(bags, norms) @ self._bags).tocoo()
        is_near = near.data >= LEAST_COSINE
        text, problem, cosine = near.row[is_near], near.col[is_near], near.data[is_near]
        order = np.lexsort((problem, -cosine, text))
        text, problem, cosine = text[order], problem[order], cosine[order]
        first = np.searchsorted(text, text)
        is_first = np.arange(len(text)) - first < NEAREST
        return Candidates(
            text[is_first].astype(np.int64), problem[is_first].astype(np.int64), cosine[is_first]
        )

    def _weigh(self, texts: Encoded, counts: csr_array) -> tuple[csr_array, np.ndarray]:
        """Weighted bags without the unknown words, and their norms with them."""
        bags = counts.copy()
        bags.data = self._weight[counts.indices]
        text = np.repeat(np.arange(len(texts.sizes)), texts.sizes)
        unknown = np.bincount(text[texts.ids == 0], minlength=len(texts.sizes))
        squares = bags.multiply(bags).sum(axis=1) + unknown * self._weight[0] ** 2
        return bags, np.sqrt(np.maximum(squares, 1e-12))


def _bags(texts: Encoded, n_words: int) -> csr_array:
    """Which words each text has, the unknown ones left out; [texts, vocabulary + 1]."""
    text = np.repeat(np.arange(len(texts.sizes)), texts.sizes)
    is_known = texts.ids > 0
    cells = distinct(text[is_known] * (n_words + 1) + texts.ids[is_known])
    rows, columns = cells // (n_words + 1), cells % (n_words + 1)
    shape = (len(texts.sizes), n_words + 1)
    return csr_array((np.ones(len(cells)), (rows, columns)), shape=shape)


def _scaled(bags: csr_array, norms: np.ndarray) -> csr_array:
    scaled = bags.copy()
    scaled.data = bags.data / np.repeat(norms, np.diff(bags.indptr))
    scaled.eliminate_zeros()
    return scaled
