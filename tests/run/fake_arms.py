"""A run without torch: fake entries for the workers, and a driver that can be killed.

An arm's readings are a pure function of its spec: the accuracy follows a known dose–response curve.
Every batch that is computed and every arm that starts and ends leaves a line in `ledger.txt` of the
run folder, so a test can prove that nothing finished was computed again.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from titrant.arms import ArmCost, Reading
from titrant.errors import MissingPackageError, TrainError
from titrant.files import write_table, write_text
from titrant.settings import Config
from titrant.train.job import ArmJob, ArmOutcome

if TYPE_CHECKING:  # what the driver needs is slow to import, and the workers do not need it
    from titrant.run.audit.asking import Asked, AskJob
    from titrant.run.input.prepare import Prepared, PrepareJob
    from titrant.run.scores.job import ScoreJob
    from titrant.run.titrate import Entries
    from titrant.signals.meta import ScoresMeta

SHARD = 60
BASE, GAIN, HALF = 0.1, 0.7, 6.0


def ledger(run_dir: Path, *words: str) -> None:
    with (run_dir / "ledger.txt").open("a") as lines:
        lines.write(" ".join(words) + "\n")


def share(*labels: object) -> float:
    """A number in [0, 1) that depends on the labels only."""
    digest = hashlib.sha256(repr(labels).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def expected(job: ArmJob) -> float:
    """Accuracy: a Hill curve over the dose; in the pilot 2e-4 is best."""
    kind, dose = os.environ.get("FAKE_RESPONSE", "rise"), job.spec.dose
    if job.spec.treatment != "clean":
        return BASE
    if job.spec.purpose == "pilot":
        return 0.6 if job.lr == 2e-4 else 0.4
    if kind == "flat" or dose == 0:
        return BASE + (0.05 if job.config.prompt.template == "chat" else 0.0)
    if kind == "hurts":
        return BASE * 0.1
    return BASE + GAIN * dose / (dose + HALF)


def is_correct(job: ArmJob, qid: str) -> bool:
    """Mostly the problem's own difficulty, which all arms share; else the arm's luck."""
    spec = job.spec
    shared = share("luck?", spec.arm_id, qid) < 0.8
    value = share("difficulty", qid) if shared else share("luck", spec.arm_id, qid)
    return value < expected(job)


def run_arm(job: ArmJob, progress) -> ArmOutcome:
    folder = job.run_dir / "arms" / job.spec.arm_id
    ledger(job.run_dir, "start", job.spec.arm_id)
    if (folder / "done.json").exists():
        ledger(job.run_dir, "again", job.spec.arm_id)
    if job.spec.arm_id in os.environ.get("FAKE_FAILURES", "").split(","):
        raise TrainError("the loss became NaN")
    kind = job.spec.purpose if job.spec.purpose in ("pilot", "audit") else "benchmark"
    name = f"{kind}.parquet"
    table = pq.read_table(job.run_dir / name, columns=["benchmark", "qid"])
    asks = list(zip(table["benchmark"].to_pylist(), table["qid"].to_pylist(), strict=True))
    rows = []
    for i in range(0, len(asks), SHARD):
        path = folder / "samples" / f"{i // SHARD:05d}.parquet"
        if not path.exists():
            time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
            write_table(path, _shard(job, asks[i : i + SHARD]))
            ledger(job.run_dir, "shard", job.spec.arm_id, str(i // SHARD))
        rows += pq.read_table(path).to_pylist()
        progress("read", len(rows), len(asks))
    outcome = _outcome(job, rows)
    if job.spec.purpose == "audit":
        write_text(folder / "model" / "config.json", "{}")
    write_text(folder / "done.json", outcome.model_dump_json())
    ledger(job.run_dir, "end", job.spec.arm_id)
    return outcome


def _shard(job: ArmJob, asks: list[tuple[str, str]]) -> pa.Table:
    spec, rows = job.spec, []
    for benchmark, qid in asks:
        right = is_correct(job, qid)
        reading = Reading(
            arm_id=spec.arm_id,
            strategy=spec.strategy,
            dose=spec.dose,
            seed=spec.seed,
            treatment=spec.treatment,
            benchmark=benchmark,
            qid=qid,
            sample=0,
            correct=right,
            verdict="correct" if right else "wrong",
            final_answer="7" if right else "8",
            n_tokens=5,
        )
        rows.append({**reading._asdict(), "text": f"{spec.arm_id} answers {qid}"})
    return pa.Table.from_pylist(rows)


def _outcome(job: ArmJob, rows: list[dict]) -> ArmOutcome:
    names = list(dict.fromkeys(row["benchmark"] for row in rows))
    of = {name: [row["correct"] for row in rows if row["benchmark"] == name] for name in names}
    return ArmOutcome(
        arm_id=job.spec.arm_id,
        cost=ArmCost(
            train_tokens=1000 if job.spec.dose else 0,
            generated_tokens=5 * len(rows),
            train_s=time.monotonic() % 10,  # whatever it is, it may not reach the answer
        ),
        accuracy={name: sum(hits) / len(hits) for name, hits in of.items()},
        truncated=dict.fromkeys(names, 0.0),
        unreadable=dict.fromkeys(names, 0.0),
    )


def prepare(job: PrepareJob) -> Prepared:
    from titrant.run.input.prepare import Prepared, hash_of
    from titrant.traces.table import load_traces

    ledger(job.run_dir, "prepare")
    traces = load_traces(job.run_dir / "pool.parquet")
    counts = {trace.uid: 20 + i % 7 for i, trace in enumerate(traces)}
    tokens = list(counts.values())
    columns = {"uid": list(counts), "n_tokens": tokens, "row_tokens": [n + 2 for n in tokens]}
    write_table(job.run_dir / "tokens.parquet", pa.table(columns))
    return Prepared(
        base="a fake base",
        fingerprint="0" * 64,
        revision=None,
        parameters=1000,
        device="cpu",
        dtype="float32",
        context_tokens=128,
        templates=tuple(os.environ.get("FAKE_TEMPLATES", "plain").split(",")),
        pool_hash=hash_of(traces),
        pool_rows=len(traces),
        pool_tokens=sum(counts.values()),
        row_tokens=30.0,
        dropped=(),
        versions={},
    )


def find_base(base: object) -> None:
    """There is none, and none is needed."""


def no_train_extra(job: PrepareJob) -> Prepared:
    raise MissingPackageError("titrant.train needs torch", do="pip install 'titrant[train]'")


def fake_config(**changes: object) -> Config:
    """256 traces of the arithmetic world, 240 problems, a learning-rate pilot."""
    tree = {
        "base": "a fake base",
        "pool": {"path": "world:arithmetic", "limit": 256},
        "benchmark": {"path": "world:arithmetic/train", "limit": 240},
        "executor": {"workers": 1, "threads": 1},
    }
    return Config.model_validate(tree | changes)


def entries(arm: str = "run_arm") -> Entries:
    """The fakes of this module in the place of the real entries."""
    from titrant.run.titrate import Entries

    return Entries(
        f"fake_arms:{arm}",
        "fake_arms:prepare",
        "fake_arms:find_base",
        "fake_arms:score",
        "fake_arms:ask",
    )


def ask(job: AskJob, progress) -> Asked:
    """The real asking, of a scripted model: the base answers 7, a tuned one thinks and says the last step."""
    from titrant.engines.fake import FakeEngine
    from titrant.engines.plain import PlainPrompts
    from titrant.run.audit import asking

    ledger(job.folder.parent, "ask", job.role, str(job.seed), *job.parts)
    script = _thinks if job.role == "tuned" else _blurts
    asking.open_model = lambda files: (FakeEngine(script), PlainPrompts(files.config.prompt))
    return asking.ask(job, progress)


def _blurts(request) -> str:
    return "#### 7"


def _thinks(request) -> str:
    from titrant.worlds.arithmetic import ARITHMETIC

    question, _, forced = request.prompt.partition("\n")
    if "</think>" in forced:
        last = forced.partition("</think>")[0].strip().split("\n")[-1]
        return f"#### {last.partition('=')[2].split(' ')[0] or 0}"
    thinking = ARITHMETIC.oracle(question)
    return f"<think>\n{thinking}\n</think>\n\n#### {thinking.rpartition('=')[2]}"


def score(job: ScoreJob) -> ScoresMeta:
    """Every wanted signal is a hash of the trace; each costs ten operations per parameter and trace."""
    import numpy as np

    from titrant.signals.meta import ScoresMeta, SignalCost, write_meta
    from titrant.signals.table import write_scores
    from titrant.traces.table import load_traces

    ledger(job.folder.parent, "score", *job.wanted.names)
    uids = [trace.uid for trace in load_traces(job.pool)]
    for name in job.wanted.names:
        values = np.array([share(name, uid) for uid in uids])
        write_scores(job.folder, name, version=1, fingerprint="fake", uids=uids, values=values)
    cost = SignalCost(tokens=5 * len(uids), flops=10.0 * 1000 * len(uids), seconds=2.0)
    meta = ScoresMeta(
        base="fake",
        fingerprint="fake",
        parameters=1000,
        traces=len(uids),
        failed=0,
        versions=dict.fromkeys(job.wanted.names, 1),
        costs=dict.fromkeys(job.wanted.names, cost),
    )
    write_meta(job.folder, meta)
    return meta


def timed_arm(job: ArmJob) -> ArmOutcome:
    """An arm that takes 3 s once, 0.5 s per update and 0.01 s per generated token."""
    updates = job.config.recipe.updates
    n_problems = pq.ParquetFile(job.run_dir / "benchmark.parquet").metadata.num_rows
    return ArmOutcome(
        arm_id=job.spec.arm_id,
        cost=ArmCost(
            train_tokens=updates * 100,
            train_s=3.0 + 0.5 * updates,
            generated_tokens=n_problems * 5,
            read_s=n_problems * 0.05,
        ),
    )


def drive(out: Path, workers: int) -> None:
    from titrant.run.titrate import titrate

    titrate(fake_config(executor={"workers": workers, "threads": 1}), out, entries=entries())


if __name__ == "__main__":
    drive(Path(sys.argv[1]), int(sys.argv[2]))
