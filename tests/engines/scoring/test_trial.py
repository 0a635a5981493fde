"""Trials: made once, at the length that is needed, and failing is an answer."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytestmark = pytest.mark.train

from titrant.engines.scoring.plan import Way  # noqa: E402
from titrant.engines.scoring.trial import Trials  # noqa: E402


class Model:
    """Right about branches up to a length, and counting."""

    def __init__(self, reach=2**30, off=1.0, error=None):
        self.reach, self.off, self.error = reach, off, error
        self.lengths = []

    def __call__(self, batch, way):
        logprobs = np.full(7, -2.0, dtype=np.float32)
        if way == Way():
            return logprobs
        self.lengths.append(max(row.n_reached for row in batch))
        if self.error:
            raise self.error
        return logprobs if self.lengths[-1] <= self.reach else logprobs + self.off


def trials(model, context=None, *, is_half=False):
    return Trials(model, 50, context_tokens=context, is_half=is_half)


def test_a_trial_is_made_at_the_next_power_of_two_and_once():
    model = Model()
    found = trials(model)
    assert [found.can_chunk_branches(n) for n in (40, 33, 64, 5)] == [True] * 4
    assert model.lengths == [64]
    assert found.can_chunk_branches(65)
    assert model.lengths == [64, 128]


def test_a_trial_stays_inside_the_context():
    model = Model()
    assert trials(model, 100).can_chunk_branches(70)
    assert model.lengths == [100]


def test_a_window_between_the_length_and_the_next_power_is_no_obstacle():
    model = Model(reach=80)
    found = trials(model)
    assert found.can_chunk_branches(70)
    assert not found.can_chunk_branches(90)
    assert not found.can_chunk_branches(100)  # known from 90 on
    assert found.can_chunk_branches(60)
    assert model.lengths == [128, 70, 128, 90]


def test_a_model_that_refuses_cannot():
    assert not trials(Model(error=ValueError("no such mask"))).can_chunk_branches(40)
    assert not trials(Model(error=TypeError("no cache"))).can_share_prefixes()


def test_an_error_that_is_not_the_models_comes_through():
    with pytest.raises(KeyError):
        trials(Model(error=KeyError("ours"))).can_share_prefixes()


def test_half_precision_may_differ_by_hundredths():
    assert not trials(Model(reach=0, off=0.01)).can_share_prefixes()
    assert trials(Model(reach=0, off=0.01), is_half=True).can_share_prefixes()
    assert not trials(Model(reach=0, off=0.2), is_half=True).can_share_prefixes()


def test_no_two_places_of_a_trial_hold_the_same_tokens():
    batches = []

    def logprobs(batch, way):
        batches.append(batch)
        return np.zeros(7, dtype=np.float32)

    assert trials(logprobs).can_chunk_branches(64)
    for row in batches[0]:
        places = [tuple(twig.ids) for twig in row.twigs] + [tuple(row.prefix_ids[:4])]
        assert len(set(places)) == len(places)
