"""Subset, readings, curve and answer as JSONL, Parquet, CSV or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from titrant.config import load_config
from titrant.errors import ConfigError, DataError
from titrant.files import replacing, write_text
from titrant.report import typeset
from titrant.report.cards import FLAT, PLACE, subset_name, subset_rows, write_card, write_subset
from titrant.select.rank import first_of_questions, read_ranking
from titrant.traces.table import load_traces

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.report.answer import Answer
    from titrant.select.rank import RankedRow
    from titrant.settings import PromptSettings
    from titrant.traces.record import Trace


class Pick(NamedTuple):
    """Which subset of the pool; `None` takes what the answer chose."""

    dose: int | None = None
    strategy: str | None = None
    draw: int | None = None


def export_subset(run: Path, to: Path, *, answer: Answer, pick: Pick, form: str) -> list[Path]:
    """A subset of any dose with its card.

    Raises:
        ConfigError: the dose is over the pool, or there is no such ranking.
        DataError: a file of the run is missing or damaged.
    """
    uids = chosen_uids(run, answer, pick)
    traces = take_traces(run / "pool.parquet", uids)
    prompt, places = _prompt_of(run), _places(run, answer, pick, uids)
    path = to / f"{subset_name(len(uids))}.{form}"
    if form == "jsonl":
        write_subset(path, traces, prompt=prompt, places=places)
    else:
        rows = subset_rows(traces, prompt=prompt, places=places)
        names = [*dict(FLAT), *(dict(PLACE) if places else ())]
        names = names if form == "csv" else ["messages", *names]
        write_frame(path, pl.DataFrame(rows, infer_schema_length=None).select(names))
    return [path, write_card(to, answer, strategy=pick.strategy)]


def _prompt_of(run: Path) -> PromptSettings | None:
    """How the run wrote its rows; `None` where its config is gone."""
    path = run / "config.yaml"
    return load_config(path).prompt if path.is_file() else None


def _places(run: Path, answer: Answer, pick: Pick, uids: Sequence[str]) -> tuple[RankedRow, ...]:
    """The ranking's rows of a subset; empty where the ranking is gone or another one."""
    path = _ranking_path(run, pick.strategy or answer.strategy, pick.draw)
    rows = read_ranking(path).rows if path.is_file() else ()
    if answer.dose_unit == "trace":
        rows = rows[: len(uids)]
    else:  # one trace for each question, so not the head of the ranking
        rows = tuple(row for row in rows if row.uid in set(uids))
    return rows if [row.uid for row in rows] == list(uids) else ()


def _ranking_path(run: Path, strategy: str, draw: int | None) -> Path:
    return run / "rankings" / f"{strategy}-d{draw or 0}.parquet"


def chosen_uids(run: Path, answer: Answer, pick: Pick) -> tuple[str, ...]:
    """The uids of a subset, best first: the chosen subset's own file, or the head of a ranking.

    Raises:
        ConfigError: the dose is over the pool, or there is no such ranking.
        DataError: nothing was chosen and no dose is given.
    """
    if pick == Pick():
        return _uids_of_subset(run, answer)
    strategy = pick.strategy or answer.strategy
    dose = pick.dose or (answer.subset.dose if answer.subset else None)
    if dose is None:
        raise _nothing_chosen(answer)
    path = _ranking_path(run, strategy, pick.draw)
    if not path.is_file():
        known = sorted(item.stem for item in path.parent.glob("*.parquet"))
        raise ConfigError(
            f"this run has no ranking by '{strategy}', draw {pick.draw or 0}",
            expected=", ".join(known) or "a ranking (this run has none)",
            came=path.stem,
            do="choose --strategy and --draw from those",
        )
    ranking = read_ranking(path)
    uids = [row.uid for row in ranking.rows]
    if answer.dose_unit == "question":
        ranked = take_traces(run / "pool.parquet", uids)
        uids = [trace.uid for trace in first_of_questions(ranked, dose)]
    if dose > len(uids):
        raise ConfigError(
            f"a dose of {dose:,} {answer.dose_unit}s is over the pool",
            expected=f"at most {typeset.plural(len(uids), answer.dose_unit)}",
            came=f"--dose {dose}",
            do="choose a smaller dose",
        )
    return tuple(uids[:dose])


def _uids_of_subset(run: Path, answer: Answer) -> tuple[str, ...]:
    if answer.subset is None:
        raise _nothing_chosen(answer)
    path = run / answer.subset.path
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(json.loads(line)["uid"] for line in lines if line.strip())
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise DataError(
            f"the chosen subset {path} is missing or damaged",
            expected="JSONL with the column uid",
            came=f"{type(error).__name__}: {error}",
            do=f"give the dose itself, it is cut from the ranking: --dose {answer.subset.dose}",
        ) from error


def _nothing_chosen(answer: Answer) -> DataError:
    return DataError(
        "this run has chosen no subset",
        expected="an answer with a subset",
        came=f"the verdict '{answer.verdict}'",
        do=f"say how many {answer.dose_unit}s you want: --dose N",
    )


def take_traces(pool: Path, uids: Sequence[str]) -> list[Trace]:
    """Traces of a pool by uid, in the order of the uids.

    Raises:
        DataError: the pool has no such trace.
    """
    by_uid = {trace.uid: trace for trace in load_traces(pool)}
    missing = [uid for uid in uids if uid not in by_uid]
    if missing:
        raise DataError(
            f"{pool} does not hold the traces of this ranking",
            expected="the pool that was ranked",
            came=f"{len(missing)} of {len(uids)} missing, {missing[0]} first",
            do="put the run's own pool.parquet back",
        )
    return [by_uid[uid] for uid in uids]


def export_readings(run: Path, to: Path, *, form: str) -> list[Path]:
    """Every attempt of every arm at every problem."""
    path = to / f"readings.{form}"
    write_frame(path, read_frame(run / "readings.parquet"))
    return [path]


def export_curve(to: Path, *, answer: Answer, form: str) -> list[Path]:
    """Readings per arm and the fitted band, of every strategy and benchmark."""
    path = to / f"curve.{form}"
    write_frame(path, curve_frame(answer))
    return [path]


def curve_frame(answer: Answer) -> pl.DataFrame:
    """One row per point; `kind` is reading or band."""
    rows = [
        {"strategy": curve.strategy, "benchmark": curve.benchmark, "kind": kind}
        | point.model_dump()
        | {"target": curve.target}
        for curve in answer.curves
        for kind, points in (("reading", curve.readings), ("band", curve.band))
        for point in points
    ]
    return pl.DataFrame(rows, schema=_CURVE)


_CURVE = {
    "strategy": pl.String,
    "benchmark": pl.String,
    "kind": pl.String,
    "dose": pl.Float64,
    "seed": pl.Int64,
    "accuracy": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
    "truncated": pl.Float64,
    "unreadable": pl.Float64,
    "target": pl.Float64,
}


def export_answer(to: Path, *, answer: Answer, form: str) -> list[Path]:
    """The answer as JSON, or its key figures as one flat row."""
    path = to / f"answer.{form}"
    if form == "json":
        write_text(path, answer.model_dump_json(indent=2) + "\n")
    else:
        write_frame(path, pl.DataFrame([key_figures(answer)], infer_schema_length=None))
    return [path]


def key_figures(answer: Answer) -> dict[str, Any]:
    """The answer in one row, for a table of many runs."""
    row: dict[str, Any] = {
        "verdict": answer.verdict,
        "strategy": answer.strategy,
        "level": answer.level,
        "top_dose": answer.top_dose,
        "whole_pool": answer.whole_pool,
    }
    for name in ("ed95", "base", "plateau", "gain"):
        estimate = getattr(answer, name)
        row |= {name: estimate.estimate, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row | answer.cost.model_dump() | {"sentence": answer.sentence}


def read_frame(path: Path) -> pl.DataFrame:
    """A Parquet table of a run.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, FileNotFoundError) as error:
        raise DataError(
            f"{path} is missing or damaged",
            expected="a Parquet file written by `titrant run`",
            came=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            do="run the same `titrant run` command again: no arm is repeated",
        ) from error


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a table in the format of the path's suffix, whole or not at all."""
    with replacing(path) as beside:
        if path.suffix == ".parquet":
            frame.write_parquet(beside)
        elif path.suffix == ".csv":
            frame.write_csv(beside)
        else:
            frame.write_ndjson(beside)
