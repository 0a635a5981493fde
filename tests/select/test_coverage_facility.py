"""Facility location against plain greedy, against the best choice, and at its edges."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from titrant.errors import ConfigError, DataError
from titrant.seeds import derive_rng
from titrant.select.coverage import coverage, coverage_order, facility_location, unit_rows

SPARSE = 0
"""A budget that no dense similarity fits."""

small_rows = st.tuples(st.integers(1, 12), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.integers(-3, 3))
)


def gaussian(seed: int, n: int, width: int = 5) -> np.ndarray:
    return derive_rng(seed, "coverage", n, width).standard_normal((n, width)).astype(np.float32)


def cosines(rows: np.ndarray) -> np.ndarray:
    """All s_ij in float64; 0 where a row has no direction."""
    rows = np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, 0).astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(length > 0, length, 1)
    return np.clip(unit @ unit.T, 0, 1)


def value(s: np.ndarray, chosen, weight: np.ndarray) -> float:
    return float(weight @ s[:, list(chosen)].max(axis=1, initial=0))


class Plain(NamedTuple):
    """What plain greedy picks."""

    rows: list[int]
    gains: list[float]
    gaps: np.ndarray
    """Of every candidate at every pick: how far under the best gain, in ties."""

    @property
    def is_clear(self) -> bool:
        """Whether rounding can neither make a tie nor end one."""
        return not ((self.gaps > 0.3) & (self.gaps < 3)).any()

    @property
    def is_without_ties(self) -> bool:
        return int((self.gaps < 3).sum()) == len(self.rows)


def plain_greedy(s: np.ndarray, k: int, weight: np.ndarray) -> Plain:
    """Evaluates every row each time; the first of those within the documented tie."""
    level, left, rows, gains, gaps = np.zeros(len(s)), list(range(len(s))), [], [], []
    for _ in range(k):
        all_gains = weight @ np.maximum(s[:, left] - level[:, None], 0)
        tie = 1e-6 * (all_gains.max() + weight.max(initial=0))
        gap = (all_gains.max() - all_gains) / tie
        first = int(np.argmax(gap <= 1))
        gaps.append(gap)
        gains.append(float(all_gains[first]))
        rows.append(left.pop(first))
        level = np.maximum(level, s[:, rows[-1]])
    return Plain(rows, gains, np.concatenate(gaps))


# --- What is picked


def test_picks_of_four_rows_by_hand():
    # Cosines: s_01 = 0.6, s_03 = 0, s_02 = 0, s_12 = 0.8, s_13 = 0 (under 0), s_23 = 0.
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]])
    picked = facility_location(rows, 4)
    # Row 1 first: 0.6 + 1 + 0.8 = 2.4. Then row 3: 1, row 0: 1 - 0.6 = 0.4, row 2: 1 - 0.8 = 0.2.
    assert picked.rows.tolist() == [1, 3, 0, 2]
    np.testing.assert_allclose(picked.gains, [2.4, 1.0, 0.4, 0.2], rtol=1e-6)


@given(rows=small_rows)
def test_small_pools_are_picked_as_plain_greedy_picks_them(rows):
    scored = unit_rows(rows).at
    assume(len(scored))
    picked = facility_location(rows, len(scored))
    expected = plain_greedy(cosines(rows[scored]), len(scored), np.ones(len(scored)))
    assume(expected.is_clear)
    assert picked.rows.tolist() == scored[expected.rows].tolist()
    np.testing.assert_allclose(picked.gains, expected.gains, atol=1e-5)


@pytest.mark.parametrize("width", [3, 64])
def test_a_pool_of_500_is_picked_to_its_end_as_plain_greedy_picks_it(width):
    rows = gaussian(7, 500, width)
    weight = derive_rng(7, "weight").random(500)
    picked = facility_location(rows, 500, weight=weight)
    expected = plain_greedy(cosines(rows), 500, weight)
    assert picked.rows.tolist() == expected.rows
    np.testing.assert_allclose(picked.gains, expected.gains, atol=1e-5)


@given(seed=st.integers(0, 999), n=st.integers(1, 30), m=st.integers(1, 30))
def test_near_rows_only_are_picked_as_plain_greedy_picks_them_on_the_pairs_that_are_held(
    seed, n, m
):
    rows = gaussian(seed, n)
    weight = derive_rng(seed, "weight").random(n)
    s = cosines(rows)
    near = np.zeros((n, n), dtype=bool)
    np.put_along_axis(near, np.argsort(-s, axis=1, kind="stable")[:, :m], values=True, axis=1)
    held = np.where(near | near.T, s, 0)
    picked = facility_location(rows, n, weight=weight, budget_bytes=SPARSE, neighbours=m)
    expected = plain_greedy(held, n, weight)
    assume(expected.is_clear)
    assert picked.rows.tolist() == expected.rows


@given(rows=small_rows)
def test_with_all_rows_as_neighbours_the_sparse_picks_are_the_dense_ones(rows):
    n = len(rows)
    dense = facility_location(rows, n)
    sparse = facility_location(rows, n, budget_bytes=SPARSE, neighbours=n)
    assert sparse.rows.tolist() == dense.rows.tolist()
    np.testing.assert_allclose(sparse.gains, dense.gains, atol=1e-5)


@given(seed=st.integers(0, 999), n=st.integers(1, 8), k=st.integers(1, 3))
def test_greedy_reaches_its_share_of_the_best_choice(seed, n, k):
    assume(k <= n)
    rows = gaussian(seed, n, 3)
    s, weight = cosines(rows), derive_rng(seed, "weight").random(n)
    best = max(value(s, chosen, weight) for chosen in itertools.combinations(range(n), k))
    picked = facility_location(rows, k, weight=weight)
    assert value(s, picked.rows, weight) >= (1 - 1 / np.e) * best - 1e-6


@given(rows=small_rows)
def test_gains_never_rise_and_sum_to_the_coverage(rows):
    picked = facility_location(rows, len(rows))
    # A tie lets a pick gain less than the next one by 1e-6 of the gain and the largest weight.
    assert (np.diff(picked.gains) <= 2e-6 * (picked.gains[:-1] + 1)).all()
    assert picked.gains.sum() == pytest.approx(coverage(rows, picked.rows), abs=1e-5)


@given(seed=st.integers(0, 999), n=st.integers(2, 40))
def test_the_order_of_the_pool_does_not_matter(seed, n):
    rng = derive_rng(seed, "permutation")
    # Weights break the tie of two rows that are each other's nearest.
    rows, weight, shuffle = gaussian(seed, n), rng.random(n) + 0.1, rng.permutation(n)
    assume(plain_greedy(cosines(rows), n, weight).is_without_ties)
    straight = facility_location(rows, n, weight=weight).rows
    shuffled = facility_location(rows[shuffle], n, weight=weight[shuffle]).rows
    assert shuffle[shuffled].tolist() == straight.tolist()


@given(seed=st.integers(0, 99), m=st.integers(1, 30), budget=st.sampled_from([SPARSE, 2**20]))
def test_the_first_m_of_30_picks_are_the_m_picks(seed, m, budget):
    rows = gaussian(seed, 30)
    all_picks = facility_location(rows, 30, budget_bytes=budget, neighbours=5)
    first = facility_location(rows, m, budget_bytes=budget, neighbours=5)
    assert first.rows.tolist() == all_picks.rows[:m].tolist()
    np.testing.assert_array_equal(first.gains, all_picks.gains[:m])


# --- Ties, copies, missing rows


def test_of_rows_that_gain_alike_the_first_is_picked():
    # Two rows cover one another alike, whichever of their float32 cosines came out larger.
    for seed in range(50):
        assert facility_location(gaussian(seed, 2, 64), 2).rows.tolist() == [0, 1]


def test_rows_that_share_nothing_follow_by_index():
    picked = facility_location(np.eye(100), 100)
    assert picked.rows.tolist() == list(range(100))
    np.testing.assert_allclose(picked.gains, np.ones(100))


@pytest.mark.parametrize("budget", [SPARSE, 2**30])
def test_copies_come_after_all_others_by_index_and_add_nothing(budget):
    # Each of 30 rows stands there 20 times over, of lengths that differ; each sees 4 near rows.
    once = gaussian(8, 30, 256)
    length = 1 + derive_rng(8, "length").random((600, 1))
    rows = np.tile(once, (20, 1)) * length.astype(np.float32)
    picked = facility_location(rows, 600, budget_bytes=budget, neighbours=4)
    assert sorted(picked.rows[:30].tolist()) == list(range(30))
    assert picked.rows[30:].tolist() == list(range(30, 600))
    assert (picked.gains[:30] > 0.1).all()
    assert (picked.gains[30:] == 0).all()


def test_rows_that_are_not_scored_come_last_and_count_for_nothing():
    scored = gaussian(9, 6)
    rows = np.full((9, 5), np.nan, dtype=np.float32)
    rows[[0, 2, 3, 5, 6, 8]] = scored
    rows[4] = 0
    picked, alone = facility_location(rows, 9), facility_location(scored, 6)
    assert picked.rows[:6].tolist() == np.array([0, 2, 3, 5, 6, 8])[alone.rows].tolist()
    assert picked.rows[6:].tolist() == [1, 4, 7]
    np.testing.assert_array_equal(picked.gains, [*alone.gains, 0, 0, 0])


@pytest.mark.parametrize("budget", [SPARSE, 2**30])
def test_a_pool_without_any_score_is_picked_by_index(budget):
    picked = facility_location(np.full((3, 4), np.nan), 2, budget_bytes=budget)
    assert picked.rows.tolist() == [0, 1]
    assert picked.gains.tolist() == [0, 0]


# --- Weights and candidates


def test_a_weight_moves_the_first_pick():
    # Row 0 alone weighs 5; rows 1 and 2 are copies: 1 + 1 = 2.
    rows = np.array([[1, 0], [0, 1], [0, 1]])
    assert facility_location(rows, 1).rows.tolist() == [1]
    picked = facility_location(rows, 3, weight=np.array([5, 1, 1]))
    assert picked.rows.tolist() == [0, 1, 2]
    np.testing.assert_allclose(picked.gains, [5, 2, 0])


@given(seed=st.integers(0, 99), scale=st.sampled_from([1e-30, 1e30]))
def test_weights_on_any_scale_give_the_same_picks(seed, scale):
    rows, weight = gaussian(seed, 12), derive_rng(seed, "weight").random(12)
    one = facility_location(rows, 12, weight=weight)
    other = facility_location(rows, 12, weight=weight * scale)
    assert other.rows.tolist() == one.rows.tolist()
    np.testing.assert_allclose(other.gains / scale, one.gains, rtol=1e-9, atol=1e-9)


def test_weights_of_0_leave_the_order_of_the_pool():
    picked = facility_location(gaussian(1, 4), 4, weight=np.zeros(4))
    assert picked.rows.tolist() == [0, 1, 2, 3]
    assert picked.gains.tolist() == [0, 0, 0, 0]


def test_only_candidates_are_picked_but_all_rows_are_represented():
    # Row 1 would be first (2.4); of rows 0 and 2, row 2 covers 1 + 0.8, row 0 covers 1 + 0.6.
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1], [np.nan, 0], [np.nan, 0]])
    candidate = np.array([True, False, True, False, True])
    picked = facility_location(rows, 3, candidate=candidate)
    assert picked.rows.tolist() == [2, 0, 4]
    np.testing.assert_allclose(picked.gains, [1.8, 1.0, 0], rtol=1e-6)


# --- Order of a whole pool


@given(rows=small_rows, first=st.integers(0, 15))
def test_an_order_names_every_row_once_and_starts_with_the_picks(rows, first):
    n = len(rows)
    order = coverage_order(rows, first=first)
    assert sorted(order.tolist()) == list(range(n))
    picks = facility_location(rows, max(min(first, n), 1)).rows[: min(first, n)]
    assert order[: len(picks)].tolist() == picks.tolist()


def test_after_the_picks_the_least_covered_row_comes_first():
    # Row 1 is picked. Cosines to it: row 0 0.6, row 2 0.8, row 3 0 (under 0), row 5 0.6.
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0], [np.nan, 0], [1, 0]])
    assert coverage_order(rows, first=1, weight=np.array([1, 9, 1, 1, 1, 1])).tolist() == [
        *[1, 3, 0, 5, 2, 4],
    ]


def test_without_a_first_the_order_is_greedy_to_the_end():
    rows = gaussian(3, 40)
    assert coverage_order(rows).tolist() == facility_location(rows, 40).rows.tolist()


def test_an_empty_pool_has_an_empty_order():
    assert coverage_order(np.zeros((0, 3))).tolist() == []


# --- Coverage


@given(seed=st.integers(0, 99), k=st.integers(0, 10))
def test_coverage_is_the_weighted_sum_of_the_largest_cosines(seed, k):
    rows = gaussian(seed, 20)
    rng = derive_rng(seed, "weight")
    weight, chosen = rng.random(20), rng.choice(20, k, replace=False)
    expected = value(cosines(rows), chosen, weight)
    assert coverage(rows, chosen, weight=weight) == pytest.approx(expected, abs=1e-5)


def test_rows_that_are_not_scored_cover_nothing():
    rows = np.array([[1.0, 0], [np.nan, 0], [0, 1]])
    assert coverage(rows, np.array([1])) == 0
    assert coverage(rows, np.array([0, 1])) == pytest.approx(1)


# --- Messages


@pytest.mark.parametrize("k", [0, 4])
def test_a_number_that_cannot_be_picked_is_refused(k):
    with pytest.raises(ConfigError, match=rf"cannot pick {k} rows\n.*1 to 3, the number of cand"):
        facility_location(np.eye(4), k, candidate=np.array([True, True, False, True]))


def test_a_row_that_sees_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"at least one near row\n.*1 or more\n.*found: 0\n"):
        facility_location(np.eye(4), 1, neighbours=0)


@pytest.mark.parametrize(
    ("weight", "came"),
    [
        ([1, 1], r"shape \[2\], 0 under 0 or missing"),
        ([1, -1, 1], r"shape \[3\], 1 under 0"),
        ([1, np.nan, 1], r"shape \[3\], 1 under 0 or missing"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weight, came):
    with pytest.raises(DataError, match=rf"weights do not fit.*\n.*3 finite numbers.*\n.*{came}"):
        facility_location(np.eye(3), 1, weight=np.array(weight))


@pytest.mark.parametrize("mask", [np.ones(2, dtype=bool), np.array([0, 1, 2])])
def test_a_mask_that_does_not_fit_is_refused(mask):
    with pytest.raises(DataError, match=r"mask of candidates(?s:.*)3 booleans(?s:.*)True for each"):
        facility_location(np.eye(3), 1, candidate=mask)
