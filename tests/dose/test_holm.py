"""Holm's correction, by hand and against statsmodels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from titrant.dose.holm import holm


def test_the_smallest_is_multiplied_by_all_and_the_largest_by_one():
    # 0.01 · 3 = 0.03; 0.03 · 2 = 0.06; 0.04 · 1 = 0.04, but not under the one before: 0.06
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])


def test_one_test_is_not_corrected_and_none_is_nothing():
    np.testing.assert_allclose(holm([0.2]), [0.2])
    assert holm([]).size == 0


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_it_is_what_statsmodels_gives(p_values):
    np.testing.assert_allclose(
        holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-12
    )
