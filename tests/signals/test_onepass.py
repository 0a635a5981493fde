"""The one pass: numbers as the engine gives them, kept in parts, never made twice."""

import numpy as np
import pytest

from titrant.engines.fake import VOCAB, FakeEngine
from titrant.errors import ConfigError, DataError
from titrant.settings import PromptSettings, SignalSettings
from titrant.signals.asking import Asking
from titrant.signals.derive import derive_signals, mean_tokens, needs_of_signals, pass_cost
from titrant.signals.onepass import Scorer, passed, score_pool
from titrant.signals.store import PassCost, part_paths, read_hidden, read_part
from titrant.signals.table import read_scores
from titrant.worlds.pools import make_pool

POOL = make_pool("arithmetic", 10, 0)
ALL = frozenset({"top", "alone", "question", "answers", "hidden"})


class Prompts:
    """Plain prompts and completions without a tokenizer."""

    def prompt(self, question):
        return f"{question}\n"

    def completion(self, trace):
        return f"<think>\n{trace.thinking}\n</think>\n\n{trace.answer_text}"


class Counting(FakeEngine):
    """The fake engine, counting what it is asked; fails from some call on."""

    def __init__(self, *, calls=100, **options):
        super().__init__(**options)
        self.left, self.asked = calls, []

    def score(self, requests):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        self.asked += [request.continuation for request in requests if request.prefix]
        return super().score(requests)


def scorer(engine, *, needs=ALL, model="m", answer="#### {gold}"):
    asking = Asking(Prompts(), PromptSettings(), SignalSettings(answer=answer), needs, 3)
    return Scorer(engine, asking, VOCAB, model)


def all_scores(folder):
    return [read_part(path) for path in part_paths(folder)]


def test_every_trace_is_scored_once_and_lies_with_its_question(tmp_path):
    found = score_pool(POOL, scorer(FakeEngine()), tmp_path, chunk=4)
    assert (found.traces, found.failed) == (10, 0)
    parts = all_scores(tmp_path)
    assert [len(part.uids) for part in parts] == [4, 4, 2]
    uids = [uid for part in parts for uid in part.uids]
    qid = {trace.uid: trace.qid for trace in POOL}
    assert uids == sorted(uids, key=lambda uid: (qid[uid], uid))


def test_a_part_holds_what_the_engine_says(tmp_path):
    engine = FakeEngine()
    one = scorer(engine)
    score_pool(POOL[:1], one, tmp_path)
    (part,) = all_scores(tmp_path)
    from titrant.signals.asking import ask

    asked = ask(POOL[0], one.asking)
    score, alone = (dict(engine.score([request]))[0] for request in (asked.main, asked.alone))
    np.testing.assert_array_equal(part.logprob.row(0), score.logprobs)
    np.testing.assert_array_equal(part.top.row(0), score.top_logprobs)
    np.testing.assert_array_equal(part.alone.row(0), alone.logprobs)
    np.testing.assert_array_equal(part.question.row(0), score.prefix_logprobs)
    np.testing.assert_array_equal(part.hidden[0], score.hidden[0])
    np.testing.assert_array_equal(part.step_hidden.row(0), score.hidden[1:])
    branches = np.concatenate([branch.logprobs for branch in score.branches])
    np.testing.assert_array_equal(part.answers.row(0), branches)
    assert part.n_steps[0] == len(POOL[0].steps)
    assert len(score.branches) == part.n_steps[0] + 1
    assert part.n_lead[0] == len("\n</think>\n\n#### ")  # tokens are bytes


def test_a_pass_that_was_interrupted_goes_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        score_pool(POOL, scorer(Counting(calls=2)), tmp_path, chunk=4)
    assert len(part_paths(tmp_path)) == 2
    engine = Counting()
    score_pool(POOL, scorer(engine), tmp_path, chunk=4)
    assert len(engine.asked) == 2  # of ten, eight were kept
    whole = tmp_path / "whole"
    score_pool(POOL, scorer(FakeEngine()), whole, chunk=4)
    for one, other in zip(all_scores(tmp_path), all_scores(whole), strict=True):
        assert one.uids == other.uids
        np.testing.assert_array_equal(one.logprob.values, other.logprob.values)


def test_a_finished_pass_asks_nothing(tmp_path):
    score_pool(POOL, scorer(FakeEngine()), tmp_path)
    engine = Counting()
    score_pool(POOL, scorer(engine), tmp_path)
    assert engine.asked == []


@pytest.mark.parametrize("change", [{"model": "n"}, {"answer": "so {gold}"}])
def test_what_decides_the_numbers_makes_them_anew(tmp_path, change):
    score_pool(POOL, scorer(FakeEngine()), tmp_path)
    engine = Counting()
    score_pool(POOL, scorer(engine, **change), tmp_path)
    assert len(engine.asked) == 10
    assert passed(tmp_path).traces == 10


def test_a_number_that_was_not_kept_is_made_anew_and_one_too_many_is_not(tmp_path):
    score_pool(POOL, scorer(FakeEngine(), needs=frozenset({"top"})), tmp_path)
    engine = Counting()
    score_pool(POOL, scorer(engine), tmp_path)
    assert len(engine.asked) == 10
    fewer = Counting()
    score_pool(POOL, scorer(fewer, needs=frozenset({"alone"})), tmp_path)
    assert fewer.asked == []


def test_a_trace_too_long_for_the_context_has_no_tokens_and_spoils_no_other(tmp_path):
    lengths = [len(Prompts().completion(t)) + len(t.question) + 1 for t in POOL]
    limit = sorted(lengths)[-2] + 40  # room for the branches of all but the longest
    found = score_pool(POOL, scorer(FakeEngine(context_tokens=limit)), tmp_path)
    (part,) = all_scores(tmp_path)
    empty = [uid for uid, n in zip(part.uids, part.logprob.lengths, strict=True) if n == 0]
    assert found.failed == len(empty) >= 1
    assert np.isnan(part.hidden[[uid in empty for uid in part.uids]]).all()
    derive_signals(tmp_path, ["confidence"], SignalSettings(top_logprobs=3), fingerprint="f")
    values = read_scores(tmp_path, "confidence", part.uids, version=1, fingerprint="f")
    assert [uid for uid, v in zip(part.uids, values, strict=True) if np.isnan(v)] == empty


def test_an_engine_that_cannot_score_is_refused(tmp_path):
    engine = FakeEngine()
    engine.capabilities = frozenset({"generate"})
    with pytest.raises(ConfigError, match="cannot score"):
        score_pool(POOL, scorer(engine), tmp_path)


def test_a_damaged_part_is_one_message(tmp_path):
    score_pool(POOL, scorer(FakeEngine()), tmp_path)
    part_paths(tmp_path)[0].write_bytes(b"")
    with pytest.raises(DataError, match="is damaged"):
        score_pool(POOL, scorer(FakeEngine()), tmp_path)


def test_signals_of_all_parts_stand_in_one_table(tmp_path):
    names = ["gain", "ifd", "perplexity"]
    one = scorer(FakeEngine(), needs=needs_of_signals(names))
    score_pool(POOL, one, tmp_path, chunk=3)
    derive_signals(tmp_path, names, SignalSettings(), fingerprint="f")
    uids = [trace.uid for trace in POOL]
    for name in names:
        values = read_scores(tmp_path, name, uids, version=1, fingerprint="f")
        assert np.isfinite(values).all()


def test_the_mean_length_counts_scored_traces_alone(tmp_path):
    score_pool(POOL, scorer(FakeEngine()), tmp_path, chunk=4)
    lengths = [len(Prompts().completion(trace)) for trace in POOL]
    assert mean_tokens(tmp_path) == pytest.approx(sum(lengths) / 10)


def test_hidden_states_come_part_by_part(tmp_path):
    score_pool(POOL, scorer(FakeEngine()), tmp_path, chunk=6)
    parts = list(read_hidden(tmp_path))
    assert [len(uids) for uids, _ in parts] == [6, 4]
    assert all(np.isfinite(states).all() for _, states in parts)


def test_a_signal_is_charged_for_what_it_needs():
    spent = PassCost(tokens=100, alone_tokens=60, answer_tokens=40, seconds=20.0)
    plain = pass_cost(spent, frozenset({"top"}), parameters=7)
    # 100 of 200 tokens: half of the time, 2 · 7 · 100 operations
    assert (plain.tokens, plain.flops, plain.seconds) == (100, 1400.0, 10.0)
    gain = pass_cost(spent, frozenset({"answers"}), parameters=7)
    assert (gain.tokens, gain.flops, gain.seconds) == (140, 1960.0, 14.0)


def test_a_pass_costs_the_tokens_of_prompts_and_completions(tmp_path):
    found = score_pool(POOL, scorer(FakeEngine()), tmp_path)
    # Tokens of the fake engine are bytes; a prompt is the question and a line end.
    completions = sum(len(Prompts().completion(trace)) for trace in POOL)
    prompts = sum(len(trace.question) + 1 for trace in POOL)
    assert found.cost.tokens == completions + prompts
    assert found.cost.alone_tokens == completions
