"""Drawing answers to the problems of a config: `titrant sample`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.dose.work.executor import LocalExecutor
from titrant.dose.work.layout import plan_layout
from titrant.errors import DataError
from titrant.run.input.inputs import read_benchmarks, read_traces
from titrant.run.sample.job import SampleJob
from titrant.select.shots import choose_shots
from titrant.traces.record import content_hash
from titrant.traces.table import load_problems, write_problems
from titrant.vote.rules import rule_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.dose.work.worker import Progress
    from titrant.run.sample.folder import SampleMeta
    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.traces.record import Problem

ENTRY = "titrant.run.sample.job:sample"


def sample_alone(
    config: Config, folder: Path, watcher: Watcher, *, entry: str = ENTRY
) -> SampleMeta:
    """Draw answers to the first benchmark of a config and leave everything in `folder`.

    Args:
        config: base, benchmark, prompt, decode, sample; its pool is read for worked examples only.
        folder: where it goes; made where it is missing.
        watcher: is told what happens.
        entry: what the worker runs.

    Raises:
        ConfigError: the rule cannot be used.
        DataError: the folder holds draws for other problems.
        TitrantError: problems or base cannot be read, or the engine failed.
    """
    rule_of(config.sample)
    watcher.stage("problems")
    (named,) = read_benchmarks(
        config.model_copy(update={"benchmark": config.benchmark[:1]}), watcher
    )
    for text in named.left_out:
        watcher.warn(text)
    path = folder / "problems.parquet"
    if path.exists() and _identity(load_problems(path)) != _identity(named.problems):
        raise DataError(
            f"{folder} holds draws for other problems",
            expected="the same problems with the same gold answers",
            came=f"{len(named.problems):,} problems with another hash",
            do="choose another --out",
        )
    write_problems(path, named.problems)
    shots = []
    if config.prompt.few_shot:
        traces, _ = read_traces(config, watcher)
        shots = choose_shots(traces, config)
    job = SampleJob(
        folder=folder,
        base=config.base,
        prompt=config.prompt,
        decode=config.decode,
        signals=config.signals,
        sample=config.sample,
        server=config.server,
        shots=tuple(shots),
        answer_pattern=config.benchmark[0].answer_pattern,
        seed=config.seed,
    )
    watcher.stage("sample")

    def tell(progress: Progress) -> None:
        watcher.progress("sample", *progress)

    layout = plan_layout(1, config.executor.threads)
    with LocalExecutor(layout, log=folder / "log") as executor:
        return executor.call(entry, job, on_progress=tell)


def _identity(problems: Sequence[Problem]) -> str:
    return content_hash(*(f"{p.qid} {p.gold!r} {p.gold_kind}" for p in problems))
