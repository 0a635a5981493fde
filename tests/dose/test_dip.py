"""Small doses under the base are found, and luck is not."""

import numpy as np
import pytest
from planted import first_round, planted
from scipy.stats import norm

from titrant.dose.curve.dip import find_dips
from titrant.dose.curve.evidence import seed_weights
from titrant.dose.curve.noise import KAPPA, PHI, condense

TOP = 4096
DIPPED = (0.30, 0.20, 0.45, 0.56, 0.60, 0.60)


def dips(table, **changes):
    wanted = {"margin": 0.02, "confidence": 0.9} | changes
    return find_dips(condense(table), **wanted)


def test_a_dose_that_breaks_the_format_is_named():
    (dip,) = dips(first_round(*DIPPED))
    assert dip.dose == 4
    assert dip.depth == pytest.approx(0.10, abs=1e-3)
    assert dip.p < 0.05


def test_a_response_without_a_dip_has_none():
    assert dips(first_round(0.30, 0.32, 0.42, 0.56, 0.60, 0.60)) == ()


def test_a_dip_within_the_margin_is_none():
    assert dips(first_round(0.30, 0.285, 0.42, 0.56, 0.60, 0.60)) == ()
    assert dips(first_round(*DIPPED), margin=0.12) == ()


def test_the_top_dose_is_not_called_a_dip():
    assert [dip.dose for dip in dips(first_round(0.30, 0.30, 0.30, 0.30, 0.30, 0.15))] == []


def test_the_p_value_by_hand_and_times_the_number_of_doses():
    table = planted({0: 0.30, 4: 0.25, 32: 0.5, 128: 0.6, TOP: 0.6}, seeds={4: 3, TOP: 3})
    (dip,) = dips(table)
    # Five points under the base, three more than the margin; of 2,000 problems 5 % are lost: paired
    # variance 0.05 · 0.95 / 1999; a seed adds φ(4) · 0.25 · 0.75. Three arms; three doses: the least p counts thrice.
    seeds = np.minimum(1.0, PHI * (TOP / 4) ** KAPPA) * 0.25 * 0.75 / 3
    sd = np.sqrt(0.05 * 0.95 / 1999 + seeds)
    alone = seed_weights(condense(table)) @ norm.cdf(-0.03 / sd)
    assert dip.p == pytest.approx(3 * alone, rel=0.02)
