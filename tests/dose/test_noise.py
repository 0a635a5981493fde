"""The noise of dose means: problems, which all arms share, and seeds, whose variance is pooled."""

import numpy as np
import pytest
from planted import table_of

from titrant.dose.noise import DoseMeans, condense, pooled_dispersion
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
    # Divided by 3 (degrees of freedom) and by 4 (problems in the mean):
    expected = np.array([[3 / 4, 12 / 32], [12 / 32, 44 / 64]]) / 12
    np.testing.assert_allclose(condense(TABLE).problem_cov, expected, rtol=1e-12)


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
    added = means.covariance(0.01) - means.problem_cov
    np.testing.assert_allclose(added, np.diag([1e-7, 0.01 * 35 / 288 + 1e-7]), rtol=1e-9)


def test_pooled_dispersion_of_two_arms_is_their_excess_over_answers_noise():
    # One degree of freedom: (2/64 − 1 · 3/128) / (35/144) = (1/128) · 144/35 = 9/280
    assert pooled_dispersion(condense(TABLE)) == (pytest.approx(9 / 280), 1)


def test_one_arm_per_dose_says_nothing_of_seeds():
    value, df = pooled_dispersion(condense(TABLE.rows([0, 1])))
    assert np.isnan(value)
    assert df == 0


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
    )


def test_residuals_are_inflated_by_their_degrees_of_freedom():
    # Two arms at 0.5 ± a: the plain variance of two residuals is a²; × k/(k−1) = 2 gives 2a².
    a = 0.01
    value, df = pooled_dispersion(dose_means([0.5], [2], [2 * a**2]))
    assert (value * 0.25, df) == (pytest.approx(2 * a**2), 1)
    # Five arms with residuals of mean square s²: s² · 5/4.
    value, df = pooled_dispersion(dose_means([0.5], [5], [5 * a**2]))
    assert (value * 0.25, df) == (pytest.approx(a**2 * 5 / 4), 4)


def test_doses_are_pooled_by_degrees_of_freedom_in_units_of_binomial_variance():
    # 2 arms at 50 %: ss/μ(1−μ) = 0.0004/0.25 = 0.0016; 4 arms at 10 %: 0.0009/0.09 = 0.01;
    # φ = 0.0116 over 1 + 3 degrees of freedom.
    value, df = pooled_dispersion(dose_means([0.5, 0.1], [2, 4], [0.0004, 0.0009]))
    assert (value, df) == (pytest.approx(0.0116 / 4), 4)


def test_the_base_does_not_count_for_the_seeds():
    means = dose_means([0.5], [2], [0.0004])
    with_base_runs = DoseMeans(
        means.doses,
        means.mean,
        np.array([3, 2]),
        means.problem_cov,
        np.array([0.5, 0.0004]),
        means.answer_var,
        means.n_problems,
    )
    assert pooled_dispersion(with_base_runs) == pooled_dispersion(means)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_pooled_dispersion_is_right_on_average_however_few_the_arms(k):
    rng = np.random.default_rng(k)
    phi, n_ladders, n_doses = 0.002, 400, 6
    arms = 0.4 + rng.normal(size=(n_ladders, n_doses, k)) * np.sqrt(phi * 0.24)
    ss = ((arms - arms.mean(axis=2, keepdims=True)) ** 2).sum(axis=2)
    found = [pooled_dispersion(dose_means([0.4] * n_doses, [k] * n_doses, row))[0] for row in ss]
    # A chi-square with f degrees of freedom has a relative standard deviation of √(2/f).
    tolerance = 4 * np.sqrt(2 / (n_ladders * n_doses * (k - 1)))
    assert np.mean(found) == pytest.approx(phi, rel=tolerance)


def test_dispersion_is_never_negative():
    # Arms that agree better than their answers' own noise would let them
    means = condense(TABLE.rows([0, 1, 1]))
    assert means.seed_ss[1] == 0.0
    assert pooled_dispersion(means)[0] == 0.0


def test_answers_noise_alone_is_not_taken_for_seed_noise():
    rng = np.random.default_rng(0)
    score = (rng.random((41, 500)) < 0.5).astype(float)  # 40 arms with the very same skill
    keys = [ArmKey("base", 0, 0), *(ArmKey("random", 8, s) for s in range(40))]
    value, df = pooled_dispersion(condense(table_of(keys, score)))
    # Sampling of answers alone: variance 0.25/500; the excess over it is φ·0.25, with √(2/39) error.
    assert df == 39
    assert value * 0.25 < 4 * np.sqrt(2 / 39) * 0.25 / 500


def test_keeping_some_doses_keeps_all_that_belongs_to_them():
    means = dose_means([0.2, 0.3, 0.4], [1, 2, 3], [0.0, 0.1, 0.2])
    kept = means.keep(np.array([True, False, True, True]))
    np.testing.assert_array_equal(kept.doses, [0, 2, 4])
    np.testing.assert_array_equal(kept.mean, [0.1, 0.3, 0.4])
    np.testing.assert_array_equal(kept.n_arms, [1, 2, 3])
    np.testing.assert_array_equal(kept.seed_ss, [0, 0.1, 0.2])
    assert kept.problem_cov.shape == (3, 3)
