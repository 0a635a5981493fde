"""Files and folders that are either whole or absent: written beside, flushed to the disk, renamed.

A process that is killed at any moment leaves the old file or the new one, never a half of one; what
it may leave is a `.partial` beside it, which `remove_partials` clears. A disk that is full and a
folder that cannot be written become a ResourceError that says so.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from titrant.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

PARTIAL = ".partial"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_PLACE = (FileExistsError, NotADirectoryError)
"""A file stands where a folder should be."""
_FULL_WORDS = ("no space left on device", "disk quota exceeded", "file too large")
"""How libraries word a full disk whose error carries no errno."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn a full disk, however a library words it, or a missing permission into a ResourceError."""
    try:
        yield
    except ResourceError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if number in FULL or any(words in str(error).lower() for words in _FULL_WORDS):
            raise _disk_full(path, error) from error
        if number in FORBIDDEN or isinstance(error, NO_PLACE):
            raise _no_place(path, error) from error
        raise


def _no_place(path: Path, error: Exception) -> ResourceError:
    return ResourceError(
        f"{path} cannot be written",
        expected="a folder with write permission",
        came=os.strerror(error.errno)
        if isinstance(error, OSError) and error.errno is not None
        else str(error),
        do="choose another folder (--out, or the option that named it)",
    )


def _disk_full(path: Path, error: Exception) -> ResourceError:
    existing = next((p for p in (path, *path.parents) if p.exists()), None)
    free = "" if existing is None else f"{shutil.disk_usage(existing).free / 1e9:.1f} GB free; "
    return ResourceError(
        f"the disk is full: {path} could not be written",
        expected="room for it",
        came=f"{free}{error}",
        do="free some space (train.keep: none keeps no weights, a larger recipe.checkpoint_every "
        "fewer checkpoints) and run the same command again: nothing that was finished is lost",
    )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` for a file or a folder; on leaving, what is there takes its place.

    Raises:
        ResourceError: the disk is full, or the folder cannot be written; `path` is as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    with explained(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield beside
            _flush_all(beside)
            if path.is_dir():
                _check_takes(path, beside)
                shutil.rmtree(path)
            beside.replace(path)
        except FileNotFoundError as error:
            # Some places, /proc among them, can be named and not written; pyarrow names no file.
            known = {str(beside), *map(str, path.parents)}
            if str(error.filename) not in known and str(beside) not in str(error):
                raise
            raise _no_place(path, error) from error
        finally:
            remove(beside)
        _flush(path.parent)


def _check_takes(path: Path, beside: Path) -> None:
    """A file never takes the place of a folder."""
    if not beside.is_dir():
        raise ResourceError(
            f"{path} cannot be written",
            expected="the name of a file",
            came="a folder of that name, which stays as it is",
            do="choose another name",
        )


def _flush_all(path: Path) -> None:
    for inner in path.rglob("*") if path.is_dir() else ():
        if inner.is_file():
            _flush(inner)
    _flush(path)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as Parquet, whole or not at all."""
    import pyarrow.parquet as pq

    with replacing(path) as beside:
        pq.write_table(table, beside, compression="zstd")


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a polars frame as Parquet, whole or not at all.

    Through Arrow: polars' own writer reports a full disk as an error in the computation.
    """
    write_table(path, frame.to_arrow())


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_partials(folder: Path) -> None:
    """Remove what killed writers left in a folder and its direct sub-folders."""
    for pattern in (f".*{PARTIAL}", f"*/.*{PARTIAL}"):
        for path in folder.glob(pattern):
            remove(path)
