"""A whole pool of 100,000 traces through copies, leaks and a ranking from stored scores.

    python benchmarks/pipeline.py [--rows 100000] [--data ../shared/data/gsm8k]

The pool is made of the GSM8K training set with its numbers changed, so that it has the length and the words
of real traces and 13 questions of every mould; 2,000 rows are repeated nearly word for word and 200 show a
problem of the test set. What is timed are the commands that a user would type, each in a process of its own:

    titrant clean POOL --benchmark TEST --out CLEAN
    titrant rank CLEAN --scores DIR --strategy confidence+coverage@1   (and plain `confidence`)

Scores and hidden states are made up beforehand and not timed. Printed: seconds and peak memory of each
command, what was planted and what was dropped. The bar is two minutes for the whole.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from titrant.seeds import derive_rng
from titrant.settings import PoolSettings
from titrant.signals.meta import ScoresMeta, write_meta
from titrant.signals.store import PassCost, PassInfo, ScoredTrace, next_part, write_part
from titrant.signals.table import write_scores
from titrant.traces.read import read_pool

COPIES, LEAKS, WIDTH, PART = 2000, 200, 64, 4096
_NUMBER = re.compile(r"\d+")


def make_rows(data: Path, n: int) -> list[dict[str, str]]:
    """Rows of the pool: moulds of the training set, near copies, leaks."""
    train = [json.loads(line) for line in (data / "train.jsonl").read_text().splitlines()]
    test = [json.loads(line) for line in (data / "test.jsonl").read_text().splitlines()]
    rng = derive_rng(0, "pipeline")
    rows = []
    for i in range(n - COPIES - LEAKS):
        turn, row = i // len(train), train[i % len(train)]
        rows.append({key: _shift(row[key], turn) for key in ("question", "answer")})
    for i in rng.integers(len(rows), size=COPIES).tolist():
        row = rows[i]
        rows.append(row | {"answer": row["answer"].replace(".", " .", 1)})
    for i in rng.integers(len(test), size=LEAKS).tolist():
        rows.append(
            {"question": test[i]["question"] + " Show your work.", "answer": test[i]["answer"]}
        )
    return rows


def _shift(text: str, turn: int) -> str:
    return _NUMBER.sub(lambda found: str(int(found[0]) + turn), text) if turn else text


def make_scores(pool: Path, folder: Path) -> None:
    """Confidence and hidden states of every trace, made up."""
    uids = list({trace.uid for trace in read_pool(PoolSettings(path=str(pool))).traces})
    rng = derive_rng(0, "pipeline", "scores")
    values = rng.normal(size=len(uids))
    write_scores(folder, "confidence", version=1, fingerprint="f", uids=uids, values=values)
    none = np.zeros(0, np.float32)
    for start in range(0, len(uids), PART):
        part = uids[start : start + PART]
        states = rng.normal(size=(len(part), WIDTH)).astype(np.float32)
        names = ("logprob", "entropy", "variance", "vocab_mean", "step", "step_hidden")
        rows = [
            ScoredTrace(uid, 0, 0, dict.fromkeys(names, none) | {"hidden": state})
            for uid, state in zip(part, states, strict=True)
        ]
        info = PassInfo(
            fingerprint="f",
            needs=("hidden",),
            vocab=8,
            top=0,
            width=WIDTH,
            traces=len(part),
            trace_tokens=0,
            cost=PassCost(),
        )
        write_part(next_part(folder), rows, info)
    meta = ScoresMeta(
        base="made up",
        fingerprint="f",
        parameters=0,
        traces=len(uids),
        failed=0,
        versions={"confidence": 1},
        has_hidden=True,
    )
    write_meta(folder, meta)


def timed(*words: object) -> tuple[float, float]:
    """Seconds and peak memory in GiB of one command, workers included."""
    command = [sys.executable, "-m", "titrant", *map(str, words)]
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        peak = 0.0
        while child.poll() is None:
            peak = max(peak, _memory(child.pid))
            time.sleep(0.05)
        errors = child.stderr.read() if child.stderr is not None else ""
    if child.returncode:
        raise SystemExit(errors)
    return time.monotonic() - began, peak / 2**30


def _memory(pid: int) -> float:
    import psutil

    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
        return sum(process.memory_full_info().pss for process in family)
    except psutil.Error:
        return 0.0


def main() -> None:
    """Make, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/gsm8k"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        pool, clean, scores = (
            Path(place) / name for name in ("pool.jsonl", "clean.jsonl", "scores")
        )
        rows = make_rows(options.data, options.rows)
        pool.write_text("\n".join(map(json.dumps, rows)) + "\n")
        make_scores(pool, scores)
        print(f"{len(rows):,} rows, {COPIES:,} near copies and {LEAKS} leaks planted", flush=True)
        whole = 0.0
        for words in (
            ("clean", pool, "--benchmark", options.data / "test.jsonl", "--out", clean),
            ("rank", clean, "--scores", scores, "--strategy", "confidence"),
            ("rank", clean, "--scores", scores, "--strategy", "confidence+coverage@1"),
        ):
            seconds, peak = timed(*words)
            whole += seconds
            print(
                f"titrant {words[0]:6} {words[-1]!s:24} {seconds:6.1f} s, {peak:.2f} GiB",
                flush=True,
            )
        kept = sum(1 for _ in clean.open())
        print(f"whole {whole:.1f} s; {len(rows) - kept:,} rows dropped")


if __name__ == "__main__":
    main()
