"""The scripts of `benchmarks/` as modules, and run folders written by hand for their tables."""

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from titrant.arms import ArmSpec
from titrant.dose.readings import SCHEMA
from titrant.run.audit.plan import AuditPlan
from titrant.run.store.folder import RunFolder

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))


def _spec(treatment: str, seed: int) -> ArmSpec:
    if treatment == "base":
        return ArmSpec(strategy="base", dose=0, seed=0, purpose="audit")
    return ArmSpec(strategy="random", dose=64, seed=seed, treatment=treatment, purpose="audit")


def _rows(spec: ArmSpec, name: str, right, qids, texts) -> pl.DataFrame:
    right = np.asarray(right, dtype=bool)
    columns = {
        "arm_id": spec.arm_id,
        "strategy": spec.strategy,
        "dose": spec.dose,
        "seed": spec.seed,
        "treatment": spec.treatment,
        "benchmark": name,
        "qid": [f"{name}{i:03d}" for i in range(len(right))] if qids is None else qids,
        "sample": 0,
        "correct": right,
        "verdict": np.where(right, "correct", "wrong").tolist(),
        "final_answer": "1",
        "n_tokens": 10,
        "text": "" if texts is None else texts,
    }
    return pl.DataFrame(columns, schema=SCHEMA | {"text": pl.String})


@pytest.fixture
def readings():
    """(treatment or base, seed, {set: right or not by problem}) … → readings with texts."""

    def make(*arms, qids=None, texts=None) -> pl.DataFrame:
        return pl.concat(
            _rows(_spec(name, seed), on, right, (qids or {}).get(on), (texts or {}).get(on))
            for name, seed, sets in arms
            for on, right in sets.items()
        )

    return make


@pytest.fixture
def write_run():
    """Write readings as the finished arms of an audit would lie in a run folder."""

    def write(root: Path, frame: pl.DataFrame, *, benchmark: str) -> RunFolder:
        for (arm_id,), rows in frame.group_by(["arm_id"]):
            arm = root / "arms" / str(arm_id)
            (arm / "samples").mkdir(parents=True)
            rows.write_parquet(arm / "samples" / "00000.parquet")
            accuracy = {
                str(on): float(one["correct"].mean()) for (on,), one in rows.group_by(["benchmark"])
            }
            updates = 0 if str(arm_id).startswith("base") else 64
            (arm / "done.json").write_text(
                json.dumps({"accuracy": accuracy, "cost": {"updates": updates}})
            )
        plan = AuditPlan(
            strategy="random",
            dose=64,
            seeds=2,
            treatments=("foreign", "filler"),
            benchmark=benchmark,
            asked=(None, None, 40),
        )
        (root / "audits").mkdir()
        (root / "audits" / "plan.json").write_text(plan.model_dump_json())
        return RunFolder(root)

    return write
