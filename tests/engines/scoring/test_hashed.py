"""The fake's numbers are exact sums over its vocabulary."""

import numpy as np

from titrant.engines.base import Branch, ScoreRequest
from titrant.engines.fake import VOCAB, FakeEngine
from titrant.engines.scoring.hashed import WIDTH, hashed


def score(request):
    ((_, found),) = FakeEngine().score([request])
    return found


def test_moments_are_those_of_all_tokens():
    found = score(ScoreRequest("q", "abc", top_logprobs=VOCAB))
    logprobs = found.top_logprobs.astype(float)
    p = np.exp(logprobs)
    mean = (p * logprobs).sum(1)
    np.testing.assert_allclose(found.variance, (p * logprobs**2).sum(1) - mean**2, atol=1e-5)
    np.testing.assert_allclose(found.vocab_mean, logprobs.mean(1), atol=1e-5)


def test_a_branch_is_what_a_request_of_its_own_gives():
    found = score(ScoreRequest("q", "aé b", branches=(Branch(2, "xy"), Branch(0, "z"))))
    own = score(ScoreRequest("qaé", "xy"))
    np.testing.assert_array_equal(found.branches[0].logprobs, own.logprobs)
    assert found.branches[0].token_ends.tolist() == [1, 2]


def test_states_know_their_token_and_all_before_it():
    a, b = (hashed("q", tokens, scripted=()).states for tokens in ((97, 98), (97, 99)))
    np.testing.assert_array_equal(a[0], b[0])
    assert not np.array_equal(a[1], b[1])
    assert a.shape == (2, WIDTH)
    assert ((a >= 0) & (a <= 1)).all()


def test_hidden_means_by_hand():
    states = hashed("q", tuple(b"abcd"), scripted=()).states
    found = score(ScoreRequest("q", "abcd", spans=((1, 3), (4, 4)), with_hidden=True))
    np.testing.assert_allclose(found.hidden[1], states[1:3].mean(0), atol=1e-7)
    assert np.isnan(found.hidden[2]).all()


def test_branches_count_for_the_context():
    engine = FakeEngine(context_tokens=6)
    ((_, found),) = engine.score([ScoreRequest("ab", "cde", branches=(Branch(1, "fghi"),))])
    assert found.error == "7 tokens do not fit the context of 6"  # ab c fghi
