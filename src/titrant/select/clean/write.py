"""A cleaned pool as a file that titrant reads back, and the reasons for what is not in it.

JSONL has a column per field of a trace, steps as offsets, `meta` as an object; Parquet is the table of
`traces.table`. Verdicts of the file are verified anew when it is read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from titrant.errors import ConfigError
from titrant.files import replacing
from titrant.traces.read import row_of
from titrant.traces.table import TRACE_SCHEMA, write_traces

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from titrant.select.clean.pool import Reason
    from titrant.traces.record import Trace

KINDS = (".jsonl", ".parquet")


def check_kind(path: Path) -> None:
    """Refuse a file that cannot be written, before any work is done.

    Raises:
        ConfigError: the name ends otherwise.
    """
    if path.suffix not in KINDS:
        raise ConfigError(
            f"{path} is of no kind that a pool is written in",
            expected=" or ".join(KINDS),
            came=path.suffix or "no ending",
            do=f"name it {path.stem or 'pool'}.jsonl",
        )


def write_pool(path: Path, traces: Sequence[Trace]) -> None:
    """Write traces as JSONL or Parquet, by the ending of the name; whole or not at all.

    Raises:
        ConfigError: the name ends otherwise.
        ResourceError: the disk is full, or the folder cannot be written.
    """
    check_kind(path)
    if path.suffix == ".parquet":
        write_traces(path, traces)
    else:
        _write_lines(path, map(_row, traces))


def write_reasons(path: Path, traces: Sequence[Trace], reasons: Mapping[int, Reason]) -> None:
    """Write one line per dropped row: row, uid, qid, drop, reason."""
    _write_lines(
        path,
        (
            {
                "row": row_of(traces[row], row + 1),
                "uid": traces[row].uid,
                "qid": traces[row].qid,
                "drop": reason.drop,
                "reason": reason.detail,
            }
            for row, reason in sorted(reasons.items())
        ),
    )


def _row(trace: Trace) -> dict[str, Any]:
    cells = {name: getattr(trace, name) for name in TRACE_SCHEMA.names}
    cells["steps"] = [{"start": start, "end": end} for _, start, end in trace.steps]
    return cells


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with replacing(path) as beside, beside.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
