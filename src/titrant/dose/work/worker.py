"""The worker process of the local executor: `python -m titrant.dose.work.worker <parent pid>`.

It reads jobs from its standard input, runs each through an entry named "module:attribute", and
writes messages to its standard output, both as length-prefixed pickles. Whatever the entry prints
goes to standard error instead. It never imports the user's main module, and it ends with its
driver: the kernel kills it when the driver dies (Linux), and a closed standard input ends it
anywhere else.
"""

from __future__ import annotations

import ctypes
import inspect
import os
import pickle
import queue
import signal
import struct
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from titrant.errors import TitrantError
from titrant.lazy import load

if TYPE_CHECKING:
    from collections.abc import Callable

_LENGTH = struct.Struct("<Q")
_PR_SET_PDEATHSIG = 1


class Task(NamedTuple):
    """Driver → worker: call `entry(argument)`."""

    entry: str
    argument: Any


class Ready(NamedTuple):
    """Worker → driver: it has started."""

    pid: int


class Progress(NamedTuple):
    """Worker → driver: how far the task is."""

    phase: str
    done: int
    total: int


class Result(NamedTuple):
    """Worker → driver: what the entry returned."""

    value: Any


class Failure(NamedTuple):
    """Worker → driver: the entry raised."""

    error: Exception
    """A TitrantError or OSError as raised; anything else as a RuntimeError with its type and text."""
    trace: str


Message = Ready | Progress | Result | Failure


def send(stream: BinaryIO, message: object) -> None:
    """Write one message."""
    payload = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(payload)) + payload)
    stream.flush()


def receive(stream: BinaryIO) -> Any:  # noqa: ANN401 - the sender decides
    """Read one message; `None` where the other side is gone, also in the middle of a message."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    payload = stream.read(length)
    return pickle.loads(payload) if len(payload) == length else None


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; end now if that has happened."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _private_output() -> BinaryIO:
    """Keep standard output for messages; prints of libraries go to standard error."""
    messages = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return messages


def _listen(tasks: queue.SimpleQueue[Task]) -> None:
    while True:
        task = receive(sys.stdin.buffer)
        if task is None:
            os._exit(0)
        tasks.put(task)


def run_task(task: Task, report: Callable[[str, int, int], None]) -> Result | Failure:
    """Call the entry; one that has a parameter `progress` gets `report(phase, done, total)`."""
    try:
        entry = load(task.entry)
        if "progress" in inspect.signature(entry).parameters:
            return Result(entry(task.argument, progress=report))
        return Result(entry(task.argument))
    except (TitrantError, OSError) as error:
        return Failure(error, traceback.format_exc())
    except Exception as error:  # noqa: BLE001 - the border between the driver and an arm
        text = f"{type(error).__name__}: {error}"
        return Failure(RuntimeError(text), traceback.format_exc())


def main() -> None:
    """Serve until the driver closes the pipe."""
    die_with_parent(int(sys.argv[1]))
    output = _private_output()
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    send(output, Ready(os.getpid()))

    def report(phase: str, done: int, total: int) -> None:
        send(output, Progress(phase, done, total))

    while True:
        answer = run_task(tasks.get(), report)
        if isinstance(answer, Failure):
            sys.stderr.write(answer.trace)
        sys.stderr.flush()
        send(output, answer)


if __name__ == "__main__":
    # Messages must be of the importable module's classes, not of `__main__`'s.
    from titrant.dose.work import worker  # noqa: PLW0406 - on purpose

    worker.main()
