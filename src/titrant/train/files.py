"""Files of an arm: whole or absent, and a full disk said in plain words.

Everything is written beside its place and renamed. A killed worker may leave `.partial` files and
folders, which the next start of the arm removes.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from titrant.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FULL_WORDS = ("no space left on device", "disk quota exceeded")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` for a file or a folder; on leaving it takes the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield beside
        if path.is_dir():
            shutil.rmtree(path)
        beside.replace(path)
    finally:
        remove(beside)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as Parquet, whole or not at all."""
    with replacing(path) as beside:
        pq.write_table(table, beside, compression="zstd")


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder and its direct sub-folders."""
    for pattern in (".*.partial", "*/.*.partial"):
        for path in folder.glob(pattern):
            remove(path)


@contextmanager
def explain_full_disk(folder: Path) -> Iterator[None]:
    """Turn a full disk, however a library words it, into a ResourceError that says what to free."""
    try:
        yield
    except ResourceError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if number not in _FULL and not any(word in str(error).lower() for word in _FULL_WORDS):
            raise
        free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
        raise ResourceError(
            f"the disk is full: {folder} could not be written",
            came=f"{free / 1e9:.1f} GB free; {error}",
            do="free some space (train.keep: none keeps no weights, a larger "
            "recipe.checkpoint_every fewer checkpoints) and run the same command again: no "
            "finished arm is lost",
        ) from error
