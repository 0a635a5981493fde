"""The manifest: on what the answer stands. Versions, hashes, hardware, seeds, cost."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

import psutil

from titrant.dose.work.layout import usable_cores, visible_devices
from titrant.files import write_text
from titrant.records import Record
from titrant.run.session import read_record
from titrant.traces.record import content_hash

if TYPE_CHECKING:
    from titrant.report.answer import Cost
    from titrant.run.input.prepare import Prepared
    from titrant.run.store.folder import RunFolder
    from titrant.settings import Config

ANALYSIS_PACKAGES = ("numpy", "scipy", "polars", "pyarrow", "pydantic", "math-verify", "matplotlib")


class Hardware(Record):
    """The machine of the driver."""

    system: str
    processor: str
    cores: int
    memory_gb: float
    devices: tuple[str, ...]
    """CUDA devices visible to the run."""


class Manifest(Record):
    """`manifest.json`; the cost and the base are filled in when they are known."""

    version: int = 1
    titrant: str
    python: str
    created: str
    """ISO date and time at which the run was begun, UTC."""
    finished: str | None = None
    seed: int
    config_hash: str
    """Of the config without executor, limits and audit, which do not change the answer."""
    hardware: Hardware
    versions: dict[str, str]
    base: str | None = None
    base_fingerprint: str | None = None
    base_revision: str | None = None
    dtype: str | None = None
    pool_hash: str | None = None
    cost: dict[str, float] | None = None


def begin_manifest(folder: RunFolder, config: Config) -> Manifest:
    """The manifest of the folder, begun where there is none."""
    if folder.manifest.exists():
        return read_record(folder.manifest, Manifest)
    begun = Manifest(
        titrant=metadata.version("titrant"),
        python=platform.python_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=config.seed,
        config_hash=hash_config(config),
        hardware=describe_hardware(),
        versions=analysis_versions(),
    )
    write_text(folder.manifest, begun.model_dump_json(indent=2) + "\n")
    return begun


def finish_manifest(folder: RunFolder, begun: Manifest, prepared: Prepared, cost: Cost) -> Manifest:
    """Write the manifest with what the run has found out."""
    found = begun.model_copy(
        update={
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": dict(sorted((begun.versions | prepared.versions).items())),
            "base": prepared.base,
            "base_fingerprint": prepared.fingerprint,
            "base_revision": prepared.revision,
            "dtype": prepared.dtype,
            "pool_hash": prepared.pool_hash,
            "cost": cost.model_dump(),
        }
    )
    write_text(folder.manifest, found.model_dump_json(indent=2) + "\n")
    return found


def hash_config(config: Config) -> str:
    """A hash of everything in the config that the answer depends on."""
    return content_hash(config.model_dump_json(exclude={"executor", "limits", "audit"}))


def describe_hardware() -> Hardware:
    """This machine."""
    return Hardware(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=usable_cores(),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        devices=visible_devices(),
    )


def _processor() -> str:
    """The model of the processor, where the system tells it."""
    if os.path.exists("/proc/cpuinfo"):  # noqa: PTH110 - a file of the kernel
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def analysis_versions() -> dict[str, str]:
    """Versions of the libraries that decide what the analysis does."""
    return {name: metadata.version(name) for name in ANALYSIS_PACKAGES}
