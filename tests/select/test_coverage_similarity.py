"""Unit rows, and both ways to hold all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.errors import DataError
from titrant.seeds import derive_rng
from titrant.select.coverage import DenseSimilarity, NeighbourSimilarity, unit_rows
from titrant.select.coverage import similarity as module


def gaussian(seed: int, n: int, width: int = 5) -> np.ndarray:
    return derive_rng(seed, "coverage", n, width).standard_normal((n, width)).astype(np.float32)


def test_a_row_of_3_and_4_has_length_5():
    unit = unit_rows(np.array([[3, 4]]))
    np.testing.assert_allclose(unit.values, [[0.6, 0.8]], rtol=1e-7)  # 3 / 5 and 4 / 5
    assert unit.values.dtype == np.float32


def test_rows_that_are_missing_infinite_or_zero_have_no_direction():
    rows = np.array([[1, 0], [np.nan, 1], [np.inf, 1], [0, 0], [0, -2]], dtype=np.float32)
    assert unit_rows(rows).at.tolist() == [0, 4]


def test_rows_far_under_and_over_one_keep_their_direction():
    rows = np.array([[3e-30, 4e-30], [3e30, 4e30]], dtype=np.float32)
    np.testing.assert_allclose(unit_rows(rows).values, [[0.6, 0.8]] * 2, rtol=1e-6)


def test_what_is_no_matrix_is_refused():
    with pytest.raises(DataError, match=r"must be a matrix(?s:.*)\[traces, width\](?s:.*)\[3\]"):
        unit_rows(np.zeros(3))


def test_half_precision_is_scaled_in_double():
    rows = np.full((1, 4), 300, dtype=np.float16)  # 4 · 300² is over the largest float16
    np.testing.assert_allclose(unit_rows(rows).values, [[0.5] * 4], rtol=1e-6)


@given(
    seed=st.integers(0, 99),
    n=st.integers(2, 40),
    neighbours=st.integers(1, 50),
    dense=st.booleans(),
)
def test_drops_are_the_gains_before_less_the_gains_after(seed, n, neighbours, dense):
    unit = unit_rows(gaussian(seed, n)).values
    pairs = DenseSimilarity(unit) if dense else NeighbourSimilarity(unit, neighbours)
    rng = derive_rng(seed, "levels")
    weight = rng.random(n).astype(np.float32)
    before = rng.random(n).astype(np.float32) / 2
    after = before.copy()
    lifted = np.flatnonzero(rng.random(n) < 0.5)
    after[lifted] += rng.random(len(lifted)).astype(np.float32) + np.float32(0.01)
    everywhere = np.arange(n)
    fall = pairs.gains(everywhere, before, weight) - pairs.gains(everywhere, after, weight)
    drops = pairs.drops(lifted, before[lifted], after[lifted], weight[lifted])
    # Up to 40 float32 terms under 1.
    np.testing.assert_allclose(drops, fall, atol=1e-5)


def test_gains_of_two_rows_by_hand():
    # Cosines of (1, 0), (0.6, 0.8), (-1, 0): s_01 = 0.6, s_02 = -1, s_12 = -0.6.
    pairs = DenseSimilarity(np.array([[1, 0], [0.6, 0.8], [-1, 0]], dtype=np.float32))
    level = np.array([0.5, 0, 0], dtype=np.float32)
    weight = np.array([1, 0.5, 1], dtype=np.float32)
    # Row 0: (1 - 0.5) + 0.5 · 0.6 = 0.8; row 1: (0.6 - 0.5) + 0.5 · 1 = 0.6; row 2: 1.
    gains = pairs.gains(np.arange(3), level, weight)
    np.testing.assert_allclose(gains, [0.8, 0.6, 1.0], rtol=1e-6)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 3), (200, 4), (900, 16), (900, 900)])
def test_neighbours_are_the_most_similar_rows(n, m):
    unit = unit_rows(gaussian(1, n, 8)).values
    cosine = unit @ unit.T
    near = np.argsort(-cosine, axis=1)[:, :m]
    expected = np.zeros((n, n), dtype=bool)
    np.put_along_axis(expected, near, values=True, axis=1)
    held = NeighbourSimilarity(unit, m).values.toarray()
    expected |= expected.T
    np.testing.assert_allclose(held, np.where(expected, np.maximum(cosine, 0), 0), atol=1e-6)


def test_neighbours_are_found_where_all_stand_in_one_group_of_columns():
    # 640 columns and 10 neighbours make 40 groups: i, i + 40, i + 80, ...
    rows = gaussian(2, 640, 8)
    rows[:400:40] = rows[0] + 0.01 * rows[:400:40]
    held = NeighbourSimilarity(unit_rows(rows).values, 10).values.toarray()
    assert (held[:400:40, :400:40] > 0.99).all()


def test_blocks_do_not_change_the_neighbours(monkeypatch):
    unit = unit_rows(gaussian(3, 100)).values
    whole = NeighbourSimilarity(unit, 7).values.toarray()
    monkeypatch.setattr(module, "NEIGHBOUR_BLOCK_VALUES", 300)  # three rows at once
    np.testing.assert_allclose(NeighbourSimilarity(unit, 7).values.toarray(), whole, atol=1e-6)


def test_a_row_is_its_own_neighbour_among_more_copies_than_it_sees():
    unit = unit_rows(np.tile(gaussian(4, 1), (20, 1))).values
    held = NeighbourSimilarity(unit, 3).values.toarray()
    np.testing.assert_array_equal(np.diag(held), np.ones(20))
    # All see the first three copies, so these three see all.
    assert (held[:3] == 1).all()
    assert held[3:, 3:].sum() == 17


def test_the_matrix_of_near_rows_is_symmetric_and_holds_nothing_under_0():
    held = NeighbourSimilarity(unit_rows(gaussian(5, 60)).values, 40).values.toarray()
    np.testing.assert_array_equal(held, held.T)
    assert held.min() == 0


@pytest.mark.parametrize("width", [1, 5, 256])
def test_the_dense_matrix_is_exactly_symmetric(width):
    held = DenseSimilarity(unit_rows(gaussian(6, 130, width)).values).values
    np.testing.assert_array_equal(held, held.T)
