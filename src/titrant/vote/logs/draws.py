"""Draws on disk: every draw of every question with its per-token numbers, in parts, each whole or absent.

`draws/part-00000.parquet` holds some draws, one per row. What decides the numbers (model, prompt, settings)
is hashed into a fingerprint that stands in every part. A draw is written once it has ended and been judged;
those that were not told to the rule, because the vote was settled meanwhile, are written too, since they
were paid for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from titrant.errors import DataError
from titrant.files import write_table
from titrant.records import Record
from titrant.signals.arrow import as_lists, as_ragged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

KEY = b"titrant.draws"
PER_TOKEN = ("logprob", "top", "entropy", "variance", "vocab_mean")
"""Columns of float32 lists; `top` is [tokens × k]. Null where the engine could not say."""


class DrawsInfo(Record):
    """What a part was made with; stands in its Parquet metadata."""

    version: int = 1
    fingerprint: str
    """Of everything that decides a draw but its question and number."""
    top: int
    """Entries per token in the column `top`; 0: no logprobs were given."""
    vocab: int
    """Tokens that the model knows; 0: not known."""
    seconds: float = 0.0
    """Of the engine, for this part."""


class Draw(NamedTuple):
    """One draw of one question, judged."""

    qid: str
    sample: int
    """Its place among the draws of its question, from 0."""
    text: str
    """What was drawn, with what the prompt had already written of it in front."""
    final_answer: str | None
    """`None`: none could be read, or the draw did not run to its end."""
    verdict: str | None
    """*correct*, *wrong*, *unreadable*, *truncated*; null without gold answer, or where it was ended."""
    stop_reason: str
    """`stop`, `length`, `weak`, `cancelled`, `error`."""
    n_tokens: int
    """Generated, whatever became of them."""
    n_prompt_tokens: int
    bar: float | None
    """Confidence under which it was to be ended; null: none."""
    error: str | None
    n_steps: int
    step: np.ndarray
    """Step that each token ends in, −1 outside, int32 [tokens]."""
    numbers: dict[str, np.ndarray]
    """By name of `PER_TOKEN`, those that are known."""


_PLAIN = pa.schema(
    [
        pa.field("qid", pa.string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("final_answer", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("stop_reason", pa.string(), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("n_prompt_tokens", pa.int32(), nullable=False),
        pa.field("bar", pa.float64()),
        pa.field("error", pa.string()),
        pa.field("n_steps", pa.int32(), nullable=False),
    ]
)


def draw_parts(folder: Path) -> list[Path]:
    """The parts of a folder, in order."""
    return sorted((folder / "draws").glob("part-*.parquet"))


def write_draws(folder: Path, draws: Sequence[Draw], info: DrawsInfo) -> Path:
    """Write the next part, whole or not at all."""
    known = draw_parts(folder)
    number = int(known[-1].stem.removeprefix("part-")) + 1 if known else 0
    path = folder / "draws" / f"part-{number:05d}.parquet"
    columns: dict[str, pa.Array] = {
        field.name: pa.array([getattr(draw, field.name) for draw in draws], field.type)
        for field in _PLAIN
    }
    columns["step"] = as_lists([draw.step for draw in draws], pa.int32())
    for name in PER_TOKEN:
        columns[name] = as_lists([draw.numbers.get(name) for draw in draws], pa.float32())
    table = pa.table(columns).replace_schema_metadata({KEY: info.model_dump_json().encode()})
    write_table(path, table)
    return path


def read_draws(path: Path) -> tuple[DrawsInfo, pa.Table]:
    """One part, and what it was made with.

    Raises:
        DataError: it is damaged, or no part of draws.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        info = DrawsInfo.model_validate_json((table.schema.metadata or {})[KEY])
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{path} is damaged",
            expected="draws as titrant wrote them",
            came=str(error).partition("\n")[0][:200] or type(error).__name__,
            do="delete it and run the same command again: what is missing is drawn anew",
        ) from error
    return info, table


def rows_of(table: pa.Table) -> list[Draw]:
    """The draws of a part, as they were written."""
    plain = [table[field.name].to_pylist() for field in _PLAIN]
    lists = {name: _split(table[name]) for name in ("step", *PER_TOKEN)}
    found = []
    for i, values in enumerate(zip(*plain, strict=True)):
        numbers = {name: row for name in PER_TOKEN if (row := lists[name][i]) is not None}
        step = lists["step"][i]
        assert step is not None  # never null
        found.append(Draw(*values, step=step, numbers=numbers))
    return found


def _split(column: pa.ChunkedArray) -> list[np.ndarray | None]:
    """The rows of a list column; `None` for null."""
    rows, is_known = as_ragged(column), column.is_valid().to_pylist()
    return [rows.row(i) if known else None for i, known in enumerate(is_known)]
