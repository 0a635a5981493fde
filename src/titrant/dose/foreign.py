"""Readings from anywhere: a plain table, or the sample files of lm-eval and Inspect.

A table (CSV, Parquet, JSONL) needs `dose`, `problem` and `correct`, and may have `strategy`, `seed`,
`sample` and `benchmark`. Of lm-eval and Inspect a folder is read in which every subfolder (or file
stem) names its arm: `n64-s0`, `dose=64,seed=1`, `random/n0064/s2`. Dose 0, or a folder named `base`,
is the untrained base.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from titrant.dose.readings import BASE, SCHEMA
from titrant.dose.samples import inspect_rows, lm_eval_rows, task_of
from titrant.dose.tables import as_claim, check_problems, read_table, renamed
from titrant.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

OF_A_RUN = "readings.parquet"
"""In a run folder."""
_DOSE = re.compile(r"(?:^|[^a-z])(?:n|dose=?)[-_]?0*(\d+)", re.IGNORECASE)
_SEED = re.compile(r"(?:^|[^a-z])(?:s|seed=?)[-_]?0*(\d+)", re.IGNORECASE)


def read_readings(path: Path) -> pl.DataFrame:
    """Readings with the columns of `titrant.arms.Reading`, out of a table, samples or a run folder.

    Raises:
        DataError: the file is missing, unreadable, or lacks a needed column.
    """
    if not path.exists():
        raise DataError(f"no such file: {path}", do="check the path")
    if (path / OF_A_RUN).is_file():
        path /= OF_A_RUN
    if path.is_dir():
        return _complete(_sample_folder(path))
    return _complete(renamed(read_table(path), path))


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """Fill optional columns, and make `correct` a claim that is true, false or missing."""
    defaults: dict[str, Any] = {
        "strategy": "random",
        "seed": 0,
        "sample": 0,
        "benchmark": "benchmark",
        "treatment": "clean",
        "verdict": None,
        "final_answer": None,
        "n_tokens": None,
    }
    _check_numbers(frame)
    missing = [pl.lit(value).alias(k) for k, value in defaults.items() if k not in frame.columns]
    frame = frame.with_columns(*missing, as_claim(frame)).with_columns(
        pl.when(pl.col("dose") == 0)
        .then(pl.lit(BASE))
        .otherwise(pl.col("strategy"))
        .alias("strategy"),
        pl.col("qid").cast(pl.String),
    )
    frame = frame.with_columns(
        pl.format("{}-n{}-s{}", "strategy", "dose", "seed").alias("arm_id"),
    )
    return frame.select([pl.col(name).cast(kind, strict=False) for name, kind in SCHEMA.items()])


def _check_numbers(frame: pl.DataFrame) -> None:
    """Refuse rows that no arm or problem can be made of, instead of dropping them."""
    for name in ("dose", "seed", "sample"):
        if name not in frame.columns:
            continue
        value = pl.col(name).cast(pl.Float64, strict=False)
        is_count = (value >= 0) & (value == value.floor())
        bad = frame.filter(~is_count.fill_null(value=False))[name]
        if len(bad):
            raise DataError(
                f"{len(bad):,} rows have no usable {name}",
                expected="a whole number, 0 or more, in every row",
                came="nothing" if bad[0] is None else repr(bad[0]),
                do="correct these rows, or leave them out",
            )
    check_problems(frame)


def _sample_folder(folder: Path) -> pl.DataFrame:
    files = sorted(folder.rglob("samples_*.jsonl")) or sorted(folder.rglob("*.jsonl"))
    logs = sorted(folder.rglob("*.eval"))
    if not files and not logs:
        raise DataError(
            f"{folder} holds no sample files",
            expected="samples_*.jsonl of lm-eval (--log_samples) or .eval logs of Inspect",
            came="none of these, at any depth",
            do="run lm-eval with --log_samples, or name the folder of its output",
        )
    rows = [row for path in files for row in _lm_eval_of(path, folder)]
    rows += [row for path in logs for row in _inspect_of(path, folder)]
    if not rows:
        raise DataError(
            f"the sample files under {folder} are empty",
            expected="one line per problem asked",
            came=f"{len(files) + len(logs)} files without any",
            do="look whether the evaluation ended well, and run it again",
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _lm_eval_of(path: Path, folder: Path) -> list[dict[str, Any]]:
    arm = _arm_of(path, folder)
    return [arm | row | {"qid": str(row["qid"])} for row in lm_eval_rows(path, task_of(path))]


def _inspect_of(path: Path, folder: Path) -> list[dict[str, Any]]:
    arm = _arm_of(path, folder)
    return [arm | row for row in inspect_rows(path)]


def _arm_of(path: Path, folder: Path) -> dict[str, Any]:
    name = str(path.relative_to(folder).with_suffix(""))
    dose, seed = _DOSE.search(name), _SEED.search(name)
    is_base = re.search(r"(^|[/_-])base([/_-]|$)", name) is not None
    if dose is None and not is_base:
        raise DataError(
            f"no dose in the name of {name}",
            expected="a folder or file name with the dose and the seed, such as n0064-s1, or 'base'",
            came=name,
            do="rename the folder of each arm, or give the readings as one table",
        )
    parts = name.split("/")
    named = len(parts) > 2 and not _DOSE.search(parts[0]) and parts[0] != "base"
    return {
        "dose": int(dose[1]) if dose else 0,
        "seed": int(seed[1]) if seed else 0,
        "strategy": parts[0] if named else "random",
    }
