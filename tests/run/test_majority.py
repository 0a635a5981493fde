"""Majority labels as a stage of a run: drawn once, kept chunk by chunk, and what they leave of the pool."""

import pytest

from titrant.engines.fake import FakeEngine
from titrant.engines.plain import PlainPrompts
from titrant.errors import EngineError
from titrant.run.audit import asking
from titrant.run.input import majority
from titrant.run.input.majority import MajorityJob, label
from titrant.settings import Config
from titrant.traces.table import write_traces
from titrant.train.grpo.labels import FILE, read_labels
from titrant.worlds.pools import make_pool


def config(**grpo) -> Config:
    return Config.model_validate(
        {
            "base": "a fake base",
            "pool": "world:arithmetic",
            "benchmark": "world:arithmetic",
            "train": {"algorithm": "grpo", "grpo": {"votes": 3, **grpo}},
        }
    )


@pytest.fixture
def job(tmp_path):
    pool = make_pool("arithmetic", 60)
    write_traces(tmp_path / "pool.parquet", pool)
    return MajorityJob(run_dir=tmp_path, config=config())


def scripted(monkeypatch, script):
    asked = []

    def told(request):
        asked.append(request.prompt)
        return script(request)

    monkeypatch.setattr(
        asking, "open_model", lambda files: (FakeEngine(told), PlainPrompts(files.config.prompt))
    )
    return asked


def test_every_question_gets_the_commonest_answer(job, monkeypatch):
    scripted(monkeypatch, lambda request: "#### 7")
    found = label(job)
    labels = read_labels(job.run_dir / FILE)
    questions = {t.qid: t for t in make_pool("arithmetic", 60)}
    assert found.questions == len(labels) == len(questions)
    assert {one.answer for one in labels.values()} == {"7"}
    assert {one.votes for one in labels.values()} == {3}
    right = {qid for qid, one in labels.items() if one.is_right}
    assert right == {qid for qid, trace in questions.items() if trace.gold == "7"}
    assert found.right == len(right)


def test_draws_that_are_kept_are_not_drawn_again(job, monkeypatch):
    monkeypatch.setattr(majority, "CHUNK", 8)
    asked = scripted(monkeypatch, lambda request: "#### 7")
    first = label(job)
    n_first = len(asked)
    (job.run_dir / "majority" / "00000.parquet").unlink()
    assert label(job) == first
    assert (len(asked) - n_first) * first.questions == 8 * n_first


def test_a_question_without_any_answer_has_no_label(job, monkeypatch):
    scripted(monkeypatch, lambda request: "I do not know")
    found = label(job)
    assert (found.questions, found.right) == (0, 0)
    assert found.unlabelled == len({t.qid for t in make_pool("arithmetic", 60)})


def test_a_failed_engine_keeps_nothing_of_the_chunk(job, monkeypatch):
    monkeypatch.setattr(
        asking,
        "open_model",
        lambda files: (
            FakeEngine("#### 7", failures={"error": 1.0}),
            PlainPrompts(files.config.prompt),
        ),
    )
    with pytest.raises(EngineError, match="majority labels"):
        label(job)
    assert not list(job.run_dir.glob("majority/*.parquet"))
