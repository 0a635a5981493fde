"""What is compared: arms of a run folder, sample files of lm-eval or Inspect, or a plain table.

| given | is |
|---|---|
| `RUN:ARM`, `RUN/arms/ARM` | one arm of a run folder; ARM may be a pattern, `RUN:random-n000512-*` |
| `RUN` with patterns | one side per pattern |
| `samples_TASK_TIME.jsonl`, a folder of them | a model, read by lm-eval with `--log_samples` |
| `LOG.eval`, a folder of them | a model, read by Inspect |
| `.csv`, `.parquet`, `.jsonl` | a table with problem and correct (benchmark, sample, seed) |

A side may be several arms; each row says which arm answered. The arms of a pattern are of one kind: they
differ in their seed alone, and are counted as draws of it. So a pattern may not pool

- doses, strategies, treatments or learning rates;
- readings of the base: its arms are prompt templates (`run.ladder.preliminary`), and it has no seed;
- arms that audits have trained, `…-audit`: of the same seed, they are the ladder's arms once more. They are left
  out, and said to be, unless the pattern has the word *audit* in it.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from titrant.dose.samples import inspect_rows, is_lm_eval, lm_eval_rows, task_of
from titrant.dose.tables import ALIASES, as_claim, check_problems, read_table, renamed
from titrant.errors import ConfigError, DataError
from titrant.registry import nearest
from titrant.run.ladder.preliminary import Zero
from titrant.run.ladder.readings import read_samples
from titrant.run.session import read_record
from titrant.run.store.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = {"arm": pl.String, "benchmark": pl.String, "qid": pl.String, "correct": pl.Boolean}
AUDIT = "audit"
"""The last part of the names of arms that audits have trained."""
UNNAMED = "benchmark"
"""The benchmark of rows that name none."""
ONE_MODEL = ("model", "strategy", "dose", "treatment", "lr")
"""Columns of a table that say the same in every row, or several models stand in it."""


class Given(NamedTuple):
    """One side as it was read."""

    text: str
    """As typed."""
    names: tuple[str, ...]
    """What it may be called, shortest first."""
    sources: tuple[str, ...]
    """Absolute paths of what was read."""
    rows: pl.DataFrame
    """One answer per row, `SCHEMA`."""
    is_named: bool = True
    """Whether its benchmarks have names of their own."""
    is_base: bool = False
    """Known to be untrained: no seed noise."""
    notes: tuple[str, ...] = ()


def is_run_folder(text: str) -> bool:
    """Whether an argument is a whole run folder."""
    return (Path(text) / "arms").is_dir()


def read_given(text: str, patterns: Sequence[str]) -> list[Given]:
    """The sides that one argument stands for: one, or one per pattern where it is a run folder.

    Raises:
        ConfigError: a run folder without patterns, or no arm of that name.
        DataError: a file is missing, damaged, or says neither right nor wrong.
    """
    path = Path(text)
    if is_run_folder(text):
        if not patterns:
            raise _names_no_arm(text, path)
        return [read_arms(path, pattern) for pattern in patterns]
    if path.parent.name == "arms" and path.is_dir():
        return [read_arms(path.parent.parent, path.name)]
    if path.is_dir():
        return [_read_folder(text, path)]
    if path.exists():
        return [_read_file(text, path)]
    run, sign, arm = text.rpartition(":")
    if sign and is_run_folder(run):
        return [read_arms(Path(run), arm)]
    is_run = sign and Path(run).is_dir()
    raise DataError(
        f"{run} is no run folder" if is_run else f"no such file: {text}",
        expected="RUN:ARM, a file or folder of lm-eval or Inspect samples, or a table",
        came=f"no folder {run}/arms" if is_run else "",
        do="check the path",
    )


def read_arms(run: Path, pattern: str) -> Given:
    """The arms of a run folder whose names fit a pattern, as one side.

    Raises:
        ConfigError: there are none, or they differ in more than their seed.
        DataError: the samples of one are missing or damaged.
    """
    folder = RunFolder(run)
    there = _arms_in(run)
    fitting = [arm for arm in there if fnmatchcase(arm, pattern)]
    audited = [] if AUDIT in pattern else [arm for arm in fitting if arm.endswith(f"-{AUDIT}")]
    arms = [arm for arm in fitting if arm not in audited]
    if not arms:
        raise ConfigError(
            f"no arm of {run} is named {pattern}",
            expected="the name of an arm, or a pattern such as 'random-n000512-*'",
            came=pattern,
            do=_with_audit(audited) if audited else _near(pattern, there),
        )
    _check_one_kind(pattern, arms)
    frame = pl.concat([_read_arm(folder, arm) for arm in arms])
    is_base = bool((frame["dose"] == 0).all())
    if is_base and len(arms) > 1:
        raise _several_bases(folder, pattern, arms)
    notes = [f"{pattern} leaves out {few(audited)}"] if audited else []
    notes += [f"{arm} is not finished" for arm in arms if not folder.done(arm).exists()]
    return Given(
        text=f"{run}:{pattern}",
        names=(pattern, f"{run.resolve().name}:{pattern}"),
        sources=tuple(str(folder.arm(arm).resolve()) for arm in arms),
        rows=frame.select(pl.col("arm_id").alias("arm"), *list(SCHEMA)[1:]),
        is_base=is_base,
        notes=tuple(notes),
    )


def _kind_of(arm: str) -> str:
    """The name of an arm without its seed: strategy, dose, treatment and learning rate."""
    return re.sub(r"(-n\d+)-s\d+(?=-|$)", r"\1", arm, count=1)


def _seeds_of(arm: str) -> str:
    """The pattern that fits an arm and those of other seeds alone."""
    return re.sub(r"(-n\d+-s)\d+(?=-|$)", r"\1??", arm, count=1)


def _check_one_kind(pattern: str, arms: Sequence[str]) -> None:
    kinds = sorted({_kind_of(arm) for arm in arms})
    if len(kinds) > 1:
        raise ConfigError(
            f"{pattern} pools arms that differ in more than their seed",
            expected="arms of one strategy, dose, treatment and learning rate",
            came=few(kinds),
            do=f"name one kind, such as '{_seeds_of(arms[0])}'; kinds are sides of their own",
        )


def _several_bases(folder: RunFolder, pattern: str, arms: Sequence[str]) -> ConfigError:
    """The base has no seed: what its arms are, and which of them counts."""
    path = folder.stage("zero")
    zero = read_record(path, Zero) if path.exists() else None
    template = {one.arm_id: one.template for one in zero.variants} if zero else {}
    named = [f"{arm} ({template[arm]})" if arm in template else arm for arm in arms]
    chosen = zero.chosen if zero and zero.chosen in arms else ""
    return ConfigError(
        f"{pattern} pools {len(arms)} readings of the untrained base",
        expected="one of them: they differ in their prompt template and are no seeds",
        came=few(named),
        do=f"name {chosen}, the zero of the gains of this run" if chosen else f"name {arms[0]}",
    )


def _with_audit(audited: Sequence[str]) -> str:
    """How arms that audits have trained are named."""
    return f"name the arms of audits as such, as in '{_seeds_of(audited[0])}'"


def _near(pattern: str, there: list[str]) -> str:
    if not there:
        return "let the run read its arms first"
    return nearest(pattern, there) if len(there) <= 20 else f"arms are {few(there)}"


def _arms_in(run: Path) -> list[str]:
    return sorted(path.parent.name for path in (run / "arms").glob("*/samples"))


def _read_arm(folder: RunFolder, arm: str) -> pl.DataFrame:
    try:
        return read_samples(folder, arm)
    except DataError as error:
        raise DataError(
            error.what,
            expected=error.expected,
            came=error.came,
            do=f"delete {folder.arm(arm)} and let titrant run go on: only that arm is repeated",
        ) from error


def _names_no_arm(text: str, run: Path) -> ConfigError:
    there = _arms_in(run)
    last = _seeds_of(there[-1] if there else "random-n000512-s00")
    return ConfigError(
        f"{text} is a run folder, and no arm of it is named",
        expected=f"{text}:ARM, or --arms with a pattern for each side",
        came=f"arms {few(there)}",
        do=f"for example titrant compare {text} --arms base-n000000-s00 --arms '{last}'",
    )


def _read_folder(text: str, folder: Path) -> Given:
    files = sorted(folder.rglob("samples_*.jsonl"))
    files = files or sorted(path for path in folder.rglob("*.jsonl") if is_lm_eval(path))
    files += sorted(folder.rglob("*.eval"))
    if not files:
        raise DataError(
            f"{folder} holds no sample files",
            expected="samples_*.jsonl of lm-eval (--log_samples) or .eval logs of Inspect",
            came="none of these, at any depth",
            do="run lm-eval with --log_samples, or name the folder of its output",
        )
    frames: dict[Path, pl.DataFrame] = {path: _read_samples(path) for path in files}
    of_benchmark: dict[str, Path] = {}
    for path, frame in frames.items():
        for name in frame["benchmark"].unique().to_list():
            if of_benchmark.setdefault(name, path) != path:
                raise DataError(
                    f"{folder} holds {name} more than once",
                    expected="the samples of one model, one file per task",
                    came=f"{of_benchmark[name]} and {path}",
                    do="name the file, or the folder of one model",
                )
    return Given(
        text=text,
        names=_names_of(folder, folder.resolve().parts),
        sources=tuple(str(path.resolve()) for path in files),
        rows=pl.concat(frames.values()),
    )


def _read_file(text: str, path: Path) -> Given:
    parts = path.resolve().with_suffix("").parts
    is_named = True
    if path.suffix == ".eval" or is_lm_eval(path):
        rows = _read_samples(path)
        is_named = path.suffix == ".eval" or path.name.startswith("samples_")
        if path.name.startswith("samples_"):
            parts = parts[:-1]  # the folder is named for the model
    else:
        rows, is_named = _read_plain(path)
    return Given(
        text=text,
        names=_names_of(path, parts),
        sources=(str(path.resolve()),),
        rows=rows,
        is_named=is_named,
    )


def _read_samples(path: Path) -> pl.DataFrame:
    """One file of lm-eval or Inspect."""
    if path.suffix == ".eval":
        found = inspect_rows(path)
    else:
        is_named = path.name.startswith("samples_")
        found = lm_eval_rows(path, task_of(path) if is_named else UNNAMED)
    if not found:
        raise DataError(
            f"{path} is empty",
            expected="one line per problem asked",
            came="none",
            do="look whether the evaluation ended well, and run it again",
        )
    return _claims(pl.DataFrame(found, infer_schema_length=None), path)


def _read_plain(path: Path) -> tuple[pl.DataFrame, bool]:
    """A table, and whether it names its benchmarks."""
    frame = read_table(path, as_text=_text_columns(path))
    for name in ONE_MODEL:
        values = frame[name].unique().sort().to_list() if name in frame.columns else []
        if len(values) > 1:
            raise DataError(
                f"{path} holds more than one model",
                expected="one model per table; only its seeds may differ",
                came=f"{name} {few([str(value) for value in values])}",
                do="write one table per model; arms of a run are named as RUN:ARM",
            )
    given = renamed(frame, path, required=("qid", "correct"))
    arm = frame.get_column("arm_id", default=given.get_column("seed", default=None))
    if arm is not None:
        given = given.with_columns(arm.alias("arm"))
    return _claims(given, path), "benchmark" in given.columns


def _text_columns(path: Path) -> list[str]:
    """Columns of a CSV that name problems: 007 and 7 are two."""
    if path.suffix != ".csv":
        return []
    with path.open(encoding="utf-8", errors="replace") as stream:
        header = stream.readline().strip().split(",")
    return [name.strip('"') for name in header if name.strip('"') in ALIASES["qid"]]


def _claims(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The columns of `SCHEMA`; what is missing is filled in."""
    filled = {"arm": "", "benchmark": UNNAMED}
    missing = [
        pl.lit(value).alias(name) for name, value in filled.items() if name not in frame.columns
    ]
    check_problems(frame)
    frame = frame.with_columns(*missing, as_claim(frame, str(path)))
    return frame.select([pl.col(name).cast(kind) for name, kind in SCHEMA.items()])


def _names_of(path: Path, parts: Sequence[str]) -> tuple[str, ...]:
    """The last part, the last two, and so on, and at last the path as typed."""
    tails = ["/".join(parts[-k:]) for k in range(1, min(4, len(parts)) + 1)]
    return (*tails, str(path))


def few(names: Sequence[str]) -> str:
    """The first five, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
