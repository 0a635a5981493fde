"""The noise of dose means: problems, which all arms share, and seeds, whose variance is pooled."""

import numpy as np
import pytest
from planted import table_of

from titrant.dose.curve.noise import (
    DECAYS,
    DISPERSIONS,
    KAPPA,
    PHI,
    DoseMeans,
    condense,
    dispersions_at,
)
from titrant.dose.readings import ArmKey

TABLE = table_of(
    [ArmKey("base", 0, 0), ArmKey("random", 8, 0), ArmKey("random", 8, 1)],
    np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]], dtype=float),
)
"""3 arms × 4 problems; per problem the base has 1 0 0 0 and dose 8, on average, 1 1 ½ 0."""


def test_dose_means_of_three_arms_and_four_problems():
    means = condense(TABLE)
    np.testing.assert_array_equal(means.doses, [0, 8])
    np.testing.assert_allclose(means.mean, [1 / 4, 2.5 / 4])
    np.testing.assert_array_equal(means.n_arms, [1, 2])
    assert means.n_problems == 4


def test_problem_covariance_of_three_arms_and_four_problems():
    # Deviations of 1 0 0 0 from ¼: ¾ −¼ −¼ −¼; of 1 1 ½ 0 from ⅝: ⅜ ⅜ −⅛ −⅝.
    # Σ squares: 9/16 + 3/16 = 3/4 and (9+9+1+25)/64 = 44/64; Σ products: (9−3+1+5)/32 = 12/32.
    # Two coins: 2 · (¼ + (½−¼)²) = 5/8, 2 · (¼ + (½−⅝)²) = 17/32, between them 2 · ¼ · −⅛ = −1/16.
    # Divided by 5 (degrees of freedom) and by 6 (problems in the mean):
    expected = (
        np.array([[3 / 4 + 5 / 8, 12 / 32 - 1 / 16], [12 / 32 - 1 / 16, 44 / 64 + 17 / 32]]) / 30
    )
    np.testing.assert_allclose(condense(TABLE).problem_cov, expected, rtol=1e-12)


def test_nothing_right_before_and_after_is_not_known_exactly():
    keys = [ArmKey("base", 0, 0), ArmKey("random", 8, 0)]
    cov = condense(table_of(keys, np.zeros((2, 40)))).problem_cov
    # 2 · (¼ + ¼) / (41 · 42); the difference has two coins' variance of ½: 2 · ½ / (41 · 42).
    np.testing.assert_allclose(np.diag(cov), 1 / (41 * 42))
    assert cov[0, 0] + cov[1, 1] - 2 * cov[0, 1] == pytest.approx(1 / (41 * 42))


def test_seed_squares_and_answer_variance_of_three_arms_and_four_problems():
    means = condense(TABLE)
    # Arms of dose 8 score ½ and ¾: ± ⅛ around ⅝, so the squares sum to 2/64.
    np.testing.assert_allclose(means.seed_ss, [0, 2 / 64])
    # Less their own means the arms differ by ¼ ¼ −¾ ¼; a variance of two is d²/2:
    # (1+1+9+1)/16/2 = 12/32, over 4 problems 3/32, in the mean of 4 problems 3/128.
    np.testing.assert_allclose(means.answer_var, [0, 3 / 128])


def test_binomial_variance_is_shrunk_by_one_pseudo_problem_on_each_side():
    means = condense(TABLE)
    # (1 + 1) / (4 + 2) = ⅓ and (2.5 + 1) / 6 = 7/12
    np.testing.assert_allclose(means.binomial, [1 / 3 * 2 / 3, 7 / 12 * 5 / 12])
    # The base has no seed; two arms halve the variance.
    np.testing.assert_allclose(means.seed_weight, [0, 35 / 144 / 2])
    all_right = table_of(TABLE.arms, np.ones((3, 4)))
    assert (condense(all_right).binomial > 0).all()


def test_covariance_adds_seeds_to_the_diagonal_of_all_but_the_base():
    means = condense(TABLE)
    added = means.covariance(np.array([5.0, 0.01])) - means.problem_cov
    np.testing.assert_allclose(added, np.diag([1e-7, 0.01 * 35 / 288 + 1e-7]), rtol=1e-9)
    both = means.covariance(np.array([[5.0, 0.01], [5.0, 0.02]]))
    np.testing.assert_allclose(both[0], added + means.problem_cov, rtol=1e-9)
    np.testing.assert_allclose(both[1, 1, 1] - both[0, 1, 1], 0.01 * 35 / 288, rtol=1e-9)


def dose_means(accuracy, n_arms, seed_ss, *, n=10**9) -> DoseMeans:
    """Doses 1, 2, 4 … after the base, without noise of problems or answers."""
    k = len(accuracy)
    doses = np.concatenate([[0.0], 2.0 ** np.arange(k)])
    return DoseMeans(
        doses=doses,
        mean=np.concatenate([[0.1], accuracy]),
        n_arms=np.concatenate([[1], n_arms]),
        problem_cov=np.eye(k + 1) * 1e-5,
        seed_ss=np.concatenate([[0.0], seed_ss]),
        answer_var=np.zeros(k + 1),
        n_problems=n,
        top=float(doses[-1]),
    )


def test_the_dispersion_falls_with_the_dose():
    found = dispersions_at(np.array([0, 1, 8, 64]), top=64.0)
    assert found.shape == (len(DISPERSIONS) * len(DECAYS), 4)
    row = int(np.flatnonzero((DISPERSIONS[0] == PHI) & (KAPPA == 2 / 3))[0])
    # (64/1)^⅔ = 16, (64/8)^⅔ = 4; the base counts as a dose of 1 and has no arms' noise anyway.
    np.testing.assert_allclose(found[row], DISPERSIONS[0] * np.array([16, 16, 4, 1]))
    same = (DISPERSIONS[3] == PHI) & (KAPPA == 0)
    np.testing.assert_allclose(found[same], DISPERSIONS[3])


def test_no_dispersion_is_over_one():
    # 0.06 · (10⁶)^⅔ = 600: an accuracy cannot vary by more than μ(1−μ).
    assert dispersions_at(np.array([1]), top=1e6).max() == 1.0


def test_seed_variance_is_that_of_the_mean_of_a_doses_arms():
    means = dose_means([0.5, 0.5], [1, 4], [0.0, 0.0])
    quarter = DISPERSIONS * 0.25
    found = means.seed_variance[KAPPA == 0]
    np.testing.assert_allclose(found, np.stack([0 * quarter, quarter, quarter / 4], axis=1))


def test_keeping_some_doses_keeps_all_that_belongs_to_them():
    means = dose_means([0.2, 0.3, 0.4], [1, 2, 3], [0.0, 0.1, 0.2])
    kept = means.keep(np.array([True, False, True, True]))
    np.testing.assert_array_equal(kept.doses, [0, 2, 4])
    np.testing.assert_array_equal(kept.mean, [0.1, 0.3, 0.4])
    np.testing.assert_array_equal(kept.n_arms, [1, 2, 3])
    np.testing.assert_array_equal(kept.seed_ss, [0, 0.1, 0.2])
    without_top = means.keep(np.array([True, True, True, False]))
    assert (without_top.doses[-1], without_top.top) == (2, 4)  # φ stays that of the whole
    assert kept.problem_cov.shape == (3, 3)
