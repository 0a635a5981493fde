"""End points and contrasts read off the posterior, and the shape-free estimate beside them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import DOSES, first_round, planted, table_of
from scipy.stats import norm

from titrant.dose.curve.endpoint import (
    Interval,
    contrast,
    disagreement,
    end_point,
    isotonic_end_point,
    last_doubling,
    mixture_quantile,
    peak_over_top,
    weighted_quantiles,
)
from titrant.dose.curve.fit import fit
from titrant.dose.curve.noise import DISPERSIONS, KAPPA, PHI, DoseMeans, condense
from titrant.dose.readings import ArmKey

TOP = 4096.0
Z = 1.6448536269514722
"""95 % quantile of the standard normal."""


def quantiles(values, weights, probabilities, *, cell=1.0) -> list[float]:
    found = weighted_quantiles(
        np.array(values, dtype=float), np.array(weights), np.array(probabilities), cell=cell
    )
    return found.tolist()


def test_weighted_quantiles_of_three_cells():
    # Cells [−½, ½], [½, 1½], [1½, 2½] with ¼, ½, ¼ of the mass: the cumulative mass is 0 at −½,
    # ¼ at ½, ¾ at 1½ and 1 at 2½, and linear between.
    found = quantiles([0, 1, 2], [0.25, 0.5, 0.25], [0, 0.125, 0.25, 0.5, 0.75, 1])
    assert found == pytest.approx([-0.5, 0, 0.5, 1, 1.5, 2.5])


def test_weighted_quantiles_do_not_depend_on_order_or_scale_of_weights():
    assert quantiles([2, 0, 1], [5, 5, 10], [0.25, 0.5]) == pytest.approx([0.5, 1])
    assert quantiles([0, 1, 1, 2], [1, 1, 1, 1], [0.25, 0.5]) == pytest.approx([0.5, 1])


def test_one_grid_point_with_all_the_weight_stands_for_its_cell():
    assert quantiles([3], [1.0], [0.05, 0.5, 0.95], cell=0.4) == pytest.approx([2.82, 3, 3.18])


def test_values_closer_than_a_cell_are_not_moved():
    # Density ½ on [−½, 0] and [½, 1], 1 between: the median is ¼, the middle of 0 and ½.
    assert quantiles([0, 0.5], [0.5, 0.5], [0.25, 0.5]) == pytest.approx([0, 0.25])
    dense = np.linspace(0, 8, 401)
    assert quantiles(dense, np.ones(401), [0.5], cell=0.5) == pytest.approx([4.0])


def test_mass_stays_out_of_a_gap():
    assert quantiles([0, 10], [0.5, 0.5], [0.25, 0.75]) == pytest.approx([0, 10])


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 1)), min_size=1, max_size=12),
    st.floats(0.01, 2),
)
def test_quantiles_rise_with_the_probability_and_stay_within_the_cells(points, cell):
    values, weights = zip(*points, strict=True)
    found = quantiles(values, weights, [0, 0.05, 0.5, 0.95, 1], cell=cell)
    assert (np.diff(found) >= -1e-9).all()
    assert min(values) - cell / 2 - 1e-9 <= found[0]
    assert found[-1] <= max(values) + cell / 2 + 1e-9


accuracies = st.lists(st.floats(0.02, 0.9), min_size=6, max_size=6)


@settings(max_examples=20)
@given(accuracies, st.integers(40, 800), st.sampled_from([None, 0.5, 0.8, 0.9]))
def test_intervals_of_end_points_are_ordered_and_within_the_pool(accuracy, n, level):
    means = condense(first_round(*accuracy, n=n, wobble=0.01))
    found = end_point(fit(means, top=TOP), confidence=0.9, level=level)
    assert 1 <= found.low <= found.estimate <= found.high <= TOP
    assert found.level == 0.9


@settings(max_examples=12)
@given(accuracies, st.integers(40, 800))
def test_isotonic_intervals_are_ordered_and_within_the_pool(accuracy, n):
    rising = sorted(accuracy)
    means = condense(first_round(*rising, n=n, wobble=0.01))
    found = isotonic_end_point(
        means, level=0.95, confidence=0.9, dispersion=1e-3, rng=np.random.default_rng(0)
    )
    assert 1 <= found.low <= found.high <= TOP
    assert 1 <= found.estimate <= TOP


def hill_response(half_dose: float, *, base=0.2, gain=0.4) -> dict[int, float]:
    doses = np.array([0, 1, 4, 16, 64, 256, 1024, 4096], dtype=float)
    h = doses / (doses + half_dose) * (TOP + half_dose) / TOP
    return {int(d): base + gain * float(x) for d, x in zip(doses, h, strict=True)}


def test_end_points_of_a_known_response_are_found_at_every_level():
    means = condense(planted(hill_response(16), n=20_000, seeds={4096: 3}, wobble=0.0005))
    found = fit(means, top=TOP, shapes=("hill",))
    for level in (0.5, 0.8, 0.9, None):
        share = level or 0.95
        # x/(x+16) · 4112/4096 = share: x = 16·u/(1−u) with u = share · 4096/4112
        u = share * 4096 / 4112
        truth = 16 * u / (1 - u)
        point = end_point(found, confidence=0.9, level=level)
        assert point.estimate == pytest.approx(truth, rel=0.1)
        assert point.low < truth < point.high


def test_a_narrower_confidence_gives_a_narrower_interval():
    found = fit(condense(first_round(0.3, 0.32, 0.42, 0.55, 0.6, 0.6, n=500)), top=TOP)
    wide, narrow = (end_point(found, confidence=c) for c in (0.99, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.estimate == narrow.estimate


def test_factor_is_high_over_low():
    assert Interval(10, 5, 40, 0.9).factor == 8


@settings(max_examples=30)
@given(st.floats(-1, 1), st.floats(0.001, 2), st.floats(0.02, 0.98))
def test_a_mixture_of_one_normal_has_its_quantiles(mean, sd, probability):
    found = mixture_quantile(mean, np.array([sd]), np.array([1.0]), probability)
    # Linear interpolation on steps of sd/100 is off by less than 1e-4 sd.
    assert found == pytest.approx(norm.ppf(probability, mean, sd), abs=1e-4 * sd)


def test_a_mixture_of_widths_has_the_wanted_mass_below_its_quantile():
    sd, weights = np.array([0.01, 0.03, 0.2]), np.array([0.5, 0.3, 0.2])
    for probability in (0.05, 0.5, 0.95):
        x = mixture_quantile(0.1, sd, weights, probability)
        assert weights @ norm.cdf((x - 0.1) / sd) == pytest.approx(probability, abs=1e-3)
    assert mixture_quantile(0.1, sd, weights, 0.5) == pytest.approx(0.1)


def one_dispersion(found, phi: float):
    """A fit that is sure of φ and that it is the same at all doses."""
    return replace(found, noise_weights=np.where((phi == PHI) & (KAPPA == 0), 1.0, 0.0))


def one_curve(found, curve: int, *, gain: float, gain_sd: float):
    """A fit that is sure of one curve, with a stated gain."""
    n = len(found.curve_weights)
    return replace(
        found,
        curve_weights=np.eye(n)[curve],
        gain=np.full(n, gain),
        cov=np.stack([np.zeros(n), np.zeros(n), np.full(n, gain_sd**2)]),
    )


def test_a_contrast_is_paired_by_problem_with_the_seeds_on_top():
    keys = [ArmKey("base", 0, 0), ArmKey("random", 8, 0), ArmKey("random", 8, 1)]
    score = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]], dtype=float)
    means = condense(table_of(keys, score))
    found = one_dispersion(fit(means, top=8.0), DISPERSIONS[6])
    gain = contrast(means, found, 1, 0, confidence=0.9)
    # Differences per problem: 0, 1, ½, 0; mean ⅜; deviations −⅜ ⅝ ⅛ −⅜, squares (9+25+1+9)/64;
    # 44/64. Two coins differ by 2 · (½ + (⅜)²) = 41/32. Over 5 and over 6 problems: (44 + 82)/64/30.
    # Seeds: φ · 35/144 over 2 arms, the base has none.
    sd = np.sqrt(126 / 1920 + DISPERSIONS[6] * 35 / 288)
    assert gain.estimate == 3 / 8
    assert gain.low == pytest.approx(3 / 8 - Z * sd, abs=1e-4)
    assert gain.high == pytest.approx(3 / 8 + Z * sd, abs=1e-4)


def test_pairing_narrows_a_contrast():
    # Arms that solve the same problems differ by exactly 10 points; independent ones vary by chance.
    paired = condense(first_round(0.3, 0.4, 0.4, 0.4, 0.4, 0.4, n=1000, wobble=0.0))
    apart = replace(paired, problem_cov=np.diag(np.diag(paired.problem_cov)))
    widths = []
    for means in (paired, apart):
        found = one_dispersion(fit(means, top=TOP), DISPERSIONS[0])
        gain = contrast(means, found, 5, 0, confidence=0.9)
        widths.append(gain.high - gain.low)
    # Paired: variance p(1−p) of the difference, 0.1·0.9/999; apart: (0.3·0.7 + 0.4·0.6)/999.
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(0.09 / 0.45), rel=0.03)  # φ adds a little


def top_gain_span(n_arms: int) -> float:
    """Width of the gain's interval where arms at the top differ by 2 points (standard deviation)."""
    wobble = 0.02 / np.sqrt(n_arms * (n_arms + 1) / 12)  # n evenly spaced values, with n − 1
    table = planted({0: 0.3, 4096: 0.4}, seeds={4096: n_arms}, wobble=wobble)
    means = condense(table)
    gain = contrast(means, fit(means, top=TOP), 1, 0, confidence=0.9)
    return gain.high - gain.low


def test_few_seeds_widen_a_contrast_by_more_than_their_mean_does():
    # Problems: 0.1 · 0.9 / 1999 = 4.5e-5. Seeds: 4e-4 over 3 or over 24 arms.
    known = [2 * Z * np.sqrt(4.5e-5 + 4e-4 / n) for n in (3, 24)]  # 4.4 and 2.6 points
    assert top_gain_span(3) > 1.1 * known[0]  # as three arms do not tell their own variance
    assert top_gain_span(24) == pytest.approx(known[1], rel=0.05)


def even_means(mean) -> DoseMeans:
    """Doses 0, 1, 4, 16, 64 with the same, independent noise."""
    return DoseMeans(
        doses=np.array([0.0, 1, 4, 16, 64]),
        mean=np.array(mean),
        n_arms=np.ones(5, dtype=int),
        problem_cov=np.eye(5) * 1e-6,
        seed_ss=np.zeros(5),
        answer_var=np.zeros(5),
        n_problems=1000,
        top=64.0,
    )


def isotonic(mean, level: float) -> float:
    return isotonic_end_point(
        even_means(mean), level=level, confidence=0.9, dispersion=0.0, rng=np.random.default_rng(0)
    ).estimate


def test_isotonic_crossing_is_linear_in_the_log_of_the_dose():
    # Target 0.2 + 0.95 · 0.4 = 0.58, between 4 (0.5) and 16 (0.6): share 0.8, so 4 · 4^0.8 = 12.126
    assert isotonic([0.2, 0.3, 0.5, 0.6, 0.6], 0.95) == pytest.approx(4 * 4**0.8)


def test_isotonic_crossing_pools_what_falls():
    # 0.5 and 0.4 become 0.45 twice; target 0.2 + 0.9 · 0.4 = 0.56 lies 0.11/0.15 of the way 4 → 16
    assert isotonic([0.2, 0.5, 0.4, 0.6, 0.6], 0.9) == pytest.approx(4 * 4 ** (0.11 / 0.15))


def test_isotonic_crossing_before_the_first_dose_is_the_first_dose():
    assert isotonic([0.2, 0.6, 0.6, 0.6, 0.6], 0.95) == 1.0
    assert isotonic([0.2, 0.2, 0.2, 0.2, 0.6], 1.0) == pytest.approx(64.0)


def test_isotonic_interval_widens_with_the_noise():
    quiet = even_means([0.2, 0.3, 0.5, 0.58, 0.6])
    noisy = replace(quiet, problem_cov=quiet.problem_cov * 400)
    spans = [
        isotonic_end_point(
            means, level=0.95, confidence=0.9, dispersion=0.0, rng=np.random.default_rng(1)
        ).factor
        for means in (quiet, noisy)
    ]
    assert spans[1] > 2 * spans[0] > 2


def some_fit(shapes):
    return fit(condense(first_round(0.2, 0.2, 0.2, 0.3, 0.4, 0.4, n=500)), top=TOP, shapes=shapes)


def test_last_doubling_of_a_step_after_half_the_pool_is_the_whole_gain():
    found = some_fit(("step",))  # curve 67 of 72: a step at 4096^(67/72) = 2,297, beyond 2,048
    for gain in (0.02, 0.05, 0.0):
        sure = one_curve(found, 67, gain=gain, gain_sd=0.01)
        expected = norm.sf((0.02 - gain) / 0.01)
        assert last_doubling(sure, margin=0.02) == pytest.approx(expected)
    early = one_curve(found, 65, gain=0.3, gain_sd=0.01)  # 1,822: all is gained by 2,048
    assert last_doubling(early, margin=0.02) < 1e-6


def test_last_doubling_of_a_straight_line_is_half_the_gain():
    found = some_fit(("power",))
    # The latest power law is nearly straight: h(½ top) is read off the curve itself.
    curve = int(found.end_points.argmax())
    half = float(found.unit_curves([TOP / 2])[curve, 0])
    sure = one_curve(found, curve, gain=0.1, gain_sd=0.02)
    expected = norm.sf((0.02 - (1 - half) * 0.1) / ((1 - half) * 0.02))
    assert last_doubling(sure, margin=0.02) == pytest.approx(expected)


def test_a_peak_is_as_sure_as_its_lead_over_the_top():
    found = some_fit(("rise_fall",))
    doses = np.array(DOSES[1:-1], dtype=float)
    lead = found.unit_curves(doses) - 1
    curve = int(lead.max(axis=1).argmax())
    best = int(lead[curve].argmax())
    sure = one_curve(found, curve, gain=0.1, gain_sd=0.03)
    chance, dose = peak_over_top(sure, doses, margin=0.02)
    rise = lead[curve, best]
    assert rise > 0.5
    assert chance == pytest.approx(norm.sf((0.02 - 0.1 * rise) / (0.03 * rise)))
    assert dose == doses[best]


def test_a_rising_curve_has_no_peak():
    sure = one_curve(some_fit(("hill",)), 300, gain=0.3, gain_sd=0.01)
    assert peak_over_top(sure, np.array(DOSES[1:-1], dtype=float), margin=0.02)[0] < 1e-6


def test_without_smaller_doses_there_is_no_peak():
    assert peak_over_top(some_fit(("hill",)), np.array([]), margin=0.02) == (0.0, TOP)


def test_an_interval_holds_those_of_every_shape_that_has_a_say():
    found = fit(condense(first_round(0.30, 0.34, 0.42, 0.50, 0.58, 0.60)), top=TOP)
    alone = {
        name: end_point(fit(found.means, top=TOP, shapes=(name,)), confidence=0.9)
        for name in ("hill", "power")
    }
    assert alone["power"].high > 1.1 * alone["hill"].high
    for power, holds in ((0.45, True), (0.11, True), (0.03, False)):
        some = dict.fromkeys(found.shapes, 0.02) | {"power": power, "hill": 0.94 - power}
        mixed = weighted(found, [some[name] for name in found.shapes])
        whole = end_point(mixed, confidence=0.9)
        assert (whole.high >= alone["power"].high * (1 - 1e-9)) == holds
        assert whole.low <= alone["hill"].low * (1 + 1e-9)


def weighted(found, weights):
    """The fit with other weights of its shapes."""
    curves = found.curve_weights.copy()
    for part, weight in zip(found.parts, weights, strict=True):
        curves[part] *= weight / curves[part].sum()
    return replace(found, weights=np.array(weights), curve_weights=curves)


def test_shapes_disagree_by_the_ratio_of_their_medians():
    found = some_fit(("exponential", "step"))  # 72 curves each, on the same end points
    weights = np.zeros(144)
    weights[[20, 72 + 32]] = 0.5
    sure = replace(found, curve_weights=weights, weights=np.array([0.5, 0.5]))
    assert disagreement(sure) == pytest.approx(TOP ** (12 / 72))  # 12 grid points apart


def test_a_shape_of_little_weight_has_no_say_in_the_disagreement():
    found = some_fit(("exponential", "step"))
    assert disagreement(replace(found, weights=np.array([0.95, 0.05]))) is None
