"""Selection cost against saved training, with numbers small enough to check by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.dose.curve.endpoint import Interval
from titrant.dose.payoff import Subsets, payoff, saving_range

HALF = Subsets(traces=50, tokens=10, reference_traces=100, reference_tokens=10)


def test_the_saving_is_that_of_the_tokens_not_trained():
    found = payoff(HALF, cost=0.0, parameters=1000, epochs=3, pool_size=400)
    # 100·10 − 50·10 = 500 tokens, × 3 epochs × 1,000 parameters × 6
    assert found.saving == 9_000_000
    assert found.break_even == 0
    assert found.pays
    assert found.pool is None


def test_a_dear_selection_names_the_size_and_the_pool_at_which_it_would_pay():
    # the whole pool of 400 × 10 tokens forward, 4.5 times over: 2·1,000·4,000·4.5 = 36,000,000
    found = payoff(HALF, cost=36_000_000.0, parameters=1000, epochs=3, pool_size=400)
    assert found.break_even == pytest.approx(4.0)
    assert found.pool == pytest.approx(100.0)
    assert not found.pays


def test_fewer_but_longer_traces_can_cost_more():
    longer = Subsets(traces=50, tokens=30, reference_traces=100, reference_tokens=10)
    found = payoff(longer, cost=1.0, parameters=10, epochs=1, pool_size=400)
    # 1,000 − 1,500 = −500 tokens × 10 × 6
    assert found.saving == -30_000
    assert found.break_even is None
    assert not found.pays


@given(
    st.floats(1, 1e4), st.floats(1, 1e4), st.floats(1, 500), st.floats(1, 500), st.floats(1, 1e9)
)
def test_it_pays_exactly_where_the_saving_covers_the_cost(n, n0, t, t0, cost):
    found = payoff(Subsets(n, t, n0, t0), cost=cost, parameters=7, epochs=2, pool_size=50)
    assert found.pays == (found.saving >= cost and found.saving > 0)


def test_the_saving_falls_as_the_ratio_rises():
    ratio = Interval(0.5, 0.25, 1.5, 0.9)
    found = saving_range(HALF, ratio, parameters=1, epochs=1)
    # 6 · (1,000 − 10·100·ratio): 3,000 at 0.5; −3,000 at 1.5; 4,500 at 0.25
    assert (found.estimate, found.low, found.high) == (3000, -3000, 4500)
    assert found.level == 0.9
