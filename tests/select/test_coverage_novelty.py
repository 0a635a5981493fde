"""The novelty filter against the plain loop, and at its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from titrant.errors import ConfigError, DataError
from titrant.seeds import derive_rng
from titrant.select.coverage import novelty, novelty_filter

small_rows = st.tuples(st.integers(1, 20), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.integers(-3, 3))
)


def plain_loop(rows: np.ndarray, order: np.ndarray, threshold: float, most: int) -> list[bool]:
    kept: list[np.ndarray] = []
    answers = []
    for i in order:
        row = rows[i].astype(np.float64)
        length = np.linalg.norm(row)
        novel = bool(np.isfinite(length) and length > 0 and len(kept) < most)
        novel = novel and all(row / length @ other < threshold - 1e-6 for other in kept)
        if novel:
            kept.append(row / length)
        answers.append(novel)
    return answers


@given(
    rows=small_rows,
    threshold=st.sampled_from([0.3, 0.5, 0.8, 0.9, 1.0]),
    most=st.sampled_from([1, 3, 99]),
    seed=st.integers(0, 9),
)
def test_the_blocked_walk_keeps_what_the_plain_loop_keeps(rows, threshold, most, seed):
    order = derive_rng(seed, "walk").permutation(len(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(novelty, "BLOCK_ROWS", 3)
        patch.setattr(novelty, "KEPT_AT_ONCE", 2)
        kept = novelty_filter(rows, order, threshold=threshold, most=most)
    assert kept.tolist() == plain_loop(rows, order, threshold, most)


def test_1200_rows_in_blocks_are_walked_as_by_the_plain_loop():
    rng = derive_rng(1, "novelty")
    rows = rng.standard_normal((40, 16))[rng.integers(0, 40, 1200)]
    rows = (rows + 0.3 * rng.standard_normal((1200, 16))).astype(np.float32)
    order = rng.permutation(1200)
    kept = novelty_filter(rows, order, threshold=0.9)
    assert 100 < kept.sum() < 1100
    assert kept.tolist() == plain_loop(rows, order, 0.9, 1200)


def test_the_answer_is_in_the_order_of_the_walk():
    # Row 1 is walked first; row 0 is its near copy (cosine 0.995), row 2 is far from both.
    rows = np.array([[1, 0], [1, 0.1], [0, 1]])
    assert novelty_filter(rows, np.array([1, 2, 0])).tolist() == [True, True, False]
    assert novelty_filter(rows, np.array([2])).tolist() == [True]


def test_a_row_near_to_a_dropped_one_only_is_kept():
    # Directions of 0, 20 and 40 degrees: cos 20 = 0.94 drops the second, cos 40 = 0.77 keeps the third.
    angle = np.deg2rad([0, 20, 40])
    rows = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert novelty_filter(rows, np.arange(3)).tolist() == [True, False, True]


def test_a_cosine_at_the_threshold_has_reached_it():
    rows = np.array([[1, 0], [0.6, 0.8]])  # cosine 0.6
    assert novelty_filter(rows, np.arange(2), threshold=0.6).tolist() == [True, False]
    assert novelty_filter(rows, np.arange(2), threshold=0.61).tolist() == [True, True]


def test_a_threshold_of_1_drops_only_copies():
    once = derive_rng(2, "copies").standard_normal((300, 64)).astype(np.float32)
    kept = novelty_filter(np.concatenate([once, 3 * once]), np.arange(600), threshold=1)
    assert kept.tolist() == [True] * 300 + [False] * 300


def test_rows_that_are_not_scored_are_not_kept_and_keep_nobody_out():
    rows = np.array([[np.nan, 1], [0, 0], [1, 0], [np.inf, 0], [0, 1]])
    assert novelty_filter(rows, np.arange(5)).tolist() == [False, False, True, False, True]


def test_the_walk_stops_at_the_budget():
    kept = novelty_filter(np.eye(6), np.array([5, 4, 3, 2, 1, 0]), most=2)
    assert kept.tolist() == [True, True, False, False, False, False]


def test_an_empty_walk_keeps_nothing():
    assert novelty_filter(np.eye(3), np.array([], dtype=int)).tolist() == []


@pytest.mark.parametrize("threshold", [0.0, 1.1, float("nan")])
def test_a_threshold_that_is_no_cosine_is_refused(threshold):
    with pytest.raises(ConfigError, match=r"threshold is a cosine\n.*over 0 and at most 1\n"):
        novelty_filter(np.eye(2), np.arange(2), threshold=threshold)


def test_a_budget_of_0_is_refused():
    with pytest.raises(ConfigError, match=r"cannot keep 0 rows\n.*1 or more\n"):
        novelty_filter(np.eye(2), np.arange(2), most=0)


@pytest.mark.parametrize("order", [[0, 0], [0, 2], [-1, 0]])
def test_an_order_that_does_not_fit_is_refused(order):
    with pytest.raises(DataError, match=r"order of a walk(?s:.*)from 0 to 1, each at most once"):
        novelty_filter(np.eye(2), np.array(order))
