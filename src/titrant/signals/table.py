"""The score table: one value per trace or step and signal, computed once and joined for ever by `uid`.

One Parquet file per signal in the folder `scores/`, all with the same columns. A value is good for
one version of its signal and one model: others in the same file are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from titrant.errors import DataError
from titrant.files import write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

SCHEMA = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("step", pa.int32()),  # null: the whole trace
        pa.field("signal", pa.string(), nullable=False),
        pa.field("signal_version", pa.int16(), nullable=False),
        pa.field("model_fingerprint", pa.string(), nullable=False),
        pa.field("value", pa.float64()),  # null: cannot be computed
    ]
)
"""Columns of the score table."""


def score_path(folder: Path, signal: str) -> Path:
    """The file of one signal in a folder of scores."""
    return folder / f"{signal}.parquet"


def write_scores(
    folder: Path,
    signal: str,
    *,
    version: int,
    fingerprint: str,
    uids: Sequence[str],
    values: np.ndarray,
    steps: Sequence[int | None] | None = None,
) -> None:
    """Write one signal, whole or not at all; what the file held before is replaced.

    Args:
        folder: the folder of scores.
        signal: its name.
        version: of the signal.
        fingerprint: of the model; empty for a signal without one.
        uids: one per value.
        values: float64 [values]; NaN becomes null.
        steps: the step that each value is about, `None` for the whole trace; default: all of them.
    """
    n = len(uids)
    columns = {
        "uid": pa.array(uids, pa.string()),
        "step": pa.nulls(n, pa.int32()) if steps is None else pa.array(steps, pa.int32()),
        "signal": pa.repeat(signal, n),
        "signal_version": pa.repeat(pa.scalar(version, pa.int16()), n),
        "model_fingerprint": pa.repeat(fingerprint, n),
        "value": pa.array(values, pa.float64(), from_pandas=True),
    }
    write_table(score_path(folder, signal), pa.table(columns, schema=SCHEMA))


def read_scores(
    folder: Path, signal: str, uids: Sequence[str], *, version: int, fingerprint: str
) -> np.ndarray:
    """The values of whole traces, in the order of `uids`; float64, NaN where there is none.

    Raises:
        DataError: the file is missing, damaged, or no score table.
    """
    path = score_path(folder, signal)
    try:
        frame = pl.read_parquet(path, columns=SCHEMA.names, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"the scores of the signal '{signal}' cannot be read",
            expected=f"{path}, as titrant wrote it",
            came="no such file" if isinstance(error, FileNotFoundError) else str(error)[:200],
            do="delete it if it is there, and compute it again: titrant score",
        ) from error
    good = frame.filter(
        pl.col("step").is_null(),
        pl.col("signal_version") == version,
        pl.col("model_fingerprint") == fingerprint,
    )
    asked = pl.DataFrame({"uid": list(uids)}, schema={"uid": pl.String})
    joined = asked.join(good, on="uid", how="left", maintain_order="left")
    return joined["value"].fill_null(float("nan")).to_numpy().astype(float)
