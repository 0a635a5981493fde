"""From the arms' sample shards to one table of readings: every attempt at every problem, sorted.

The table is a pure function of the finished arms, in whatever order they finished.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from titrant.arms import Reading
from titrant.dose.readings import SCHEMA, ReadingTable
from titrant.errors import DataError
from titrant.files import write_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.run.store.folder import RunFolder

ORDER = ("benchmark", "strategy", "dose", "seed", "treatment", "qid", "sample")


def read_samples(folder: RunFolder, arm_id: str, *, with_text: bool = False) -> pl.DataFrame:
    """The attempts of one arm, sorted.

    Raises:
        DataError: a shard is missing or damaged.
    """
    columns = [*Reading._fields, *(["text"] if with_text else [])]
    shards = folder.samples(arm_id)
    try:
        frames = [pl.read_parquet(path, columns=columns, glob=False) for path in shards]
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(folder, arm_id, str(error)) from error
    if not frames:
        raise _damaged(folder, arm_id, "no samples")
    schema = SCHEMA | ({"text": pl.String} if with_text else {})
    return pl.concat([frame.cast(schema) for frame in frames]).sort(ORDER)  # type: ignore[arg-type]


def _damaged(folder: RunFolder, arm_id: str, came: str) -> DataError:
    return DataError(
        f"the samples of {arm_id} cannot be read",
        expected=f"Parquet files in {folder.arm(arm_id) / 'samples'}",
        came=came,
        do=f"delete {folder.arm(arm_id)} and run the same command again: only that arm is repeated",
    )


def collect(folder: RunFolder, arm_ids: Sequence[str], benchmarks: Sequence[str]) -> pl.DataFrame:
    """The readings of some arms, the first benchmark first.

    `ReadingTable` takes the first row's benchmark for the one that decides.
    """
    place = pl.Enum(list(benchmarks))
    frames = [read_samples(folder, arm_id) for arm_id in sorted(arm_ids)]
    if not frames:
        return pl.DataFrame(schema=SCHEMA)
    return pl.concat(frames).sort(pl.col("benchmark").cast(place), *ORDER[1:])


def write_readings(folder: RunFolder, frame: pl.DataFrame) -> None:
    """Write `readings.parquet`."""
    write_frame(folder.readings, frame)


def deciding_table(frame: pl.DataFrame, benchmark: str) -> ReadingTable | None:
    """The paired table of the benchmark that decides; `None` before anything is read."""
    if frame.is_empty():
        return None
    return ReadingTable.from_frame(frame, benchmark=benchmark).paired()
