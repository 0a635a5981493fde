"""Rows that join others while these are drawn: each draws what it draws alone, whatever stands beside it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from architectures import MADE, make  # noqa: E402

from titrant.engines.base import Guard, Request  # noqa: E402
from titrant.engines.drawing.choose import Step, Wanted  # noqa: E402
from titrant.engines.drawing.crowd import Crowd  # noqa: E402
from titrant.engines.drawing.guards import Guards  # noqa: E402
from titrant.engines.drawing.tape import SHORTEST, Tape  # noqa: E402
from titrant.engines.transformers import TransformersEngine  # noqa: E402

VOCAB = 101
"""Of the tokenizer."""
NONE_JOINS = {"mistral-window", "gemma2", "jamba"}
"""Their caches hold more than keys and values per token."""


@pytest.fixture
def joined(monkeypatch):
    """How many rows there were and how many came, of each time that some joined."""
    seen = []
    join = Crowd.join

    def spy(self, other):
        seen.append((len(self.rows), len(other.rows)))
        join(self, other)

    monkeypatch.setattr(Crowd, "join", spy)
    return seen


def mixed(n, **more):
    """Requests of all lengths, some by chance and some greedy, some with a bar."""
    return [
        Request(
            "ab1+"[: 1 + i % 4] * (1 + i % 3),
            2 + (7 * i) % 23,
            temperature=float(i % 3 > 0),
            top_p=0.9 if i % 5 == 0 else 1.0,
            seed=i,
            top_logprobs=4,
            guard=Guard(bar=6.0 + i % 4, window=3 + i % 5, floor=-20.0) if i % 4 == 1 else None,
            **more,
        )
        for i in range(n)
    ]


def draw(engine, requests, **more):
    found = dict(engine.generate(requests, **more))
    return [found[i] for i in range(len(requests))]


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_row_draws_what_it_draws_alone(name, tiny, joined):
    model = make(name, vocab_size=VOCAB)
    requests = mixed(24)
    alone = draw(TransformersEngine(model, tiny[1], batch_tokens=1), requests)
    assert not joined
    together = draw(TransformersEngine(model, tiny[1], batch_tokens=160), requests)
    assert bool(joined) == (name not in NONE_JOINS)
    for one, other in zip(alone, together, strict=True):
        assert other.token_ids == one.token_ids
        assert (other.text, other.stop_reason) == (one.text, one.stop_reason)
        np.testing.assert_allclose(other.logprobs, one.logprobs, rtol=0, atol=2e-4)
        np.testing.assert_allclose(other.top_logprobs, one.top_logprobs, rtol=0, atol=2e-4)
    assert {"length", "weak"} <= {result.stop_reason for result in together}


def test_room_that_is_left_is_taken_and_no_more(tiny, joined):
    """Eight rows fit: they join when two have left, until nobody waits."""
    parts = [1 + i % 9 for i in range(60)]  # of 16 tokens, those of the prompt
    requests = [Request("1" * n, 16 - n, temperature=1.0, seed=n) for n in parts]
    draw(TransformersEngine(*tiny, batch_tokens=8 * 16), requests)
    assert len(joined) > 5
    assert all(there + came == 8 or i == len(joined) - 1 for i, (there, came) in enumerate(joined))
    assert all(came >= 2 for _, came in joined[:-1])


@pytest.mark.parametrize("name", ["gpt2", "gpt-neo", "llama"])
def test_a_row_that_ended_at_its_context_is_fed_no_further(name, tiny):
    """Positions, and masks that a layer holds, end with the context; its neighbours go on."""
    model = make(name, vocab_size=VOCAB)
    engine = TransformersEngine(model, tiny[1], batch_tokens=10_000)
    requests = [Request("1" * 120, 8), *[Request("1+", 60, seed=i) for i in range(11)]]
    ended = draw(engine, requests)
    assert {r.stop_reason for r in ended} <= {"stop", "length"}
    assert ended[0].n_tokens == 8
    assert max(r.n_tokens for r in ended) > 20


def test_who_is_not_wanted_before_it_began_never_begins(tiny_engine):
    requests = [Request("1", 30, temperature=1.0, seed=i) for i in range(40)]
    found = draw(tiny_engine, requests, cancelled=lambda i: i >= 30)
    assert {r.stop_reason for r in found[30:]} == {"cancelled"}
    assert all(not r.n_tokens for r in found[30:])
    assert "cancelled" not in {r.stop_reason for r in found[:30]}


def test_places_of_the_tape_are_used_again_and_it_grows():
    tape = Tape(Wanted(k=1))
    first = tape.open(2)
    for t in range(SHORTEST + 5):  # over the end of an empty tape
        ids = np.array([t, 1000 + t])
        step = Step(ids, ids / 7, ids[:, None], ids[:, None] / 3)
        tape.write(first, np.full(2, t), step)
    taped = tape.read(int(first[1]), SHORTEST + 5)
    np.testing.assert_array_equal(taped.token_ids, 1000 + np.arange(SHORTEST + 5))
    np.testing.assert_allclose(taped.top_logprobs[:, 0], taped.token_ids / 3, rtol=1e-6)
    assert tape.last(int(first[0]), 130, 3) == [127, 128, 129]
    tape.close(first[:1])
    again = tape.open(2)
    assert again[0] == first[0]
    assert again[1] not in first
    assert taped.token_ids[0] == 1000  # what was read stays as it was


def test_guards_that_join_begin_at_their_own_first_token():
    some = Guards([Guard(2.0, window=2, floor=-9.0)])
    k = np.ones(1, dtype=np.int64)
    assert not some.push(np.array([[-1.0]]), k).any()  # the window is not full
    some.join(Guards([Guard(2.0, window=3, floor=-9.0), None]))
    k = np.ones(3, dtype=np.int64)
    steps = [some.push(np.array([[-1.0]] * 3), k).tolist() for _ in range(3)]
    assert steps == [[True, False, False], [True, False, False], [True, True, False]]


def test_no_more_is_fed_than_the_budget_holds(tiny, monkeypatch):
    """A long prompt beside a long answer: columns are not the sum of both."""
    engine = TransformersEngine(*tiny, batch_tokens=12 * 64)
    fed = []
    inner = engine._forward.feed
    monkeypatch.setattr(
        engine._forward,
        "feed",
        lambda feed, **more: fed.append(feed.mask.numel()) or inner(feed, **more),
    )
    draw(engine, [Request("1" * 60, 4), *[Request("1+", 60, seed=i) for i in range(11)]])
    assert max(fed) <= 12 * 64


def test_what_did_not_fit_once_is_not_tried_again(tiny, monkeypatch):
    engine = TransformersEngine(*tiny, batch_tokens=8 * 32)
    inner, failures = engine._forward.feed, []

    def feed(some, **more):
        if len(some.ids) > 4:
            failures.append(len(some.ids))
            raise torch.OutOfMemoryError
        return inner(some, **more)

    monkeypatch.setattr(engine._forward, "feed", feed)
    requests = [Request("1" * 12, 20, temperature=1.0, seed=i) for i in range(8)]
    first = draw(engine, requests)
    assert [r.text for r in draw(engine, requests)] == [r.text for r in first]
    assert failures == [8]


@pytest.mark.parametrize("at", [3, 9, 14])
def test_memory_that_ends_after_some_rows_were_given_loses_none_and_gives_none_twice(
    tiny, monkeypatch, at
):
    requests = mixed(24)
    whole = draw(TransformersEngine(*tiny, batch_tokens=160), requests)
    engine = TransformersEngine(*tiny, batch_tokens=160)
    inner, calls = engine._forward.feed, []

    def feed(some, **more):
        calls.append(len(some.ids))
        if len(calls) == at:
            raise torch.OutOfMemoryError
        return inner(some, **more)

    monkeypatch.setattr(engine._forward, "feed", feed)
    found = list(engine.generate(requests))
    assert sorted(i for i, _ in found) == list(range(24))
    texts = {i: result.token_ids for i, result in found}
    assert [texts[i] for i in range(24)] == [result.token_ids for result in whole]


def test_memory_that_ends_while_rows_join_loses_none(tiny, monkeypatch):
    requests = mixed(24)
    whole = draw(TransformersEngine(*tiny, batch_tokens=160), requests)
    join, failures = Crowd.join, []

    def fail_once(self, other):
        if not failures:
            failures.append(len(other.rows))
            raise torch.OutOfMemoryError
        join(self, other)

    monkeypatch.setattr(Crowd, "join", fail_once)
    found = list(TransformersEngine(*tiny, batch_tokens=160).generate(requests))
    assert failures
    assert sorted(i for i, _ in found) == list(range(24))
    texts = {i: result.token_ids for i, result in found}
    assert [texts[i] for i in range(24)] == [result.token_ids for result in whole]
