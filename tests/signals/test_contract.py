"""All registered signals hold to one contract, and the contract sees what breaks it."""

import dataclasses

import numpy as np
import pytest

from titrant.signals.base import Signal, Values, signals
from titrant.signals.length import LENGTH
from titrant.signals.ragged import Ragged
from titrant.testing.signals import (
    SETTINGS,
    SIGNAL_CHECKS,
    check_signal,
    made_scores,
    take_traces,
)


@pytest.mark.parametrize("check", SIGNAL_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("name", signals.names())
def test_signal_holds_to(check, name):
    check.run(signals.get(name))


@pytest.mark.parametrize("name", signals.names())
def test_signal_bears_the_name_that_it_is_registered_under(name):
    assert signals.get(name).name == name


@pytest.mark.parametrize("name", signals.names())
def test_neighbours_change_no_bit_of_a_value(name):
    signal, scores = signals.get(name), made_scores()
    together = signal.compute(scores, SETTINGS)
    order = [7, 3, 0, 5, 1]
    found = signal.compute(take_traces(scores, order), SETTINGS)
    assert np.array_equal(found.trace, together.trace[order], equal_nan=True)


def test_the_whole_suite_passes_at_once():
    check_signal(LENGTH)


def broken(compute, **changes) -> Signal:
    compute.__doc__ = compute.__doc__ or "A fault."
    return dataclasses.replace(LENGTH, compute=compute, **changes)


def lengths(scores) -> np.ndarray:
    return np.where(scores.logprob.lengths > 0, scores.logprob.lengths, np.nan)


def of_the_pool(scores, _):
    return Values(lengths(scores) / np.nansum(lengths(scores)))


def by_position(scores, _):
    return Values(lengths(scores) + np.arange(len(scores.uids)))


def zero_for_nothing(scores, _):
    return Values(scores.logprob.lengths.astype(float))


def missing_passed_over(scores, _):
    found = scores.logprob.finite().sum()
    return Values(np.where(scores.logprob.lengths > 0, found, np.nan))


def undeclared_top(scores, _):
    return Values(lengths(scores) + (scores.top is not None))


def writing(scores, _):
    scores.logprob.values[:1] = 0
    return Values(lengths(scores))


def misaligned(scores, _):
    rows = [np.zeros(n) for n in scores.n_steps[::-1]]
    return Values(lengths(scores), Ragged.of_rows(rows))


def in_float32(scores, _):
    return Values(lengths(scores).astype(np.float32))


def nothing(scores, _):
    return Values(np.full(len(scores.uids), np.nan))


@pytest.mark.parametrize(
    ("signal", "fact"),
    [
        (broken(of_the_pool), "trace 0 has another value alone"),
        (broken(by_position), "trace 1 has another value alone"),
        (broken(zero_for_nothing), "a trace without tokens has a value"),
        (broken(missing_passed_over), "trace 0 has a value without numbers"),
        (broken(undeclared_top), "depends on something that needs does not name"),
        (broken(writing), "logprob was written to"),
        (broken(misaligned), "steps are not those of the traces"),
        (broken(in_float32), "float32, not float64"),
        (broken(nothing), "no trace has a value"),
        (dataclasses.replace(LENGTH, version=0), "version 0 is not 1 or more"),
        (dataclasses.replace(LENGTH, unit=" "), "unit is empty"),
        (dataclasses.replace(LENGTH, needs=frozenset({"tops"})), r"no pass can meet: \['tops'\]"),
        (dataclasses.replace(LENGTH, compute=lambda scores, _: None), "no docstring"),
    ],
)
def test_the_contract_sees(signal, fact):
    with pytest.raises(AssertionError, match=fact):
        check_signal(signal)


def test_made_scores_are_real_distributions():
    scores = made_scores()
    assert scores.top is not None
    assert (np.diff(scores.top.values, axis=1) <= 0).all()
    assert (np.exp(scores.top.values).sum(axis=1) <= 1 + 1e-6).all()
    assert (scores.entropy.values <= np.log(scores.vocab) + 1e-6).all()
    assert (scores.vocab_mean.values <= -np.log(scores.vocab) + 1e-6).all()
    assert (scores.variance.values >= 0).all()
