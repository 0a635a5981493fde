"""The file of an accuracy history, and which question of the pool each of its rows is about.

The file is one JSON object: identifier → accuracies in [0, 1], one per epoch of an earlier training run,
null where an epoch is missing. Identifiers may be, all of them read in one way:

1. `qid` of a question, 2. `uid` of a trace, 3. the columns `id`, `index`, `uuid`, `unique_id` that a source
came with (`meta`), 4. the row of the pool's file, counted from 0, where all identifiers are whole
numbers and the pool has at least half of these rows (some may have been left out since).

The way that knows most of them is taken, among equals the first; identifiers that it does not know belong
to questions that the pool has not. An identifier of two questions, and two identifiers of one question,
are refused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from titrant.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from titrant.traces.record import Trace

History = dict[str, np.ndarray]
"""Identifier, or qid after matching → accuracy per epoch, float64 [epochs]; NaN where missing."""

META = ("id", "index", "uuid", "unique_id")
LEAST_SHARE_OF_ROWS = 0.5
"""Numbers of another file are not taken for rows of this one."""
EXPECTED = 'one JSON object such as {"17": [0.25, 0.5, 1.0]}: identifier, accuracy per epoch'


def load_history(path: Path, traces: Sequence[Trace]) -> History:
    """The history of the pool's questions, by qid; questions without one are not in it.

    Args:
        path: the file.
        traces: the pool.

    Raises:
        DataError: the file cannot be read, or its identifiers do not say which question is meant.
    """
    return match_history(read_history(path), traces, path=str(path))


def read_history(path: Path) -> History:
    """The file as it is, by its own identifiers.

    Raises:
        DataError: it is missing, no JSON, or holds something else.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        came = "no such file" if isinstance(error, FileNotFoundError) else str(error)[:200]
        raise DataError(
            f"the history {path} cannot be read", expected=EXPECTED, came=came, do="check the path"
        ) from error
    if not isinstance(tree, dict) or not tree:
        raise _unfit(path, f"{type(tree).__name__} of {len(tree) if tree else 0} rows")
    return {key: _accuracies(path, key, row) for key, row in tree.items()}


def _accuracies(path: Path, key: str, row: object) -> np.ndarray:
    if not isinstance(row, list):
        raise _unfit(path, f"{key!r} → {json.dumps(row)[:80]}")
    for value in row:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (is_number and 0 <= value <= 1):
            raise _unfit(path, f"{key!r} → … {json.dumps(value)[:80]} …")
    return np.array(row, dtype=float)


def _unfit(path: Path, came: str) -> DataError:
    return DataError(
        f"{path} is no history of accuracies",
        expected=EXPECTED,
        came=came,
        do="write accuracies between 0 and 1, and null where an epoch is missing",
    )


def match_history(
    history: Mapping[str, np.ndarray], traces: Sequence[Trace], *, path: str
) -> History:
    """A history by qid; see the module docstring.

    Raises:
        DataError: no identifier is known, or one is ambiguous.
    """
    ways = [(sum(key in t for key in history), way, t) for way, t in _ways(history, traces)]
    known, way, table = max(ways, key=lambda row: row[0])
    if known:
        return _by_question(history, table, f"{path}, read by {way},")
    shown = ", ".join(list(history)[:3])
    raise DataError(
        f"no identifier of {path} belongs to a question of the pool",
        expected=f"qid, uid, {', '.join(META)}, or rows of the pool's file counted from 0",
        came=f"{len(history)} identifiers such as {shown}",
        do="give each question its qid as identifier: titrant rank POOL --json shows them",
    )


def _ways(
    history: Mapping[str, np.ndarray], traces: Sequence[Trace]
) -> Iterator[tuple[str, dict[str, set[str]]]]:
    """How identifiers may be read: the way in words, identifier → qids."""
    yield "qid", {trace.qid: {trace.qid} for trace in traces}
    yield "uid", {trace.uid: {trace.qid} for trace in traces}
    for name in META:
        yield f"the column {name}", _grouped((t.meta.get(name), t.qid) for t in traces)
    if all(key.isascii() and key.isdigit() for key in history):
        rows = ((trace.meta.get("row"), trace.qid) for trace in traces)  # counted from 1 there
        table = _grouped((str(row - 1), qid) for row, qid in rows if isinstance(row, int))
        if sum(key in table for key in history) >= LEAST_SHARE_OF_ROWS * len(history):
            yield "the row", table


def _grouped(pairs: Iterator[tuple[object, str]]) -> dict[str, set[str]]:
    table: dict[str, set[str]] = {}
    for key, qid in pairs:
        if key is not None:
            table.setdefault(str(key), set()).add(qid)
    return table


def _by_question(
    history: Mapping[str, np.ndarray], table: Mapping[str, set[str]], what: str
) -> History:
    found: History = {}
    named: dict[str, str] = {}
    for key, row in history.items():
        qids = table.get(key, set())
        if len(qids) > 1:
            raise _ambiguous(what, f"the identifier {key!r} stands for {len(qids)} questions")
        for qid in qids:
            if qid in found:
                raise _ambiguous(what, f"{named[qid]!r} and {key!r} are both about question {qid}")
            found[qid], named[qid] = row, key
    return found


def _ambiguous(what: str, came: str) -> DataError:
    return DataError(
        f"{what} does not say which question is meant",
        expected="one identifier per question",
        came=came,
        do="give each question its qid as identifier: titrant rank POOL --json shows them",
    )
