import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.select.strategies.base import Placed
from titrant.select.strategies.order import by_value, nearest_first, parted, percentiles, ruled_out

numbers = st.lists(st.one_of(st.just(float("nan")), st.integers(-3, 3).map(float)), max_size=20)


def at(rows: list[Placed]) -> list[int]:
    return [row.at for row in rows]


def test_ties_go_by_position_at_both_ends_and_missing_numbers_to_the_end():
    values = np.array([2.0, np.nan, 1.0, 2.0, 1.0])

    assert at(by_value(values, str, first="high")) == [0, 3, 2, 4, 1]
    low = by_value(values, str, first="low")
    assert at(low) == [2, 4, 0, 3, 1]
    assert low[0] == Placed(2, "2")
    assert low[-1] == Placed(1, "not scored", is_last=True)


def test_many_ties_go_by_position_too():
    # Over 16 values numpy's default sort is not stable.
    values = np.tile([1.0, 2.0], 500)

    expected = [*range(1, 1000, 2), *range(0, 1000, 2)]
    assert at(by_value(values, str, first="high")) == expected


def test_infinities_are_numbers():
    values = np.array([np.inf, np.nan, 0.0, -np.inf])

    assert at(by_value(values, str, first="high")) == [0, 2, 3, 1]


def test_a_third_and_two_thirds_are_equally_far_from_a_half():
    # In floats |1/3 − 1/2| and |2/3 − 1/2| differ in the last place.
    assert at(nearest_first(np.array([1 / 3, 2 / 3, 1 / 3]), 0.5, str)) == [0, 1, 2]


def test_percentiles_are_shares_below_with_half_of_the_ties():
    # 1: (0 + 1/2) / 4; both 2s: (1 + 2/2) / 4; 5: (3 + 1/2) / 4.
    values = np.array([2.0, 5.0, np.nan, 1.0, 2.0])

    np.testing.assert_allclose(percentiles(values), [0.5, 0.875, np.nan, 0.125, 0.5])


@given(numbers)
def test_known_percentiles_have_the_mean_of_one_half(values):
    known = np.array(values, dtype=float)
    shares = percentiles(known)[~np.isnan(known)]

    assert len(shares) == 0 or shares.mean() == pytest.approx(0.5)
    assert ((shares > 0) & (shares < 1)).all()


@given(numbers, st.sets(st.integers(0, 19)))
def test_ruling_out_moves_rows_behind_the_kept_and_before_those_not_scored(values, against):
    placed = by_value(np.array(values, dtype=float), str, first="high")

    rows = ruled_out(placed, lambda i: "out" if i in against else None)

    kept, last = parted(rows)
    assert sorted(at(rows)) == list(range(len(values)))
    assert rows == kept + last
    assert at(kept) == [i for i in at(placed) if i not in against and not np.isnan(values[i])]
    reasons = [row.reason for row in last]
    assert reasons == sorted(reasons, key=["out", "not scored"].index)
