"""Teacher forcing in every way and architecture gives what one plain pass per text gives."""

from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytestmark = [
    pytest.mark.train,
    # transformers 5.23 warns of its own calls in some architectures.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

from architectures import MADE, VOCAB, make, plain, plain_logprobs, some  # noqa: E402

from titrant.engines.forcing import Forcer, prices_of  # noqa: E402
from titrant.engines.forward import ForwardPass  # noqa: E402
from titrant.engines.scoring.plan import Way  # noqa: E402
from titrant.engines.scoring.rows import Forcible, Twig  # noqa: E402

CAN_CHUNK = {"llama", "llama-eager", "qwen2", "qwen2-eager", "gpt-neox", "gpt-neox-eager", "gpt2"}
CAN_CHUNK |= {"cohere"}
WAYS = [Way(*both) for both in product((False, True), repeat=2)]


@pytest.fixture(scope="module", params=MADE)
def named(request):
    return request.param, make(request.param)


def batch(*, with_empty=True):
    """Rows with a shared prefix, another one, and none; branches at the ends and inside."""
    shared, other = some(14, 1), some(5, 2)
    twigs = (Twig(0, some(3, 3)), Twig(4, some(1, 4)), Twig(17, some(4, 5)), Twig(9, []))
    rows = [
        Forcible(shared, some(17, 6), 3, twigs, ((0, 4), (4, 17), (2, 2)), True, True),
        Forcible(other, some(20, 7), 2, (Twig(20, some(6, 8)),), (), True),
        Forcible(shared, some(9, 9), with_prefix=True),
        Forcible(other, [], 4, (Twig(0, some(2, 10)),), with_hidden=True),
    ]
    return [*rows, Forcible([], some(6, 11), 1, (Twig(0, some(3, 12)),))] if with_empty else rows


def near(left, right, atol=1e-4):
    np.testing.assert_allclose(left, right, rtol=0, atol=atol)


def holds(model, rows, forced):
    for row, found in zip(rows, forced, strict=True):
        prefix = list(row.prefix_ids)
        near(found.logprobs, plain_logprobs(model, prefix, list(row.ids)))
        for twig, logprobs in zip(row.twigs, found.twigs, strict=True):
            near(logprobs, plain_logprobs(model, [*prefix, *row.ids[: twig.at]], list(twig.ids)))
        if row.with_prefix:
            near(found.prefix_logprobs, plain_logprobs(model, [], prefix))
        logprobs, states = plain(model, row)
        if row.with_hidden:
            scale = float(states.abs().max())
            for mean, (a, b) in zip(found.hidden, [(0, len(row.ids)), *row.spans], strict=True):
                piece = states[len(prefix) :][a:b]
                expected = piece.mean(0) if len(piece) else torch.full_like(states[0], torch.nan)
                near(mean / scale, expected / scale)
        if row.ids and prefix:
            logprobs = logprobs[len(prefix) - 1 : -1]
            p = logprobs.exp().double()
            mean = (p * logprobs).sum(-1, keepdim=True)
            near(found.entropy, -mean[:, 0])
            near(found.variance, (p * (logprobs - mean) ** 2).sum(-1))
            near(found.vocab_mean, logprobs.mean(-1))
            near(found.top_logprobs, logprobs.topk(row.top_logprobs).values)
            ids = torch.from_numpy(found.top_ids).long()
            near(logprobs.gather(1, ids), found.top_logprobs)


def test_numbers_are_those_of_plain_passes(named):
    _, model = named
    rows = batch()
    holds(model, rows, Forcer(ForwardPass(model), context_tokens=128).force(rows))


def test_every_way_that_a_model_can_go_gives_the_same(named):
    name, model = named
    forcer = Forcer(ForwardPass(model), context_tokens=128)
    rows = batch(with_empty=False)
    for way in WAYS:
        is_able = forcer.prices() is not None or not way.shares_prefixes
        if is_able and (name in CAN_CHUNK or not way.chunks_branches):
            holds(model, rows, forcer._force(rows, way))


def test_small_blocks_and_small_masks_change_nothing(named):
    name, model = named
    # 3 positions of logits at a time; masks of 300 elements hold a branch or two
    forcer = Forcer(ForwardPass(model), context_tokens=128, elements=3 * VOCAB)
    rows = batch()
    assert forcer._chunks(rows) is (name in CAN_CHUNK)  # else every branch would go alone
    holds(model, rows, forcer.force(rows))


def test_what_a_model_can_do_is_found_out(named):
    name, model = named
    forcer = Forcer(ForwardPass(model), context_tokens=128)
    assert forcer._head.mode == {"gemma2": "through", "cohere": "through"}.get(name, "apart")
    assert forcer._chunks(batch()) is (name in CAN_CHUNK)
    assert (forcer.prices() is None) is (name == "jamba")


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "jamba"])
def test_a_model_whose_output_layer_is_unknown_passes_in_windows(name, monkeypatch):
    model = make(name)
    rows = batch()
    expected = Forcer(ForwardPass(model)).force(rows)
    monkeypatch.setattr(type(model), "get_output_embeddings", lambda _: None)
    forcer = Forcer(ForwardPass(model), elements=len(rows) * VOCAB * 7)
    assert forcer._head.mode == "whole"
    for row, other in zip(expected, forcer.force(rows), strict=True):
        near(row.logprobs, other.logprobs)
        near(row.variance, other.variance)
        for left, right in zip(row.twigs, other.twigs, strict=True):
            near(left, right)
        if row.prefix_logprobs is not None:
            near(row.prefix_logprobs, other.prefix_logprobs)
        assert other.hidden is None


def test_windows_that_see_the_output_layer_give_hidden_states_too():
    model = make("qwen2")
    rows = batch()
    forcer = Forcer(ForwardPass(model), elements=len(rows) * VOCAB * 7)
    forcer._head._mode = "whole"
    holds(model, rows, forcer.force(rows))


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_half_precision_stays_near(name):
    model = make(name)
    rows = batch()
    expected = Forcer(ForwardPass(model)).force(rows)
    forcer = Forcer(ForwardPass(model.to(torch.bfloat16)), context_tokens=128)
    assert forcer._head.mode == "apart"
    for row, other in zip(expected, forcer.force(rows), strict=True):
        # bfloat16 has 8 bits: logits near 10 are off by some hundredths
        near(row.logprobs, other.logprobs, atol=0.5)
        assert other.hidden is None or other.hidden.dtype == np.float32


def test_learned_positions_do_not_run_over_the_context():
    """Padding behind a short row with a long prefix would reach position 14 + 60."""
    model = make("gpt2")
    model.config.n_positions = 70
    model.transformer.wpe = torch.nn.Embedding.from_pretrained(model.transformer.wpe.weight[:70])
    rows = [Forcible(some(14, 1), some(3, 2)), Forcible(some(5, 3), some(60, 4))]
    holds(model, rows, Forcer(ForwardPass(model))._force(rows, Way(shares_prefixes=True)))


def test_each_token_is_passed_once():
    """28 tokens of prefixes and continuations; branches of 3, 1, 4 and 6 feed 2 + 0 + 3 + 5."""
    model = make("llama")
    shared = some(8, 1)
    twigs = (Twig(0, some(3, 3)), Twig(4, some(1, 4)), Twig(10, some(4, 5)))
    rows = [
        Forcible(shared, some(10, 6), twigs=twigs),
        Forcible(shared, some(10, 7), twigs=(Twig(5, some(6, 8)),)),
    ]
    forcer = Forcer(ForwardPass(model), context_tokens=128)
    forcer._force(rows, Way(True, True))
    fed = []
    handle = model.model.register_forward_pre_hook(
        lambda _, __, kwargs: fed.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    forcer._force(rows, Way(shares_prefixes=True, chunks_branches=True))
    handle.remove()
    assert [tuple(shape) for shape in fed] == [(1, 8), (2, 10), (2, 5)]


def test_rows_of_nothing_have_no_numbers():
    forcer = Forcer(ForwardPass(make("llama")))
    (forced,) = forcer.force([Forcible([], [], 2, with_prefix=True)])
    assert forced.logprobs.shape == forced.prefix_logprobs.shape == (0,)
    assert forced.top_ids.shape == (0, 2)


def test_a_price_is_counted_in_weights():
    model = make("llama")
    prices = prices_of(model)
    # per layer q and o 32 × 32, k and v 32 × 16, MLP 3 × 32 × 48, two norms; one norm behind
    per_layer = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48 + 2 * 32
    assert prices.weights == 2 * per_layer + 32
    assert prices.attended == 32 * 2
