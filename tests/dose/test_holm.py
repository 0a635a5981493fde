"""Holm's correction, by hand and against its defining sequence."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.dose.judge.holm import holm


def test_the_smallest_is_multiplied_by_all_and_the_largest_by_one():
    # 0.01 · 3 = 0.03; 0.03 · 2 = 0.06; 0.04 · 1 = 0.04, but not under the one before: 0.06
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])


def test_one_test_is_not_corrected_and_none_is_nothing():
    np.testing.assert_allclose(holm([0.2]), [0.2])
    assert holm([]).size == 0


@settings(max_examples=20)  # statsmodels collects garbage at every call: 0.1 s
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_it_is_the_step_down_sequence(p_values):
    p = np.array(p_values)
    order = np.argsort(p, kind="stable")
    # The i-th smallest of m times m − i + 1, no smaller than the one before it, 1 at most.
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1.0)
    np.testing.assert_allclose(holm(p_values)[order], stepped, atol=1e-12)
