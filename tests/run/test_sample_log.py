"""A folder of draws as a log: failures, questions without gold, and replays that are the online run."""

import time

import numpy as np
import polars as pl
import pytest
from scripted import Scripted, make_job

from titrant.engines.base import engines
from titrant.errors import DataError, EngineError
from titrant.run.sample.folder import write_meta
from titrant.run.sample.job import sample
from titrant.run.sample.outbox import Outbox
from titrant.run.sample.pool import DRAWN_BY, write_kept
from titrant.run.sample.replay import open_log
from titrant.settings import PoolSettings
from titrant.traces.read import read_pool
from titrant.traces.record import Problem
from titrant.traces.table import load_problems, write_problems
from titrant.vote.logs.draws import draw_parts, read_draws, rows_of, write_draws
from titrant.vote.logs.load import CONFIDENCE
from titrant.vote.replay import make_orders, replay_rule
from titrant.vote.rules import DeepConf
from titrant.vote.study import Wish, study

SIGNALS = {"window": 8}


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    monkeypatch.setitem(engines._loaded, "fake", Scripted)
    monkeypatch.setattr(Scripted, "fails", frozenset())
    return Scripted


def opened(folder, **more):
    more = {"scores": None, "window": None, "top": None} | more
    return open_log(str(folder), progress=lambda *_: None, **more)


@pytest.mark.parametrize("eta", [10, 50, 90])
def test_a_replay_is_the_online_run(tmp_path, eta):
    """The same draws, logged whole and drawn under the rule: the same answers for the same tokens."""
    common = {"budget": 24, "temperature": 1.0}
    sample(make_job(tmp_path / "log", sample=common, signals=SIGNALS))
    online = common | {
        "rule": "deepconf-low",
        "eta": eta,
        "warmup": 6,
        "tau": 0.8,
        "min_votes": 3,
        "width": 1,
    }
    sample(make_job(tmp_path / "run", sample=online, signals=SIGNALS))
    log, _ = opened(tmp_path / "log", window=8)
    orders = make_orders(log, budget=24, resamples=1)
    rule = DeepConf(24, eta, 0.8, 6, 3)
    found = replay_rule(log, orders, rule, signal=CONFIDENCE)
    answers = pl.read_parquet(tmp_path / "run" / "answers.parquet")
    assert answers["qid"].to_list() == list(log.qids)
    np.testing.assert_array_equal(found.tokens[0], answers["tokens"])
    np.testing.assert_array_equal(found.drawn[0], answers["draws"])
    np.testing.assert_array_equal(found.is_right[0], answers["verdict"] == "correct")
    parts = [rows_of(read_draws(path)[1]) for path in draw_parts(tmp_path / "run")]
    weak = [draw.qid for part in parts for draw in part if draw.stop_reason == "weak"]
    np.testing.assert_array_equal(found.stopped[0], [weak.count(qid) for qid in log.qids])
    assert weak


def test_one_failed_draw_spoils_no_signal(tmp_path, scripted):
    scripted.fails = {("What is 1 + 1?", 3)}
    meta = sample(make_job(tmp_path / "d"))
    assert (meta.failed, meta.draws) == (1, 48)
    log, notes = opened(tmp_path / "d")
    assert np.isnan(log.signals["confidence"]).sum() == 1
    assert any("1 draws failed" in line for line in notes)
    scripted.fails = set()
    assert sample(make_job(tmp_path / "d")).failed == 0  # made again
    log, _ = opened(tmp_path / "d")
    assert not np.isnan(log.signals["confidence"]).any()


def test_failures_at_the_start_do_not_end_the_work(tmp_path, scripted):
    scripted.fails = {("What is 0 + 0?", k) for k in range(8)}
    meta = sample(make_job(tmp_path / "d"))
    assert (meta.failed, meta.is_done) == (8, True)
    assert sample(make_job(tmp_path / "d")).is_done  # and not those of the next start either


def test_nothing_but_failures_is_an_error(tmp_path, scripted):
    scripted.fails = {(f"What is {i} + {i}?", k) for i in range(6) for k in range(8)}
    with pytest.raises(EngineError, match="all 48 draws failed"):
        sample(make_job(tmp_path / "d"))
    rule = {"rule": "deepconf-low", "budget": 8, "warmup": 4, "temperature": 1.0}
    with pytest.raises(EngineError, match="all 24 draws failed"):
        sample(make_job(tmp_path / "e", sample=rule))


def test_questions_without_gold_are_left_out(tmp_path):
    job = make_job(tmp_path / "d")
    path = tmp_path / "d" / "problems.parquet"
    some = [
        p if i < 2 else Problem(qid=p.qid, question=p.question, gold=None)
        for i, p in enumerate(load_problems(path))
    ]
    write_problems(path, some)
    sample(job)
    log, notes = opened(tmp_path / "d")
    assert len(log) == 2
    assert "4 questions without a gold answer are left out" in notes
    found = study(log, Wish(resamples=2))
    assert (found.questions, found.draws) == (2, 16)
    write_problems(path, [Problem(qid=p.qid, question=p.question, gold=None) for p in some])
    with pytest.raises(DataError, match="no question has a gold answer"):
        opened(tmp_path / "d")


def test_questions_with_too_few_draws_are_left_out(tmp_path):
    rule = {"rule": "adaptive", "budget": 16, "confidence": 0.8, "width": 1, "temperature": 1.0}
    sample(make_job(tmp_path / "d", sample=rule))
    log, _ = opened(tmp_path / "d")
    counts = log.draws
    assert len(set(counts.tolist())) > 1
    found = study(log, Wish(resamples=2, budget=int(counts.max())))
    assert found.left_out == (counts < counts.max()).sum() > 0
    usual = study(log, Wish(resamples=2))
    assert (usual.budget, usual.left_out) == (counts.min(), 0)


def test_a_draw_without_its_numbers_has_no_signals(tmp_path):
    """As from a server that counts a draw's tokens and does not list them: steps are known, logprobs not."""
    sample(make_job(tmp_path / "d"))
    (path,) = draw_parts(tmp_path / "d")
    info, table = read_draws(path)
    first, *rest = rows_of(table)
    assert first.n_steps
    path.unlink()
    write_draws(tmp_path / "d", [first._replace(numbers={}), *rest], info)
    log, _ = opened(tmp_path / "d")
    for name in ("confidence", "confidence-step", "logprob-step"):
        assert np.isnan(log.signals[name]).sum() == 1


def test_a_folder_without_a_first_part_holds_no_draws_yet(tmp_path):
    make_job(tmp_path / "d")
    (tmp_path / "d" / "owner.json").write_text("{}")
    with pytest.raises(DataError, match="holds no draws yet"):
        opened(tmp_path / "d")


def test_an_unfinished_folder_under_a_rule_says_nothing(tmp_path):
    """The questions that are settled are the easy ones, and those with all draws the hard ones."""
    rule = {"rule": "adaptive", "budget": 16, "width": 1, "temperature": 1.0}
    meta = sample(make_job(tmp_path / "d", sample=rule))
    assert opened(tmp_path / "d")[0]
    write_meta(tmp_path / "d", meta.model_copy(update={"is_done": False}))
    with pytest.raises(DataError, match="drawing is not finished"):
        opened(tmp_path / "d")


def test_draws_over_a_smaller_budget_are_in_no_log_and_no_pool(tmp_path):
    sample(make_job(tmp_path / "d", sample={"budget": 8, "temperature": 1.0}))
    all_texts = write_kept(tmp_path / "d", tmp_path / "all.jsonl", "all")
    sample(make_job(tmp_path / "d", sample={"budget": 3, "temperature": 1.0}))
    assert opened(tmp_path / "d")[0].draws.tolist() == [3] * 6
    assert write_kept(tmp_path / "d", tmp_path / "some.jsonl", "all") < all_texts


@pytest.mark.parametrize("name", ["pool.jsonl", "pool.parquet"])
def test_a_pool_of_draws_keeps_what_is_known_of_its_problems(tmp_path, name):
    meta = sample(make_job(tmp_path / "d"))
    path = tmp_path / "d" / "problems.parquet"
    about = {"source": "world:gym/chain_sum", "gold_kind": "world:gym/chain_sum"}
    item = {"split": "test", "draw": 0}
    problems = {
        p.qid: p.model_copy(update={**about, "meta": {**item, "index": i, "row": 90 + i}})
        for i, p in enumerate(load_problems(path))
    }
    write_problems(path, list(problems.values()))
    write_kept(tmp_path / "d", tmp_path / name, "all")

    traces = read_pool(PoolSettings(path=str(tmp_path / name))).traces

    assert len({trace.qid for trace in traces}) == 6
    for row, trace in enumerate(traces, start=1):
        of = problems[trace.qid]
        # Its own row, not that of the problem in another file.
        assert trace.meta == {**item, "index": of.meta["index"], "row": row, DRAWN_BY: meta.base}
        assert trace.problem == of.model_copy(update={"meta": trace.meta})


def test_what_models_are_sure_of_speaks_for_a_draw(tmp_path):
    sample(make_job(tmp_path / "d"))
    log, _ = opened(tmp_path / "d")
    sure = log.signals["logprob-bottom10"]
    assert np.corrcoef(log.signals["min-k"], sure)[0, 1] > 0.5
    assert np.corrcoef(log.signals["perplexity"], sure)[0, 1] > 0


def test_draws_are_written_though_no_other_ends(tmp_path):
    written = []
    with Outbox(lambda draws, _: written.append(list(draws)), at_most=3, every_s=0.02) as outbox:
        outbox.put("one")
        for _ in range(500):
            if written:
                break
            time.sleep(0.01)
        assert written == [["one"]]
        for name in ("two", "three", "four"):
            outbox.put(name)
        outbox.put("five")
    assert [name for some in written for name in some] == ["one", "two", "three", "four", "five"]


def test_a_write_that_fails_ends_the_work(tmp_path):
    def fail(*_):
        raise OSError("no space")

    def work():
        with Outbox(fail, at_most=9, every_s=0.01) as outbox:
            for _ in range(500):
                outbox.put("one")
                time.sleep(0.01)

    with pytest.raises(OSError, match="no space"):
        work()
