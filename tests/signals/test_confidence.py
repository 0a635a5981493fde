"""Confidence: exact expectations, signs, windows against the formula, auto sizes, floors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.errors import ConfigError
from titrant.seeds import derive_rng
from titrant.settings import SignalSettings
from titrant.signals.confidence import (
    BOTTOM_10,
    FLOOR,
    LOWEST,
    LOWEST_STEP,
    MEAN,
    TAIL,
    TINY_FLOOR,
    bottom_confidence,
    confidence_of,
    floor_of,
    group_confidence,
    lowest_confidence,
    lowest_step,
    resolve,
    step_means,
    tail_confidence,
    token_confidence,
    window_of,
)
from titrant.signals.ragged import Ragged
from titrant.testing.signals import SETTINGS, made_scores

TRACES = st.lists(st.lists(st.floats(0, 30), min_size=1, max_size=40), min_size=1, max_size=5)


def log_softmax(logits) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def of(*rows) -> Ragged:
    return Ragged.of_rows([np.array(row, dtype=float) for row in rows])


@pytest.mark.parametrize("k", [2, 5, 10, 20])
def test_uniform_over_k_has_confidence_ln_k(k):
    found = token_confidence(np.full((3, k), -math.log(k)))
    assert found == pytest.approx([math.log(k)] * 3)


@given(st.lists(st.floats(-30, 30), min_size=6, max_size=6), st.integers(2, 6))
def test_no_distribution_has_less_confidence_than_ln_k(logits, k):
    logprobs = np.sort(log_softmax(np.array([logits])))[:, ::-1]
    assert token_confidence(logprobs[:, :k])[0] >= math.log(k) - 1e-9


@given(st.lists(st.floats(-30, 30), min_size=6, max_size=6))
def test_with_k_the_vocabulary_it_is_ln_v_plus_kl_of_the_uniform(logits):
    logprobs = log_softmax(np.array([logits]))
    kl = (1 / 6 * (np.log(1 / 6) - logprobs)).sum()
    assert token_confidence(logprobs)[0] == pytest.approx(math.log(6) + kl)


def test_peaked_is_high_and_with_k_of_1_low():
    # The second distribution is the first with its logits doubled.
    flat, peaked = (log_softmax(s * np.array([[3.0, 2.0, 1.0, 0.0]])) for s in (1, 2))
    assert token_confidence(peaked) > token_confidence(flat)
    assert token_confidence(peaked[:, :1]) < token_confidence(flat[:, :1])


def test_an_unlikely_draw_does_not_raise_confidence():
    """vLLM returns 21 entries there; the k likeliest are the same whichever token was drawn."""
    scores = made_scores()
    assert scores.top is not None
    assert scores.top.values.shape[1] == SETTINGS.top_logprobs
    assert not np.isin(scores.logprob.values, scores.top.values).all()
    found = confidence_of(scores, SETTINGS)
    assert found.values == pytest.approx(-scores.top.values.mean(axis=1), rel=1e-6)


def test_fewer_than_stored_are_the_first_ones():
    scores = made_scores()
    assert scores.top is not None
    found = confidence_of(scores, SETTINGS.model_copy(update={"top_logprobs": 3}))
    assert found.values == pytest.approx(-scores.top.values[:, :3].mean(axis=1), rel=1e-6)


def test_a_ruled_out_token_counts_as_the_floor_and_without_one_is_infinite():
    top = np.array([[-0.5, -np.inf], [-0.5, -40.0]], dtype=np.float32)
    assert token_confidence(top).tolist() == [math.inf, 20.25]
    assert token_confidence(top, floor=-15.0).tolist() == [7.75, 7.75]  # (0.5 + 15) / 2


def test_only_tiny_vocabularies_have_a_floor_that_is_felt():
    assert floor_of(98) == floor_of(999) == TINY_FLOOR == -15
    assert floor_of(1000) == floor_of(151_936) == FLOOR == -100


def test_missing_stays_missing_under_a_floor():
    assert np.isnan(token_confidence(np.array([[np.nan, -1.0]]), floor=-15.0))


def test_tokens_across_chunks_are_those_of_one():
    top = -derive_rng(0, "test", "chunks").exponential(3, (2**16 + 5, 3)).astype(np.float32)
    assert token_confidence(top) == pytest.approx(-top.mean(axis=1, dtype=float), rel=1e-12)


def test_groups_of_a_small_trace_by_hand():
    confidence = of([1, 2, 6, 3], [8, 4])
    # Windows of 3: (1+2+6)/3 = 3 and (2+6+3)/3 = 11/3; the second trace is shorter: its mean, 6.
    assert group_confidence(confidence, 3).values == pytest.approx([3, 11 / 3, 6])
    assert lowest_confidence(confidence, 3) == pytest.approx([3, 6])
    assert bottom_confidence(confidence, 3) == pytest.approx([3, 6])  # at least one group
    assert tail_confidence(confidence, 3) == pytest.approx([11 / 3, 6])


def test_bottom_is_the_mean_of_a_tenth_of_the_groups():
    # Tokens 0 … 30 in windows of 1 are 31 groups; the lowest 3 are 0, 1 and 2.
    assert bottom_confidence(of(range(31)), 1) == pytest.approx([1])


@given(TRACES, st.integers(1, 12))
def test_group_statistics_are_those_of_the_published_formulas(traces, window):
    confidence = of(*traces)
    for i, row in enumerate(traces):
        n = min(window, len(row))
        means = [sum(row[j : j + n]) / n for j in range(len(row) - n + 1)]
        lowest = sorted(means)[: max(1, int(0.1 * len(means)))]
        mine = [
            found[i]
            for found in (
                lowest_confidence(confidence, window),
                bottom_confidence(confidence, window),
                tail_confidence(confidence, window),
            )
        ]
        wanted = [min(means), sum(lowest) / len(lowest), sum(row[-n:]) / n]
        assert mine == pytest.approx(wanted, abs=1e-9)


@given(TRACES, st.integers(1, 12))
def test_lowest_bottom_and_mean_come_in_that_order(traces, window):
    confidence = of(*traces)
    lowest, bottom = lowest_confidence(confidence, window), bottom_confidence(confidence, window)
    assert (lowest <= bottom + 1e-9).all()
    assert (bottom <= group_confidence(confidence, window).mean() + 1e-9).all()


def test_a_step_is_the_mean_of_its_tokens():
    step = Ragged.of_rows([np.array([-1, 0, 0, 2, -1]), np.array([], dtype=int), np.array([0])])
    means = step_means(of([9, 1, 2, 4, 9], [], [5]), step, np.array([3, 2, 1]))
    assert means.lengths.tolist() == [3, 2, 1]
    assert means.values == pytest.approx([1.5, math.nan, 4, math.nan, math.nan, 5], nan_ok=True)
    assert lowest_step(means, step) == pytest.approx([1.5, math.nan, 5], nan_ok=True)


def test_a_missing_number_is_no_step_without_tokens():
    step = Ragged.of_rows([np.array([0, 1])])
    means = step_means(of([math.nan, 2]), step, np.array([2]))
    assert np.isnan(lowest_step(means, step)).all()


def test_signals_are_their_formulas_trace_by_trace():
    scores = made_scores()
    confidence = confidence_of(scores, SETTINGS)
    found = {
        signal.name: signal.compute(scores, SETTINGS).trace
        for signal in (MEAN, BOTTOM_10, LOWEST, TAIL, LOWEST_STEP)
    }
    for i in np.flatnonzero(scores.logprob.lengths):
        row, step = confidence.row(i), scores.step.row(i)
        means = [row[j : j + 4].mean() for j in range(max(1, len(row) - 3))]
        steps = [row[step == s].mean() for s in set(step.tolist()) - {-1}]
        wanted = {
            "confidence": row.mean(),
            "confidence-bottom10": np.mean(sorted(means)[: max(1, len(means) // 10)]),
            "confidence-lowest": min(means),
            "confidence-tail": row[-6:].mean(),
            "confidence-step": min(steps, default=math.nan),
        }
        mine = {name: values[i] for name, values in found.items()}
        assert mine == pytest.approx(wanted, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("mean_length", "window"),
    [(400, 60), (100, 15), (20, 8), (0, 8), (math.nan, 8), (13_650, 2048), (1e9, 2048)],
)
def test_auto_is_a_share_of_the_mean_trace_within_bounds(mean_length, window):
    assert window_of(resolve(SignalSettings(), mean_length)) == (window, window)


def test_what_is_set_is_not_resolved():
    assert window_of(resolve(SignalSettings(window=30), 400)) == (30, 30)
    assert window_of(resolve(SignalSettings(window=30, tail=7), 400)) == (30, 7)
    assert window_of(resolve(SignalSettings(tail=7), 400)) == (60, 7)


def test_an_unresolved_window_is_refused():
    with pytest.raises(ConfigError) as error:
        LOWEST.compute(made_scores(), SignalSettings(top_logprobs=5, tail=9))
    assert str(error.value) == (
        "the window of group confidence is not known yet\n"
        "  expected: signals.window and signals.tail in tokens\n"
        "  found: window auto, tail 9\n"
        "  do: resolve them from the whole pool: "
        "titrant.signals.confidence.resolve(settings, mean)"
    )
