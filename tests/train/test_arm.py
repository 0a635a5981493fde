import json
import shutil
import sys

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file

from titrant.arms import ArmSpec
from titrant.errors import ConfigError, DataError, ResourceError, TrainError
from titrant.files import explained
from titrant.select.rank import rank, write_ranking
from titrant.settings import Config
from titrant.traces.table import write_problems, write_traces
from titrant.train import arm as arm_module
from titrant.train import samples
from titrant.train.arm import run_arm
from titrant.train.context import close_context
from titrant.train.job import ArmJob

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def _forget_context():
    yield
    close_context()


@pytest.fixture
def run_dir(tmp_path, traces, problems):
    write_traces(tmp_path / "pool.parquet", traces)
    for name, part in (("benchmark", problems), ("pilot", problems[:5])):
        path = tmp_path / f"{name}.parquet"
        write_problems(path, part)
        names = ["easy"] * (len(part) - 5) + ["last"] * 5
        pq.write_table(pq.read_table(path).append_column("benchmark", pa.array(names)), path)
    ranking = rank(traces, strategy="random", root=0, draw=0)
    write_ranking(tmp_path / "rankings" / "random-d0.parquet", ranking)
    return tmp_path


@pytest.fixture
def make_job(run_dir, base_folder):
    def make(dose=6, *, lr=1e-3, spec=None, train=None, **recipe) -> ArmJob:
        config = Config.model_validate(
            {
                "base": str(base_folder),
                "pool": "pool",
                "benchmark": ["one", "two"],
                "decode": {"max_new_tokens": 12},
                "recipe": {"method": "full", "updates": 3, "rows_per_update": 4, **recipe},
                "train": train or {},
            }
        )
        of = ArmSpec(strategy="random", dose=dose, seed=0, **(spec or {}))
        return ArmJob(run_dir=run_dir, spec=of, config=config, lr=lr)

    return make


def files_of(job: ArmJob) -> set[str]:
    folder = job.run_dir / "arms" / job.spec.arm_id
    return {path.name for path in folder.iterdir()}


def test_an_arm_is_trained_read_and_done(make_job, traces):
    job = make_job()
    seen = []

    outcome = run_arm(job, progress=lambda *event: seen.append(event))

    folder = job.run_dir / "arms" / "random-n000006-s00"
    assert outcome.error is None
    assert set(outcome.accuracy) == {"easy", "last"}
    assert outcome.cost.updates == 3
    assert outcome.cost.loss_tokens > 0
    assert outcome.cost.generated_tokens == sum(
        pq.read_table(folder / "samples" / "00000.parquet")["n_tokens"].to_pylist()
    )
    assert seen == [("train", i, 3) for i in (1, 2, 3)] + [("read", 20, 20)]
    # A fully trained model is not kept under `adapters`.
    assert files_of(job) == {"done.json", "log.jsonl", "samples"}


def test_the_base_is_read_and_not_trained(make_job):
    outcome = run_arm(make_job(dose=0, spec={"purpose": "base"}))

    assert outcome.cost.updates == 0
    assert outcome.cost.train_tokens == 0
    assert outcome.cost.generated_tokens > 0


def test_a_done_arm_is_answered_from_its_file(make_job):
    job = make_job()
    first = run_arm(job)
    shutil.rmtree(job.run_dir / "rankings")  # whatever it would need to work is gone
    (job.run_dir / "pool.parquet").unlink()

    assert run_arm(job) == first


def test_a_pilot_arm_is_read_on_pool_problems(make_job):
    job = make_job(spec={"purpose": "pilot", "lr": 1e-3})

    run_arm(job)

    table = pq.read_table(job.run_dir / "arms" / job.spec.arm_id / "samples" / "00000.parquet")
    assert table.num_rows == 5


@pytest.mark.parametrize(
    ("method", "keep", "kept"),
    [
        ("lora", "adapters", {"adapter"}),
        ("lora", "none", set()),
        ("lora", "models", {"adapter", "model"}),
        ("full", "models", {"model"}),
    ],
)
def test_what_is_kept(make_job, method, keep, kept):
    job = make_job(method=method, train={"keep": keep}, updates=1)

    run_arm(job)

    assert files_of(job) == {"done.json", "log.jsonl", "samples"} | kept


def test_arms_do_not_see_each_others_weights(make_job):
    job = make_job(train={"keep": "models"})
    run_arm(make_job(dose=3, lr=1e-2, train={"keep": "models"}))
    run_arm(job)
    folder = job.run_dir / "arms" / job.spec.arm_id
    after = load_file(folder / "model" / "model.safetensors")
    shutil.rmtree(folder)
    close_context()

    run_arm(job)

    alone = load_file(folder / "model" / "model.safetensors")
    assert all(torch.equal(after[name], alone[name]) for name in alone)


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("method", ["full", "lora"])
def test_an_arm_killed_while_reading_does_not_train_again(make_job, monkeypatch, method):
    monkeypatch.setattr(samples, "SHARD", 8)
    job = make_job(method=method, lr=1e-2)
    whole = run_arm(job)
    folder = job.run_dir / "arms" / job.spec.arm_id
    texts = [pq.read_table(p)["text"].to_pylist() for p in sorted(folder.glob("samples/*"))]
    shutil.rmtree(folder)

    def kill(phase: str, done: int, total: int) -> None:
        if phase == "read" and done == 8:
            raise _Killed

    with pytest.raises(_Killed):
        run_arm(job, progress=kill)
    assert "trained" in files_of(job)
    close_context()  # a new process
    seen = []

    again = run_arm(job, progress=lambda *event: seen.append(event))

    assert seen == [("read", 8, 20), ("read", 16, 20), ("read", 20, 20)]
    assert again.accuracy == whole.accuracy
    assert again.cost.train_tokens == whole.cost.train_tokens
    assert texts == [pq.read_table(p)["text"].to_pylist() for p in sorted(folder.glob("samples/*"))]


def test_an_arm_killed_while_saving_goes_on_from_its_last_checkpoint(make_job, monkeypatch):
    job = make_job(updates=5, checkpoint_every=2)
    whole = run_arm(job)
    folder = job.run_dir / "arms" / job.spec.arm_id
    shutil.rmtree(folder)

    def kill(*_: object, **__: object) -> None:
        raise _Killed

    settle = arm_module.settle
    monkeypatch.setattr(arm_module, "settle", kill)
    with pytest.raises(_Killed):
        run_arm(job)
    monkeypatch.setattr(arm_module, "settle", settle)
    assert not (folder / "trained").exists()
    close_context()  # a new process
    updates = []

    again = run_arm(job, progress=lambda *event: updates.append(event))

    # The last update has a checkpoint too, so that none is trained again.
    assert [done for phase, done, _ in updates if phase == "train"] == []
    assert again.accuracy == whole.accuracy
    assert "checkpoints" not in files_of(job)


def test_a_kill_between_cleaning_up_and_done_costs_nothing(make_job):
    job = make_job()
    first = run_arm(job)
    folder = job.run_dir / "arms" / job.spec.arm_id
    (folder / "done.json").rename(folder / "outcome.json")
    (job.run_dir / "pool.parquet").unlink()

    assert run_arm(job) == first


def test_a_loss_that_ran_away_is_the_arms_outcome(make_job, base_folder, tmp_path):
    sick = tmp_path / "sick"
    shutil.copytree(base_folder, sick)
    weights = load_file(sick / "model.safetensors")
    weights["model.norm.weight"].fill_(float("inf"))
    from safetensors.torch import save_file

    save_file(weights, sick / "model.safetensors", metadata={"format": "pt"})
    job = make_job()
    base = job.config.base.model_copy(update={"path": str(sick)})
    job = job.model_copy(update={"config": job.config.model_copy(update={"base": base})})

    outcome = run_arm(job)

    assert outcome.error is not None
    assert "loss is nan at update 1 of 3" in outcome.error
    assert outcome.accuracy == {}
    assert files_of(job) == {"done.json"}
    assert run_arm(job) == outcome


def test_an_arm_that_ran_away_has_the_cost_of_the_updates_it_made(make_job, monkeypatch):
    def run_away(rows, course, **_):
        course.out.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps({"update": update, "loss": 2.0}) for update in (1, 2))
        (course.out / "log.jsonl").write_text("\n".join(lines))
        raise TrainError("the training ran away")

    whole = run_arm(make_job(dose=3)).cost
    monkeypatch.setattr("titrant.train.here.train_sft", run_away)
    cost = run_arm(make_job(dose=4)).cost
    assert (whole.updates, cost.updates) == (3, 2)
    assert 0 < cost.train_tokens < whole.train_tokens


def test_too_little_memory_is_the_arms_outcome_and_is_tried_again(make_job, monkeypatch):
    job = make_job()

    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    with monkeypatch.context() as patch:
        patch.setattr("titrant.train.here.train_sft", fail)
        outcome = run_arm(job)

    assert "not enough memory for this arm" in (outcome.error or "")
    assert "rows_per_device" in (outcome.error or "")
    assert run_arm(job).error is None


def test_the_doctors_refusal_is_raised(make_job):
    with pytest.raises(TrainError, match="row length"):
        run_arm(make_job(max_tokens=10))


def test_an_arm_of_long_rows_only_is_refused(make_job):
    with pytest.raises(TrainError, match=r"(?s)all its traces are longer.*raise recipe.max_tokens"):
        run_arm(make_job(max_tokens=10, long_rows="drop"))


def test_equal_tokens_train_the_same_number_of_tokens(make_job):
    budget = run_arm(make_job(dose=24, match="updates", updates=6)).cost.loss_tokens
    shutil.rmtree(make_job().run_dir / "arms")

    few = run_arm(make_job(dose=1, match="tokens", updates=6)).cost.loss_tokens

    # 6 × 4 visits are exactly one pass over the pool of 24; one update of 4 rows is at most half of
    # its tokens' size away.
    assert abs(few - budget) <= budget / 6 / 2 + 1


def test_an_unknown_treatment_is_refused(make_job):
    with pytest.raises(ConfigError, match=r"(?s)unknown treatment 'cleen'.*did you mean clean"):
        run_arm(make_job(spec={"treatment": "cleen"}))


def test_a_missing_ranking_is_a_data_error(make_job):
    job = make_job()
    shutil.rmtree(job.run_dir / "rankings")

    with pytest.raises(DataError, match=r"random-d0.parquet cannot be read as a ranking"):
        run_arm(job)


def test_a_full_disk_is_said_in_plain_words(tmp_path):
    def write():
        raise OSError(28, "No space left on device")

    full = pytest.raises(ResourceError, match=r"(?s)the disk is full.*train.keep: none")
    with full, explained(tmp_path):
        write()
    with pytest.raises(ResourceError, match="the disk is full"), explained(tmp_path):
        raise RuntimeError("safetensors: I/O error: No space left on device (os error 28)")


TRAINER = """
import argparse, json, shutil, pathlib
p = argparse.ArgumentParser()
for name in ("base", "subset", "out", "lr", "seed", "updates"):
    p.add_argument("--" + name)
a = p.parse_args()
rows = [json.loads(line) for line in open(a.subset)]
print(len(rows), "rows", a.lr, a.updates)
for path in pathlib.Path(a.base).iterdir():
    shutil.copy(path, a.out)
"""


def test_an_external_trainers_model_is_read(make_job, tmp_path):
    script = tmp_path / "a trainer.py"
    script.write_text(TRAINER)
    command = (
        f"{sys.executable} '{script}' --base {{base}} --subset {{subset}} --out {{out}} "
        "--lr {lr} --seed {seed} --updates {updates}"
    )
    base = run_arm(make_job(dose=0))
    job = make_job(train={"command": command, "keep": "models"})

    outcome = run_arm(job)

    assert outcome.accuracy == base.accuracy  # this trainer gives the base back
    assert outcome.cost.updates == 3
    assert files_of(job) == {"command.log", "done.json", "model", "samples"}
    log = (job.run_dir / "arms" / job.spec.arm_id / "command.log").read_text()
    assert log == "6 rows 0.001 3\n"
    assert json.loads((job.run_dir / "arms" / job.spec.arm_id / "done.json").read_text())


def test_an_external_trainer_need_not_save_the_tokenizer(make_job, tmp_path):
    script = tmp_path / "trainer.py"
    script.write_text(
        TRAINER.replace(
            "shutil.copy(path, a.out)", "'tok' in path.name or \\\n        shutil.copy(path, a.out)"
        )
    )
    command = f"{sys.executable} {script} --base {{base}} --subset {{subset}} --out {{out}}"
    base = run_arm(make_job(dose=0))
    job = make_job(train={"command": command, "keep": "models"})

    assert run_arm(job).accuracy == base.accuracy
    assert (job.run_dir / "arms" / job.spec.arm_id / "model" / "tokenizer.json").exists()


def test_an_external_trainer_that_fails_leaves_nothing_half(make_job, tmp_path):
    script = tmp_path / "fail.py"
    script.write_text("raise SystemExit('no GPU')")
    job = make_job(train={"command": f"{sys.executable} {script} {{out}}"})

    with pytest.raises(TrainError, match=r"(?s)exit code 1.*no GPU"):
        run_arm(job)

    assert files_of(job) == {"command.log", "subset.jsonl"}
