"""Scoring a pool without a run: `titrant score`.

    DIR/pool.parquet   the traces as they were read, verified, each once
    DIR/meta.json      what is known, and what it cost
    DIR/tokens/        per-token numbers
    DIR/<signal>.parquet

The same command goes on where it was; another pool in the same folder is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.errors import DataError
from titrant.run.alone import holding, work_alone
from titrant.run.input.inputs import read_traces
from titrant.run.scores.stage import ENTRY, score_job
from titrant.traces.read import distinct_traces
from titrant.traces.record import content_hash
from titrant.traces.table import load_traces, write_traces

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.run.scores.wanted import Wanted
    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.signals.meta import ScoresMeta
    from titrant.traces.record import Trace


def score_alone(
    config: Config, wanted: Wanted, folder: Path, watcher: Watcher, *, entry: str = ENTRY
) -> ScoresMeta:
    """Score the pool of a config and leave everything in `folder`.

    Args:
        config: base, pool, prompt, signals; its benchmark is not looked at.
        wanted: what is to be known.
        folder: where it goes; made where it is missing.
        watcher: is told what happens.
        entry: what the worker runs.

    Raises:
        ConfigError: a wanted signal is computed by nobody here.
        DataError: the folder holds the scores of another pool.
        BusyError: another process works on the folder.
        TitrantError: pool or base cannot be read.
    """
    with holding(folder):
        watcher.stage("inputs")
        traces, words = read_traces(config, watcher)
        for text in words:
            watcher.warn(text)
        unique = distinct_traces(traces)
        path = folder / "pool.parquet"
        if path.exists() and _identity(load_traces(path)) != _identity(unique):
            raise DataError(
                f"{folder} holds the scores of another pool",
                expected="the same traces in the same order, with the same answers and steps",
                came=f"{len(unique):,} traces with another hash",
                do="choose another --out",
            )
        write_traces(path, unique)
        job = score_job(config, unique, wanted, folder=folder, pool=path)
        return work_alone(entry, job, folder, config.executor, stage="scores", watcher=watcher)


def _identity(traces: Sequence[Trace]) -> str:
    """A hash of all that scores are made of: a uid says nothing of the gold answer and the steps."""
    return content_hash(
        *(
            f"{trace.uid} {trace.gold!r} {trace.gold_kind} "
            + " ".join(f"{step.start}-{step.end}" for step in trace.steps)
            for trace in traces
        )
    )
