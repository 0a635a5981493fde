"""The folder of the audits: `audits/` of a run, or a folder of its own for two models.

| file | holds |
|---|---|
| `plan.json` | which arms and problems the audits rest on; written before anything is done |
| `pool.parquet` | the traces that the clean arms were trained on |
| `parts/<part>-<fingerprint>/` | what models answered, one file per chunk; whole or absent |
| `<audit>.json` | findings |

The problems themselves lie beside it, in `audit.parquet` of the run folder, where arms look for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from titrant.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from titrant.audits.base import ModelRole


@dataclass(frozen=True, slots=True)
class AuditFolder:
    """The paths; see the module docstring."""

    root: Path

    @property
    def plan(self) -> Path:
        """What was decided before anything was done."""
        return self.root / "plan.json"

    @property
    def pool(self) -> Path:
        """What clean arms were trained on."""
        return self.root / "pool.parquet"

    def result(self, audit: str) -> Path:
        """The findings of one audit."""
        return self.root / f"{audit}.json"

    def part(self, name: str, fingerprint: str) -> Path:
        """The chunks of one part."""
        return self.root / "parts" / f"{name}-{fingerprint}"

    def chunk(self, folder: Path, role: ModelRole, seed: int, number: int) -> Path:
        """One chunk of what one model answered."""
        return folder / f"{role}-s{seed:02d}-{number:04d}.parquet"


def read_part(
    folder: Path, models: Collection[tuple[ModelRole, int]] | None = None
) -> pl.DataFrame | None:
    """The chunks of a part; `None` where nothing was asked.

    Args:
        folder: of the part.
        models: role and seed of the models whose answers count; `None`: all that were asked.

    Raises:
        DataError: a chunk is damaged.
    """
    paths = sorted(folder.glob("*.parquet"))
    if models is not None:
        wanted = {f"{role}-s{seed:02d}" for role, seed in models}
        paths = [path for path in paths if path.stem.rpartition("-")[0] in wanted]
    if not paths:
        return None
    try:
        frames = [pl.read_parquet(path, glob=False) for path in paths]
        return pl.concat(frames, how="vertical_relaxed")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{folder} cannot be read",
            expected="Parquet files as an audit wrote them",
            came=str(error).splitlines()[0],
            do="delete that folder and run the same command again: it is asked anew",
        ) from error
