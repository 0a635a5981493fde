"""Numbers of logits: exact moments, exact top k, whatever the blocks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the train extra")
pytestmark = pytest.mark.train

from titrant.engines.scoring.numbers import Numbers, Piece, likeliest  # noqa: E402


def filled(logits, targets, k=0, *, is_wide=True, at=None, elements=0):
    """Numbers of logits [positions, vocab], one want per position unless `at` says otherwise."""
    at = np.arange(len(targets)) if at is None else np.array(at)
    is_wide = np.broadcast_to(is_wide, len(targets))
    numbers = Numbers(np.array(targets), is_wide=is_wide, k=k, device=torch.device("cpu"))
    piece = Piece(torch.as_tensor(logits, dtype=torch.float32)[None], np.arange(len(at)), at)
    numbers.fill(piece, lambda rows: rows, vocab=len(logits[0]), elements=elements)
    return numbers


def test_moments_of_a_distribution_by_hand():
    # p = 1/2, 1/4, 1/4: logprobs −ln 2, −2 ln 2, −2 ln 2
    # entropy 1.5 ln 2; mean square 0.5 × 1 + 0.5 × 4 = 2.5, so variance (2.5 − 2.25) ln² 2
    ln2 = math.log(2)
    numbers = filled(np.log([[0.5, 0.25, 0.25]]), [1])
    logprob, entropy, variance, vocab_mean = numbers.per_token()[:, 0]
    assert logprob == pytest.approx(-2 * ln2, abs=1e-6)
    assert entropy == pytest.approx(1.5 * ln2, abs=1e-6)
    assert variance == pytest.approx(0.25 * ln2**2, abs=1e-6)
    assert vocab_mean == pytest.approx(-5 * ln2 / 3, abs=1e-6)


def test_a_flat_distribution_has_no_variance_however_large_its_logits():
    # 4,096 equal logits of 30: entropy ln 4096, every logprob −ln 4096
    logprob, entropy, variance, vocab_mean = filled(np.full((1, 4096), 30.0), [7]).per_token()[:, 0]
    assert variance == pytest.approx(0, abs=1e-9)
    assert [entropy, -logprob, -vocab_mean] == pytest.approx([math.log(4096)] * 3, abs=1e-5)


def test_a_token_of_probability_zero_takes_part_in_nothing_but_the_vocabulary_mean():
    logits = [[0.0, 0.0, -math.inf]]
    logprob, entropy, variance, vocab_mean = filled(logits, [0]).per_token()[:, 0]
    assert [logprob, entropy] == pytest.approx([-math.log(2), math.log(2)], abs=1e-6)
    assert variance == pytest.approx(0, abs=1e-9)
    assert vocab_mean == -math.inf
    assert filled(logits, [2]).per_token()[0, 0] == -math.inf


def test_logits_that_are_no_numbers_give_none():
    assert np.isnan(filled([[math.nan, 0.0, 1.0]], [1]).per_token()).all()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32), vocab=st.integers(2, 60), k=st.integers(0, 2), n=st.integers(1, 9)
)
def test_blocks_change_nothing(seed, vocab, k, n):
    rng = np.random.default_rng(seed)
    logits, targets = rng.normal(0, 3, (n, vocab)), rng.integers(0, vocab, 2 * n)
    at = rng.integers(0, n, 2 * n)  # several wants of one position, in any order
    whole, pieces = (filled(logits, targets, k, at=at, elements=e) for e in (0, 2 * vocab))
    np.testing.assert_allclose(whole.per_token(), pieces.per_token(), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(whole.top()[0], pieces.top()[0])
    logprobs = torch.from_numpy(logits).log_softmax(-1).numpy()
    np.testing.assert_allclose(whole.per_token()[0], logprobs[at, targets], rtol=0, atol=1e-5)
    alone = filled(logits, targets, is_wide=False, at=at, elements=vocab).per_token()
    assert len(alone) == 1
    np.testing.assert_allclose(alone[0], whole.per_token()[0], rtol=0, atol=1e-5)


@given(seed=st.integers(0, 2**32), n=st.integers(1, 9))
def test_wide_and_plain_wants_go_side_by_side(seed, n):
    rng = np.random.default_rng(seed)
    logits, targets = rng.normal(0, 3, (n, 30)), rng.integers(0, 30, 2 * n)
    at, is_wide = rng.integers(0, n, 2 * n), rng.random(2 * n) < 0.5
    whole, some = (
        filled(logits, targets, 2, at=at, is_wide=w, elements=60) for w in (True, is_wide)
    )
    np.testing.assert_allclose(some.per_token()[0], whole.per_token()[0], rtol=0, atol=1e-5)
    for of_some, of_whole in zip(some.per_token()[1:], whole.per_token()[1:], strict=False):
        np.testing.assert_allclose(of_some[is_wide], of_whole[is_wide], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(some.top()[0][is_wide], whole.top()[0][is_wide])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    vocab=st.integers(1, 3000),
    share=st.floats(0, 1),
    levels=st.integers(1, 4000),
)
def test_the_likeliest_are_those_of_a_search_through_all(seed, vocab, share, levels):
    """Few levels make many ties; their values must still be the largest, each from a column of its own."""
    k = max(1, min(vocab, round(share * 40)))
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.integers(0, levels, (3, vocab)).astype(np.float32))
    ids, values = likeliest(logits, k)
    torch.testing.assert_close(values, logits.topk(k).values, rtol=0, atol=0)
    torch.testing.assert_close(logits.gather(1, ids), values, rtol=0, atol=0)
    assert all(len(set(row)) == k for row in ids.tolist())
