"""Rows from wherever traces are kept: files, folders, `datasets` ids and saved-to-disk data sets.

| what | how |
|---|---|
| `.jsonl`, `.ndjson` | one JSON object per line, streamed |
| `.json` | a list of rows, an object of rows, an object with one list, or in fact JSON lines |
| `.parquet` | streamed by batches |
| `.csv`, `.tsv` | every value is text; an empty cell is missing |
| each of these with `.gz` or `.zst` (not Parquet) | unpacked on the way |
| a folder | its files of these kinds; those of the wanted split, where their names tell splits |
| a folder by `save_to_disk`, or a hub id `owner/name` | through `datasets` (the extra `train`) |

This module knows nothing of schemas: a row is what the file has.
"""

from __future__ import annotations

import difflib
import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import from_json

from titrant.errors import ConfigError, DataError
from titrant.traces.formats.hub import is_saved_dataset, open_hub, open_saved
from titrant.traces.formats.lines import COMPRESSIONS, json_lines, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BATCH_ROWS = 1024
WHOLE_BYTES = 2 * 2**30
"""JSON and CSV are read whole, and no more than this."""
SPLITS = {"train", "test", "validation", "valid", "val", "dev", "eval"}
KINDS = ".jsonl, .json, .parquet, .csv (also .gz, .zst), a folder of them, or a hub id owner/name"

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


class RowSource(NamedTuple):
    """Rows that are read when they are asked for."""

    path: str
    format: str
    """In words, for people: "JSON lines, gzip"."""
    rows: Iterator[Any]
    """Rows in the order of the file; a row may be anything that JSON can say."""


def open_rows(
    path: str,
    *,
    split: str,
    config: str | None = None,
    revision: str | None = None,
    limit: int | None = None,
) -> RowSource:
    """Rows of a file, folder or data set.

    Args:
        path: a file, a folder, or a hub id.
        split: which split of a hub data set, or of a folder whose file names tell splits.
        config: configuration of a hub data set.
        revision: revision of a hub data set.
        limit: the first so many rows will do; spares a download. The rows may be more.

    Raises:
        DataError: there is nothing there, or it is nothing that can be read.
        MissingPackageError: it needs `datasets`, which is not installed.
    """
    if path.startswith("world:"):
        raise ConfigError(f"{path} is a world, not a file", expected=KINDS, do="name a file")
    place = Path(path).expanduser()
    if place.is_file():
        return _open_file(place)
    if place.is_dir():
        if is_saved_dataset(place):
            return RowSource(path, "datasets, saved to disk", open_saved(place, split))
        if config is None:
            return _open_folder(place, split)
        rows = open_hub(path, split=split, config=config, revision=None, is_part=False)
        return RowSource(path, f"folder, configuration {config}, split {split}", rows)
    if _may_be_hub_id(path):
        rows = open_hub(path, split=split, config=config, revision=revision, is_part=bool(limit))
        return RowSource(path, f"hub data set, split {split}", rows)
    raise _missing(path)


def check_place(path: str) -> None:
    """Refuse what `open_rows` would refuse without reading or fetching anything.

    Raises:
        DataError: there is nothing there, or a file that is empty or of no known kind.
    """
    place = Path(path).expanduser()
    if place.is_file():
        _check_file(place)
    elif not place.is_dir() and not _may_be_hub_id(path):
        raise _missing(path)


def _may_be_hub_id(path: str) -> bool:
    place = Path(path)
    return bool(_HUB_ID.fullmatch(path)) and not _kind(place) and not place.parent.is_dir()


def _missing(path: str) -> DataError:
    place = Path(path).expanduser()
    if place.exists():
        return DataError(
            f"{path} is no file",
            expected=KINDS,
            came="a pipe or a device, which can be read only once",
            do="write it to a file first: a kind is known by its ending",
        )
    folder = place.absolute().parent
    if not folder.is_dir():
        return DataError(
            f"{path} does not exist",
            expected=KINDS,
            came=f"no folder {folder}",
            do="check the path",
        )
    names = [file.name for file in folder.iterdir() if file.is_dir() or _kind(file)]
    close = difflib.get_close_matches(Path(path).name, names, n=3)
    return DataError(
        f"{path} does not exist",
        expected=KINDS,
        came=f"nothing of that name in {folder}",
        do=f"did you mean {' or '.join(close)}?" if close else "check the path",
    )


def _check_file(path: Path) -> str:
    """The key of `_READERS` for a file that can be opened."""
    kind = _kind(path)
    if kind is None:
        raise DataError(
            f"{path} is of a kind that titrant does not read",
            expected=KINDS,
            came=f"'{''.join(path.suffixes) or path.name}'",
            do="convert the file, or rename it if its name is wrong",
        )
    if path.stat().st_size == 0:
        raise DataError(
            f"{path} is empty",
            expected="at least one row",
            came="0 bytes",
            do="write or download the file again",
        )
    return kind


def _open_file(path: Path) -> RowSource:
    words, read = _READERS[_check_file(path)]
    packing = COMPRESSIONS.get(path.suffix.lower())
    return RowSource(str(path), f"{words}, {packing}" if packing else words, read(path))


def _kind(path: Path) -> str | None:
    """The key of `_READERS` for a file name."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
        return suffixes[-1] if suffixes and suffixes[-1] in _PACKABLE else None
    return suffixes[-1] if suffixes and suffixes[-1] in _READERS else None


def _open_folder(path: Path, split: str) -> RowSource:
    files = sorted(file for file in path.rglob("*") if _is_data(file, path))
    named = {file: SPLITS & set(re.split(r"\W|_", file.stem.lower())) for file in files}
    found = sorted(set().union(*named.values()))
    if not files:
        raise DataError(
            f"the folder {path} has no data files",
            expected=KINDS,
            came="none of these, at any depth",
            do="name the file, or the folder that holds it",
        )
    if found:
        files = [file for file in files if split in named[file]]
    if not files:
        raise DataError(
            f"the folder {path} has no files of the split '{split}'",
            expected=f"a split among: {', '.join(found)}",
            do="choose one with `split:` (--split), or name a file",
        )
    sources = [_open_file(file) for file in files]
    words = f"folder of {len(files)} files, {sources[0].format}"
    return RowSource(str(path), words, chain.from_iterable(source.rows for source in sources))


def _is_data(file: Path, root: Path) -> bool:
    is_hidden = any(part.startswith((".", "_")) for part in file.relative_to(root).parts)
    is_about = file.name in {"dataset_infos.json", "dataset_info.json", "state.json", "config.json"}
    return file.is_file() and _kind(file) is not None and not is_hidden and not is_about


def _content(path: Path) -> bytes:
    with unpacked(path) as stream:
        content = stream.read(WHOLE_BYTES + 1)
    if len(content) > WHOLE_BYTES:
        raise DataError(
            f"{path} is too large to be read whole",
            expected=f"at most {WHOLE_BYTES // 2**30} GiB of {path.suffixes[0]}",
            do="convert it to JSON lines (.jsonl) or Parquet, which are read piece by piece",
        )
    return content


def _json_rows(path: Path) -> Iterator[Any]:
    content = _content(path)
    try:
        value = from_json(content.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        if "trailing characters" in str(error) and content.lstrip()[:1] == b"{":
            return json_lines(path)
        is_utf8 = "unicode" not in str(error)
        raise DataError(
            f"{path} is not {'JSON' if is_utf8 else 'UTF-8'}",
            expected="a list of rows, or one JSON object per line",
            came=str(error),
            do="if it worked before, the file may be cut: copy or download it again",
        ) from error
    return iter(_rows_of(value, path))


def _rows_of(value: object, path: Path) -> Iterable[Any]:
    """The rows in a JSON value: a list, an object of rows by id, or an object with one list."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value:
        lists = [item for item in value.values() if isinstance(item, list)]
        if len(lists) == 1 and lists[0] and all(isinstance(row, dict) for row in lists[0]):
            return lists[0]
        if all(isinstance(row, dict) for row in value.values()):
            return [{"id": key, **row} for key, row in value.items()]
    raise DataError(
        f"{path} holds neither traces nor problems",
        expected="a list of rows, an object of rows by id, or an object with one list of rows",
        came=_describe(value),
        do="name the file that holds the rows, or write them as one list",
    )


def _describe(value: object) -> str:
    if not isinstance(value, dict):
        return f"one {type(value).__name__}"
    kinds = sorted({_kind_of(item) for item in value.values()})
    return f"an object of {len(value)} keys whose values are {' and '.join(kinds)}"


def _kind_of(value: object) -> str:
    if isinstance(value, list):
        inside = {type(item).__name__ for item in value[:100]} - {"int"} or {"int"}
        numbers = "numbers" if inside <= {"int", "float"} else ", ".join(sorted(inside))
        return f"lists of {numbers}"
    return {"dict": "objects", "str": "texts"}.get(type(value).__name__, "numbers or null")


def _parquet_rows(path: Path) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"{path} is no whole Parquet file",
            expected="a Parquet file",
            came=str(error).partition("\n")[0],
            do="it may be cut: copy or download it again",
        ) from error


def _csv_rows(path: Path) -> Iterator[Any]:
    content = _content(path)
    separator = "\t" if ".tsv" in path.suffixes else ","
    try:
        table = pl.read_csv(content, separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        is_utf8 = "utf-8" not in str(error).lower()
        raise DataError(
            f"{path} is not {'a table' if is_utf8 else 'UTF-8'}",
            expected="a CSV file in UTF-8 with a line of column names and as many cells per row",
            came=str(error).partition("\n")[0],
            do="quote cells that contain separators or line breaks",
        ) from error
    return iter(table.iter_rows(named=True))


_READERS: dict[str, tuple[str, Callable[[Path], Iterator[Any]]]] = {
    ".jsonl": ("JSON lines", json_lines),
    ".ndjson": ("JSON lines", json_lines),
    ".json": ("JSON", _json_rows),
    ".parquet": ("Parquet", _parquet_rows),
    ".csv": ("CSV", _csv_rows),
    ".tsv": ("TSV", _csv_rows),
}
_PACKABLE = set(_READERS) - {".parquet"}
