"""Entropy and self-certainty against sums over whole distributions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.signals.certainty import ENTROPY, SELF_CERTAINTY, self_certainty
from titrant.signals.confidence import token_confidence
from titrant.signals.ragged import Ragged
from titrant.testing.signals import SETTINGS, made_scores

LOGITS = st.lists(st.lists(st.floats(-20, 20), min_size=5, max_size=5), min_size=1, max_size=6).map(
    np.array
)


def log_softmax(logits) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def certainty(logprobs) -> float:
    found = self_certainty(Ragged.of_rows([logprobs.mean(axis=1)]), logprobs.shape[1])
    return float(found[0])


@given(LOGITS)
def test_self_certainty_is_its_published_double_sum(logits):
    logprobs = log_softmax(logits)
    n, v = logprobs.shape
    wanted = -sum(math.log(v * p) for p in np.exp(logprobs).ravel()) / (n * v)
    assert certainty(logprobs) == pytest.approx(wanted, abs=1e-9)


@given(LOGITS)
def test_self_certainty_is_the_mean_kl_of_the_uniform_and_not_negative(logits):
    logprobs = log_softmax(logits)
    kl = (1 / 5 * (math.log(1 / 5) - logprobs)).sum(axis=1)
    assert certainty(logprobs) == pytest.approx(kl.mean(), abs=1e-9)
    assert certainty(logprobs) >= -1e-9


@given(LOGITS)
def test_confidence_over_the_whole_vocabulary_is_ln_v_more(logits):
    logprobs = log_softmax(logits)
    confidence = token_confidence(logprobs).mean()
    assert confidence == pytest.approx(math.log(5) + certainty(logprobs))


def test_uniform_has_no_certainty_and_peaked_has_much():
    assert certainty(np.full((2, 8), -math.log(8))) == pytest.approx(0, abs=1e-12)
    flat, peaked = (log_softmax(s * np.array([[3.0, 1.0, 0.0]])) for s in (1, 4))
    assert certainty(peaked) > certainty(flat)


def test_signals_are_means_over_tokens():
    scores = made_scores()
    rows = np.flatnonzero(scores.logprob.lengths)
    entropy = ENTROPY.compute(scores, SETTINGS).trace
    sure = SELF_CERTAINTY.compute(scores, SETTINGS).trace
    for i in rows:
        assert entropy[i] == pytest.approx(np.mean(scores.entropy.row(i), dtype=float))
        mean = np.mean(scores.vocab_mean.row(i), dtype=float)
        assert sure[i] == pytest.approx(-math.log(24) - mean)


def test_the_sure_end_is_preferred_by_both():
    assert (ENTROPY.prefer, SELF_CERTAINTY.prefer) == ("low", "high")
