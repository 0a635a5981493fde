"""Needs are checked before any work, and what comes out is finite or NaN."""

import dataclasses
from typing import get_args

import numpy as np
import pytest

from titrant.errors import ConfigError
from titrant.signals.base import Needs, Values
from titrant.signals.compute import compute, kept_by, require_needs
from titrant.signals.confidence import MEAN
from titrant.signals.gain import CODE
from titrant.signals.length import LENGTH
from titrant.signals.ragged import Ragged
from titrant.testing.signals import SETTINGS, keep_only, made_scores


def test_what_the_pass_did_not_keep_is_named():
    bare = keep_only(made_scores(), frozenset({"question"}))
    with pytest.raises(ConfigError) as error:
        compute(CODE, bare, SETTINGS)
    assert str(error.value) == (
        "the signal gain-code cannot be computed from these scores\n"
        "  expected: a pass that kept answers, question\n"
        "  found: one without answers\n"
        "  do: pass the pool again with this signal among the wanted ones: titrant score --signals gain-code"
    )


def test_everything_kept_is_known():
    assert kept_by(made_scores()) == set(get_args(Needs))
    assert kept_by(keep_only(made_scores(), frozenset())) == set()
    require_needs(LENGTH, keep_only(made_scores(), frozenset()))


def test_answers_without_their_lead_in_are_not_kept():
    assert "answers" not in kept_by(dataclasses.replace(made_scores(), n_lead=None))


def test_fewer_likeliest_tokens_than_wanted_are_refused():
    with pytest.raises(ConfigError) as error:
        compute(MEAN, made_scores(), SETTINGS.model_copy(update={"top_logprobs": 20}))
    assert str(error.value) == (
        "the signal confidence cannot be computed from these scores\n"
        "  expected: a pass that kept the 20 likeliest tokens (signals.top_logprobs)\n"
        "  found: one that kept 5\n"
        "  do: set signals.top_logprobs to 5, or pass the pool again: titrant score --signals confidence"
    )


def test_a_whole_vocabulary_is_enough():
    scores = dataclasses.replace(made_scores(), vocab=5)
    compute(MEAN, scores, SETTINGS.model_copy(update={"top_logprobs": 20}))


def infinite(scores, _):
    """Infinite everywhere."""
    n = int(scores.n_steps.sum())
    steps = Ragged.of_rows([np.full(k, -np.inf) for k in scores.n_steps])
    assert len(steps.values) == n
    return Values(np.full(len(scores.uids), np.inf), steps)


def test_infinite_values_cannot_be_ranked():
    found = compute(dataclasses.replace(LENGTH, compute=infinite), made_scores(), SETTINGS)
    assert found.steps is not None
    assert np.isnan(found.trace).all()
    assert np.isnan(found.steps.values).all()


def test_a_signal_of_another_shape_is_a_fault_of_its_author():
    short = dataclasses.replace(LENGTH, compute=lambda scores, _: Values(np.zeros(3)))
    with pytest.raises(ValueError, match=r"length gives values of shape \(3,\), not \(8,\)"):
        compute(short, made_scores(), SETTINGS)
    steps = Ragged.of_rows([np.zeros(1)])
    odd = dataclasses.replace(LENGTH, compute=lambda scores, _: Values(np.zeros(8), steps))
    with pytest.raises(ValueError, match="length does not give one value per step"):
        compute(odd, made_scores(), SETTINGS)
