"""Rows of different lengths, against plain loops over the rows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.seeds import derive_rng
from titrant.signals import ragged
from titrant.signals.ragged import Ragged

NUMBERS = st.floats(-100, 100)
ROWS = st.lists(st.lists(NUMBERS, max_size=12), min_size=1, max_size=8)


def of(rows) -> Ragged:
    return Ragged.of_rows([np.array(row, dtype=float) for row in rows])


def loop_windows(row, n):
    if not row:
        return []
    if len(row) < n:
        return [sum(row) / len(row)]
    return [sum(row[i : i + n]) / n for i in range(len(row) - n + 1)]


def loop_lowest(row, n_lowest):
    return math.nan if not row else sum(sorted(row)[:n_lowest]) / n_lowest


@given(ROWS)
def test_sum_mean_min_max_are_those_of_each_row(rows):
    found = of(rows)
    assert found.sum() == pytest.approx([math.fsum(row) for row in rows], abs=1e-9)
    means = [math.fsum(row) / len(row) if row else math.nan for row in rows]
    assert found.mean() == pytest.approx(means, abs=1e-9, nan_ok=True)
    assert found.min() == pytest.approx([min(r, default=math.nan) for r in rows], nan_ok=True)
    assert found.max() == pytest.approx([max(r, default=math.nan) for r in rows], nan_ok=True)


@given(ROWS, st.integers(1, 6))
def test_windows_are_those_of_a_loop(rows, n):
    found = of(rows).sliding_mean(n)
    for i, row in enumerate(rows):
        assert found.row(i) == pytest.approx(loop_windows(row, n), abs=1e-9)


@given(ROWS, st.floats(0.01, 1))
def test_lowest_mean_is_that_of_sorted_rows(rows, share):
    counts = [max(1, int(len(row) * share + 1e-9)) for row in rows]
    wanted = [loop_lowest(row, n) for row, n in zip(rows, counts, strict=True)]
    assert of(rows).lowest_mean(share) == pytest.approx(wanted, abs=1e-9, nan_ok=True)


@given(ROWS)
def test_cumsum_starts_anew_in_each_row(rows):
    found = of(rows).cumsum()
    for i, row in enumerate(rows):
        assert found.row(i) == pytest.approx(np.cumsum(row), abs=1e-9)


@given(ROWS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_neighbours_change_no_bit(rows, n, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    one, other = of(rows), of([rows[i] for i in order])
    for reduce in (
        Ragged.sum,
        Ragged.mean,
        lambda r: r.lowest_mean(0.3),
        lambda r: r.sliding_mean(n).lowest_mean(0.3),
    ):
        assert np.array_equal(reduce(one)[order], reduce(other), equal_nan=True)


@given(ROWS, st.integers(1, 20))
def test_size_of_blocks_changes_no_bit(rows, block):
    whole = of(rows).sliding_mean(3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ragged, "BLOCK_VALUES", block)
        cut = of(rows).sliding_mean(3)
        lowest = of(rows).lowest_mean(0.5)
    assert np.array_equal(whole.values, cut.values)
    assert np.array_equal(of(rows).lowest_mean(0.5), lowest, equal_nan=True)


@given(ROWS, st.integers(1, 5))
def test_take_last_and_without_first_are_slices(rows, n):
    found = of(rows)
    order = np.arange(len(rows))[::-1]
    for i, row in enumerate(rows):
        assert found.last(n).row(i).tolist() == row[-n:]
        assert found.without_first().row(i).tolist() == row[1:]
        assert found.take(order).row(len(rows) - 1 - i).tolist() == row
        assert found.place[found.row_of == i].tolist() == list(range(len(row)))


def test_a_missing_number_makes_its_row_missing_and_no_other():
    rows = of([[1, math.nan, 3], [4, 2, 6]])
    assert np.isnan(rows.sum()[0])
    assert rows.min().tolist()[1:] == [2]
    assert np.isnan(rows.lowest_mean(0.3)[0])
    assert rows.lowest_mean(0.7)[1] == 3  # (2 + 4) / 2
    assert np.isnan(rows.sliding_mean(2).row(0)).all()
    assert rows.sliding_mean(2).row(1).tolist() == [3, 4]


def test_a_missing_number_leaves_windows_before_it():
    found = of([[1, 3, math.nan, 5, 7, 9]]).sliding_mean(2).row(0)
    assert found[0] == 2
    assert np.isnan(found[1:]).all()


def test_a_share_counts_as_it_is_written():
    # 0.29 × 100 is 28.999999999999996 in binary; the lowest 29 of 0 … 99 have mean 14.
    assert of([range(100)]).lowest_mean(0.29)[0] == 14


def test_no_rows_give_nothing():
    nothing = Ragged.of_rows([])
    assert nothing.sliding_mean(3).values.shape == (0,)
    assert nothing.lowest_mean(0.1).shape == (0,)
    assert nothing.cumsum().values.shape == (0,)
    assert nothing.take(np.array([], dtype=int)).values.shape == (0,)


def test_rows_of_many_columns_are_taken_whole():
    rows = Ragged.of_rows([np.arange(6).reshape(3, 2), np.arange(2).reshape(1, 2)])
    assert rows.take(np.array([1, 0])).row(1).tolist() == [[0, 1], [2, 3], [4, 5]]


def test_offsets_must_fit_the_values():
    with pytest.raises(ValueError, match="offsets run to 3, but there are 2 values"):
        Ragged(np.zeros(2), np.array([0, 3]))


def test_windows_of_100_rows_of_8192_are_exact_to_1e_9():
    rng = derive_rng(0, "test", "windows")
    rows = Ragged(5 + rng.exponential(8, 100 * 8192), np.arange(101) * 8192)
    found = rows.sliding_mean(2048)
    for i, at in ((0, 0), (50, 3000), (99, 6144)):
        exact = math.fsum(rows.row(i)[at : at + 2048]) / 2048
        assert found.row(i)[at] == pytest.approx(exact, abs=1e-9)
