"""Two sets compared: by hand, against the libraries, and how often the intervals cover."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact, hypergeom
from sklearn.metrics import roc_auc_score, roc_curve

from titrant.audits.contamination.compare import (
    alpha,
    auroc,
    holm_of,
    means,
    placements,
    shares,
)


def hits(k: int, n: int) -> np.ndarray:
    return np.arange(n) < k


def test_newcombe_by_the_textbook():
    # Newcombe 1998, example (a): 56/70 − 48/80 at 95 %, method 10: 0.0524 to 0.3339
    found = shares(hits(56, 70), hits(48, 80), 0.95)
    assert found.difference.estimate == pytest.approx(0.2)
    assert found.difference.low == pytest.approx(0.0524, abs=1e-4)
    assert found.difference.high == pytest.approx(0.3339, abs=1e-4)
    assert (found.benchmark, found.fresh, found.difference.n) == (0.8, 0.6, 150)


def test_the_p_value_is_the_chance_of_so_many_on_the_benchmark():
    # 3 of 4 against 0 of 4: of C(8, 3) = 56 places for the hits, C(4, 3) = 4 are all on this side
    assert shares(hits(3, 4), hits(0, 4), 0.9).p == pytest.approx(4 / 56)
    assert hypergeom.sf(2, 8, 3, 4) == pytest.approx(4 / 56)
    assert shares(hits(0, 4), hits(3, 4), 0.9).p == pytest.approx(1.0)
    assert fisher_exact([[0, 4], [3, 1]], alternative="greater").pvalue == pytest.approx(1.0)


def test_welch_by_hand():
    # means 3 and 1, variances 1 and 1 (ddof 1), n = 3 each: error √(2/3), df 4, t = 2/0.8165 = 2.449
    found = means(np.array([2.0, 3.0, 4.0]), np.array([0.0, 1.0, 2.0]), 0.9)
    assert found.difference.estimate == pytest.approx(2.0)
    assert found.p == pytest.approx(0.0352, abs=1e-4)  # t(4) over 2.449
    half = 2.1318 * math.sqrt(2 / 3)  # 95 % quantile of t(4)
    assert found.difference.low == pytest.approx(2 - half, abs=1e-3)
    assert found.difference.high == pytest.approx(2 + half, abs=1e-3)


def test_means_without_any_spread_have_no_interval():
    found = means(np.ones(5), np.ones(4), 0.9)
    assert (found.difference.estimate, found.difference.low, found.p) == (0.0, None, 1.0)


def test_an_empty_set_gives_nothing():
    for compare in (shares, means):
        found = compare(np.zeros(0), np.ones(3), 0.9)
        assert math.isnan(found.p)
        assert found.difference.estimate is None
        assert math.isnan(found.benchmark)
    assert auroc(np.zeros(0), np.ones(3), 0.9).area.estimate is None


def test_placements_count_ties_half():
    # of 1, 2, 2, 5: under 2 stands 1, with 2 tied: (1 + 1) / 4; under 6 all; under 0 none
    assert placements(np.array([2, 6, 0]), np.array([5, 2, 1, 2])).tolist() == [0.5, 1.0, 0.0]


@given(st.lists(st.integers(0, 5), min_size=2), st.lists(st.integers(0, 5), min_size=2))
def test_the_area_is_that_of_scikit_learn(one, other):
    found = auroc(np.array(one, float), np.array(other, float), 0.9)
    truth = [1] * len(one) + [0] * len(other)
    assert found.area.estimate == pytest.approx(roc_auc_score(truth, one + other))
    low, high = found.area.low, found.area.high
    assert 0 <= low <= high <= 1


@given(st.lists(st.integers(0, 9), min_size=2), st.lists(st.integers(0, 9), min_size=2))
def test_what_is_caught_is_the_best_point_of_the_curve_at_five_percent(one, other):
    found = auroc(np.array(one, float), np.array(other, float), 0.9)
    truth = [1] * len(one) + [0] * len(other)
    false, true, _ = roc_curve(truth, one + other, drop_intermediate=False)
    assert found.caught == pytest.approx(true[false <= 0.05].max())


def test_delong_by_hand():
    # benchmark 2, 4; fresh 1, 3: placements of the benchmark 1/2, 1, of the fresh ones 0, 1/2
    # area 3/4; variance (1/8)/2 + (1/8)/2 = 1/8; on the logit scale its error is √(1/8)/(3/16)
    found = auroc(np.array([2.0, 4.0]), np.array([1.0, 3.0]), 0.9)
    half = 1.6448536 * math.sqrt(1 / 8) / (3 / 16)
    low = 1 / (1 + math.exp(half - math.log(3)))
    assert found.area.estimate == 0.75
    assert found.area.low == pytest.approx(low)


def test_only_more_on_the_benchmark_speaks_against_it():
    high, low = np.arange(10, 20.0), np.arange(10.0)
    assert auroc(high, low, 0.9).p < 0.001
    assert auroc(low, high, 0.9).p > 0.999
    assert means(low, high, 0.9).p > 0.999


def test_full_separation_does_not_claim_certainty():
    found = auroc(np.arange(10, 20.0), np.arange(10.0), 0.9)
    assert found.area.estimate == 1.0
    assert found.area.low is not None
    assert 0.8 < found.area.low < 1
    assert found.caught == 1.0


def test_intervals_of_the_area_cover_as_often_as_they_say():
    rng = np.random.default_rng(7)
    true = 0.638163  # Φ(0.5 / √2) of normals half a deviation apart
    held = [
        found.low <= true <= found.high
        for _ in range(400)
        for found in [auroc(rng.normal(0.5, 1, 60), rng.normal(0, 1, 60), 0.9).area]
    ]
    assert np.mean(held) == pytest.approx(0.9, abs=3.3 * math.sqrt(0.09 / 400))


def test_the_error_of_a_test_goes_with_the_level_of_the_interval():
    assert alpha(0.9) == pytest.approx(0.05)


def test_holm_corrects_what_was_tested_and_leaves_out_what_was_not():
    # 0.01 × 2, and the larger of that and 0.04 × 1
    assert holm_of({"a": 0.04, "b": math.nan, "c": 0.01}) == pytest.approx(
        {"a": 0.04, "b": math.nan, "c": 0.02}, nan_ok=True
    )
    assert holm_of({}) == {}
