"""The transformers engine against transformers itself, and at the edges of memory and context."""

import copy
import math

import numpy as np
import pytest

from titrant.engines.base import Branch, Request, ScoreRequest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytestmark = pytest.mark.train

from transformers import LlamaForCausalLM  # noqa: E402

from titrant.engines.drawing.choose import Sampling, Wanted, choose  # noqa: E402
from titrant.engines.drawing.rows import stop_ids  # noqa: E402
from titrant.engines.forcing import Forcer  # noqa: E402
from titrant.engines.forward import ForwardPass, top_k  # noqa: E402
from titrant.engines.scoring.rows import Forcible, Twig  # noqa: E402
from titrant.engines.transformers import TransformersEngine  # noqa: E402

PROMPTS = ["1+2=", "x", "a longer prompt than the others", "so it is", "(((", "7*8-9\n"]


def draw(engine, requests):
    results = dict(engine.generate(requests))
    return [results[i] for i in range(len(requests))]


class SmallMemory(LlamaForCausalLM):
    """Runs out of memory over so many rows, and counts how often."""

    most_rows = 3
    failures = 0

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        logits_to_keep=0,
        **kwargs,
    ):
        if len(input_ids) > self.most_rows:
            type(self).failures += 1
            msg = "CUDA out of memory"
            raise torch.OutOfMemoryError(msg)
        return super().forward(
            input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            logits_to_keep=logits_to_keep,
            **kwargs,
        )


@pytest.fixture
def small(tiny, monkeypatch):
    """The same weights on a machine with little memory."""
    monkeypatch.setattr(SmallMemory, "failures", 0)
    model = SmallMemory(tiny[0].config)
    model.load_state_dict(tiny[0].state_dict())
    return TransformersEngine(model, tiny[1])


def test_greedy_tokens_are_those_of_generate(tiny, tiny_engine):
    model, tokenizer = tiny
    limits = [40, 3, 17, 25, 40, 9]
    results = draw(tiny_engine, [Request(p, n) for p, n in zip(PROMPTS, limits, strict=True)])
    for prompt, limit, result in zip(PROMPTS, limits, results, strict=True):
        ids = torch.tensor([tokenizer(prompt).input_ids])
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=limit,
            do_sample=False,
        )
        assert list(result.token_ids) == out[0, ids.shape[1] :].tolist()


def test_logprobs_and_entropy_are_those_of_the_model(tiny, tiny_engine):
    model, tokenizer = tiny
    ((_, score),) = tiny_engine.score([ScoreRequest("1+2=", "3\nso", top_logprobs=4)])
    ids = torch.tensor([tokenizer("1+2=3\nso").input_ids])
    with torch.no_grad():
        logprobs = model(ids).logits[0].log_softmax(-1)[3:-1]  # positions 3 … 6 decide 4 … 7
    expected = logprobs.gather(1, ids[0, 4:, None])[:, 0]
    np.testing.assert_allclose(score.logprobs, expected, rtol=0, atol=1e-5)
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    np.testing.assert_allclose(score.entropy, entropy, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(score.top_ids, logprobs.topk(4).indices)


def test_thinking_tags_stay_in_the_text_and_the_stop_token_goes(tiny):
    model, tokenizer = tiny
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<think>"]})
    special = tokenizer.convert_tokens_to_ids("<think>")
    assert tokenizer.decode([special], skip_special_tokens=True) == ""
    requests = [Request("a", 40, temperature=1.5, seed=seed) for seed in range(60)]
    results = draw(TransformersEngine(model, tokenizer), requests)
    thinking = [r for r in results if special in r.token_ids]
    stopped = [r for r in results if r.stop_reason == "stop"]
    assert thinking
    assert stopped
    assert all("<think>" in r.text for r in thinking)
    assert all(r.token_ids[-1] == tokenizer.eos_token_id for r in stopped)
    assert all("<eos>" not in r.text for r in stopped)
    assert all(len(r.logprobs) == r.n_tokens for r in stopped)


def test_batch_that_does_not_fit_is_halved(small, tiny_engine):
    requests = [Request(p, 10) for p in PROMPTS * 2]
    roomy = draw(tiny_engine, requests)
    assert [r.text for r in draw(small, requests)] == [r.text for r in roomy]
    # 12 rows fail, then 6; 3 of the longest fit. Of the shorter ones more would have room in as many
    # tokens, but this memory counts rows, so that fails once more.
    assert SmallMemory.failures == 3
    scores = dict(small.score([ScoreRequest(p, "12") for p in PROMPTS]))
    assert all(score.error is None for score in scores.values())


def test_request_that_does_not_fit_alone_is_an_error_result(small, monkeypatch):
    monkeypatch.setattr(SmallMemory, "most_rows", 0)
    (result,) = draw(small, [Request("a", 4)])
    assert result.error == "the device has not enough memory for this request, even alone"
    ((_, score),) = small.score([ScoreRequest("a", "b")])
    assert score.error == result.error


def test_draw_ends_at_the_context_and_says_length(tiny_engine):
    assert tiny_engine.context_tokens == 128
    fits, over = draw(tiny_engine, [Request("so" * 60, 50), Request("1" * 128, 50)])
    assert (fits.stop_reason, fits.n_tokens, fits.n_prompt_tokens) == ("length", 8, 120)
    assert over.error == "129 tokens do not fit the model's context of 128"


def test_empty_prompt_without_bos_is_an_error_result(tiny_engine):
    (result,) = draw(tiny_engine, [Request("", 4)])
    assert (
        result.error == "the prompt has no token to start from, and the tokenizer has no BOS token"
    )
    ((_, score),) = tiny_engine.score([ScoreRequest("", "ab", top_logprobs=2)])
    assert math.isnan(score.logprobs[0])
    assert score.top_ids[0].tolist() == [-1, -1]
    ((_, lone),) = tiny_engine.score([ScoreRequest("", "a")])
    assert lone.logprobs.shape == (1,)
    assert math.isnan(lone.logprobs[0])


def test_diverged_model_gives_error_results(tiny):
    model = LlamaForCausalLM(tiny[0].config)
    with torch.no_grad():
        model.model.norm.weight.fill_(math.nan)
    requests = [Request(p, 4, stop=stop) for p in PROMPTS for stop in ((), ("zz",))]
    results = draw(TransformersEngine(model, tiny[1]), requests)
    assert {r.error for r in results} == {
        "the model gave logits that are not finite (NaN or infinite)"
    }


def test_requests_of_one_prefix_pass_it_once(tiny, monkeypatch):
    """Few different prefixes of 60 tokens before short texts: the prices say share."""
    engine = TransformersEngine(*tiny)
    fed = []
    handle = tiny[0].model.register_forward_pre_hook(
        lambda _, __, kwargs: fed.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    requests = [ScoreRequest(prefix * 60, text) for text in ("ab", "cd", "ef") for prefix in "xy"]
    engine._forcer.prices()
    fed.clear()
    scores = dict(engine.score(requests))
    handle.remove()
    assert fed == [(2, 60), (6, 2)]
    assert all(score.error is None for score in scores.values())


def test_requests_without_a_shared_prefix_are_passed_whole(tiny):
    engine = TransformersEngine(*tiny)
    fed = []
    handle = tiny[0].model.register_forward_pre_hook(
        lambda _, __, kwargs: fed.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    list(engine.score([ScoreRequest("ab" + c, "12345") for c in "xyz"]))
    handle.remove()
    # 5 tokens find out how the output layer is to be used (three passes), then the batch
    assert fed[-1] == (3, 8)
    assert set(fed[:-1]) == {(1, 5)}


def test_branches_start_behind_the_token_that_they_cut(tiny):
    tokenizer = copy.deepcopy(tiny[1])
    tokenizer.add_tokens(["12345"])
    model = copy.deepcopy(tiny[0])
    model.resize_token_embeddings(len(tokenizer))
    engine = TransformersEngine(model, tokenizer)
    branches = tuple(Branch(at, "so") for at in (2, 3, 6, 7))
    ((_, score),) = engine.score([ScoreRequest("a", "x 12345y", branches=branches)])
    assert score.token_ends.tolist() == [1, 2, 7, 8]
    # 3 and 6 lie inside the token that ends at 7
    for left, right in ((1, 2), (2, 3)):
        a, b = score.branches[left].logprobs, score.branches[right].logprobs
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
    assert abs(score.branches[0].logprobs - score.branches[1].logprobs).max() > 1e-3


def test_hidden_states_are_what_goes_into_the_output_layer(tiny, tiny_engine):
    model, tokenizer = tiny
    request = ScoreRequest("1+2=", "3\nso", spans=((0, 2), (2, 4)), with_hidden=True)
    ((_, score),) = tiny_engine.score([request])
    ids = torch.tensor([tokenizer("1+2=3\nso").input_ids])
    with torch.no_grad():
        states = model(ids, output_hidden_states=True).hidden_states[-1][0]
    expected = [states[4:].mean(0), states[4:6].mean(0), states[6:].mean(0)]
    np.testing.assert_allclose(score.hidden, torch.stack(expected), rtol=0, atol=1e-5)


def test_long_prefix_is_scored_on_request(tiny, tiny_engine):
    model, tokenizer = tiny
    ((_, score),) = tiny_engine.score([ScoreRequest("1+2=", "3", with_prefix=True)])
    ids = torch.tensor([tokenizer("1+2=").input_ids])
    with torch.no_grad():
        logprobs = model(ids).logits[0].log_softmax(-1)[:-1].gather(1, ids[0, 1:, None])[:, 0]
    assert math.isnan(score.prefix_logprobs[0])
    np.testing.assert_allclose(score.prefix_logprobs[1:], logprobs, rtol=0, atol=1e-5)


def test_branch_over_the_context_names_its_length(tiny_engine):
    request = ScoreRequest("a" * 100, "b" * 20, branches=(Branch(10, "c" * 19),))
    ((_, score),) = tiny_engine.score([request])
    assert score.error == "129 tokens do not fit the model's context of 128"


def test_scores_of_a_batch_that_does_not_fit_are_those_of_its_halves(small, tiny_engine):
    requests = [
        ScoreRequest("1+2=", text, branches=(Branch(1, "so"),), with_hidden=True)
        for text in ("12", "123", "1234", "ab", "abc")
    ]
    roomy, tight = (dict(engine.score(requests)) for engine in (tiny_engine, small))
    assert SmallMemory.failures > 0
    for i, score in roomy.items():
        np.testing.assert_allclose(tight[i].logprobs, score.logprobs, rtol=0, atol=1e-4)
        np.testing.assert_allclose(tight[i].hidden, score.hidden, rtol=0, atol=1e-4)
        np.testing.assert_allclose(
            tight[i].branches[0].logprobs, score.branches[0].logprobs, rtol=0, atol=1e-4
        )


def test_top_k_has_the_greedy_token_among_ties():
    logits = torch.zeros(1, 50)  # all tie
    logits[0, 7] = -1.0
    ids, logprobs = top_k(logits, 3)
    assert ids[0, 0] == logits.argmax()
    assert len(set(ids[0].tolist())) == 3
    # 49 tokens with weight 1 and one with exp(-1)
    expected = -math.log(49 + math.exp(-1))
    np.testing.assert_allclose(logprobs, [[expected] * 3], rtol=1e-6)


FIRST = np.zeros(1, dtype=np.int64)


def sampling(temperature, top_p, uniform):
    columns = (torch.tensor([x]) for x in (temperature, top_p, [uniform]))
    return Sampling(*columns, cuts=top_p < 1)


@pytest.mark.parametrize(
    ("u", "top_p", "token"),
    [
        # probabilities 0.5, 0.2, 0.3: cumulative 0.5, 0.7, 1.0
        (0.49, 1.0, 0),
        (0.51, 1.0, 1),
        (0.69, 1.0, 1),
        (0.71, 1.0, 2),
        (0.9999, 1.0, 2),
        # top_p 0.6 keeps tokens 0 and 2: 0.5 / 0.8 = 0.625
        (0.62, 0.6, 0),
        (0.63, 0.6, 2),
        # top_p 0.5 keeps token 0 alone
        (0.9999, 0.5, 0),
    ],
)
def test_draw_inverts_the_cumulative_distribution(u, top_p, token):
    logits = torch.tensor([[0.5, 0.2, 0.3]]).log()
    step = choose(logits, sampling(1.0, top_p, u), FIRST, Wanted())
    assert step.ids.tolist() == [token]
    # the logprob is the model's own, whatever the cut
    assert step.logprobs[0] == pytest.approx(math.log([0.5, 0.2, 0.3][token]), abs=1e-6)


def test_temperature_sharpens_the_draw():
    logits = torch.tensor([[0.5, 0.2, 0.3]]).log()
    # squared and normalised: 0.25, 0.04, 0.09 over 0.38: the first takes 0.658
    assert choose(logits, sampling(0.5, 1.0, 0.65), FIRST, Wanted()).ids.tolist() == [0]
    assert choose(logits, sampling(0.5, 1.0, 0.67), FIRST, Wanted()).ids.tolist() == [1]


def test_draws_follow_the_distribution_of_the_model(tiny, tiny_engine):
    """4,000 first tokens against the model's probabilities: chi-square over the frequent ones."""
    model, tokenizer = tiny
    n = 4000
    requests = [Request("ab", 1, temperature=1.0, seed=seed) for seed in range(n)]
    engine = TransformersEngine(model, tokenizer)
    counts = np.bincount([r.token_ids[0] for r in draw(engine, requests)], minlength=101)
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer("ab").input_ids])).logits[0, -1]
    expected = logits.softmax(-1).numpy() * n
    frequent = expected >= 10
    chi2 = ((counts - expected) ** 2 / expected)[frequent].sum()
    freedom = int(frequent.sum())
    assert freedom > 10
    # mean k and standard deviation sqrt(2k): five of them are beyond chance
    assert chi2 < freedom + 5 * math.sqrt(2 * freedom)


def test_stop_ids_are_those_that_the_tokenizer_knows(tiny):
    model, tokenizer = tiny
    eos, tag = tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("</think>")
    letter = tokenizer.convert_tokens_to_ids("a")
    before = model.generation_config.eos_token_id
    try:
        model.generation_config.eos_token_id = [eos, tag, letter]
        # a letter as end token is a config that was never adapted to its tokenizer
        assert stop_ids(model, tokenizer) == {eos, tag}
        model.generation_config.eos_token_id = letter
        assert stop_ids(model, tokenizer) == {eos}
    finally:
        model.generation_config.eos_token_id = before


def test_half_precision_says_that_seeds_hold_only_with_their_batch(tiny):
    model = copy.deepcopy(tiny[0]).to(torch.bfloat16)
    engine = TransformersEngine(model, tiny[1], model_name="half")
    assert (engine.info.dtype, engine.info.honours_seed) == ("bfloat16", "batch")
    results = draw(engine, [Request(p, 8, top_logprobs=2) for p in PROMPTS])
    assert all(r.top_ids[:, 0].tolist() == list(r.token_ids) for r in results)


@pytest.fixture
def absolute(tiny):
    """A model with absolute positions, where left padding without positions would be wrong."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=101, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.3
    )
    return GPT2LMHeadModel(config), tiny[1]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("wraps", [False, True], ids=["bare", "peft"])
def test_absolute_positions_survive_padding(absolute, wraps):
    """A PEFT wrapper's forward takes anything, so its base is asked what it takes."""
    from peft import LoraConfig, get_peft_model

    model, tokenizer = absolute
    config = LoraConfig(target_modules="all-linear", r=2, fan_in_fan_out=True)
    engine = TransformersEngine(get_peft_model(model, config) if wraps else model, tokenizer)
    requests = [Request(p, 12) for p in PROMPTS]
    together = [r.text for r in draw(engine, requests)]
    assert together == [draw(engine, [request])[0].text for request in requests]


def test_recurrent_layers_are_scored_whole():
    """Jamba's cache cannot be continued by several tokens at once; branches are passed one by one."""
    from transformers import JambaConfig, JambaForCausalLM

    torch.manual_seed(0)
    config = JambaConfig(
        vocab_size=101,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_experts=2,
        attn_layer_period=2,
        attn_layer_offset=1,
        mamba_d_state=8,
        use_mamba_kernels=False,
        initializer_range=0.3,
    )
    model = JambaForCausalLM(config).eval()
    ids = torch.arange(5, 35)[None]
    with torch.no_grad():
        logprobs = model(ids, use_cache=False).logits[0].log_softmax(-1)[4:-1]
    row = Forcible(ids[0, :5].tolist(), ids[0, 5:].tolist(), twigs=(Twig(3, [7, 8, 9]),))
    (forced,) = Forcer(ForwardPass(model), elements=101 * 6).force([row])
    expected = logprobs.gather(1, ids[0, 5:, None])[:, 0]
    np.testing.assert_allclose(forced.logprobs, expected, rtol=0, atol=1e-4)
    branch = torch.cat([ids[0, :8], torch.tensor([7, 8, 9])])[None]
    with torch.no_grad():
        logprobs = model(branch, use_cache=False).logits[0].log_softmax(-1)[7:-1]
    expected = logprobs.gather(1, branch[0, 8:, None])[:, 0]
    np.testing.assert_allclose(forced.twigs[0], expected, rtol=0, atol=1e-4)
