"""k-center against the plain traversal, against the best choice, and at its edges."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from titrant.errors import ConfigError
from titrant.seeds import derive_rng
from titrant.select.coverage import k_center


def gaussian(seed: int, n: int, width: int = 5) -> np.ndarray:
    return derive_rng(seed, "coverage", n, width).standard_normal((n, width)).astype(np.float32)


def distances(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.linalg.norm(unit[:, None] - unit[None], axis=-1)


def test_four_rows_by_hand():
    # Mean direction: (1 + 0.6 + 0 - 1, 0 + 0.8 + 1 + 0) / 4 = (0.15, 0.45); products 0.15, 0.45,
    # 0.45, -0.15: rows 1 and 2 tie, row 1 is first. Then row 3, cosine -0.6: sqrt(2 + 1.2). Then
    # row 0, cosine 0.6 to row 1: sqrt(0.8). Then row 2, cosine 0.8 to row 1: sqrt(0.4).
    picked = k_center(np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]]), 4)
    assert picked.rows.tolist() == [1, 3, 0, 2]
    expected = [np.nan, np.sqrt(3.2), np.sqrt(0.8), np.sqrt(0.4)]
    np.testing.assert_allclose(picked.distances, expected, rtol=1e-6)
    assert picked.radius == 0


@given(seed=st.integers(0, 999), n=st.integers(2, 40))
def test_each_pick_is_the_farthest_row(seed, n):
    rows = gaussian(seed, n).astype(np.float64)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    picked, apart = k_center(rows, n), distances(rows)
    nearness = unit @ unit.mean(axis=0)
    assert nearness[picked.rows[0]] >= nearness.max() - 1e-5
    for place in range(1, n):
        to_picks = apart[:, picked.rows[:place]].min(axis=1)
        # A tie of 1e-6 in the cosine and float32 are 2e-6 each in the squared distance.
        assert to_picks[picked.rows[place]] ** 2 >= to_picks.max() ** 2 - 5e-6
        assert picked.distances[place] == pytest.approx(to_picks[picked.rows[place]], abs=3e-3)


@given(seed=st.integers(0, 999), n=st.integers(1, 8), k=st.integers(1, 4))
def test_the_radius_is_within_twice_the_best(seed, n, k):
    assume(k <= n)
    rows = gaussian(seed, n, 3)
    apart = distances(rows)
    best = min(
        apart[:, list(chosen)].min(axis=1).max() for chosen in itertools.combinations(range(n), k)
    )
    picked = k_center(rows, k)
    assert picked.radius == pytest.approx(apart[:, picked.rows].min(axis=1).max(), abs=3e-3)
    assert picked.radius <= 2 * best + 3e-3


@given(seed=st.integers(0, 999), n=st.integers(2, 30))
def test_distances_never_rise_and_the_next_one_is_the_radius_so_far(seed, n):
    picked = k_center(gaussian(seed, n), n)
    assert (np.diff(picked.distances[1:]) <= 3e-3).all()
    for k in range(1, n):
        first = k_center(gaussian(seed, n), k)
        assert first.rows.tolist() == picked.rows[:k].tolist()
        assert first.radius == pytest.approx(picked.distances[k], abs=3e-3)


@given(seed=st.integers(0, 999), n=st.integers(2, 30))
def test_the_order_of_the_pool_does_not_matter(seed, n):
    rows, shuffle = gaussian(seed, n), derive_rng(seed, "permutation").permutation(n)
    apart = distances(rows)[np.triu_indices(n, 1)]
    assume(np.diff(np.sort(apart)).min(initial=1) > 1e-5)  # no ties
    assume(n > 2)  # two rows are as near to their mean as each other
    straight, shuffled = k_center(rows, n).rows, k_center(rows[shuffle], n).rows
    assert shuffle[shuffled].tolist() == straight.tolist()


def test_copies_come_after_all_others_by_index_at_distance_0():
    once = gaussian(8, 50, 256)
    length = 1 + derive_rng(8, "length").random((150, 1)).astype(np.float32)
    picked = k_center(np.tile(once, (3, 1)) * length, 150)
    assert sorted(picked.rows[:50].tolist()) == list(range(50))
    assert picked.rows[50:].tolist() == list(range(50, 150))
    assert (picked.distances[50:] == 0).all()


def test_of_rows_alike_the_first_is_picked():
    # All are as near to the mean and as far from one another.
    assert k_center(np.eye(50), 50).rows.tolist() == list(range(50))


def test_rows_that_are_not_scored_come_last_without_a_distance():
    rows = np.array([[np.nan, 0], [0, 1], [0, 0], [1, 0], [1, 1]])
    picked = k_center(rows, 5)
    assert picked.rows.tolist() == [4, 1, 3, 0, 2]
    assert np.isnan(picked.distances[[0, 3, 4]]).all()
    np.testing.assert_allclose(picked.distances[1:3], np.sqrt(2 - np.sqrt(2)), rtol=1e-6)
    assert k_center(rows, 4).rows.tolist() == [4, 1, 3, 0]


def test_a_pool_without_any_score_is_picked_by_index():
    picked = k_center(np.full((3, 2), np.nan), 2)
    assert picked.rows.tolist() == [0, 1]
    assert np.isnan(picked.radius)


@pytest.mark.parametrize("k", [0, 4])
def test_a_number_that_cannot_be_picked_is_refused(k):
    with pytest.raises(ConfigError, match=rf"cannot pick {k} rows\n.*1 to 3, the number of rows"):
        k_center(np.eye(3), k)
