"""Record the sweep of the shipped bases: every doubling × 20 seeds, random ranking (bar a).

    python benchmarks/sweep.py [--bases arithmetic arithmetic-direct] [--seeds 20] [--work DIR]

Runs (and resumes) a run folder per base under --work, and keeps the readings as a small file,
benchmarks/data/sweep_<base>.parquet: one row per arm, correctness as packed bits. Arms that are in
that file already are not run again, so the sweep can be spread over machines and days. About four
core-hours on two cores.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import polars as pl

from titrant.config import demo_config
from titrant.run.ladder.readings import read_samples
from titrant.run.ladder.sweep import sweep
from titrant.run.store.folder import RunFolder
from titrant.run.watch import Silent
from titrant.settings import BaseSettings

DATA = Path(__file__).parent / "data"


def known_rows(base: str) -> pl.DataFrame | None:
    """What has been recorded so far."""
    path = DATA / f"sweep_{base}.parquet"
    return pl.read_parquet(path) if path.exists() else None


def packed(attempts: pl.DataFrame) -> dict[str, object]:
    """The readings of one arm: correctness as packed bits, in the order of the qids."""
    correct = attempts.sort("qid")["correct"].to_numpy().astype(bool)
    return {
        "dose": attempts["dose"][0],
        "seed": attempts["seed"][0],
        "n_problems": len(correct),
        "correct": np.packbits(correct).tobytes(),
        "truncated": float((attempts["verdict"] == "truncated").mean()),
        "unreadable": float((attempts["verdict"] == "unreadable").mean()),
    }


def record(base: str, folder: RunFolder) -> pl.DataFrame:
    """Fold the finished arms of a run folder into the small file."""
    arms = sorted(done.parent.name for done in folder.arms.glob("*/done.json"))
    rows = [packed(read_samples(folder, arm)) for arm in arms]
    frame, known = pl.DataFrame(rows), known_rows(base)
    if known is not None:
        frame = pl.concat([known, frame]).unique(["dose", "seed"], keep="first")
    frame = frame.sort("dose", "seed")
    DATA.mkdir(exist_ok=True)
    frame.write_parquet(DATA / f"sweep_{base}.parquet", compression="zstd")
    return frame


class Lines(Silent):
    """Says on one line what ends."""

    def __init__(self, base: str) -> None:
        self.base, self.done = base, 0

    def stage(self, name: str) -> None:
        """A stage begins."""
        print(f"{self.base}: {name}", flush=True)

    def warn(self, text: str) -> None:
        """Something to know."""
        print(f"{self.base}: {text}", flush=True)

    def arm(self, arm_id: str, state: str, accuracy: float | None = None) -> None:
        """An arm changed its state."""
        if state == "done":
            self.done += 1
            print(f"{self.base}: {self.done} {arm_id} {accuracy:.3f}", flush=True)


def main() -> None:
    """Run, then record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bases", nargs="+", default=["arithmetic", "arithmetic-direct"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--work", type=Path, default=Path("runs/sweep"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--collect", action="store_true", help="record only what is finished")
    options = parser.parse_args()
    for base in options.bases:
        out = options.work / base
        if not options.collect:
            known = known_rows(base)
            rows = [] if known is None else known.select("dose", "seed").iter_rows()
            skip = {("random", dose, seed) for dose, seed in rows}
            demo = demo_config()
            config = demo.model_copy(
                update={
                    "base": BaseSettings(path=f"vitro:{base}"),
                    "executor": demo.executor.model_copy(
                        update={"workers": options.workers, "threads": 1}
                    ),
                    "train": demo.train.model_copy(update={"keep": "none"}),
                }
            )
            sweep(config, out, seeds=options.seeds, skip=skip, watcher=Lines(base))
        frame = record(base, RunFolder(out))
        print(f"{base}: {len(frame)} arms recorded", flush=True)


if __name__ == "__main__":
    main()
