"""All registered engines hold to one contract."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from titrant.engines.base import Request, ScoreRequest, engines, require
from titrant.engines.fake import FakeEngine
from titrant.errors import ConfigError
from titrant.testing import ENGINE_CHECKS, check_engine
from titrant.testing.scores import SCORE_CHECKS

FAKES = {
    "fake": FakeEngine(),
    "fake-short-context": FakeEngine(context_tokens=64),
    "fake-without-context": FakeEngine(context_tokens=None),
}


@pytest.fixture(params=[*FAKES, pytest.param("transformers", marks=pytest.mark.train)])
def engine(request):
    return FAKES.get(request.param) or request.getfixturevalue("tiny_engine")


ELSEWHERE = {"openai": "engines/test_openai.py", "vllm": "real/test_engines.py"}
"""Engines whose contract needs a server or an environment of its own: where it is run."""


def test_every_registered_engine_is_under_contract():
    assert set(engines.names()) <= {*FAKES, "transformers", *ELSEWHERE}
    for name, path in ELSEWHERE.items():
        text = (Path(__file__).parents[1] / path).read_text()
        assert "ENGINE_CHECKS" in text, f"{path} does not run the contract on {name}"


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.name)
def test_engine_holds_to(check, engine):
    assert check.needs <= engine.capabilities
    check.run(engine)


def test_registry_gives_the_engine_class():
    assert engines.get("fake") is FakeEngine
    with pytest.raises(ConfigError, match="unknown engine 'fke'\n  do: did you mean fake"):
        engines.get("fke")


class GenerateOnly(FakeEngine):
    """Declares less than it inherits."""

    capabilities = frozenset({"generate"})


def test_require_refuses_what_is_not_declared():
    engine = GenerateOnly()
    require(engine, "generate")
    with pytest.raises(ConfigError) as error:
        require(engine, "score")
    assert str(error.value) == (
        "the engine fake cannot score\n"
        "  found: an engine that can generate\n"
        "  do: choose an engine with that capability: titrant doctor lists them"
    )


def test_contract_leaves_out_what_is_not_declared():
    check_engine(GenerateOnly())


class Liar(FakeEngine):
    """Breaks one fact of the contract: it forgets the last request."""

    def generate(self, requests, **more):
        yield from super().generate(requests[:-1], **more)


def test_contract_fails_on_an_engine_that_breaks_it():
    with pytest.raises(AssertionError, match="not every index came exactly once"):
        check_engine(Liar())


class Tampered(FakeEngine):
    """Scores rightly, and then changes something."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def score(self, requests):
        for i, score in super().score(requests):
            yield i, (score if score.error else replace(score, **self.change(score, requests)))


def first_branch_lost(score, _):
    return {"branches": score.branches[1:]}


def branch_from_the_end(score, _):
    return {"branches": score.branches[::-1]}


def moved(name, by):
    """A number that is off wherever it comes at all."""

    def change(score, _):
        values = getattr(score, name)
        return {} if values is None else {name: values + by}

    return change


def shared_prefix_leaks(score, requests):
    return moved("entropy", 0.01)(score, requests) if len(requests) > 9 else {}


def unasked_for(score, _):
    return {"variance": np.zeros(len(score.logprobs), np.float32)}


def hidden_of_the_position_before(score, _):
    return {"hidden": None if score.hidden is None else score.hidden * 0}


def whole_hidden_is_a_sum(score, _):
    if score.hidden is None:
        return {}
    return {"hidden": np.concatenate([score.hidden[:1] * 2, score.hidden[1:]])}


TAMPERINGS = {
    first_branch_lost: "not one score per branch",
    branch_from_the_end: "is not a score of its own",
    shared_prefix_leaks: "entropy depend on a shared prefix",
    hidden_of_the_position_before: "a state does not depend on the token",
    whole_hidden_is_a_sum: "the whole text as a span has another mean",
    unasked_for: "variance comes unasked for",
    moved("variance", 0.01): "the variance is another",
    moved("vocab_mean", -0.01): "the vocabulary mean is another",
    lambda score, _: {"token_ends": score.token_ends - 1}: "ends before it begins",
    lambda score, _: {"token_ends": score.token_ends[::-1]}: "ends fall",
    lambda score, _: {"prefix_logprobs": np.zeros(1, np.float32)}: "of a prefix has a logprob",
}


@pytest.mark.parametrize(("change", "fact"), TAMPERINGS.items(), ids=TAMPERINGS.values())
def test_contract_sees_a_wrong_number(change, fact):
    engine = Tampered(change)
    failed = []
    for check in SCORE_CHECKS:
        try:
            check(engine)
        except AssertionError as error:
            failed.append(str(error))
    assert any(fact in text for text in failed), failed


@pytest.mark.train
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(
        st.tuples(st.text("ab1+= \n", max_size=20), st.text("xy9é", max_size=30)),
        min_size=1,
        max_size=7,
    )
)
def test_batched_scores_equal_lone_ones_in_any_order(tiny_engine, texts):
    requests = [ScoreRequest(prefix, text) for prefix, text in texts]
    together = dict(tiny_engine.score(requests))
    backwards = dict(tiny_engine.score(requests[::-1]))
    for i, request in enumerate(requests):
        ((_, alone),) = tiny_engine.score([request])
        for other in (together[i], backwards[len(requests) - 1 - i]):
            np.testing.assert_allclose(other.logprobs, alone.logprobs, rtol=0, atol=1e-4)
            np.testing.assert_allclose(other.entropy, alone.entropy, rtol=0, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(
    prompts=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6),
    temperature=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 3),
)
def test_fake_results_depend_on_the_request_alone(prompts, temperature, seed):
    requests = [Request(p, 20, temperature=temperature, seed=seed) for p in prompts]
    together = dict(FakeEngine().generate(requests))
    for i, request in enumerate(requests):
        ((_, alone),) = FakeEngine().generate([request])
        assert (alone.text, alone.token_ids) == (together[i].text, together[i].token_ids)
        np.testing.assert_array_equal(alone.logprobs, together[i].logprobs)
