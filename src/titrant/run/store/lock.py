"""One driver per run folder: a lock that the kernel lets go when its owner dies, kill -9 included.

The lock is what counts. `owner.json` beside it only says who holds it, and which worker processes
it started: a new owner first makes sure that none of them is still writing.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil
from filelock import FileLock, Timeout

from titrant.errors import BusyError
from titrant.files import explained, write_text
from titrant.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from titrant.run.store.folder import RunFolder

ORPHAN_WAIT_S = 10.0
"""How long an orphaned worker may take to end by itself before it is ended."""


class Process(Record):
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    created: float
    """Start time of the process in seconds since 1970."""


class Owner(Record):
    """Who holds, or last held, a run folder."""

    host: str
    driver: Process
    workers: tuple[Process, ...] = ()


def this_process(pid: int | None = None) -> Process:
    """The identity of a process; default: this one."""
    number = os.getpid() if pid is None else pid
    return Process(pid=number, created=psutil.Process(number).create_time())


def read_owner(folder: RunFolder) -> Owner | None:
    """The last owner; `None` where nobody ever was, or the file is unreadable."""
    with suppress(OSError, ValueError):
        return Owner.model_validate_json((folder.root / "owner.json").read_text(encoding="utf-8"))
    return None


def write_owner(folder: RunFolder, workers: tuple[Process, ...] = ()) -> None:
    """Name this process, and the workers it has started, as the owner."""
    owner = Owner(host=socket.gethostname(), driver=this_process(), workers=workers)
    write_text(folder.root / "owner.json", owner.model_dump_json(indent=2) + "\n")


@contextmanager
def hold(
    folder: RunFolder, *, wait: bool = False, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the folder; with `wait`, until its owner lets go.

    Raises:
        BusyError: another process holds it and `wait` is off.
        ResourceError: the folder cannot be written.
    """
    lock = FileLock(folder.root / "run.lock", thread_local=False)
    with explained(folder.root):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not wait:
                raise _busy(folder) from None
            if on_wait is not None:
                on_wait(f"waiting for {_who(folder)}")
            lock.acquire(timeout=-1, poll_interval=0.2)
    try:
        end_orphans(read_owner(folder))
        write_owner(folder)
        yield
    finally:
        lock.release()


def _who(folder: RunFolder) -> str:
    owner = read_owner(folder)
    if owner is None:
        return "another process"
    return f"process {owner.driver.pid} on {owner.host}"


def _busy(folder: RunFolder) -> BusyError:
    return BusyError(
        f"{folder.root} is in use",
        expected="no other titrant on this run folder",
        came=f"{_who(folder)} works on it",
        do="wait until it ends, or give --wait to wait here and then read its answer",
    )


def end_orphans(owner: Owner | None) -> None:
    """Wait for what a dead owner has left running on this machine, and end what does not end.

    Its workers die with it. A program that a worker has started (an external trainer) does not, and
    would go on writing into the folder.
    """
    if owner is None or owner.host != socket.gethostname():
        return
    sessions = {record.pid for record in owner.workers if not _is_reused(record)}
    alive = [process for process in psutil.process_iter() if _session_of(process) in sessions]
    _, stubborn = psutil.wait_procs(alive, timeout=ORPHAN_WAIT_S if alive else 0)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=ORPHAN_WAIT_S)


def _is_reused(record: Process) -> bool:
    """Whether the number of a worker belongs to another process by now."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return abs(psutil.Process(record.pid).create_time() - record.created) > 1.0
    return False


def _session_of(process: psutil.Process) -> int | None:
    """The session of a process; each worker leads one of its own."""
    with suppress(OSError, AttributeError):
        return os.getsid(process.pid)
    return None
