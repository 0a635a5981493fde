"""Whole arms under `train.algorithm: grpo`."""

import json
import shutil

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.torch import load_file, save_file

from titrant.arms import ArmSpec
from titrant.errors import ConfigError, DataError, TrainError
from titrant.select.rank import rank, read_ranking, write_ranking
from titrant.settings import Config
from titrant.traces.table import write_problems, write_traces
from titrant.train.arm import run_arm
from titrant.train.context import close_context, open_context
from titrant.train.grpo.labels import FILE, Label, write_labels
from titrant.train.job import ArmJob

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def _forget_context():
    yield
    close_context()


@pytest.fixture
def run_dir(tmp_path, traces, problems):
    again = [
        trace.model_copy(update={"uid": f"again{i}", "thinking": f"{trace.thinking}\n"})
        for i, trace in enumerate(traces[:8])
    ]
    pool = [*traces[:8], *again]  # 16 traces of 8 questions
    write_traces(tmp_path / "pool.parquet", pool)
    path = tmp_path / "benchmark.parquet"
    write_problems(path, problems[:4])
    pq.write_table(pq.read_table(path).append_column("benchmark", pa.array(["easy"] * 4)), path)
    ranking = rank(pool, strategy="random", root=0, draw=0)
    write_ranking(tmp_path / "rankings" / "random-d0.parquet", ranking)
    return tmp_path


@pytest.fixture
def make_job(run_dir, base_folder):
    def make(dose=6, *, grpo=None, base=None, treatment="clean", **recipe) -> ArmJob:
        config = Config.model_validate(
            {
                "base": str(base or base_folder),
                "pool": "pool",
                "benchmark": ["one"],
                "decode": {"max_new_tokens": 6},
                "recipe": {"method": "full", "updates": 4, "rows_per_update": 8, **recipe},
                "train": {
                    "algorithm": "grpo",
                    "grpo": {"reward": "random", "group": 4, **(grpo or {})},
                },
            }
        )
        of = ArmSpec(strategy="random", dose=dose, seed=0, treatment=treatment)
        return ArmJob(run_dir=run_dir, spec=of, config=config, lr=1e-3)

    return make


def folder_of(job: ArmJob):
    return job.run_dir / "arms" / job.spec.arm_id


def test_an_arm_is_trained_read_and_done(make_job):
    job = make_job()
    seen = []

    outcome = run_arm(job, progress=lambda *event: seen.append(event))

    folder = folder_of(job)
    read = sum(pq.read_table(folder / "samples" / "00000.parquet")["n_tokens"].to_pylist())
    (first, *_) = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    assert outcome.error is None
    assert seen == [("train", i, 4) for i in (1, 2, 3, 4)] + [("read", 4, 4)]
    assert outcome.cost.updates == 4
    # One rollout: its tokens are drawn once and trained once, and the reading draws more.
    assert outcome.cost.generated_tokens == first["generated_tokens"] + read
    assert outcome.cost.loss_tokens == first["generated_tokens"]
    assert outcome.cost.train_tokens == first["generated_tokens"] + first["prompt_tokens"]
    assert {path.name for path in folder.iterdir()} == {"done.json", "log.jsonl", "samples"}


def test_a_dose_is_a_number_of_questions(make_job, run_dir):
    job = make_job(dose=8)
    context = open_context(job)
    found = [prompt.problem.qid for prompt in context.prompts(job.spec)]

    rows = read_ranking(run_dir / "rankings" / "random-d0.parquet").rows
    ranked = list(dict.fromkeys(context.pool[row.uid].qid for row in rows))
    assert found == ranked
    assert len(found) == 8
    fewer = job.spec.model_copy(update={"dose": 3})
    assert [prompt.problem.qid for prompt in context.prompts(fewer)] == ranked[:3]


def test_more_questions_than_the_pool_has_are_refused(make_job):
    with pytest.raises(DataError, match="a dose of 9 questions asks for more than the pool has"):
        run_arm(make_job(dose=9))


def test_labels_choose_the_questions_of_a_wrong_majority(make_job, run_dir):
    job = make_job(dose=2, grpo={"reward": "majority-wrong"})
    context = open_context(job)
    qids = sorted({trace.qid for trace in context.pool.values()})
    labels = {qid: Label("0", is_right=i > 2, votes=3, draws=4) for i, qid in enumerate(qids)}
    with pytest.raises(DataError, match="cannot be read as majority labels"):
        run_arm(job)

    write_labels(run_dir / FILE, labels)

    found = context.prompts(job.spec)
    assert {prompt.problem.qid for prompt in found} < set(qids[:3])
    assert {prompt.label for prompt in found} == {labels[qids[0]]}
    assert run_arm(job).error is None


def test_a_model_that_ran_away_is_the_arms_outcome(make_job, base_folder, tmp_path):
    sick = tmp_path / "sick"
    shutil.copytree(base_folder, sick)
    weights = load_file(sick / "model.safetensors")
    weights["model.norm.weight"].fill_(float("inf"))
    save_file(weights, sick / "model.safetensors", metadata={"format": "pt"})

    outcome = run_arm(make_job(base=sick))

    assert "is nan at update 1 of 4" in (outcome.error or "")
    assert outcome.accuracy == {}
    assert outcome.cost.updates == 0


def test_an_arm_that_ran_away_later_has_the_cost_of_what_it_drew(make_job, monkeypatch):
    job = make_job(updates=8)

    def run_away(_prompts, course, **_):
        lines = [{"update": 1, "generated_tokens": 40.0, "prompt_tokens": 8.0}, {"update": 2}]
        text = "\n".join(map(json.dumps, lines))
        (course.out / "log.jsonl").write_text(text + '\n{"update": 3, "lo')  # a kill cut it
        raise TrainError("the training ran away")

    monkeypatch.setattr("titrant.train.here.train_grpo", run_away)
    cost = run_arm(job).cost

    # Two of the four updates of a rollout of 40 + 8 tokens.
    assert (cost.updates, cost.generated_tokens) == (2, 40)
    assert (cost.train_tokens, cost.loss_tokens) == (24, 20)


def test_sizes_that_do_not_fit_are_raised(make_job):
    with pytest.raises(ConfigError, match=r"train\.grpo\.group does not divide"):
        run_arm(make_job(rows_per_update=10))


def test_treatments_have_nothing_to_change(make_job):
    with pytest.raises(ConfigError, match=r"(?s)treatments change traces.*train.algorithm: sft"):
        run_arm(make_job(treatment="shuffled"))


def test_the_doctor_looks_at_the_questions(make_job, run_dir, traces):
    # Letters that the tokenizer does not know come back as <unk>.
    strange = traces[9].model_copy(update={"question": "ж+1=", "uid": "strange", "qid": "strange"})
    write_traces(run_dir / "pool.parquet", [strange])
    ranking = rank([strange], strategy="random", root=0, draw=0)
    write_ranking(run_dir / "rankings" / "random-d0.parquet", ranking)

    with pytest.raises(TrainError, match=r"(?s)the template doctor refuses.*text unchanged"):
        run_arm(make_job(dose=1))
