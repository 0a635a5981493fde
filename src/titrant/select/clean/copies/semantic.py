"""Copies in meaning: units whose vectors point the same way, whatever their words.

Vectors come from outside (an embedding model of the user's), or from TF-IDF of words and pairs of words, brought
to `DIMENSIONS` dimensions by a truncated singular value decomposition (latent semantic analysis, Deerwester et
al. 1990): that needs no model and no network, and sees common words rather than meaning. As with near copies
figures must be the same, here in any order, since a problem with other numbers means something else.

Up to `EXACT_UP_TO` units all pairs are compared, block by block. Of more, every unit goes to the two nearest of
√n anchors drawn from the units, and units that share an anchor are compared: units that are nearly the same
direction are near the same anchors. Pairs that were never compared are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from titrant.errors import DataError
from titrant.seeds import derive, derive_rng
from titrant.select.clean.copies.groups import Group, group_pairs
from titrant.select.clean.copies.units import Unit, Units, units_of
from titrant.select.clean.distinct import distinct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from titrant.traces.record import Trace

ALIKE = 0.95
"""Cosine."""
DIMENSIONS = 128
MOST_TERMS = 50_000
FIT_UP_TO = 20_000
"""Units that the decomposition is learned from; the others are projected."""
EXACT_UP_TO = 20_000
BLOCK_CELLS = 2**24
"""Cosines worked out at a time: 64 MiB."""
NEAREST_ANCHORS = 2


@dataclass(frozen=True)
class SemanticPairs:
    """Units whose vectors are alike."""

    units: Units
    vectors: np.ndarray
    """float32 [units, dimensions], of length 1 or 0."""
    threshold: float
    alike: np.ndarray
    """int64 [pairs, 2]."""
    n_left_out: int
    """Pairs that were never compared."""

    @property
    def rows(self) -> list[int]:
        """Rows of the pool that are in a pair."""
        return sorted(row for i in distinct(self.alike).tolist() for row in self.units.rows[i])


def embed(units: Units, *, root: int) -> np.ndarray:
    """Vectors of units by TF-IDF and singular value decomposition; float32 [units, dimensions].

    Args:
        units: at least two.
        root: the root seed.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [units.text(i) for i in range(len(units))]
    vectorizer = TfidfVectorizer(
        token_pattern=r"[^\W_]+", ngram_range=(1, 2), sublinear_tf=True, max_features=MOST_TERMS
    )
    weights = vectorizer.fit_transform(texts)
    dimensions = min(DIMENSIONS, weights.shape[1] - 1, len(texts) - 1)
    if dimensions < 2:
        return np.asarray(weights.todense(), dtype=np.float32)
    rng = derive_rng(root, "semantic", "fit")
    sample = rng.choice(len(texts), size=min(FIT_UP_TO, len(texts)), replace=False)
    # A seed of numpy's old generators has 32 bits.
    svd = TruncatedSVD(dimensions, n_iter=3, random_state=derive(root, "semantic", "svd") % 2**32)
    svd.fit(weights[np.sort(sample)])
    return svd.transform(weights).astype(np.float32)


def semantic_pairs(
    traces: Sequence[Trace],
    *,
    unit: Unit = "question",
    vectors: np.ndarray | None = None,
    threshold: float = ALIKE,
    root: int = 0,
) -> SemanticPairs:
    """Units of a pool that mean the same.

    Args:
        traces: the pool.
        unit: what is compared.
        vectors: one per trace, [traces, dimensions], that of a unit's first trace counts; rows with NaN have
            no copies. Default: `embed`.
        threshold: least cosine.
        root: the root seed.

    Raises:
        DataError: vectors and traces differ in number.
    """
    units = units_of(traces, unit)
    if vectors is None:
        own = embed(units, root=root) if len(units) > 1 else np.zeros((len(units), 1), np.float32)
    elif len(vectors) != len(traces):
        raise DataError(
            "vectors and traces differ in number",
            expected=f"{len(traces)} vectors, one per trace",
            came=str(len(vectors)),
            do="embed the same pool, in the same order",
        )
    else:
        own = np.asarray(vectors, dtype=np.float32)[[rows[0] for rows in units.rows]]
    own = _normal(own)
    pairs, n_compared = _alike(own, threshold, root)
    same = [sorted(units.figures(i)) == sorted(units.figures(j)) for i, j in pairs.tolist()]
    n = len(units)
    left_out = n * (n - 1) // 2 - n_compared
    return SemanticPairs(units, own, threshold, pairs[np.array(same, dtype=bool)], left_out)


def semantic_copies(pairs: SemanticPairs, judged: Sequence[Trace] | None = None) -> list[Group]:
    """Groups of copies in meaning; arguments as in `near_copies`."""
    units, vectors = pairs.units, pairs.vectors

    def compare(i: int, others: Sequence[int], /) -> np.ndarray:
        same = [sorted(units.figures(i)) == sorted(units.figures(j)) for j in others]
        return np.where(same, vectors[list(others)] @ vectors[i], 0.0).astype(float)

    priority = units.priority(units.traces if judged is None else judged)
    return group_pairs(pairs.alike, priority, compare, pairs.threshold)


def _normal(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1; those with NaN become 0, which is like nothing."""
    vectors = np.where(np.isnan(vectors).any(axis=1, keepdims=True), 0, vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _alike(vectors: np.ndarray, threshold: float, root: int) -> tuple[np.ndarray, int]:
    """Pairs over the threshold, int64 [pairs, 2], and how many different pairs were compared at least."""
    n = len(vectors)
    codes, n_compared = [np.empty(0, np.int64)], 0
    for members in _cells(vectors, root):
        n_compared += len(members) * (len(members) - 1) // 2
        for i, j in _blocks(vectors[members], threshold):
            codes.append(members[i] * n + members[j])
    found = distinct(np.concatenate(codes))
    return np.stack([found // max(n, 1), found % max(n, 1)], axis=1), min(
        n_compared, n * (n - 1) // 2
    )


def _cells(vectors: np.ndarray, root: int) -> Iterator[np.ndarray]:
    """Units that are compared with each other, ascending."""
    n = len(vectors)
    if n <= EXACT_UP_TO:
        yield np.arange(n)
        return
    drawn = derive_rng(root, "semantic", "anchors").choice(n, size=int(np.sqrt(n)), replace=False)
    anchors = vectors[np.sort(drawn)]
    nearest = np.empty((n, NEAREST_ANCHORS), dtype=np.int64)
    step = max(1, BLOCK_CELLS // len(anchors))
    for at in range(0, n, step):
        cosines = vectors[at : at + step] @ anchors.T
        nearest[at : at + step] = np.argpartition(-cosines, NEAREST_ANCHORS, axis=1)[
            :, :NEAREST_ANCHORS
        ]
    for anchor in range(len(anchors)):
        members = np.flatnonzero((nearest == anchor).any(axis=1))
        for at in range(0, len(members), EXACT_UP_TO):
            yield members[at : at + EXACT_UP_TO]


def _blocks(vectors: np.ndarray, threshold: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of pairs over the threshold, the first the smaller, a block of rows at a time."""
    step = max(1, BLOCK_CELLS // max(len(vectors), 1))
    for at in range(0, len(vectors), step):
        i, j = np.nonzero(vectors[at : at + step] @ vectors[at:].T >= threshold)
        is_pair = j > i
        yield i[is_pair] + at, j[is_pair] + at
