"""Copies in meaning: vectors that point the same way."""

import numpy as np
import pytest

from titrant.errors import DataError
from titrant.seeds import derive_rng
from titrant.select.clean.copies import semantic
from titrant.select.clean.copies.semantic import embed, semantic_copies, semantic_pairs
from titrant.select.clean.copies.units import units_of
from trace_made import made_trace


def traces(n: int, question: str = "How many are {i}?"):
    return [
        made_trace(question.format(i="abcdefghijklmnop"[i % 16] * (1 + i // 16)), None, "4")
        for i in range(n)
    ]


def unit_vectors(n: int, dimensions: int = 16) -> np.ndarray:
    vectors = derive_rng(0, "test", "semantic").standard_normal((n, dimensions))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_vectors_over_the_threshold_are_copies_with_their_cosine():
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.98, 0.199]])
    pairs = semantic_pairs(traces(3), vectors=vectors)
    (group,) = semantic_copies(pairs)
    assert {group.kept, group.copies[0].unit} == {0, 2}
    # 0.98 / √(0.98² + 0.199²) = 0.98 / 1.0000 = 0.98
    assert group.copies[0].similarity == pytest.approx(0.98, abs=1e-3)
    assert pairs.rows == [0, 2]


def test_other_numbers_are_no_copies_whatever_the_vectors():
    pool = [made_trace(f"How many are {i} and 2?", None, "4") for i in (3, 4)]
    assert semantic_pairs(pool, vectors=np.ones((2, 2))).alike.tolist() == []
    pool = [made_trace(text, None, "4") for text in ("Add 3 to 4.", "To 4 one adds 3.")]
    assert semantic_pairs(pool, vectors=np.ones((2, 2))).alike.tolist() == [[0, 1]]


def test_a_vector_with_nan_or_of_zeros_is_like_nothing():
    vectors = np.array([[np.nan, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    assert semantic_pairs(traces(4), vectors=vectors).alike.tolist() == []


def test_blocks_give_what_all_pairs_at_once_give(monkeypatch):
    vectors = unit_vectors(60)
    vectors[40:] = vectors[:20] + 0.01
    whole = semantic_pairs(traces(60), vectors=vectors)
    monkeypatch.setattr(semantic, "BLOCK_CELLS", 7 * 60)
    blocked = semantic_pairs(traces(60), vectors=vectors)
    assert blocked.alike.tolist() == whole.alike.tolist()
    assert [[i, i + 40] for i in range(20)] == whole.alike.tolist()
    assert whole.n_left_out == 0


def test_many_units_are_compared_by_cells_and_the_rest_is_counted(monkeypatch):
    vectors = unit_vectors(400)
    vectors[300:] = vectors[:100] + 0.005
    monkeypatch.setattr(semantic, "EXACT_UP_TO", 200)
    pairs = semantic_pairs(traces(400), vectors=vectors)
    found = {tuple(pair) for pair in pairs.alike.tolist()}
    assert len(found & {(i, i + 300) for i in range(100)}) >= 98
    assert 0 < pairs.n_left_out < 400 * 399 // 2


def test_without_vectors_rewordings_with_common_words_are_found_offline():
    base = "A farmer keeps cows and geese on the meadow and sells milk and eggs at the market every week"
    others = [f"The {w} of the castle paints a {w} for {w} friends beside the {w} river" for w in
              ("king", "queen", "guard", "cook", "smith", "monk", "bard", "page")]  # fmt: skip
    texts = [base, *others, base.replace("keeps", "has")]
    pool = [made_trace(text, None, "4") for text in texts]
    pairs = semantic_pairs(pool, threshold=0.9)
    assert [0, 9] in pairs.alike.tolist()
    again = semantic_pairs(pool, threshold=0.9)
    assert (pairs.vectors == again.vectors).all()


def test_too_few_words_for_a_decomposition_are_no_error():
    units = units_of([made_trace("a", None, "1"), made_trace("b", None, "1")], "question")
    assert len(embed(units, root=0)) == 2
    assert semantic_pairs(traces(1)).alike.tolist() == []


def test_vectors_of_another_pool_are_refused():
    with pytest.raises(DataError, match="expected: 3 vectors, one per trace"):
        semantic_pairs(traces(3), vectors=np.ones((2, 2)))
