"""A plain table of readings: its columns by the names they go by, `correct` as a claim.

CSV, Parquet and JSONL are read. What is neither right nor wrong is refused, never rounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from titrant.errors import DataError
from titrant.registry import nearest

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

ALIASES = {
    "dose": ("dose", "n", "size", "traces", "n_traces"),
    "qid": ("problem", "qid", "doc_id", "problem_id", "id", "doc_hash"),
    "correct": ("correct", "acc", "exact_match", "is_correct", "score"),
    "strategy": ("strategy", "ranking", "selection"),
    "seed": ("seed", "run", "replicate"),
    "sample": ("sample", "epoch", "draw"),
    "benchmark": ("benchmark", "task", "dataset"),
}
REQUIRED = ("dose", "qid", "correct")
RIGHT = ("true", "1", "1.0", "c", "correct", "yes")
WRONG = ("false", "0", "0.0", "i", "incorrect", "wrong", "no")
NEVER_ASKED = ("", "na", "n/a", "nan", "null", "none")
ENDINGS = (".csv", ".parquet", ".jsonl")


def read_table(path: Path, *, as_text: Collection[str] = ()) -> pl.DataFrame:
    """The rows of a table as they are.

    Args:
        path: of a CSV, Parquet or JSONL file.
        as_text: columns of a CSV that stay text, so that 007 is not 7.

    Raises:
        DataError: another ending, unreadable, or empty.
    """
    if path.suffix not in ENDINGS:
        raise DataError(
            f"cannot read {path.name} as readings",
            expected="a .csv, .parquet or .jsonl file, or a folder of lm-eval or Inspect samples",
            came=f"the ending '{path.suffix}'",
            do="convert the file, or give the folder of samples itself",
        )
    try:
        frame = _read(path, as_text)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{path} cannot be read",
            expected="a whole table of readings",
            came=str(error).splitlines()[0] if path.is_file() else "no such file",
            do="check the path, or write or download the file again",
        ) from error
    if frame.is_empty():
        raise DataError(
            f"{path} holds no readings",
            expected="one row per arm, problem and sample",
            came=f"the columns {', '.join(frame.columns)} and no row",
            do="write the readings into it, or name another file",
        )
    return frame


def _read(path: Path, as_text: Collection[str]) -> pl.DataFrame:
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    if path.suffix == ".jsonl":
        return pl.read_ndjson(path)
    # Types are told from all rows: a number among the first may be followed by a text.
    kept = dict.fromkeys(as_text, pl.String)
    return pl.read_csv(path, infer_schema_length=None, schema_overrides=kept)


def renamed(
    frame: pl.DataFrame, path: Path, *, required: Collection[str] = REQUIRED
) -> pl.DataFrame:
    """The known columns under our names; others are left out.

    Raises:
        DataError: a required one is missing.
    """
    chosen = {}
    for field, names in ALIASES.items():
        found = next((name for name in names if name in frame.columns), None)
        if found is not None:
            chosen[found] = field
        elif field in required:
            raise DataError(
                f"{path.name} has no column for {field if field != 'qid' else 'the problem'}",
                expected=f"a column named {' or '.join(names)}",
                came=f"columns {', '.join(frame.columns)}",
                do=nearest(names[0], frame.columns),
            )
    return frame.select(list(chosen)).rename(chosen)


def check_problems(frame: pl.DataFrame) -> None:
    """Refuse rows that name no problem, instead of dropping them."""
    if n_lost := frame["qid"].null_count():
        raise DataError(
            f"{n_lost:,} rows do not say which problem was asked",
            expected="a qid in every row",
            came="nothing",
            do="write the problem's name or number into the column qid",
        )


def as_claim(frame: pl.DataFrame, where: str = "") -> pl.Expr:
    """`correct` as true, false or missing.

    Args:
        frame: with the column `correct`.
        where: the file, to stand in front of the message.

    Raises:
        DataError: a value is neither right nor wrong.
    """
    kind = frame.schema["correct"]
    column = pl.col("correct")
    if kind == pl.Boolean:
        return column
    if kind == pl.String:
        column = column.str.strip_chars().str.to_lowercase()
        right, wrong, never = (column.is_in(words) for words in (RIGHT, WRONG, NEVER_ASKED))
        _refuse(frame.filter(~(right | wrong | never)), where)
        return pl.when(right).then(True).when(wrong).then(False).alias("correct")
    if kind.is_float():
        column = column.fill_nan(None)
    _refuse(frame.filter((column != 0) & (column != 1)), where)
    return (column > 0).alias("correct")


def _refuse(rows: pl.DataFrame, where: str) -> None:
    """Answer values of `correct` that are neither right nor wrong; null never gets here."""
    if rows.is_empty():
        return
    raise DataError(
        f"{where}: 'correct' must say right or wrong for each problem"
        if where
        else "'correct' must say right or wrong for each problem",
        expected="0 or 1, true or false, empty where never asked",
        came=f"values such as {rows['correct'].unique().sort().head(3).to_list()}",
        do="give one row per sample instead of a mean over samples",
    )
