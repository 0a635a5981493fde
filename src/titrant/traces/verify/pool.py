"""Processes that ask math-verify, each of which can be killed at the cost of one item.

One process works on one item at a time and has its own pair of pipes, so a process that hangs, eats
its memory or crashes takes nothing else with it: it is killed and replaced, and its item is
unreadable. Processes start when the first item comes and stay for the next batch. They are started
as programs, not by forking or by importing `__main__` again, in a session of their own (Ctrl-C
reaches the parent only, which then kills them). Linux and macOS only.

The limit of an item counts the processor time of its process, so that a verdict does not depend on
what else the machine does; `WALL_FACTOR` bounds the wait. On a machine at rest the two are one.
"""

from __future__ import annotations

import json
import os
import selectors
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from titrant.errors import ResourceError
from titrant.traces.record import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

START_LIMIT_S = 120.0
"""Seconds that a process may take to start on a busy machine; no item's clock runs meanwhile."""
WALL_FACTOR = 10
"""An item waits no longer than so many times its limit by the clock on the wall."""
_PROGRAM = Path(__file__).with_name("worker.py")
_HEADER = struct.Struct(">I")
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
"""Sympy's order of terms follows hashes: a fixed seed makes the same item the same work twice."""


class Pair(NamedTuple):
    """One question to math-verify."""

    gold: str
    answer: str


class _Worker:
    """One process and what it is doing."""

    def __init__(self, limit_s: float) -> None:
        # -P: neither the folder of the program nor the current one may shadow an import
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM), str(os.getpid()), str(limit_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=os.environ | _ENVIRONMENT,
            start_new_session=True,
        )
        assert self.process.stdin is not None  # for the type checker
        assert self.process.stdout is not None
        self.requests, self.replies = self.process.stdin, self.process.stdout
        self.limit_s = limit_s
        self.is_ready = False
        self.pair: Pair | None = None
        self.sent_at = self.cpu_at = 0.0
        self.deadline = time.monotonic() + START_LIMIT_S

    @property
    def is_idle(self) -> bool:
        return self.is_ready and self.pair is None

    def send(self, pair: Pair) -> None:
        """Hand over an item and start its clock; `OSError` if the process is gone."""
        body = json.dumps(pair._asdict()).encode()
        rest = memoryview(_HEADER.pack(len(body)) + body)
        while rest:
            rest = rest[self.requests.write(rest) :]
        self.pair, self.sent_at, self.cpu_at = pair, time.monotonic(), self._cpu_seconds()
        self.deadline = self.sent_at + self.limit_s

    def is_over(self, now: float) -> bool:
        """Whether the time is up; a process that had no processor gets the rest of its limit."""
        if self.deadline > now:
            return False
        if self.pair is None:
            return True
        left = self.limit_s - (self._cpu_seconds() - self.cpu_at)
        self.deadline = min(now + left, self.sent_at + WALL_FACTOR * self.limit_s)
        return self.deadline <= now

    def _cpu_seconds(self) -> float:
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:  # it just ended
            return float("inf")
        return times.user + times.system

    def receive(self) -> dict[str, Any] | None:
        """The reply; `None` if the process ended instead."""
        header = self.replies.read(_HEADER.size)
        if not header or len(header) < _HEADER.size:
            return None
        # A reply is shorter than a pipe's atomic write, so the rest is there with the header.
        body = self.replies.read(_HEADER.unpack(header)[0])
        return json.loads(body) if body else None

    def kill(self) -> None:
        """End the process and wait until it is gone."""
        self.process.kill()
        self.requests.close()
        self.replies.close()
        self.process.wait()


class WorkerPool:
    """At most `size` processes; not to be shared by threads."""

    def __init__(self, *, size: int, limit_s: float) -> None:
        self._size, self._limit_s = size, limit_s
        self._workers: list[_Worker] = []

    def judge(self, pairs: Iterable[Pair]) -> Iterator[tuple[Pair, Verdict]]:
        """Each pair with its verdict, in the order in which they are finished.

        Raises:
            ResourceError: a process could not be started.
        """
        queue = deque(pairs)
        try:
            while queue or any(worker.pair for worker in self._workers):
                self._hand_out(queue)
                yield from self._collect()
        finally:
            for worker in [worker for worker in self._workers if worker.pair]:
                self._discard(worker)

    def close(self) -> None:
        """End all processes."""
        for worker in list(self._workers):
            self._discard(worker)

    def _hand_out(self, queue: deque[Pair]) -> None:
        n_free = sum(worker.pair is None for worker in self._workers)
        n_new = min(self._size - len(self._workers), len(queue) - n_free)
        self._workers += [_Worker(self._limit_s) for _ in range(n_new)]
        for worker in [worker for worker in self._workers if worker.is_idle]:
            if not queue:
                break
            try:
                worker.send(queue[0])
            except OSError:  # it died while it was idle, which is no item's fault
                self._discard(worker)
            else:
                queue.popleft()

    def _collect(self) -> Iterator[tuple[Pair, Verdict]]:
        """Wait until something happens, and tell what is finished."""
        active = [worker for worker in self._workers if not worker.is_idle]
        if not active:
            return
        with selectors.DefaultSelector() as selector:
            for worker in active:
                selector.register(worker.replies, selectors.EVENT_READ, worker)
            first = min(worker.deadline for worker in active)
            events = selector.select(max(0.0, first - time.monotonic()))
            heard = [key.data for key, _ in events]
        now = time.monotonic()
        for worker in active:
            if worker in heard:
                yield from self._hear(worker)
            elif worker.is_over(now):
                yield from self._give_up(worker)

    def _hear(self, worker: _Worker) -> Iterator[tuple[Pair, Verdict]]:
        reply = worker.receive()
        if reply is None:
            yield from self._give_up(worker)
        elif worker.pair is None:
            worker.is_ready = True
        else:
            pair, worker.pair = worker.pair, None
            if reply["retire"]:
                self._discard(worker)
            yield pair, Verdict(reply["verdict"])

    def _give_up(self, worker: _Worker) -> Iterator[tuple[Pair, Verdict]]:
        """Replace a process that ended or ran out of time; its item is unreadable."""
        self._discard(worker)
        if worker.pair is None:
            raise ResourceError(
                "the process that checks mathematical answers did not start",
                expected=f"a sign of life from {_PROGRAM.name} within {START_LIMIT_S:.0f} s",
                came=f"exit code {worker.process.returncode}",
                do="see the lines above; is math-verify installed, and is there memory left?",
            )
        yield worker.pair, Verdict.UNREADABLE

    def _discard(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.kill()
