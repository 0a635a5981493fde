"""The engine for servers, against a fake server on loopback: contract, failures, cancelling."""

import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("openai")
pytest.importorskip("tenacity")

from titrant.engines.base import Guard, Request
from titrant.engines.fake import FakeEngine
from titrant.engines.http import client
from titrant.engines.open import Opening
from titrant.engines.openai import OpenAIEngine
from titrant.errors import ConfigError, EngineError, MissingPackageError
from titrant.settings import BaseSettings, DecodeSettings, PromptSettings, ServerSettings
from titrant.testing.engines import ENGINE_CHECKS
from titrant.testing.server import FakeServer, Habits


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.1)


pytestmark = pytest.mark.enable_socket


def connect(server, **settings):
    return OpenAIEngine.connect(
        "fake", ServerSettings(url=server.url, **{"retries": 2, **settings}), PromptSettings()
    )


@pytest.fixture(scope="module")
def served():
    with FakeServer() as server:
        yield connect(server)


@pytest.fixture(scope="module")
def chatting():
    with FakeServer(habits=Habits(has_completions=False)) as server:
        yield connect(server)


CHECKS = [check for check in ENGINE_CHECKS if check.needs <= {"generate"}]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_completions_hold_the_contract(served, check):
    check.run(served)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_chat_holds_the_contract(chatting, check):
    check.run(chatting)


def test_numbers_are_those_of_the_engine_behind():
    engine = FakeEngine()
    requests = [Request(f"{i}+{i}", 12, temperature=1.0, seed=i, top_logprobs=5) for i in range(9)]
    own = dict(engine.generate(requests))
    for habits in (
        Habits(),
        Habits(has_extra_entry=True),
        Habits(has_extra_entry=True, names_ids=True),
        Habits(has_completions=False),
    ):
        with FakeServer(engine, habits) as server:
            found = dict(connect(server).generate(requests))
        for i, result in own.items():
            assert found[i].text == result.text
            assert found[i].stop_reason == result.stop_reason
            assert found[i].n_tokens == result.n_tokens
            assert found[i].n_prompt_tokens == result.n_prompt_tokens
            np.testing.assert_allclose(found[i].logprobs, result.logprobs, atol=1e-6)
            np.testing.assert_allclose(found[i].top_logprobs, result.top_logprobs, atol=1e-6)
            np.testing.assert_array_equal(found[i].token_ends, result.token_ends)
            if habits.names_ids:
                assert found[i].token_ids == result.token_ids
                np.testing.assert_array_equal(found[i].top_ids, result.top_ids)


def test_a_server_without_logprobs_still_draws():
    with FakeServer(habits=Habits(gives_logprobs=False)) as server:
        engine = connect(server)
        ((_, result),) = engine.generate([Request("ab", 8)])
        assert result.logprobs is None
        assert result.n_tokens > 0
        with pytest.raises(ConfigError, match="gives 0 likeliest tokens"):
            next(engine.generate([Request("ab", 8, top_logprobs=2)]))


def test_the_probe_says_what_cannot_be_done():
    habits = Habits(most_top=5, honours_seed=False, has_completions=False)
    with FakeServer(habits=habits) as server:
        engine = connect(server)
    notes = " ".join(engine._served.notes)
    assert "5 likeliest tokens" in notes
    assert "does not show that it honours seeds" in notes
    assert "renders its own template" in notes
    assert engine.info.honours_seed == "no"
    assert engine.context_tokens == 8192


def test_passing_errors_are_tried_again():
    with FakeServer() as server:
        engine = connect(server)
        server.habits.fail_first = [429, 503]
        ((_, result),) = engine.generate([Request("ab", 8)])
    assert result.error is None


def test_a_stream_that_breaks_off_begins_anew():
    with FakeServer() as server:
        engine = connect(server)
        whole = dict(engine.generate([Request("ab", 12)]))[0]
        server.habits.drop_after = 2
        again = dict(engine.generate([Request("ab", 12)]))[0]
    assert again.text == whole.text


def test_a_bad_request_fails_alone():
    with FakeServer(FakeEngine(context_tokens=64)) as server:
        results = dict(connect(server).generate([Request("x" * 90, 4), Request("ab", 4)]))
    assert "do not fit" in results[0].error
    assert results[1].error is None


def test_fewer_likeliest_tokens_than_asked_for_are_counted():
    with FakeServer(habits=Habits(most_top=5, caps_top=True)) as server:
        engine = connect(server)
    assert engine._served.most_top == 5


def test_an_error_in_a_stream_is_that_of_its_request():
    with FakeServer() as server:
        engine = connect(server)
        server.habits.poison = "bad"
        found = dict(engine.generate([Request("bad", 8), Request("ab", 8)]))
    assert found[0].error == "this prompt breaks me"
    assert found[1].error is None


@pytest.mark.parametrize("has_completions", [True, False], ids=["completions", "chat"])
def test_the_limit_is_what_the_prompt_leaves(has_completions):
    habits = Habits(context=100, has_completions=has_completions)
    with FakeServer(FakeEngine(context_tokens=100), habits) as server:
        ((_, result),) = connect(server).generate([Request("x" * 60, 80)])
        assert result.error is None
        assert server.asked[-1]["max_tokens"] == 40


@pytest.fixture
def without_pauses(monkeypatch):
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.0)


@pytest.mark.usefixtures("without_pauses")
def test_one_prompt_that_a_server_always_fails_on_does_not_end_the_work(monkeypatch):
    with FakeServer() as server:
        engine = connect(server, retries=1, concurrency=1)
        real = engine._streams._stream

        async def stream(some, request, stop):
            if request.prompt == "bad":
                error = client_error(500)
                raise error
            return await real(some, request, stop)

        monkeypatch.setattr(engine._streams, "_stream", stream)
        prompts = ["ab", "bad", "ab", "bad", "ab", "bad", "ab"]
        found = dict(engine.generate([Request(p, 4) for p in prompts]))
        assert [found[i].error is None for i in range(7)] == [p == "ab" for p in prompts]
        with pytest.raises(EngineError):  # none is served any more
            list(engine.generate([Request("bad", 4)] * 9))


def client_error(status):
    import openai

    error = openai.APIError("broken", request=None, body=None)
    error.code = str(status)
    return error


@pytest.mark.parametrize("package", ["openai", "tenacity"])
def test_a_missing_package_is_told(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match="openai and tenacity"):
        OpenAIEngine.connect("m", ServerSettings(url="http://localhost:1/v1"), PromptSettings())


def opened(server, **prompt):
    base, decode = BaseSettings(path="auto"), DecodeSettings()
    settings = ServerSettings(url=server.url, retries=0)
    return OpenAIEngine.open(Opening(base, PromptSettings(**prompt), decode, settings))


def test_a_chat_template_is_asked_of_the_chat_endpoint():
    with FakeServer() as server:
        assert "chat endpoint" in " ".join(opened(server, template="chat").notes)
        assert "completions endpoint" in " ".join(opened(server).notes)


def test_a_user_says_the_question_or_under_plain_the_format():
    form = "Q: {question} A:"
    with FakeServer(habits=Habits(has_completions=False)) as server:
        assert opened(server).prompts.prompt("why?") == "why?"
        found = opened(server, format=form)
        assert found.prompts.prompt("why?") == "why?"
        assert "prompt.format is not used" in " ".join(found.notes)
        found = opened(server, format=form, template="plain")
        assert found.prompts.prompt("why?") == "Q: why? A:"
        assert "prompt.format" not in " ".join(found.notes)


def test_what_a_server_said_is_told_and_v1_where_it_is_missing():
    with FakeServer() as server:
        bare = ServerSettings(url=server.url.removesuffix("/v1"), retries=0)
        with pytest.raises(ConfigError) as raised:
            OpenAIEngine.connect("fake", bare, PromptSettings())
        assert "end server.url with /v1" in str(raised.value)
        assert "completions: " in str(raised.value)


def test_a_server_that_dies_loses_nothing_that_was_answered():
    server = FakeServer()
    port = server.start()
    engine = connect(server, retries=0, concurrency=1)
    given = []

    def work():
        for i, result in engine.generate([Request(f"{i}", 4) for i in range(50)]):
            given.append((i, result))
            if len(given) == 5:
                server.stop()

    with pytest.raises(EngineError, match="does not answer") as raised:
        work()
    assert raised.value.retryable
    assert len(given) >= 5
    assert all(result.error is None for _, result in given)
    server.start(port)  # the same command goes on
    assert len(list(engine.generate([Request("a", 4)]))) == 1
    server.stop()


def test_a_server_that_comes_back_in_time_is_waited_for():
    server = FakeServer()
    port = server.start()
    engine = connect(server, retries=60)
    server.stop()
    threading.Timer(0.5, lambda: server.start(port)).start()
    ((_, result),) = engine.generate([Request("ab", 4)])
    assert result.error is None
    server.stop()


def test_what_is_weak_is_broken_off_and_the_server_stops():
    with FakeServer(habits=Habits(pause_s=0.01)) as server:
        engine = connect(server)
        before = server.sent
        request = Request("ab", 400, top_logprobs=3, guard=Guard(bar=1e9, window=4))
        ((_, result),) = engine.generate([request])
        time.sleep(0.1)
        assert result.stop_reason == "weak"
        assert result.n_tokens == 4
        assert server.sent - before < 30


def test_what_is_cancelled_under_way_says_so():
    with FakeServer(FakeEngine(lambda _: "word " * 40), Habits(pause_s=0.02)) as server:
        engine, over = connect(server), threading.Event()
        threading.Timer(0.5, over.set).start()
        found = dict(
            engine.generate(
                [Request(str(i), 400) for i in range(4)], cancelled=lambda _: over.is_set()
            )
        )
    assert {result.stop_reason for result in found.values()} == {"cancelled"}
    assert all(0 < result.n_tokens < 200 for result in found.values())


@pytest.mark.parametrize(
    ("model", "text"), [("fakk", "did you mean fake"), ("zzz", "no model 'zzz'")]
)
def test_an_unknown_model_is_told_the_known_ones(model, text):
    with FakeServer() as server, pytest.raises(ConfigError) as raised:
        OpenAIEngine.connect(model, ServerSettings(url=server.url), PromptSettings())
    assert text in str(raised.value)


def test_the_only_model_can_be_left_to_the_server():
    with FakeServer() as server:
        engine = OpenAIEngine.connect("auto", ServerSettings(url=server.url), PromptSettings())
    assert engine.info.model == "fake"


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://host/v1", "http:///v1", "8000"])
def test_what_is_no_address_is_told_so(url):
    with pytest.raises(ConfigError, match="no address of a server"):
        OpenAIEngine.connect("fake", ServerSettings(url=url), PromptSettings())


def test_no_server_is_one_clear_message(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ConfigError, match="needs the address of a server"):
        OpenAIEngine.connect("fake", ServerSettings(), PromptSettings())
    with pytest.raises(EngineError, match="does not answer"):
        OpenAIEngine.connect(
            "fake", ServerSettings(url="http://127.0.0.1:9/v1", retries=0), PromptSettings()
        )
