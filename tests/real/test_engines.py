"""One contract over all real engines, and the same numbers from each."""

import numpy as np
import pytest

pytest.importorskip("vllm", reason="vLLM has an environment of its own: make test-engines")

from titrant.engines.base import Branch, Guard, Request, ScoreRequest
from titrant.errors import EngineError
from titrant.testing.engines import ENGINE_CHECKS

NAMES = ("transformers", "vllm", "openai")
BOUND = 1e-4
"""Nats: sums in another order differ by about 1e-5 in float32."""
PROMPTS = ["2+2=", "So we", "Größe 🙂", "a b\n\nc", "x" * 60, "The answer"]


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("name", NAMES)
def test_the_contract_holds(engines, name, check):
    engine = engines[name]
    if check.needs <= engine.capabilities:
        check.run(engine)


@pytest.mark.parametrize("name", NAMES[1:])
def test_greedy_draws_are_the_same(engines, name):
    requests = [Request(p, 24, top_logprobs=5, stop=stop) for p in PROMPTS for stop in ((), ("e",))]
    ours = dict(engines["transformers"].generate(requests))
    theirs = dict(engines[name].generate(requests))
    for i, result in ours.items():
        assert theirs[i].text == result.text
        assert theirs[i].stop_reason == result.stop_reason
        assert theirs[i].n_prompt_tokens == result.n_prompt_tokens
        n = min(result.n_tokens, theirs[i].n_tokens)
        np.testing.assert_allclose(theirs[i].logprobs[:n], result.logprobs[:n], atol=BOUND)
        np.testing.assert_allclose(theirs[i].top_logprobs[:n], result.top_logprobs[:n], atol=BOUND)
        assert abs(theirs[i].n_tokens - result.n_tokens) <= (1 if requests[i].stop else 0)


@pytest.mark.parametrize("name", NAMES[1:])
def test_guards_end_draws_at_the_same_token(engines, name):
    requests = [
        Request(p, 40, top_logprobs=5, guard=Guard(bar, 4))
        for p in PROMPTS
        for bar in (1.5, 2.5, 4.0)
    ]
    ours = dict(engines["transformers"].generate(requests))
    theirs = dict(engines[name].generate(requests))
    assert "weak" in {result.stop_reason for result in ours.values()}
    for i, result in ours.items():
        found = theirs[i]
        assert (found.stop_reason, found.n_tokens) == (result.stop_reason, result.n_tokens)
        if name == "openai" and result.stop_reason == "weak":
            # A busy server sends several tokens at once, and does not say which of them wrote what.
            assert result.text.startswith(found.text)
        else:
            assert found.text == result.text


@pytest.mark.parametrize("name", NAMES[1:])
def test_scores_are_the_same(engines, name):
    requests = [
        ScoreRequest(
            p, " so it is 4", top_logprobs=3, branches=(Branch(3, "!"),), with_prefix=True,
            with_distribution=False,
        )
        for p in PROMPTS
    ]  # fmt: skip
    ours = dict(engines["transformers"].score(requests))
    theirs = dict(engines[name].score(requests))
    for i, score in ours.items():
        assert theirs[i].token_ids == score.token_ids
        np.testing.assert_allclose(theirs[i].logprobs, score.logprobs, atol=BOUND)
        np.testing.assert_allclose(theirs[i].top_logprobs, score.top_logprobs, atol=BOUND)
        np.testing.assert_allclose(
            theirs[i].prefix_logprobs[1:], score.prefix_logprobs[1:], atol=BOUND
        )
        np.testing.assert_allclose(
            theirs[i].branches[0].logprobs, score.branches[0].logprobs, atol=BOUND
        )
        np.testing.assert_array_equal(theirs[i].token_ends, score.token_ends)


def test_a_server_that_is_killed_and_comes_back(engines, server):
    """Last, since it takes the server away: what was answered stays, and the same engine goes on."""
    engine, given = engines["openai"], []
    requests = [Request(f"{i}:", 60, temperature=1.0, seed=i) for i in range(60)]

    def work():
        for i, result in engine.generate(requests):
            given.append((i, result))
            if len(given) == 10:
                server.kill()

    with pytest.raises(EngineError, match="does not answer"):
        work()
    assert len(given) >= 10
    assert all(result.error is None for _, result in given)
    server.start()
    again = dict(engine.generate([requests[i] for i, _ in given]))
    assert [again[place].text for place in range(len(given))] == [r.text for _, r in given]
