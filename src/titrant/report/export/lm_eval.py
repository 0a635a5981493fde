"""Readings as lm-eval writes them: one folder per arm with `results_*.json` and `samples_*.jsonl`.

`doc_hash` joins the same problem over arms, which is what paired tests need. `arguments` holds what
the model was given, as lm-eval has it: the rendered prompt (`arg_0`) and how it was continued
(`arg_1`). Differences from lm-eval's own files: `exact_match` is the mean over samples (avg@k), and a
response begins with the thinking tag where the prompt ends with it. Attempts never made are left out;
truncated and unreadable ones count as not correct. Arms read before prompts were kept have the bare
question as `arg_0`.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
import yaml

from titrant.errors import ConfigError, DataError
from titrant.files import write_text
from titrant.report.export.tables import read_frame
from titrant.settings import DecodeSettings

if TYPE_CHECKING:
    from pathlib import Path

    from titrant.report.answer import Answer

UNDATED = "1970-01-01T00-00-00"
FILTER = "none"
METRIC = "exact_match"


class Wanted(NamedTuple):
    """Which arms; `None` takes all."""

    dose: int | None = None
    strategy: str | None = None


class Origin(NamedTuple):
    """What every file says about where it comes from."""

    base: str
    date: str
    few_shot: int
    generation: dict[str, Any]
    """How answers were drawn, in lm-eval's words."""


def export_lm_eval(run: Path, to: Path, *, answer: Answer, wanted: Wanted) -> list[Path]:
    """Write the attempts of each arm in lm-eval's format.

    Raises:
        DataError: the run has no arms with samples, or a file is damaged.
        ConfigError: no arm is of the wanted dose and strategy.
    """
    problems = read_frame(run / "benchmark.parquet")
    folders = sorted(path.parent for path in (run / "arms").glob("*/samples"))
    if not folders:
        raise DataError(
            f"{run} has no arms with samples",
            expected=f"{run}/arms/*/samples/*.parquet",
            do="run `titrant run` first; `titrant fit` alone keeps no generations",
        )
    origin = _origin(run, answer)
    written: list[Path] = []
    doses: set[int] = set()
    for folder in folders:
        shards = [read_frame(path) for path in sorted(folder.glob("samples/*.parquet"))]
        samples = pl.concat(shards, how="diagonal")  # older shards have no prompt
        doses |= set(samples["dose"].unique().to_list())
        if _is_wanted(samples, wanted):
            written += _write_arm(to / _safe(folder.name), samples, problems, origin=origin)
    if not written:
        raise ConfigError(
            "no arm has this dose and strategy",
            expected=f"a dose of {', '.join(str(dose) for dose in sorted(doses))}",
            came=f"dose {wanted.dose}, strategy {wanted.strategy or 'any'}",
            do="leave --dose or --strategy out to export every arm",
        )
    return written


def _is_wanted(samples: pl.DataFrame, wanted: Wanted) -> bool:
    first = samples.row(0, named=True)
    same_dose = wanted.dose is None or first["dose"] == wanted.dose
    return same_dose and (wanted.strategy is None or first["strategy"] == wanted.strategy)


def _write_arm(
    to: Path, samples: pl.DataFrame, problems: pl.DataFrame, *, origin: Origin
) -> list[Path]:
    """One arm: a samples file per benchmark and one file of results."""
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for benchmark in problems["benchmark"].unique(maintain_order=True):
        asked = samples.filter((pl.col("benchmark") == benchmark) & pl.col("correct").is_not_null())
        docs = problems.filter(pl.col("benchmark") == benchmark)
        rows = sample_rows(docs, asked, origin.generation)
        if rows:
            rows_of[benchmark] = rows
    paths = []
    for benchmark, rows in rows_of.items():
        path = to / f"samples_{_safe(benchmark)}_{origin.date}.jsonl"
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        paths.append(path)
    arm_id = samples["arm_id"][0]
    path = to / f"results_{origin.date}.json"
    content = results(rows_of, arm_id=arm_id, origin=origin)
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return [*paths, path]


def sample_rows(
    problems: pl.DataFrame, samples: pl.DataFrame, generation: dict[str, Any]
) -> list[dict[str, Any]]:
    """One row per asked problem of one benchmark, in the order of the benchmark."""
    by_qid: dict[str, list[dict[str, Any]]] = {}
    for row in samples.sort("sample").iter_rows(named=True):
        by_qid.setdefault(row["qid"], []).append(row)
    return [
        _sample_row(i, problem, by_qid[problem["qid"]], generation)
        for i, problem in enumerate(problems.iter_rows(named=True))
        if problem["qid"] in by_qid
    ]


def _sample_row(
    doc_id: int,
    problem: dict[str, Any],
    attempts: list[dict[str, Any]],
    generation: dict[str, Any],
) -> dict[str, Any]:
    doc = {"qid": problem["qid"], "question": problem["question"], "answer": problem["gold"]}
    target = str(problem["gold"])
    prompt = attempts[0].get("prompt") or problem["question"]
    return {
        "doc_id": doc_id,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": generation}},
        "resps": [[attempt["text"] for attempt in attempts]],
        "filtered_resps": [attempt["final_answer"] for attempt in attempts],
        "filter": FILTER,
        "metrics": [METRIC],
        "doc_hash": _sha256(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _sha256(prompt),
        "target_hash": _sha256(target),
        METRIC: statistics.fmean(float(attempt["correct"]) for attempt in attempts),
        "verdicts": [attempt["verdict"] for attempt in attempts],
    }


def results(
    rows_of: dict[str, list[dict[str, Any]]], *, arm_id: str, origin: Origin
) -> dict[str, Any]:
    """The results file of one arm; the standard error is over problems, null for fewer than two."""
    return {
        "results": {name: _scores(name, rows) for name, rows in rows_of.items()},
        "group_subtasks": {name: [] for name in rows_of},
        "configs": {
            name: {
                "task": name,
                "output_type": "generate_until",
                "num_fewshot": origin.few_shot,
                "generation_kwargs": origin.generation,
            }
            for name in rows_of
        },
        "versions": dict.fromkeys(rows_of, 1),
        "n-shot": dict.fromkeys(rows_of, origin.few_shot),
        "higher_is_better": {name: {METRIC: True} for name in rows_of},
        "n-samples": {
            name: {"original": len(rows), "effective": len(rows)} for name, rows in rows_of.items()
        },
        "config": {"model": "titrant", "model_args": f"pretrained={origin.base},arm={arm_id}"},
        "git_hash": None,
        "date": origin.date,
        "task_hashes": {
            name: _sha256(
                "".join(r["doc_hash"] + r["prompt_hash"] + r["target_hash"] for r in rows)
            )
            for name, rows in rows_of.items()
        },
        "model_source": "titrant",
        "model_name": arm_id,
        "model_name_sanitized": _safe(arm_id),
    }


def _scores(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    values = [row[METRIC] for row in rows]
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return {
        "alias": name,
        f"{METRIC},{FILTER}": statistics.fmean(values),
        f"{METRIC}_stderr,{FILTER}": error,
    }


def _origin(run: Path, answer: Answer) -> Origin:
    config = run / "config.yaml"
    loaded = yaml.safe_load(config.read_text(encoding="utf-8")) if config.is_file() else {}
    few_shot = ((loaded or {}).get("prompt") or {}).get("few_shot", 0)
    generation = _generation(DecodeSettings.model_validate((loaded or {}).get("decode") or {}))
    if answer.provenance is None:
        return Origin("unknown", UNDATED, few_shot, generation)
    created = answer.provenance.created.removesuffix("Z").removesuffix("+00:00")
    date = created.replace(":", "-")
    return Origin(answer.provenance.base, date, few_shot, generation)


def _generation(decode: DecodeSettings) -> dict[str, Any]:
    """How answers were drawn, in lm-eval's words; the model's own stop tokens end a draw too."""
    samples = decode.temperature > 0
    return {
        "until": list(decode.stop),
        "do_sample": samples,
        "temperature": decode.temperature,
        **({"top_p": decode.top_p} if samples else {}),
        "max_gen_toks": decode.max_new_tokens,
    }


def _safe(name: str) -> str:
    """A name fit for a file, as lm-eval cleans its own."""
    return re.sub(r'[\\/:*?"<>|\s]+', "_", name)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
