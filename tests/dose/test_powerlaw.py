"""The usual single power law, which stands beside ours for comparison."""

import numpy as np
import pytest

from titrant.dose.calibration.powerlaw import error_rate, power_law_end_point
from titrant.dose.curve.noise import DoseMeans

DOSES = np.array([1, 4, 16, 64, 256, 1024], dtype=float)


def means_of(error, *, base: float, n: int = 10_000) -> DoseMeans:
    k = len(error) + 1
    return DoseMeans(
        doses=np.concatenate([[0.0], DOSES]),
        mean=np.concatenate([[base], 1 - np.asarray(error)]),
        n_arms=np.ones(k, dtype=int),
        problem_cov=np.eye(k) * 1e-5,
        seed_ss=np.zeros(k),
        answer_var=np.zeros(k),
        n_problems=n,
        top=float(DOSES[-1]),
    )


def end(means, **changes):
    return power_law_end_point(
        means, **({"top": 1024.0, "level": 0.95, "confidence": 0.9} | changes)
    )


def test_error_falls_as_a_power_of_the_dose():
    # 0.2 + 0.4 · 16^−½ = 0.3
    assert error_rate(np.array(16.0), 0.2, 0.4, 0.5) == pytest.approx(0.3)


def test_an_exact_power_law_is_inverted():
    found = end(means_of(error_rate(DOSES, 0.2, 0.4, 0.5), base=0.3))
    # Plateau 1 − (0.2 + 0.4/32) = 0.7875; target 0.3 + 0.95 · 0.4875 = 0.763125; so
    # 0.4 · x^−½ = 1 − 0.763125 − 0.2 = 0.036875 and x = (0.4 / 0.036875)² = 117.67
    assert found is not None
    assert found.estimate == pytest.approx((0.4 / 0.036875) ** 2, rel=1e-3)
    assert found.low < found.estimate < found.high
    # A normal interval on the logarithm is symmetric there
    assert found.estimate**2 == pytest.approx(found.low * found.high, rel=1e-6)
    assert found.level == 0.9


def test_more_problems_and_less_confidence_narrow_the_interval():
    error = error_rate(DOSES, 0.2, 0.4, 0.5)
    few, many = (end(means_of(error, base=0.3, n=n)) for n in (1000, 100_000))
    # A hundred times the problems: a tenth of the standard error
    assert np.log(few.factor) / np.log(many.factor) == pytest.approx(10, rel=0.05)
    narrow = end(means_of(error, base=0.3, n=1000), confidence=0.5)
    # 0.67449 / 1.64485
    assert np.log(narrow.factor) / np.log(few.factor) == pytest.approx(0.41006, rel=1e-3)


def test_too_few_doses_have_no_fit():
    means = means_of(error_rate(DOSES, 0.2, 0.4, 0.5), base=0.3)
    assert end(means.keep(np.array([True, True, True, False, False, False, False]))) is None


def test_a_target_that_the_law_never_reaches_has_no_end_point():
    # The pool makes it worse: base + 0.95 · Δ lies under every fitted value
    found = end(means_of([0.5] * 6, base=0.9))
    assert found is None or found.low <= found.estimate <= found.high
