"""Min-K% and Min-K%++: the toy vector, loops, edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.signals.membership import MIN_K, MIN_K_PLUS, min_k, normalised
from titrant.signals.ragged import Ragged
from titrant.testing.signals import SETTINGS, made_scores

TOY = np.array([[0.7, 0.2, 0.1], [0.4, 0.4, 0.2], [0.05, 0.05, 0.9]])
TOKENS = [0, 2, 1]


def toy_z() -> np.ndarray:
    mean = (TOY * np.log(TOY)).sum(axis=1)
    variance = (TOY * np.log(TOY) ** 2).sum(axis=1) - mean**2
    return normalised(np.log(TOY[range(3), TOKENS]), mean, variance)


def test_toy_distributions_have_the_z_that_is_known():
    # First row: ln .7 = -.357, mean -.802, variance .495: (-.357 + .802) / .703 = .633
    assert toy_z() == pytest.approx([0.633, -2.000, -3.000], abs=5e-4)


def test_toy_trace_leaves_out_its_first_token():
    z = Ragged.of_rows([toy_z()])
    assert min_k(z, 0.5) == pytest.approx([-3.0], abs=5e-4)  # one of two
    assert min_k(z, 1.0) == pytest.approx([-2.5], abs=5e-4)


def test_a_sure_token_has_z_0_and_a_variance_under_0_counts_as_0():
    assert normalised(np.zeros(2), np.zeros(2), np.array([0.0, -1e-7])).tolist() == [0, 0]


def test_the_variance_is_1e_8_more():
    assert normalised(np.array([-2e-4]), np.array([-1e-4]), np.array([0.0]))[0] == pytest.approx(-1)


@given(
    st.lists(st.lists(st.floats(-20, 0), max_size=15), min_size=1, max_size=5), st.floats(0.05, 1)
)
def test_min_k_is_the_mean_of_the_lowest_of_a_sorted_list(rows, share):
    found = min_k(Ragged.of_rows([np.array(row, dtype=float) for row in rows]), share)
    for value, row in zip(found, rows, strict=True):
        lowest = sorted(row[1:])[: max(1, int((len(row) - 1) * share + 1e-9))]
        wanted = sum(lowest) / len(lowest) if lowest else math.nan
        assert value == pytest.approx(wanted, abs=1e-9, nan_ok=True)


def test_signals_are_loops_over_the_tokens_of_a_trace():
    scores = made_scores()
    plain, plus = (signal.compute(scores, SETTINGS).trace for signal in (MIN_K, MIN_K_PLUS))
    for i in np.flatnonzero(scores.logprob.lengths > 1):
        logprob = scores.logprob.row(i).astype(float)
        spread = np.sqrt(scores.variance.row(i).astype(float) + 1e-8)
        z = (logprob + scores.entropy.row(i)) / spread
        n = max(1, (len(logprob) - 1) // 5)  # min_k is 0.2
        assert plain[i] == pytest.approx(np.sort(logprob[1:])[:n].mean())
        assert plus[i] == pytest.approx(np.sort(z[1:])[:n].mean(), rel=1e-6)


def test_a_planted_member_scores_higher():
    """The same distributions; the member's tokens are the likeliest, the other's are drawn."""
    scores = made_scores()
    assert scores.top is not None
    known = scores.logprob.with_values(scores.top.values[:, 0])
    for share in (0.1, 0.5):
        gap = min_k(known, share) - min_k(scores.logprob, share)
        assert np.nanmin(gap) > 0
