"""Entries for test_executor.py, run in worker processes; they leave their marks in the run folder."""

import os
import signal
import sys
import time
from pathlib import Path

from titrant.arms import ArmCost
from titrant.errors import ResourceError, TrainError
from titrant.train.job import ArmJob, ArmOutcome


def mark(job: ArmJob) -> int:
    """Note that the arm was begun, and by whom; how often it has been."""
    job.run_dir.mkdir(parents=True, exist_ok=True)
    with (job.run_dir / f"{job.spec.arm_id}.starts").open("a") as log:
        log.write(f"{os.getpid()}\n")
    return len((job.run_dir / f"{job.spec.arm_id}.starts").read_text().splitlines())


def read(job: ArmJob) -> ArmOutcome:
    mark(job)
    print("a library that prints")  # noqa: T201 - must not disturb the messages
    return ArmOutcome(arm_id=job.spec.arm_id, cost=ArmCost(updates=job.spec.dose))


def read_with_progress(job: ArmJob, progress) -> ArmOutcome:
    progress("train", 1, 2)
    progress("train", 2, 2)
    return ArmOutcome(arm_id=job.spec.arm_id)


def die_once(job: ArmJob) -> ArmOutcome:
    if mark(job) == 1 and job.spec.dose == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return ArmOutcome(arm_id=job.spec.arm_id)


def die_always(job: ArmJob) -> ArmOutcome:
    mark(job)
    if job.spec.dose == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return ArmOutcome(arm_id=job.spec.arm_id)


def fail(job: ArmJob) -> ArmOutcome:
    if job.spec.dose == 2:
        raise TrainError("the loss became NaN", do="lower recipe.lr")
    if job.spec.dose == 4:
        raise KeyError("a bug of ours")
    return ArmOutcome(arm_id=job.spec.arm_id)


def no_disk(job: ArmJob) -> ArmOutcome:
    raise ResourceError("the disk is full", do="free some space")


def environment(job: ArmJob) -> ArmOutcome:
    wanted = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "CUDA_VISIBLE_DEVICES")
    text = ",".join(os.environ.get(name, "") for name in wanted)
    time.sleep(0.3)  # long enough that both workers get one
    return ArmOutcome(arm_id=job.spec.arm_id, error=text)


def sleep(job: ArmJob) -> ArmOutcome:
    mark(job)
    time.sleep(60)
    return ArmOutcome(arm_id=job.spec.arm_id)


def main_module(_: object) -> str:
    return getattr(sys.modules["__main__"], "__spec__", None).name


def greet(argument: str) -> str:
    return f"hello {argument}"


def refuse(argument: str) -> str:
    raise TrainError(f"no {argument}")


def crash(argument: str) -> str:
    raise ValueError(argument)


def drive(folder: Path) -> None:
    """A driver of its own: starts two sleeping arms and never ends by itself."""
    from titrant.arms import ArmSpec
    from titrant.dose.work.executor import LocalExecutor
    from titrant.dose.work.layout import Layout
    from titrant.settings import Config

    config = Config.model_validate({"base": "b", "pool": "p", "benchmark": "q"})
    jobs = [
        ArmJob(
            run_dir=folder, spec=ArmSpec(strategy="random", dose=n, seed=0), config=config, lr=1.0
        )
        for n in (1, 2)
    ]
    with LocalExecutor(Layout(2, 1, ()), entry="executor_entries:sleep") as executor:
        list(executor.run(jobs))


if __name__ == "__main__":
    drive(Path(sys.argv[1]))


def doubled(number: int) -> int:
    return 2 * number
