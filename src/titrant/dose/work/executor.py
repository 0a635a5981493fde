"""The local executor: arms in persistent worker processes with pinned threads and devices.

A worker is a fresh interpreter (`titrant.dose.work.worker`), so a user's main module is never run again
and nothing is forked. It keeps its imports from arm to arm. A worker that dies costs its own arm
only, which is given to a new worker once and then recorded as failed. What an entry raises about
one arm becomes that arm's error; what it raises about the machine or the run (disk full, a missing
package, a wrong config) ends the run with the arm still to do.

Threads are pinned in the environment, since two PyTorch processes that share cores and spin for
each other run at a tenth of their speed.
"""

from __future__ import annotations

import errno
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from titrant.dose.work.layout import Layout, worker_environment
from titrant.dose.work.worker import Failure, Message, Progress, Ready, Result, Task, receive, send
from titrant.errors import (
    BusyError,
    ConfigError,
    DataError,
    EngineError,
    MissingPackageError,
    ResourceError,
    TitrantError,
)
from titrant.train.job import ArmJob, ArmOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

TRIES = 2
"""Workers that may die on one arm before it is recorded as failed."""
ENDS_THE_RUN = (BusyError, ConfigError, DataError, MissingPackageError, ResourceError)
"""Errors that are not about one arm; the next arm would meet them too."""
_NO_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@dataclass(slots=True)
class _Worker:
    """A running worker process and the task it is at."""

    number: int
    """Ordinal within the executor; a worker that takes the place of a dead one has a new one."""
    slot: int
    """Its place: names its log and its device."""
    process: subprocess.Popen[bytes]
    ready: bool = False
    task: Task | None = None
    tries: int = 0

    @property
    def stdin(self) -> BinaryIO:
        return cast("BinaryIO", self.process.stdin)

    def end(self) -> int:
        """End it and what it has started (an external trainer, say), and give its exit code."""
        self.kill()
        code = self.process.wait()
        with suppress(OSError):  # what was not sent yet cannot be any more
            self.stdin.close()
        return code

    def kill(self) -> None:
        """Kill it with all of its process group, which it leads."""
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()


@dataclass(slots=True)
class LocalExecutor:
    """Runs arms in worker processes; a context manager, since it owns them."""

    layout: Layout
    entry: str = "titrant.train.arm:run_arm"
    log: Path | None = None
    """Folder for what the workers print; default: nowhere."""
    on_workers: Callable[[tuple[int, ...]], None] | None = None
    """Told the process ids of the workers whenever one is started."""
    _workers: dict[int, _Worker] = field(default_factory=dict)
    _inbox: queue.SimpleQueue[tuple[int, Message | None]] = field(default_factory=queue.SimpleQueue)
    _started: int = 0

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        jobs: Iterable[ArmJob],
        *,
        on_progress: Callable[[ArmJob, Progress], None] | None = None,
    ) -> Iterator[tuple[ArmJob, ArmOutcome]]:
        """Run arms and yield each with its outcome as it ends.

        A job is taken from `jobs` only when a worker is free for it.

        Raises:
            TitrantError: an error that is not about one arm; the workers are ended.
        """
        tasks = (Task(self.entry, job) for job in jobs)
        try:
            for task, answer in self._work(tasks, on_progress):
                yield task.argument, _outcome(task.argument, answer)
        except BaseException:
            self.close()
            raise

    def call(
        self,
        entry: str,
        argument: object,
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Any:  # noqa: ANN401 - the entry decides
        """Call one function in a worker and return what it returns.

        Raises:
            TitrantError: as the entry raised it.
            EngineError: the entry failed otherwise, or its worker died twice.
        """
        told = None if on_progress is None else lambda _, progress: on_progress(progress)
        ((_, value),) = self.calls(entry, [argument], on_progress=told)
        return value

    def calls(
        self,
        entry: str,
        arguments: Iterable[object],
        *,
        on_progress: Callable[[Any, Progress], None] | None = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Call one function for each argument, side by side; yields (argument, value) as they end.

        Raises:
            TitrantError: as in `call`; the workers are ended, and what other calls had begun is lost.
        """
        tasks = (Task(entry, argument) for argument in arguments)
        try:
            for task, answer in self._work(tasks, on_progress):
                if isinstance(answer, Failure):
                    raise self._failure(entry, answer)
                yield task.argument, answer.value
        except BaseException:
            self.close()
            raise

    def _failure(self, entry: str, answer: Failure) -> Exception:
        if isinstance(answer.error, TitrantError):
            return answer.error
        _raise_for_disk(answer.error)
        return EngineError(f"{entry} failed", came=str(answer.error), do=self._where())

    def close(self) -> None:
        """End all workers at once; what they were at is resumed from its last checkpoint."""
        for worker in self._workers.values():
            worker.kill()
        for worker in self._workers.values():
            worker.end()
        self._workers.clear()

    def _work(
        self,
        tasks: Iterator[Task],
        on_progress: Callable[[Any, Progress], None] | None,
    ) -> Iterator[tuple[Task, Result | Failure]]:
        again: deque[tuple[Task, int]] = deque()
        self._fill(tasks, again)
        while any(worker.task is not None for worker in self._workers.values()):
            number, message = self._inbox.get()
            worker = self._workers.get(number)
            if worker is None:  # a last word of a worker that was ended
                continue
            if isinstance(message, Ready):
                worker.ready = True
            elif isinstance(message, Progress):
                if on_progress is not None and worker.task is not None:
                    on_progress(worker.task.argument, message)
            else:
                ended = self._ended(worker, message, again)
                if ended is not None:
                    yield ended
                self._fill(tasks, again)

    def _ended(
        self, worker: _Worker, message: Result | Failure | None, again: deque[tuple[Task, int]]
    ) -> tuple[Task, Result | Failure] | None:
        """Free the worker; `None` where its task goes to another one."""
        task, worker.task = worker.task, None
        if message is not None:
            return None if task is None else (task, message)
        del self._workers[worker.number]
        with suppress(subprocess.TimeoutExpired):  # its output is closed: it ends or is stuck
            worker.process.wait(timeout=5)
        code = worker.end()
        if not worker.ready:
            raise EngineError(
                "a worker process could not start", came=f"exit code {code}", do=self._where()
            )
        if task is None:
            return None
        if worker.tries < TRIES:
            again.append((task, worker.tries))
            return None
        text = f"its worker process died {TRIES} times (last exit code {code}{_hint(code)})"
        return task, Failure(RuntimeError(text), "")

    def _fill(self, tasks: Iterator[Task], again: deque[tuple[Task, int]]) -> None:
        """Give tasks to free workers, started as needed, until tasks or workers run out."""
        while True:
            idle = next((w for w in self._workers.values() if w.task is None), None)
            if idle is None and len(self._workers) >= self.layout.workers:
                return
            task, tries = again.popleft() if again else (next(tasks, None), 0)
            if task is None:
                return
            worker = idle or self._start()
            worker.task, worker.tries = task, tries + 1
            with suppress(OSError):  # it has just died: its reader says so, and the task is retried
                send(worker.stdin, task)

    def _start(self) -> _Worker:
        self._started += 1
        taken = {worker.slot for worker in self._workers.values()}
        slot = next(i for i in range(self.layout.workers) if i not in taken)
        worker = _Worker(self._started, slot, self._spawn(slot))
        self._workers[worker.number] = worker
        listener = threading.Thread(
            target=_listen, args=(worker.number, worker.process.stdout, self._inbox), daemon=True
        )
        listener.start()
        if self.on_workers is not None:
            self.on_workers(tuple(w.process.pid for w in self._workers.values()))
        return worker

    def _spawn(self, slot: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "titrant.dose.work.worker", str(os.getpid())]
        environment = worker_environment(self.layout, slot)
        if self.log is None:
            return _popen(command, environment, subprocess.DEVNULL)
        self.log.mkdir(parents=True, exist_ok=True)
        with (self.log / f"worker-{slot}.log").open("ab") as log:
            return _popen(command, environment, log)

    def _where(self) -> str:
        return "" if self.log is None else f"what it printed stands in {self.log}"


def _popen(
    command: list[str], environment: dict[str, str], log: BinaryIO | int
) -> subprocess.Popen[bytes]:
    # A session of its own keeps the terminal's Ctrl-C from the worker: the driver ends it in order.
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


def _listen(
    number: int, stream: BinaryIO, inbox: queue.SimpleQueue[tuple[int, Message | None]]
) -> None:
    """Pass on what a worker says; `None` when it is gone or speaks nonsense."""
    try:
        with stream:
            message = receive(stream)
            while message is not None:
                inbox.put((number, message))
                message = receive(stream)
    finally:
        inbox.put((number, None))


def _outcome(job: ArmJob, answer: Result | Failure) -> ArmOutcome:
    """What is recorded of an arm; an error that is not about this arm is raised."""
    if isinstance(answer, Result):
        return cast("ArmOutcome", answer.value)
    if isinstance(answer.error, ENDS_THE_RUN):
        raise answer.error
    _raise_for_disk(answer.error)
    return ArmOutcome(arm_id=job.spec.arm_id, error=str(answer.error))


def _raise_for_disk(error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in _NO_DISK:
        raise ResourceError(
            "an arm could not write its files",
            came=str(error),
            do="free some space and run the same command again: nothing that was finished is lost",
        ) from error


def _hint(code: int) -> str:
    return ", often a lack of memory" if code in (-9, 137) else ""
