"""How many worker processes a machine can feed, and what each of them may use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from typing import NamedTuple

import psutil

MOST_WORKERS = 8
KEEP_MEMORY = ":".join(
    f"glibc.malloc.{name}={size}"
    for name, size in (
        ("mmap_threshold", 64 << 20),
        ("trim_threshold", 128 << 20),
    )
)
"""glibc gives large blocks back to the system and faults them in again at every update; told to keep
some, a training on CPU takes about a tenth less time, for some 50 MB more memory."""


class Layout(NamedTuple):
    """How many workers, and what each may use."""

    workers: int
    threads: int
    devices: tuple[str, ...]
    """CUDA devices, one per worker in turn; empty on a machine without."""


def plan_layout(workers: int | None = None, threads: int | None = None) -> Layout:
    """One worker per visible GPU, else one per core (at most 8); cores are shared evenly."""
    devices, cores = visible_devices(), usable_cores()
    n_workers = workers or len(devices) or min(cores, MOST_WORKERS)
    return Layout(n_workers, threads or max(1, cores // n_workers), devices)


def usable_cores() -> int:
    """Cores this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_devices() -> tuple[str, ...]:
    """CUDA devices by the names that CUDA_VISIBLE_DEVICES takes, without importing torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1"))
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    with suppress(OSError, subprocess.SubprocessError):
        command = [tool, "--query-gpu=index", "--format=csv,noheader"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return tuple(found.stdout.split())
    return ()


def oversubscription(layout: Layout) -> str | None:
    """A warning where other programs leave fewer cores than the workers want; else `None`."""
    if layout.devices:
        return None
    busy = psutil.getloadavg()[0]
    wanted, cores = layout.workers * layout.threads, usable_cores()
    if wanted <= cores and busy + wanted <= cores * 1.5:
        return None
    return (
        f"{wanted} threads are asked of {cores} cores with a load of {busy:.1f} already: arms may "
        "run several times slower; set executor.workers lower or end the other programs"
    )


def worker_environment(layout: Layout, slot: int) -> dict[str, str]:
    """The environment of the worker in a slot: pinned threads, one device, quiet libraries."""
    threads = str(layout.threads)
    pinned = {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "passive",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if layout.devices:
        pinned["CUDA_VISIBLE_DEVICES"] = layout.devices[slot % len(layout.devices)]
    return {"GLIBC_TUNABLES": KEEP_MEMORY} | os.environ | pinned
