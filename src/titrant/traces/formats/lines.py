"""Rows of a JSON-lines file, one at a time, with bounded memory and one clear error.

Files are opened through pyarrow, which unpacks gzip and zstandard and notices an archive that was
cut. A line longer than `LINE_BYTES` is refused after that many bytes, so a file without line breaks
never fills the memory.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic_core import from_json

from titrant.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE_BYTES = 64 * 2**20
"""Longest line of JSON that is read; a trace of a million tokens takes about 4 MB."""
CHUNK_BYTES = 2**20
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")


@contextmanager
def unpacked(path: Path) -> Iterator[Any]:
    """The bytes of a file as a stream, unpacked where its name ends in .gz or .zst.

    Raises:
        DataError: the archive is cut or damaged.
    """
    packing = COMPRESSIONS.get(path.suffix.lower())
    try:
        with pa.input_stream(str(path), compression=packing) as stream:
            yield stream
    except OSError as error:
        if packing is None or error.errno is not None:
            raise
        is_cut = "Truncated" in str(error)
        raise DataError(
            f"{path} is {'cut off' if is_cut else 'damaged'}",
            expected=f"a whole {packing} archive",
            came=str(error).partition("\n")[0],
            do="copy or download the file again",
        ) from error


def json_lines(path: Path) -> Iterator[Any]:
    """The values of the lines that are not blank.

    Raises:
        DataError: a line is no JSON, not UTF-8, or longer than `LINE_BYTES`.
    """
    for number, line in enumerate(_lines(path), start=1):
        try:
            yield from_json(line, cache_strings="keys")
        except ValueError:
            if line.strip():
                yield _second_try(line, number=number, path=path)


def _lines(path: Path) -> Iterator[bytes]:
    n_lines = 0
    with unpacked(path) as stream:
        tail = stream.read(len(_BOM)).removeprefix(_BOM)
        # Reads grow with the unfinished line, so that a long line costs no quadratic copying.
        while chunk := stream.read(max(CHUNK_BYTES, min(len(tail), LINE_BYTES - len(tail)))):
            lines = (tail + chunk).split(b"\n")
            tail = lines.pop()
            yield from lines
            n_lines += len(lines)
            if len(tail) > LINE_BYTES:
                raise _too_long(path, tail, number=n_lines + 1)
        if tail:
            yield tail


def _too_long(path: Path, line: bytes, *, number: int) -> DataError:
    return DataError(
        f"line {number} of {path} has more than {LINE_BYTES // 2**20} MiB",
        expected="one JSON object per line",
        came=f"a line that starts with {_shown(line)}",
        do="if the file is one JSON value, name it .json; else split the row or leave it out",
    )


def _second_try(line: bytes, *, number: int, path: Path) -> Any:  # noqa: ANN401 - any JSON
    r"""A line that the strict parser refused: half of a surrogate pair (`\ud83d`) is mended.

    Such escapes are what is left where a text was cut inside an emoji; they become U+FFFD.
    """
    where = f"line {number} of {path}"
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} is not UTF-8",
            expected="a file in UTF-8",
            came=f"byte 0x{line[error.start]:02x} at position {error.start}",
            do="convert the file: iconv -f LATIN1 -t UTF-8 (or from whatever it is in)",
        ) from error
    try:
        return json.loads(_without_surrogates(json.loads(text)))
    except (ValueError, RecursionError) as error:
        raise _not_json(line, error, where=where, is_first=number == 1) from error


def _without_surrogates(value: object) -> str:
    return _SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False))


def _not_json(line: bytes, error: Exception, *, where: str, is_first: bool) -> DataError:
    do = "correct the line or delete it"
    if is_first and line.lstrip().startswith(b"["):
        do = "a file that is one JSON list is named .json, not .jsonl"
    elif "Unterminated" in str(error) or line.rstrip()[-1:] not in b'}]"':
        do = "the line seems to be cut: copy or download the file again, or delete the line"
    return DataError(
        f"{where} is not JSON",
        expected="one JSON object per line",
        came=f"{_shown(line)} ({str(error).partition(':')[0]})",
        do=do,
    )


def _shown(line: bytes) -> str:
    text = line[:60].decode(errors="replace").strip()
    return f"'{text}…'" if len(line) > 60 else f"'{text}'"
