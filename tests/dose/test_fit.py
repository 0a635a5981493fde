"""All curves of all shapes at once: least squares in closed form, weights that sum to one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import DOSES, first_round, permuted, planted

from titrant.dose.curve.evidence import evidence, log_sum, seed_log_likelihood
from titrant.dose.curve.fit import fit, shape_weights
from titrant.dose.curve.noise import DISPERSIONS, KAPPA, PHI, DoseMeans, condense
from titrant.dose.curve.shapes import RAW, grid
from titrant.dose.curve.shares import shape_shares

TOP = 4096.0
accuracies = st.lists(st.floats(0.02, 0.98), min_size=6, max_size=6)


def make_means(mean, *, kind=DoseMeans, n_arms=(1, 1, 1, 1, 1, 3), ss=2e-4) -> DoseMeans:
    """Six doses with correlated problem noise and three arms at the top."""
    mean = np.asarray(mean, dtype=float)
    k = len(mean)
    spread = np.linspace(1.0, 1.4, k)
    cov = 5e-5 * (0.6 * np.outer(spread, spread) + 0.4 * np.diag(spread**2))
    return kind(
        doses=np.array(DOSES[-k:] if k == 6 else (0, *DOSES[-k + 1 :]), dtype=float),
        mean=mean,
        n_arms=np.array(n_arms[-k:]),
        problem_cov=cov,
        seed_ss=np.where(np.array(n_arms[-k:]) > 1, ss, 0.0),
        answer_var=np.zeros(k),
        n_problems=2000,
        top=float(DOSES[-1]),
    )


@pytest.mark.parametrize("shape", sorted(RAW))
def test_an_exact_response_is_recovered_whatever_the_noise(shape):
    unit = grid(shape, TOP, 0.95)
    h = unit.curves(np.array(DOSES, dtype=float))
    for curve in range(0, len(h), 37):
        found = evidence(make_means(0.21 + 0.34 * h[curve]), h)
        np.testing.assert_allclose(found.floor[:, curve], 0.21, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.gain[:, curve], 0.34, rtol=0, atol=1e-9)


def test_evidence_is_generalised_least_squares():
    means = make_means([0.2, 0.25, 0.4, 0.38, 0.5, 0.52])
    h = grid("hill", TOP, 0.95).curves(means.doses)
    found = evidence(means, h)
    for row, curve in ((0, 5), (13, 200), (35, 480)):
        covariance = means.covariance(means.dispersions[row])
        # The textbook way: whiten with the Cholesky factor, then ordinary least squares.
        root = np.linalg.cholesky(covariance)
        design = np.linalg.solve(root, np.column_stack([np.ones(6), h[curve]]))
        y = np.linalg.solve(root, means.mean)
        beta, rss, *_ = np.linalg.lstsq(design, y, rcond=None)
        information = design.T @ design
        cov = np.linalg.inv(information)
        profile = seed_log_likelihood(means)[row] - 0.5 * (
            np.linalg.slogdet(covariance)[1] + rss[0]
        )
        at = (row, curve)
        np.testing.assert_allclose([found.floor[at], found.gain[at]], beta, rtol=1e-8)
        np.testing.assert_allclose(found.cov[:, *at], [cov[0, 0], cov[0, 1], cov[1, 1]], rtol=1e-8)
        assert found.profile[at] == pytest.approx(profile)
        # Floor and gain integrated out with a flat prior: less half the log information.
        marginal = profile - 0.5 * np.linalg.slogdet(information)[1]
        assert found.marginal[at] == pytest.approx(marginal)


def test_the_spread_between_arms_tells_the_dispersion():
    # 40 arms at 50 % whose variance is 0.002 · 0.25: the likelihood peaks at the φ next to 0.002.
    means = replace(
        make_means([0.5] * 6, n_arms=(1, 1, 1, 1, 1, 40)),
        seed_ss=np.array([0, 0, 0, 0, 0, 39 * 0.002 * 0.25]),
    )
    nearest = DISPERSIONS[np.abs(np.log(DISPERSIONS / 0.002)).argmin()]
    found = seed_log_likelihood(means)
    assert PHI[found.argmax()] == nearest
    # All arms are at the top, where φ(d) = φ whatever κ: the spread says nothing of κ.
    assert len(np.unique(found[nearest == PHI])) == 1


def test_the_spread_at_two_doses_tells_how_it_falls():
    # Ten times the variance at 32 that it is at 4,096: a factor of 128 in dose, 128^κ = 10 at κ = 0.47.
    ss = np.array([0, 0, 19 * 0.01, 0, 0, 19 * 0.001]) * 0.25
    means = replace(make_means([0.5] * 6, n_arms=(1, 1, 20, 1, 1, 20)), seed_ss=ss)
    assert KAPPA[seed_log_likelihood(means).argmax()] == pytest.approx(1 / 3)
    steep = replace(means, seed_ss=ss * np.array([0, 0, 4, 0, 0, 1]))  # 40 times: κ = 0.76
    assert KAPPA[seed_log_likelihood(steep).argmax()] == pytest.approx(2 / 3)
    even = replace(means, seed_ss=ss * np.array([0, 0, 0.1, 0, 0, 1]))
    assert KAPPA[seed_log_likelihood(even).argmax()] == 0.0


def test_single_arms_tell_nothing_of_the_dispersion():
    means = make_means([0.5] * 6, n_arms=(1,) * 6)
    np.testing.assert_array_equal(seed_log_likelihood(means), 0.0)


@settings(max_examples=15)
@given(accuracies)
def test_every_posterior_sums_to_one(accuracy):
    found = fit(make_means(accuracy), top=TOP)
    assert found.weights.sum() == pytest.approx(1.0)
    assert found.curve_weights.sum() == pytest.approx(1.0)
    assert found.noise_weights.sum() == pytest.approx(1.0)
    assert (found.curve_weights >= 0).all()
    by_shape = [found.curve_weights[part].sum() for part in found.parts]
    np.testing.assert_allclose(by_shape, found.weights, rtol=1e-9, atol=1e-12)
    at_top = float(found.dispersion_at([TOP])[0])
    assert DISPERSIONS[0] - 1e-9 <= at_top <= DISPERSIONS[-1] + 1e-9
    assert found.dispersion_at([4])[0] >= at_top


SLOTS = DoseMeans.__slots__


class SameBinomial(DoseMeans):
    """Dose means whose seed variance does not change with the accuracy."""

    @property
    def binomial(self):
        return np.full(len(self.mean), 0.2)

    def keep(self, mask):
        kept = super().keep(mask)
        return SameBinomial(*(getattr(kept, name) for name in SLOTS))


@settings(max_examples=20)
@given(st.lists(st.floats(0.1, 0.6), min_size=5, max_size=6), st.floats(-0.1, 0.3))
def test_a_constant_added_to_all_accuracies_moves_the_floor_alone(accuracy, constant):
    here = fit(make_means(accuracy, kind=SameBinomial), top=TOP)
    there = fit(make_means(np.array(accuracy) + constant, kind=SameBinomial), top=TOP)
    # Sums of products of precision 1e5 with accuracies lose some digits, hence 1e-6.
    np.testing.assert_allclose(there.curve_weights, here.curve_weights, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(there.weights, here.weights, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(there.floor, here.floor + constant, atol=1e-7)
    np.testing.assert_allclose(there.gain, here.gain, atol=1e-7)


@settings(max_examples=20)
@given(st.lists(st.floats(0.02, 0.98), min_size=5, max_size=6))
def test_errors_in_place_of_accuracies_turn_the_gain_and_nothing_else(accuracy):
    right = fit(make_means(accuracy), top=TOP)
    wrong = fit(make_means(1 - np.array(accuracy)), top=TOP)
    np.testing.assert_allclose(wrong.curve_weights, right.curve_weights, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(wrong.floor, 1 - right.floor, atol=1e-7)
    np.testing.assert_allclose(wrong.gain, -right.gain, atol=1e-7)


@settings(max_examples=10)
@given(accuracies, st.integers(0, 2**32))
def test_the_order_of_arms_and_problems_does_not_matter(accuracy, seed):
    table = first_round(*accuracy, n=300, wobble=0.01)
    here = fit(condense(table), top=TOP)
    there = fit(condense(permuted(table, np.random.default_rng(seed))), top=TOP)
    np.testing.assert_allclose(there.curve_weights, here.curve_weights, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(there.noise_weights, here.noise_weights, rtol=1e-6)


def test_shapes_are_weighted_half_by_aicc_and_half_by_the_held_out_doses():
    none = np.zeros(2)
    np.testing.assert_allclose(shape_weights(none, none), [0.5, 0.5])
    # An AICc lower by 4 is a likelihood ratio of e², of which half is taken: e¹.
    by_aicc = shape_weights(np.array([100.0, 104.0]), none)
    assert by_aicc[0] / by_aicc[1] == pytest.approx(np.e)
    # A log predictive density higher by 2 is a ratio of e², of which half is taken: e¹.
    by_doses = shape_weights(none, np.array([-3.0, -5.0]))
    assert by_doses[0] / by_doses[1] == pytest.approx(np.e)


def test_aicc_counts_floor_gain_both_of_the_noise_and_the_shapes_own_parameters():
    means = make_means([0.2, 0.25, 0.4, 0.38, 0.5, 0.52])
    found = fit(means, top=TOP)
    for i, (shape, own) in enumerate(
        {"hill": 2, "exponential": 1, "power": 2, "step": 1, "rise_fall": 3}.items()
    ):
        best = evidence(means, grid(shape, TOP, 0.95).curves(means.doses)).profile.max()
        k, n = 4 + own, 2000
        assert found.shapes[i] == shape
        assert found.aicc[i] == pytest.approx(2 * k - 2 * best + 2 * k * (k + 1) / (n - k - 1))


def test_the_held_out_doses_are_the_two_highest():
    means = make_means([0.2, 0.25, 0.4, 0.38, 0.5, 0.52])
    found = fit(means, top=TOP, shapes=("hill",))
    unit = grid("hill", TOP, 0.95)
    h = unit.curves(means.doses)
    rest = means.keep(np.array([True, True, True, True, False, False]))
    whole = log_sum(evidence(means, h).marginal + unit.prior)
    part = log_sum(evidence(rest, h[:, :4]).marginal + unit.prior)
    assert found.held_out == pytest.approx(whole - part)


@pytest.mark.parametrize("base", [0.0, 0.02, 0.3, 0.69])
def test_a_low_base_does_not_cost_a_late_shape_its_weight(base):
    # Nothing moves at the doses from which the two highest are foretold: steps beyond them have no
    # gain there that could be known, whatever the level on which nothing moves.
    late = SameBinomial(*(getattr(make_means([base] * 5 + [base + 0.3]), n) for n in SLOTS))
    found = fit(late, top=TOP)
    assert found.weights[found.shapes.index("step")] == pytest.approx(0.9988, abs=2e-3)


def test_a_curve_that_does_not_move_has_no_evidence():
    means = make_means([0.2, 0.25, 0.4, 0.38, 0.5, 0.52])
    found = evidence(means, np.array([[0.0] * 6, [0.0] * 5 + [1.0]]))
    assert (found.marginal[:, 0] == -np.inf).all()
    assert np.isfinite(found.marginal[:, 1]).all()


def test_the_shape_that_foresees_the_top_doses_gains_weight():
    hill_like = (
        0.2 + 0.3 * grid("hill", TOP, 0.95).curves(np.array(DOSES, dtype=float))[2 * 72 + 40]
    )
    stepped = np.array([0.2, 0.2, 0.2, 0.5, 0.5, 0.5])
    smooth, sudden = (fit(make_means(mean, ss=1e-6), top=TOP) for mean in (hill_like, stepped))
    step = smooth.shapes.index("step")
    assert smooth.weights[step] < 0.05
    assert sudden.weights[step] > 2 * smooth.weights[step]


def test_only_the_named_shapes_are_fitted():
    found = fit(make_means([0.2, 0.25, 0.4, 0.38, 0.5, 0.52]), top=TOP, shapes=("power", "step"))
    assert found.shapes == ("power", "step")
    assert len(found.curve_weights) == len(found.end_points) == 7 * 72 + 72


def test_a_shape_that_the_pool_is_too_small_for_is_left_out():
    means = DoseMeans(
        doses=np.array([0.0, 1.0, 2.0]),
        mean=np.array([0.2, 0.3, 0.5]),
        n_arms=np.array([1, 1, 3]),
        problem_cov=np.eye(3) * 1e-4,
        seed_ss=np.array([0, 0, 1e-4]),
        answer_var=np.zeros(3),
        n_problems=400,
        top=2.0,
    )
    found = fit(means, top=2.0, level=0.5)
    assert "exponential" not in found.shapes
    assert found.curve_weights.sum() == pytest.approx(1.0)


def test_expected_accuracies_are_floor_plus_gain_times_the_unit_curve():
    found = fit(make_means([0.2, 0.25, 0.4, 0.38, 0.5, 0.52]), top=TOP)
    responses = found.responses([0.0, TOP])
    np.testing.assert_allclose(responses[:, 0], found.floor)
    np.testing.assert_allclose(responses[:, 1], found.floor + found.gain)
    # Where h is 0 and 1 the spread is that of the floor, and of floor plus gain.
    spread = found.response_sd([0.0, TOP])
    np.testing.assert_allclose(spread[:, 0], np.sqrt(found.cov[0]))
    np.testing.assert_allclose(
        spread[:, 1], np.sqrt(found.cov[0] + 2 * found.cov[1] + found.cov[2])
    )
    np.testing.assert_allclose(found.gain_sd, np.sqrt(found.cov[2]))


def test_a_sum_of_exponentials_does_not_overflow():
    assert log_sum(np.array([1000.0, 1000.0])) == pytest.approx(1000 + np.log(2))
    assert log_sum(np.array([[-5000.0, 0.0]])) == pytest.approx(0.0)


def test_too_few_doses_to_hold_two_out_leave_the_say_to_aicc():
    means = condense(planted(dict.fromkeys((0, 4, 32, 128, 4096), 0.3), seeds={4096: 3}))
    found = fit(means, top=TOP)
    np.testing.assert_array_equal(found.held_out, 0.0)
    # Flat readings: a curve adds two parameters or more and no likelihood, e^(−1) each at half a say.
    assert shape_shares(found)["flat"] > 0.3
