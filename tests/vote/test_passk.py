"""pass@k and best-of-k against all subsets."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.errors import ConfigError
from titrant.vote.passk import best_of, pass_at


def test_by_hand():
    # 5 draws, 2 right, k = 3: 1 − C(3, 3) / C(5, 3) = 0.9
    assert pass_at(np.array([5]), np.array([2]), 3)[0] == pytest.approx(0.9)
    assert np.isnan(pass_at(np.array([2]), np.array([2]), 3)[0])


def test_it_does_not_overflow():
    # C(10000, 5000) has 3,000 digits; 1 − 0.5^… is 1
    assert pass_at(np.array([10_000]), np.array([5_000]), 5_000)[0] == 1.0
    assert pass_at(np.array([100_000]), np.array([1]), 1_000)[0] == pytest.approx(0.01)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 8))
def test_pass_at_is_the_share_of_subsets_with_a_right_draw(right, k):
    found = pass_at(np.array([len(right)]), np.array([sum(right)]), k)[0]
    subsets = list(combinations(right, k))
    if not subsets:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(sum(map(any, subsets)) / len(subsets))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=7), st.integers(1, 7)
)
def test_best_of_is_the_share_of_subsets_whose_best_is_right(draws, k):
    signal, right = np.array([s for s, _ in draws], float), np.array([r for _, r in draws])
    found = best_of(signal, right, k)
    shares = []
    for subset in combinations(range(len(draws)), k):
        rows = list(subset)
        # Equal signals share their chance; over all subsets each of the tied is there equally often
        top = signal[rows] == signal[rows].max()
        shares.append(right[signal == signal[rows].max()].mean() if top.any() else 0.0)
    if not shares:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(np.mean(shares))


def test_a_draw_without_a_signal_is_never_the_best():
    signal = np.array([np.nan, 1.0])
    assert best_of(signal, np.array([True, False]), 1) == 0.0  # 1 of 2 is NaN, the other is wrong
    assert best_of(signal, np.array([True, True]), 2) == 1.0


def test_k_is_at_least_one():
    with pytest.raises(ConfigError, match="k of at least 1"):
        pass_at(np.array([1]), np.array([1]), 0)
