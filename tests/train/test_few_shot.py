"""Worked examples are trained on by no arm, whatever its dose."""

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import pyarrow as pa
import pyarrow.parquet as pq

from titrant.arms import ArmSpec
from titrant.errors import DataError
from titrant.run.input.prepare import PrepareJob, prepare, prepared_pool
from titrant.run.store.folder import RunFolder
from titrant.select.rank import rank
from titrant.select.shots import choose_shots
from titrant.settings import Config
from titrant.traces.table import load_traces, write_problems, write_traces
from titrant.train.context import close_context, open_context
from titrant.train.job import ArmJob

pytestmark = pytest.mark.train


@pytest.fixture
def make_job(tmp_path, traces, problems, base_folder):
    """A run folder with 24 traces of 24 questions, and one more trace of each of the first four."""
    more = [
        t.model_copy(update={"uid": f"{t.uid}+", "answer_text": f"#### {t.gold}"})
        for t in traces[:4]
    ]
    path = tmp_path / "benchmark.parquet"
    write_problems(path, problems)
    names = pa.array(["easy"] * len(problems))
    pq.write_table(pq.read_table(path).append_column("benchmark", names), path)

    def make(few_shot: int, n_traces: int = 28) -> PrepareJob:
        write_traces(tmp_path / "pool.parquet", [*traces, *more][:n_traces])
        config = {"base": str(base_folder), "pool": "p", "benchmark": "b"}
        config["prompt"] = {"few_shot": few_shot}
        return PrepareJob(run_dir=tmp_path, config=Config.model_validate(config))

    yield make
    close_context()


def test_no_subset_holds_a_trace_of_a_worked_example(make_job):
    job = make_job(6)
    prepared = prepare(job)
    pool = prepared_pool(RunFolder(job.run_dir), prepared)
    stored = load_traces(job.run_dir / "pool.parquet")
    shown = {question for question, _ in choose_shots(stored, job.config)}
    assert len(shown) == 6
    assert {t.question for t in pool} == {t.question for t in stored} - shown  # 24 − 6 questions
    assert {t.uid for t in stored} - {t.uid for t in pool} == set(prepared.shown)
    whole = rank(pool, strategy="random", root=0, draw=0).subset(len(pool))
    assert not set(whole) & set(prepared.shown)
    # The second call, as after a kill, reads what the first has written.
    assert prepared_pool(RunFolder(job.run_dir), prepared) == pool
    # The arms show the examples that were left out, no others.
    spec = ArmSpec(strategy="random", dose=1, seed=0)
    context = open_context(ArmJob(run_dir=job.run_dir, spec=spec, config=job.config, lr=0.0))
    assert all(question in context.builder.prompt("?") for question in shown)


def test_without_worked_examples_the_whole_pool_may_be_trained(make_job):
    job = make_job(0)
    prepared = prepare(job)
    assert prepared.shown == ()
    assert len(prepared_pool(RunFolder(job.run_dir), prepared)) == 28


def test_examples_that_leave_too_few_traces_are_refused(make_job):
    with pytest.raises(DataError) as caught:
        prepare(make_job(4, n_traces=10))  # traces of six questions are left
    assert str(caught.value).startswith("the worked examples leave too few traces of the pool")
    assert "beside 4 worked examples\n  do: lower prompt.few_shot, or add traces" in str(
        caught.value
    )
