"""Traces and problems as Parquet tables.

One row per trace, one column per field of the record. Steps are stored as `start` and `end` only and
their texts are cut from the body again on loading; `meta` is a JSON text, null where it is empty.
Missing is null. The same traces give the same bytes.

A table is written beside its place and renamed, so a reader finds the old one or the new one.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from titrant.errors import DataError
from titrant.files import write_table
from titrant.traces.bulk import make_trace, paused_collector
from titrant.traces.record import Problem, Step, Trace, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32())])
TRACE_SCHEMA = pa.schema(
    [
        pa.field("version", pa.int16(), nullable=False),
        pa.field("uid", pa.string(), nullable=False),
        pa.field("qid", pa.string(), nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("system", pa.string()),
        pa.field("thinking", pa.string()),
        pa.field("answer_text", pa.string(), nullable=False),
        pa.field("unfinished", pa.bool_(), nullable=False),
        pa.field("final_answer", pa.string()),
        pa.field("gold", pa.string()),
        pa.field("gold_kind", pa.string(), nullable=False),
        pa.field("verdict", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("n_tokens", pa.int64()),
        pa.field("steps", pa.list_(_SPAN), nullable=False),
        pa.field("meta", pa.string()),
    ]
)
"""Columns of a table of traces."""
PROBLEM_SCHEMA = pa.schema(
    [
        pa.field("version", pa.int16(), nullable=False),
        pa.field("qid", pa.string(), nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("gold", pa.string()),
        pa.field("gold_kind", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("meta", pa.string()),
    ]
)
"""Columns of a table of problems."""

_MAKE_STEP = partial(tuple.__new__, Step)


def write_traces(path: Path, traces: Sequence[Trace]) -> None:
    """Write traces as one Parquet file, whole or not at all.

    Raises:
        DataError: a step is not the piece of the body that its offsets name.
        ResourceError: the disk is full, or the folder cannot be written.
    """
    cells: dict[str, Callable[[Trace], Any]] = {"meta": lambda trace: _meta_text(trace.meta)}
    columns = _columns(traces, TRACE_SCHEMA, cells | {"steps": lambda trace: None})
    columns["steps"] = _spans(traces)
    write_table(path, pa.table(columns, schema=TRACE_SCHEMA))


def write_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Write problems as one Parquet file, whole or not at all.

    Raises:
        ResourceError: the disk is full, or the folder cannot be written.
    """
    write_table(path, problems_table(problems))


def problems_table(problems: Sequence[Problem]) -> pa.Table:
    """Problems as one Arrow table, a column per field of the record."""
    columns = _columns(problems, PROBLEM_SCHEMA, {"meta": lambda problem: _meta_text(problem.meta)})
    return pa.table(columns, schema=PROBLEM_SCHEMA)


def load_traces(path: Path) -> list[Trace]:
    """The traces of a table, as they were written.

    Raises:
        DataError: there is no such file, or it is no whole table of traces.
    """
    table = _load(path, TRACE_SCHEMA, "traces")
    columns = {name: table[name].to_pylist() for name in TRACE_SCHEMA.names if name != "steps"}
    with paused_collector():
        bodies = [
            answer if thinking is None else thinking
            for thinking, answer in zip(columns["thinking"], columns["answer_text"], strict=True)
        ]
        columns["steps"] = _steps(table["steps"], bodies)
        columns["verdict"] = [None if v is None else Verdict(v) for v in columns["verdict"]]
        columns["meta"] = [_meta(text) for text in columns["meta"]]
        rows = zip(*columns.values(), strict=True)
        return [make_trace(dict(zip(columns, row, strict=True))) for row in rows]


def load_problems(path: Path) -> list[Problem]:
    """The problems of a table, as they were written; columns of others' are passed over.

    Raises:
        DataError: there is no such file, or it is no whole table of problems.
    """
    rows = _load(path, PROBLEM_SCHEMA, "problems").to_pylist()
    return [Problem.model_validate(row | {"meta": _meta(row["meta"])}) for row in rows]


def _columns(
    records: Sequence[Any], schema: pa.Schema, cells: dict[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    return {
        name: [cells[name](record) for record in records]
        if name in cells
        else [getattr(record, name) for record in records]
        for name in schema.names
    }


def _spans(traces: Iterable[Trace]) -> pa.ListArray:
    """The steps' offsets of all traces as one column."""
    starts: list[int] = []
    ends: list[int] = []
    n_steps = [0]
    for trace in traces:
        body = trace.body
        for text, start, end in trace.steps:
            if body[start:end] != text:
                raise DataError(
                    f"a step of trace {trace.uid} does not stand where its offsets say",
                    expected=f"{body[start:end][:60]!r} at {start}–{end}",
                    came=f"{text[:60]!r}",
                    do="cut the steps from the trace's own body: titrant.traces.steps.cut_steps",
                )
            starts.append(start)
            ends.append(end)
        n_steps.append(len(trace.steps))
    spans = pa.StructArray.from_arrays(
        [pa.array(starts, pa.int32()), pa.array(ends, pa.int32())], fields=list(_SPAN)
    )
    return pa.ListArray.from_arrays(pa.array(list(accumulate(n_steps)), pa.int32()), spans)


def _steps(column: pa.ChunkedArray, bodies: Sequence[str]) -> list[tuple[Step, ...]]:
    """The steps of all traces, their texts cut from the bodies."""
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.chunk(0) if lists.num_chunks else pa.array([], column.type)
    flat = lists.flatten()
    starts, ends = (flat.field(name).to_pylist() for name in ("start", "end"))
    bounds = [0, *np.cumsum(lists.value_lengths().to_numpy(zero_copy_only=False)).tolist()]
    steps = []
    for body, at, stop in zip(bodies, bounds[:-1], bounds[1:], strict=True):
        spans = zip(starts[at:stop], ends[at:stop], strict=True)
        steps.append(tuple([_MAKE_STEP((body[a:b], a, b)) for a, b in spans]))
    return steps


def _meta_text(meta: dict[str, Any]) -> str | None:
    return json.dumps(meta, sort_keys=True, ensure_ascii=False) if meta else None


def _meta(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text else {}


def _load(path: Path, schema: pa.Schema, what: str) -> pa.Table:
    try:
        # Not read_table, which takes a folder named a=b on the way for a partition.
        with pq.ParquetFile(path) as file:
            table = file.read()
    except FileNotFoundError as error:
        raise DataError(
            f"{path} does not exist",
            expected=f"a table of {what}",
            came="no such file",
            do="run the same command again: it is made anew",
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is damaged",
            expected=f"a whole Parquet table of {what}",
            came=str(error).partition("\n")[0],
            do="delete it and run the same command again: it is made anew",
        ) from error
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise DataError(
            f"{path} is no table of {what} that titrant wrote",
            expected=f"columns {', '.join(schema.names)}",
            came=f"no {', '.join(missing)}",
            do="delete it and run the same command again: it is made anew",
        )
    return table.select(schema.names)
