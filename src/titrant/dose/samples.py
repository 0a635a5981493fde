"""The rows of one sample file of another tool: lm-eval's `samples_*.jsonl`, Inspect's `.eval` logs.

A row is a dict with `benchmark`, `qid` (`None` where the line names no problem), `sample` and
`correct` (1, 0, `None` where it was not scored; other numbers pass, to be refused where the whole
column is seen).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from titrant.dose.tables import RIGHT
from titrant.errors import DataError
from titrant.lazy import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

METRICS = ("exact_match", "acc", "correct", "pass@1", "score")
LM_EVAL = "samples_"
"""What names of lm-eval's sample files begin with."""
_ITS_OWN = ("resps", "filtered_resps", "doc_hash")
"""Keys that no plain table has."""


def task_of(path: Path) -> str:
    """The task that the name of an lm-eval file tells."""
    return re.sub(r"_\d{4}-\d\d-\d\dT.*$", "", path.stem.removeprefix(LM_EVAL))


def is_lm_eval(path: Path) -> bool:
    """Whether a JSONL file is one of lm-eval's, by its name or its first line."""
    if path.suffix != ".jsonl":
        return False
    if path.name.startswith(LM_EVAL):
        return True
    with path.open("rb") as stream:
        first = stream.readline()
    try:
        doc = json.loads(first)
    except ValueError:
        return False
    return isinstance(doc, dict) and any(key in doc for key in _ITS_OWN)


def lm_eval_rows(path: Path, task: str) -> list[dict[str, Any]]:
    """One row per line: a problem, under one answer filter.

    Args:
        path: of `samples_<task>_<time>.jsonl`.
        task: what its benchmark is called; an answer filter is appended.

    Raises:
        DataError: a line is damaged or has no metric titrant knows.
    """
    rows = []
    for number, doc in _docs(path):
        metric = next((m for m in METRICS if m in doc), None)
        if metric is None:
            raise DataError(
                f"{path}: line {number} has no metric titrant knows",
                expected=" or ".join(METRICS),
                came=", ".join(doc),
                do="log one of these metrics, or give the readings as a table",
            )
        name = doc.get("doc_hash") or doc.get("doc_id")
        rows.append(
            {
                "benchmark": _with_filter(task, doc.get("filter")),
                "qid": None if name is None else str(name),
                "sample": int(doc.get("repeat", 0)),
                "correct": _as_number(doc[metric], f"{path}: line {number}"),
            }
        )
    return rows


def _docs(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text",
            came=str(error),
            do="look whether the file is whole; the evaluation may have been cut off",
        ) from error
    # Split at "\n" alone: lm-eval writes other line breaks of Unicode into its lines as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        came = "another value"
        try:
            doc = json.loads(line)
        except json.JSONDecodeError as error:
            doc, came = None, str(error)
        if not isinstance(doc, dict):
            raise DataError(
                f"{path}: line {number} is not JSON",
                expected="one JSON object per line, as lm-eval writes",
                came=came,
                do="look whether the file is whole; the evaluation may have been cut off",
            )
        yield number, doc


def _with_filter(task: str, name: str | None) -> str:
    """One benchmark per answer filter, named as lm-eval names its metrics; each doc has a row in each."""
    return task if name in (None, "none") else f"{task},{name}"


def inspect_rows(path: Path) -> list[dict[str, Any]]:
    """One row per sample and epoch of an Inspect log.

    Raises:
        DataError: Inspect is not installed, or a score is neither right nor wrong.
    """
    try:
        log = load("inspect_ai.log:read_eval_log")(str(path))
    except ModuleNotFoundError as error:
        raise DataError(
            f"{path.name} is an Inspect log, and the package inspect_ai is not installed",
            do="pip install inspect-ai, or export the samples as a table",
        ) from error
    return [
        {
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
