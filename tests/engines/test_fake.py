"""The fake engine: scripts, failure modes, and probabilities that are probabilities."""

import numpy as np
import pytest

from titrant.engines.base import Request, ScoreRequest
from titrant.engines.fake import FAILURES, GARBAGE, REFUSAL, STOP, VOCAB, FakeEngine
from titrant.errors import ConfigError
from titrant.settings import BaseSettings


def draw(engine, *requests):
    results = dict(engine.generate(requests))
    return [results[i] for i in range(len(requests))]


def test_script_can_be_a_mapping():
    engine = FakeEngine({"1+1=": "2", "2+2=": "4"})
    known, unknown = draw(engine, Request("2+2=", 9), Request("3+3=", 9))
    assert (known.text, known.token_ids, known.stop_reason) == ("4", (ord("4"), STOP), "stop")
    assert (unknown.text, unknown.error) == ("", "the script has no text for this prompt")


def test_script_can_be_a_function_of_the_request():
    engine = FakeEngine(lambda request: request.prompt[::-1] + str(request.seed))
    assert draw(engine, Request("abc", 9, seed=5))[0].text == "cba5"


def test_script_can_be_a_list_among_which_prompt_and_seed_choose():
    engine = FakeEngine(["left", "right"])
    requests = [Request("ab", 9, temperature=1.0, seed=seed) for seed in range(20)]
    texts = [result.text for result in draw(engine, *requests)]
    assert set(texts) == {"left", "right"}
    assert texts == [result.text for result in draw(engine, *requests)]


def test_script_order_of_arrival_does_not_matter():
    requests = [Request("x" * i, 9) for i in range(1, 30)]
    forwards = draw(FakeEngine(), *requests)
    backwards = draw(FakeEngine(), *requests[::-1])[::-1]
    assert [r.text for r in forwards] == [r.text for r in backwards]


@pytest.mark.parametrize("mode", FAILURES)
def test_failure_modes_come_at_their_rate(mode):
    engine = FakeEngine(lambda _: "<think>\nso\n</think>\n\n42", failures={mode: 0.3})
    results = draw(engine, *(Request(f"{i}", 99) for i in range(1000)))
    share = np.mean([r.text != "<think>\nso\n</think>\n\n42" for r in results])
    # binomial with n = 1000, p = 0.3: standard deviation sqrt(0.3 * 0.7 / 1000) = 0.0145
    assert abs(share - 0.3) < 4 * 0.0145


def failed(mode):
    engine = FakeEngine(lambda _: "<think>\nso\n</think>\n\n42", failures={mode: 1.0})
    return draw(engine, Request("q", 99))[0]


def test_failures_look_like_those_of_models():
    assert failed("refusal").text == REFUSAL
    assert failed("garbage").text == GARBAGE
    assert failed("unfinished").text == "<think>\nso"
    assert failed("unfinished").stop_reason == "stop"
    # 7 + 1 + 2 + 1 + 8 + 2 + 2 = 23 bytes, of which 11 come
    assert (failed("cut_off").text, failed("cut_off").stop_reason) == ("<think>\nso\n", "length")
    error = failed("error")
    assert (error.text, error.stop_reason, error.token_ids) == ("", "error", ())
    assert error.error == "the engine did not answer in time"


def test_several_failure_modes_share_the_requests():
    engine = FakeEngine(["42"], failures={"refusal": 0.5, "garbage": 0.5})
    texts = {result.text for result in draw(engine, *(Request(f"{i}", 99) for i in range(50)))}
    assert texts == {REFUSAL, GARBAGE}


def test_unknown_failure_mode_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="unknown failure mode 'refusl'\n  do: did you mean ref"):
        FakeEngine(failures={"refusl": 0.1})
    with pytest.raises(ConfigError, match="the shares of failure modes are no shares"):
        FakeEngine(failures={"refusal": 0.7, "garbage": 0.7})


def test_probabilities_sum_to_one_and_give_the_entropy():
    ((_, score),) = FakeEngine().score([ScoreRequest("a", "any text", top_logprobs=VOCAB)])
    probabilities = np.exp(score.top_logprobs.astype(float))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    by_hand = -(probabilities * np.log(probabilities)).sum(axis=1)
    np.testing.assert_allclose(score.entropy, by_hand, rtol=1e-5)


def test_scripted_text_is_likelier_than_other_text():
    engine = FakeEngine(["the answer is 42"])
    scores = dict(
        engine.score([ScoreRequest("q", "the answer is 42"), ScoreRequest("q", "the unlikely one")])
    )
    assert scores[0].logprobs.sum() > scores[1].logprobs.sum()
    np.testing.assert_array_equal(scores[0].logprobs[:4], scores[1].logprobs[:4])  # "the "


def test_engine_loads_by_base_like_the_others():
    assert FakeEngine.load(BaseSettings(path="some/model")).info.model == "some/model"
