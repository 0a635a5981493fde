import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from titrant.arms import ArmSpec
from titrant.dose.work.executor import LocalExecutor
from titrant.dose.work.layout import (
    Layout,
    oversubscription,
    plan_layout,
    usable_cores,
    visible_devices,
    worker_environment,
)
from titrant.errors import EngineError, ResourceError, TrainError
from titrant.settings import Config
from titrant.train.job import ArmJob

HERE = Path(__file__).parent
CONFIG = Config.model_validate({"base": "b", "pool": "p", "benchmark": "q"})


@pytest.fixture(autouse=True)
def _entries_can_be_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def jobs(folder, *doses):
    return [
        ArmJob(
            run_dir=folder, spec=ArmSpec(strategy="random", dose=n, seed=0), config=CONFIG, lr=1.0
        )
        for n in doses
    ]


def executor(entry, *, workers=2, devices=(), log=None):
    return LocalExecutor(Layout(workers, 1, devices), entry=f"executor_entries:{entry}", log=log)


def starts(folder, dose):
    return (folder / f"random-n{dose:06d}-s00.starts").read_text().split()


def test_every_arm_is_run_once_and_workers_are_kept(tmp_path):
    with executor("read") as pool:
        found = {job.spec.dose: outcome for job, outcome in pool.run(jobs(tmp_path, 1, 2, 3, 4, 5))}
        again = dict.fromkeys(o.arm_id for _, o in pool.run(jobs(tmp_path, 6)))
    assert {dose: outcome.cost.updates for dose, outcome in found.items()} == {
        n: n for n in range(1, 6)
    }
    assert list(again) == ["random-n000006-s00"]
    pids = {pid for n in range(1, 7) for pid in starts(tmp_path, n)}
    assert len(pids) <= 2  # six arms, two interpreters


def test_what_an_entry_prints_goes_to_the_log(tmp_path):
    with executor("read", workers=1, log=tmp_path / "log") as pool:
        list(pool.run(jobs(tmp_path, 1)))
    assert "a library that prints" in (tmp_path / "log" / "worker-0.log").read_text()


def test_progress_reaches_the_callback(tmp_path):
    seen = []
    with executor("read_with_progress", workers=1) as pool:
        list(
            pool.run(jobs(tmp_path, 1), on_progress=lambda job, p: seen.append((job.spec.dose, *p)))
        )
    assert seen == [(1, "train", 1, 2), (1, "train", 2, 2)]


def test_a_job_is_taken_only_when_a_worker_is_free(tmp_path):
    taken = []

    def lazily():
        for job in jobs(tmp_path, 1, 2, 3):
            taken.append(job.spec.dose)
            yield job

    with executor("read", workers=1) as pool:
        ended = pool.run(lazily())
        next(ended)
        assert taken == [1]
        next(ended)
        assert taken == [1, 2]


def test_a_worker_that_dies_costs_its_arm_one_more_start(tmp_path):
    with executor("die_once") as pool:
        found = [outcome.error for _, outcome in pool.run(jobs(tmp_path, 1, 2, 3))]
    assert found == [None, None, None]
    assert len(starts(tmp_path, 2)) == 2
    assert len(starts(tmp_path, 1)) == len(starts(tmp_path, 3)) == 1


def test_an_arm_that_kills_two_workers_is_recorded_as_failed(tmp_path):
    with executor("die_always") as pool:
        found = {job.spec.dose: outcome.error for job, outcome in pool.run(jobs(tmp_path, 1, 2, 3))}
    assert found[1] is None
    assert found[3] is None
    assert found[2] == (
        "its worker process died 2 times (last exit code -9, often a lack of memory)"
    )
    assert len(starts(tmp_path, 2)) == 2


def test_what_an_arm_raises_is_its_own_error_and_the_others_go_on(tmp_path):
    with executor("fail") as pool:
        found = {job.spec.dose: outcome.error for job, outcome in pool.run(jobs(tmp_path, 1, 2, 4))}
    assert found == {
        1: None,
        2: "the loss became NaN\n  do: lower recipe.lr",
        4: "KeyError: 'a bug of ours'",
    }


def test_a_full_disk_ends_the_run(tmp_path):
    with executor("no_disk") as pool, pytest.raises(ResourceError, match="the disk is full"):
        list(pool.run(jobs(tmp_path, 1, 2)))


def test_threads_and_devices_are_pinned(tmp_path):
    with executor("environment", devices=("3", "5")) as pool:
        found = {outcome.error for _, outcome in pool.run(jobs(tmp_path, 1, 2))}
    assert found == {"1,passive,3", "1,passive,5"}


def test_the_main_module_of_the_user_is_not_run_again():
    with executor("read", workers=1) as pool:
        assert pool.call("executor_entries:main_module", None) == "titrant.dose.work.worker"


def test_a_call_returns_or_raises_what_its_entry_does():
    with executor("read", workers=1) as pool:
        assert pool.call("executor_entries:greet", "you") == "hello you"
        with pytest.raises(TrainError, match="no luck"):
            pool.call("executor_entries:refuse", "luck")
        with pytest.raises(EngineError, match="ValueError: odd"):
            pool.call("executor_entries:crash", "odd")


def test_calls_go_side_by_side_and_each_comes_back_with_its_argument():
    with executor("read") as pool:
        found = dict(pool.calls("executor_entries:doubled", [1, 2, 3]))
        # the workers are still there: a call after them starts no other
        assert pool.call("executor_entries:doubled", 21) == 42
    assert found == {1: 2, 2: 4, 3: 6}


def test_a_call_of_many_that_fails_ends_them_all():
    with executor("read") as pool, pytest.raises(TrainError, match="no luck"):
        dict(pool.calls("executor_entries:refuse", ["luck"] * 3))


def test_a_worker_that_cannot_start_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with (
        executor("read", log=tmp_path) as pool,
        pytest.raises(EngineError, match="could not start"),
    ):
        list(pool.run(jobs(tmp_path, 1)))


def test_closing_ends_workers_in_the_middle_of_an_arm(tmp_path):
    pids = []

    def interrupted():
        yield from jobs(tmp_path, 1)
        _until(lambda: _started(tmp_path, 1), 1)
        raise KeyboardInterrupt  # as Ctrl-C would, while the first arm sleeps for a minute

    pool = executor("sleep")
    pool.on_workers = pids.extend
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(pool.run(interrupted()))
    assert time.monotonic() - before < 30
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_workers_die_with_a_driver_that_is_killed(tmp_path):
    driver = subprocess.Popen([sys.executable, str(HERE / "executor_entries.py"), str(tmp_path)])
    workers = _until(lambda: _started(tmp_path, 1) + _started(tmp_path, 2), 2)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


def _started(folder, dose):
    path = folder / f"random-n{dose:06d}-s00.starts"
    pids = path.read_text().split() if path.exists() else []
    return [psutil.Process(int(pid)) for pid in pids]


def _until(find, n):
    deadline = time.monotonic() + 30
    while len(found := find()) < n:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_layout_shares_the_cores(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cores = usable_cores()
    assert plan_layout().workers == min(cores, 8)
    assert plan_layout(1) == Layout(1, cores, ())
    assert plan_layout(cores * 2).threads == 1
    assert plan_layout(1, 1) == Layout(1, 1, ())


def test_one_worker_per_visible_device(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 7")
    assert visible_devices() == ("2", "7")
    assert plan_layout().workers == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert visible_devices() == ()


def test_asking_for_more_threads_than_cores_is_said(monkeypatch):
    monkeypatch.setattr(psutil, "getloadavg", lambda: (0.0, 0.0, 0.0))
    cores = usable_cores()
    assert oversubscription(Layout(cores, 1, ())) is None
    text = oversubscription(Layout(cores, 4, ()))
    assert text is not None
    assert text.startswith(f"{cores * 4} threads are asked of {cores} cores with a load of 0.0")
    monkeypatch.setattr(psutil, "getloadavg", lambda: (9.0 * cores, 0.0, 0.0))
    assert oversubscription(Layout(cores, 1, ())) is not None
    assert oversubscription(Layout(1, 1, ("0",))) is None


def test_workers_are_told_to_keep_some_memory_unless_the_user_says_otherwise(monkeypatch):
    layout = Layout(workers=1, threads=1, devices=())
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert "trim_threshold=134217728" in worker_environment(layout, 0)["GLIBC_TUNABLES"]
    monkeypatch.setenv("GLIBC_TUNABLES", "mine")
    assert worker_environment(layout, 0)["GLIBC_TUNABLES"] == "mine"


def test_the_environment_of_the_driver_is_left_alone(tmp_path):
    before = dict(os.environ)
    with executor("read", workers=1) as pool:
        list(pool.run(jobs(tmp_path, 1)))
    assert dict(os.environ) == before
