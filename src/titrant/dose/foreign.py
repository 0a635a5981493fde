"""Readings from anywhere: a plain table, or the sample files of lm-eval and Inspect.

A table (CSV, Parquet, JSONL) needs `dose`, `problem` and `correct`, and may have `strategy`, `seed`,
`sample` and `benchmark`. Of lm-eval and Inspect a folder is read in which every subfolder (or file
stem) names its arm: `n64-s0`, `dose=64,seed=1`, `random/n0064/s2`. Dose 0, or a folder named `base`,
is the untrained base.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import polars as pl

from titrant.dose.readings import BASE, SCHEMA
from titrant.errors import DataError
from titrant.registry import nearest

if TYPE_CHECKING:
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
METRICS = ("exact_match", "acc", "correct", "pass@1", "score")
RIGHT = ("true", "1", "1.0", "c", "correct", "yes")
WRONG = ("false", "0", "0.0", "i", "incorrect", "wrong", "no")
NEVER_ASKED = ("", "na", "n/a", "nan", "null", "none")

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
    readers = {".csv": _read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}
    if path.suffix not in readers:
        raise DataError(
            f"cannot read {path.name} as readings",
            expected="a .csv, .parquet or .jsonl file, or a folder of lm-eval or Inspect samples",
            came=f"the ending '{path.suffix}'",
            do="convert the file, or give the folder of samples itself",
        )
    try:
        frame = readers[path.suffix](path)
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
    return _complete(_renamed(frame, path))


def _read_csv(path: Path) -> pl.DataFrame:
    """Types are told from all rows: a number among the first may be followed by a text."""
    return pl.read_csv(path, infer_schema_length=None)


def _renamed(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    chosen = {}
    for field, names in ALIASES.items():
        found = next((name for name in names if name in frame.columns), None)
        if found is not None:
            chosen[found] = field
        elif field in REQUIRED:
            raise DataError(
                f"{path.name} has no column for {field if field != 'qid' else 'the problem'}",
                expected=f"a column named {' or '.join(names)}",
                came=f"columns {', '.join(frame.columns)}",
                do=nearest(names[0], frame.columns),
            )
    return frame.select(list(chosen)).rename(chosen)


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
    frame = frame.with_columns(*missing, _as_claim(frame)).with_columns(
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
    if n_lost := frame["qid"].null_count():
        raise DataError(
            f"{n_lost:,} rows do not say which problem was asked",
            expected="a qid in every row",
            came="nothing",
            do="write the problem's name or number into the column qid",
        )


def _as_claim(frame: pl.DataFrame) -> pl.Expr:
    kind = frame.schema["correct"]
    column = pl.col("correct")
    if kind == pl.Boolean:
        return column
    if kind == pl.String:
        column = column.str.strip_chars().str.to_lowercase()
        right, wrong, never = (column.is_in(words) for words in (RIGHT, WRONG, NEVER_ASKED))
        _refuse(frame.filter(~(right | wrong | never)))
        return pl.when(right).then(True).when(wrong).then(False).alias("correct")
    if kind.is_float():
        column = column.fill_nan(None)
    _refuse(frame.filter((column != 0) & (column != 1)))
    return (column > 0).alias("correct")


def _refuse(rows: pl.DataFrame) -> None:
    """Answer values of `correct` that are neither right nor wrong; null never gets here."""
    if rows.is_empty():
        return
    raise DataError(
        "'correct' must say right or wrong for each problem",
        expected="0 or 1, true or false, empty where never asked",
        came=f"values such as {rows['correct'].unique().sort().head(3).to_list()}",
        do="give one row per sample instead of a mean over samples",
    )


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
    rows = [row for path in files for row in _lm_eval_rows(path, folder)]
    rows += [row for path in logs for row in _inspect_rows(path, folder)]
    if not rows:
        raise DataError(
            f"the sample files under {folder} are empty",
            expected="one line per problem asked",
            came=f"{len(files) + len(logs)} files without any",
            do="look whether the evaluation ended well, and run it again",
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _arm_of(path: Path, folder: Path) -> tuple[int, int, str]:
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
    return (
        int(dose[1]) if dose else 0,
        int(seed[1]) if seed else 0,
        parts[0] if named else "random",
    )


def _lm_eval_rows(path: Path, folder: Path) -> list[dict[str, Any]]:
    dose, seed, strategy = _arm_of(path, folder)
    task = re.sub(r"_\d{4}-\d\d-\d\dT.*$", "", path.stem.removeprefix("samples_"))
    rows = []
    # Split at "\n" alone: lm-eval writes other line breaks of Unicode into its lines as they are.
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            doc = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}: line {number} is not JSON",
                expected="one JSON object per line, as lm-eval writes",
                came=str(error),
                do="look whether the file is whole; the evaluation may have been cut off",
            ) from error
        metric = next((m for m in METRICS if m in doc), None)
        if metric is None:
            raise DataError(
                f"{path}: line {number} has no metric titrant knows",
                expected=" or ".join(METRICS),
                came=", ".join(doc),
                do="log one of these metrics, or give the readings as a table",
            )
        rows.append(
            {
                "dose": dose,
                "seed": seed,
                "strategy": strategy,
                "benchmark": _with_filter(task, doc.get("filter")),
                "qid": str(doc.get("doc_hash") or doc.get("doc_id")),
                "sample": int(doc.get("repeat", 0)),
                "correct": _as_number(doc[metric], f"{path}: line {number}"),
            }
        )
    return rows


def _with_filter(task: str, name: str | None) -> str:
    """One benchmark per answer filter, named as lm-eval names its metrics; each doc has a row in each."""
    return task if name in (None, "none") else f"{task},{name}"


def _inspect_rows(path: Path, folder: Path) -> list[dict[str, Any]]:
    from titrant.lazy import load

    dose, seed, strategy = _arm_of(path, folder)
    try:
        log = load("inspect_ai.log:read_eval_log")(str(path))
    except ModuleNotFoundError as error:
        raise DataError(
            f"{path.name} is an Inspect log, and the package inspect_ai is not installed",
            do="pip install inspect-ai, or export the samples as a table",
        ) from error
    return [
        {
            "dose": dose,
            "seed": seed,
            "strategy": strategy,
            "benchmark": log.eval.task,
            "qid": str(sample.id),
            "sample": int(sample.epoch),
            "correct": _inspect_correct(sample.scores, str(path)),
        }
        for sample in log.samples or []
    ]


def _inspect_correct(scores: dict[str, Any] | None, where: str) -> float | None:
    """The first score as a number; `None` where the sample was not scored."""
    return _as_number(next(iter(scores.values())).value, where) if scores else None


def _as_number(value: object, where: str) -> float | None:
    """A score as 0 or 1; other numbers pass, to be refused where the whole column is seen."""
    if value is None:
        return None
    if isinstance(value, str):
        return float(value.lower() in RIGHT)
    if isinstance(value, bool | int | float):
        return float(value)
    raise DataError(
        f"{where}: a score that is neither right nor wrong",
        expected="C or I, true or false, 1 or 0",
        came=repr(value)[:80],
        do="export the samples with a scorer that says right or wrong",
    )
