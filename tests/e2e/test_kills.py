"""The real trainer, killed again and again: the same answer, and nothing finished is done twice.

Most kills come at a random point of the progress (files written and updates logged), some while pool
and rows are read, some while an arm is read, and one while the answer is written. What is killed is
the main process, its process group, or everything at once as a power cut would.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from itertools import pairwise

import homemade
import psutil
import pytest

pytest.importorskip("torch", reason="needs the train extra")

pytestmark = [pytest.mark.train, pytest.mark.slow]

UPDATES, CHECKPOINT_EVERY = 40, 8
KILLS = 20
RECORDS = ("inputs", "prepared", "zero", "pilot")


@pytest.fixture(scope="module")
def config(small_base, tmp_path_factory):
    """Three shards to read and five checkpoints to write in each of eleven arms."""
    folder = tmp_path_factory.mktemp("kills")
    homemade.write_pool(folder / "pool.jsonl")
    homemade.write_benchmark(folder / "problems.jsonl", 600)
    return homemade.write_config(
        folder / "c.yaml",
        base=str(small_base),
        pool="pool.jsonl",
        benchmark="problems.jsonl",
        recipe={
            "method": "full",
            "updates": UPDATES,
            "rows_per_update": 8,
            "lr_centre": 2e-3,
            "checkpoint_every": CHECKPOINT_EVERY,
        },
        decode={"max_new_tokens": 16},
        executor={"workers": 1, "threads": 1},
    )


@pytest.fixture(scope="module")
def undisturbed(config):
    out = config.parent / "undisturbed"
    ended = homemade.titrant("run", config, "--out", out)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return out


def start(config, out):
    return subprocess.Popen(
        homemade.command("run", config, "--out", out),
        env=os.environ | homemade.ONE_THREAD,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def marks(out):
    """How far a run is: files written, and updates logged."""
    found = 0
    with suppress(OSError):
        for path in out.rglob("*"):
            found += 1
            if path.name == "log.jsonl":
                with suppress(OSError):
                    found += path.read_bytes().count(b"\n")
    return found


def phase(out):
    """What the run is at, as its folder shows it."""
    if not (out / "inputs.json").exists():
        return "reading pool and benchmark"
    if not (out / "prepared.json").exists():
        return "examining rows"
    for arm in sorted((out / "arms").glob("*")):
        if not (arm / "done.json").exists():
            is_reading = (arm / "trained").exists() or (arm / "samples").exists()
            return "reading an arm" if is_reading else "training an arm"
    return "answer" if (out / "readings.parquet").exists() else "between arms"


def finished_files(out):
    """Whatever is finished: outcomes, shards, stages, decisions; with its time and content."""
    paths = [out / f"{name}.json" for name in RECORDS if (out / f"{name}.json").exists()]
    for pattern in ("arms/*/done.json", "arms/*/samples/[0-9]*.parquet", "rounds/[0-9]*.json"):
        paths += out.glob(pattern)
    return {
        path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in paths
    }


def kill(process, how):
    victims = [process.pid]
    if how == "everything":
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children(recursive=True)
            victims += [child.pid for child in children]
    for pid in victims:
        with suppress(ProcessLookupError):
            if how == "group":
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
    process.wait()


def timeless(out):
    """The answer without times, which alone may differ between two runs."""
    answer = json.loads((out / "answer.json").read_text())
    answer["cost"]["seconds"] = answer["provenance"]["created"] = None
    for row in answer["arms"]:
        row["seconds"] = None
    return answer


def lost_updates(log):
    """Updates that were trained again at each fresh start of a training."""
    updates = [json.loads(line)["update"] for line in log.read_text().splitlines()]
    return [before - (after - 1) for before, after in pairwise(updates) if after <= before]


def moments(n_kills, total, rng):
    """When to kill: each a test of the run folder, and a delay in seconds after it holds."""
    n_early, n_reading = n_kills // 5, n_kills // 5
    n_within = n_kills - n_early - n_reading - 1
    every = max(1, n_within // max(1, n_reading))
    within = sorted(rng.randrange(1, total) for _ in range(n_within))
    found = [(lambda out: True, rng.random() * 6) for _ in range(n_early)]
    for i, target in enumerate(within):
        found.append((lambda out, target=target: marks(out) >= target, rng.random() * 0.3))
        if i % every == 0 and i // every < n_reading:
            found.append((lambda out: phase(out) == "reading an arm", rng.random() * 0.1))
    return [*found, (lambda out: phase(out) == "answer", 0.0)]


def killed_run(config, out, *, n_kills, total, seed):
    """Kill the run at random moments, restart it each time; what was seen at each kill."""
    rng, kept, seen = random.Random(seed), {}, []
    for i, (is_time, delay) in enumerate(moments(n_kills, total, rng)):
        how = ("main", "group", "everything")[i % 3]
        process = start(config, out)
        while not is_time(out) and process.poll() is None:
            time.sleep(0.005)
        time.sleep(delay)
        assert process.poll() is None, f"it ended before kill {i + 1}: {process.stderr.read()}"
        kill(process, how)
        process.stderr.close()
        seen.append((phase(out), how))
        now = finished_files(out)
        assert {path: now.get(path) for path in kept} == kept, "what was finished has changed"
        kept = now
    with start(config, out) as process:
        assert process.wait() == 0, process.stderr.read()
    last = finished_files(out)
    assert {path: last.get(path) for path in kept} == kept, "what was finished has changed"
    return seen


def test_twenty_kills_change_nothing_in_the_answer(config, undisturbed, tmp_path, record_property):
    out = tmp_path / "run"
    total = marks(undisturbed)
    seen = killed_run(config, out, n_kills=KILLS, total=int(total * 0.9), seed=1)
    lost = [n for log in out.glob("arms/*/log.jsonl") for n in lost_updates(log)]
    # Seen with -rP: what the kills hit.
    sys.stdout.write(f"kills by phase: {Counter(name for name, _ in seen)}\n")
    sys.stdout.write(f"kills by kind: {Counter(how for _, how in seen)}\n")
    sys.stdout.write(f"updates trained again: {lost}\n")

    assert timeless(out) == timeless(undisturbed)
    assert max(lost, default=0) <= CHECKPOINT_EVERY
    assert len({name for name, _ in seen}) >= 3, "the kills must land in several stages"
    assert not list(out.rglob("*.partial"))


def until(holds, process):
    deadline = time.monotonic() + 120
    while not holds():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_second_process_on_a_folder_is_refused_by_name_or_waits(config, undisturbed, tmp_path):
    out = tmp_path / "run"
    with start(config, out) as first:
        until((out / "rounds").exists, first)
        refused = homemade.titrant("run", config, "--out", out)
        assert refused.returncode == 7
        assert f"found: process {first.pid} on " in refused.stderr + refused.stdout
        assert "give --wait" in refused.stderr + refused.stdout
        waited = homemade.titrant("run", config, "--out", out, "--wait", "--json")
        assert first.wait() == 0, first.stderr.read()
    assert waited.returncode == 0, waited.stderr
    assert json.loads(waited.stdout) == json.loads((out / "answer.json").read_text())
    assert f"waiting for process {first.pid}" in waited.stderr
    assert timeless(out) == timeless(undisturbed)


def test_a_worker_that_is_killed_costs_no_finished_work(config, undisturbed, tmp_path):
    out = tmp_path / "run"
    with start(config, out) as process:
        until(lambda: any((out / "arms").glob("random-*/log.jsonl")), process)
        for child in psutil.Process(process.pid).children():
            child.kill()
        assert process.wait() == 0, process.stderr.read()
    assert timeless(out) == timeless(undisturbed)
