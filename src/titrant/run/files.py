"""Files that are either whole or absent: write beside, flush to the disk, then rename.

A process that is killed at any moment leaves the old file or the new one, never a half of one; what
it may leave is a `.partial` file beside it, which `sweep` removes. A disk that is full and a folder
that cannot be written become a ResourceError that says so.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from titrant.errors import DataError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

PARTIAL = ".partial"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def guard(path: Path) -> Iterator[None]:
    """Turn a full disk or a missing permission under `path` into a ResourceError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ResourceError(
                f"the disk is full: {path} could not be written",
                do="free some space (or set limits.disk_gb) and run the same command again: "
                "nothing that was finished is lost",
            ) from error
        if error.errno in _FORBIDDEN:
            raise ResourceError(
                f"{path} cannot be written",
                expected="a folder with write permission",
                came=error.strerror or str(error),
                do="choose another folder with --out",
            ) from error
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; on leaving it is flushed and renamed to `path`."""
    beside = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    with guard(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            _flush(beside)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _flush(path.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write text, whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    """Write plain data as JSON, whole or not at all; NaN is refused, since readers would choke."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401 - the file decides
    """Plain data from a JSON file.

    Raises:
        DataError: the file is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"{path} is damaged",
            expected="JSON as titrant wrote it",
            came=str(error),
            do="delete the file and run the same command again: it is made anew",
        ) from error


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as Parquet, whole or not at all."""
    with replacing(path) as beside:
        pq.write_table(table, beside, compression="zstd")


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a polars frame as Parquet, whole or not at all.

    Through Arrow: polars' own writer reports a full disk as an error in the computation.
    """
    write_table(path, frame.to_arrow())


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder and its direct sub-folders."""
    for pattern in (f".*{PARTIAL}", f"*/.*{PARTIAL}"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
