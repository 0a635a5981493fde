"""A constant signal is seen, nearly constant ones too, and a good one is let through."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.seeds import derive_rng
from titrant.signals.degenerate import variety

NUMBERS = st.integers(-8000, 8000).map(lambda n: n / 8)
POOLS = st.lists(NUMBERS | st.just(math.nan), min_size=1, max_size=60).map(np.array)


def warning(values) -> str | None:
    return variety(np.array(values, dtype=float), name="quality").warning


def made(n=400) -> np.ndarray:
    return derive_rng(0, "test", "variety").normal(10, 1, n)


@given(NUMBERS, st.integers(2, 50), st.integers(0, 2))
def test_a_constant_is_always_seen(value, n, n_missing):
    values = [value] * n + [math.nan] * n_missing
    found = variety(np.array(values), name="s")
    assert found.warning is not None
    assert "for every trace that has a value" in found.warning
    assert (found.distinct, found.commonest_share, found.spread) == (1, 1, 0)


@given(POOLS, st.randoms(use_true_random=False))
def test_order_does_not_matter(values, random):
    other = values.tolist()
    random.shuffle(other)
    assert repr(variety(values, name="s")) == repr(variety(np.array(other), name="s"))


@given(POOLS, st.sampled_from([-4.0, -1.0, 0.25, 8.0]))
def test_scale_and_sign_do_not_matter(values, factor):
    one, other = variety(values, name="s"), variety(values * factor, name="s")
    assert (one.distinct, one.missing_share) == (other.distinct, other.missing_share)
    assert one.spread == pytest.approx(other.spread, nan_ok=True)
    assert (one.warning is None) == (other.warning is None)


@given(POOLS)
def test_infinite_counts_as_missing(values):
    infinite = np.where(np.isnan(values), math.inf, values)
    assert repr(variety(infinite, name="s")) == repr(variety(values, name="s"))


@given(st.integers(3, 60), st.integers(1, 40))
def test_a_majority_without_values_is_seen_and_a_minority_passes(n, more):
    values = np.linspace(1, 2, n).tolist()
    assert "is missing for" in str(warning(values + [math.nan] * (n + more)))
    assert warning(values + [math.nan] * (n - 1)) is None


def test_deitas_scorer_is_seen():
    assert warning([3] * 1000) == (
        "The signal quality is 3 for every trace that has a value, so it ranks nothing."
    )


def test_an_expected_score_that_hardly_moves_is_seen():
    assert warning(3 + 1e-4 * made()) == (
        "The signal quality is nearly constant: nine tenths of its values differ by no more than "
        "0.0001 of their size, so a ranking by it follows noise."
    )


def test_a_constant_with_strays_is_seen():
    values = [3.0] * 96 + [1, 2, 4, 5]
    assert warning(values) == (
        "The signal quality is 3 for 96.0% of the traces that have a value, so a ranking by it "
        "mostly breaks ties."
    )
    assert "nearly constant" in str(warning([*(3 + 1e-5 * made(97)), -50, 90, 1e6]))


def test_a_missing_majority_is_told():
    assert warning([1, 2, math.nan, math.nan, math.nan]) == (
        "The signal quality is missing for 60% of 5 traces, so a ranking by it says more of who "
        "has a value than of the values."
    )


def test_nothing_at_all_is_told_apart_from_an_empty_pool():
    assert warning([math.nan] * 3) == "The signal quality could not be computed for any trace."
    assert warning([]) is None


def test_good_signals_pass():
    for values in (
        made(),
        1000 + made(),
        np.exp(made()),
        [0, 1] * 50,  # a verdict
        [0] * 80 + [0.5] * 15 + [1] * 5,  # a share of few steps
        [7.0],  # one trace is no pool
    ):
        assert warning(values) is None


def test_numbers_are_those_of_the_pool():
    found = variety(np.array([2.0, 2.0, 1.0, math.nan, 4.0]), name="s")
    assert (found.n, found.missing_share, found.distinct) == (5, pytest.approx(0.2), 3)
    assert (found.commonest, found.commonest_share) == (2, 0.5)
    assert found.spread == (4 - 1) / 4
