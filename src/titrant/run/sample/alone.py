"""Drawing answers to the problems of a config: `titrant sample`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.errors import DataError
from titrant.run.alone import holding, work_alone
from titrant.run.input.inputs import read_named, read_traces
from titrant.run.sample.asked import SampleJob
from titrant.select.shots import choose_shots
from titrant.traces.record import content_hash
from titrant.traces.table import load_problems, write_problems
from titrant.vote.logs.draws import draw_parts
from titrant.vote.rules import rule_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.run.sample.folder import SampleMeta
    from titrant.run.watch import Watcher
    from titrant.settings import Config
    from titrant.traces.record import Problem

ENTRY = "titrant.run.sample.job:sample"


def sample_alone(
    config: Config,
    folder: Path,
    watcher: Watcher,
    *,
    needs_gold: bool = False,
    entry: str = ENTRY,
) -> SampleMeta:
    """Draw answers to the first benchmark of a config and leave everything in `folder`.

    Args:
        config: base, benchmark, prompt, decode, sample; its pool is read for worked examples only.
        folder: where it goes; made where it is missing.
        watcher: is told what happens.
        needs_gold: whether draws are to be told right from wrong afterwards, so that problems without any
            gold answer are refused before they are drawn for.
        entry: what the worker runs.

    Raises:
        ConfigError: the rule cannot be used.
        DataError: the folder holds draws for other problems, or no problem has a gold answer.
        BusyError: another process works on the folder.
        TitrantError: problems or base cannot be read, or the engine failed.
    """
    rule_of(config.sample)
    with holding(folder):
        watcher.stage("problems")
        problems = read_asked(config, watcher, needs_gold=needs_gold)
        path = folder / "problems.parquet"
        has_draws = path.exists() and bool(draw_parts(folder))
        if has_draws and _identity(load_problems(path)) != _identity(problems):
            raise DataError(
                f"{folder} holds draws for other problems",
                expected="the same problems with the same gold answers",
                came=f"{len(problems):,} problems with another hash",
                do="choose another --out",
            )
        write_problems(path, problems)
        job = sample_job(config, folder, shots=_shots(config, watcher))
        return work_alone(entry, job, folder, config.executor, stage="sample", watcher=watcher)


def read_asked(config: Config, watcher: Watcher, *, needs_gold: bool) -> list[Problem]:
    """The problems that are drawn for, each question once; gold answers are optional.

    Raises:
        DataError: there is no problem, or none has a gold answer and one is needed.
    """
    settings = config.benchmark[0]
    named = read_named(settings, config, watcher, needs_gold=False)
    for text in named.left_out:
        watcher.warn(text)
    problems = list({problem.qid: problem for problem in named.problems}.values())
    missing = sum(problem.gold is None for problem in problems)
    if needs_gold and missing == len(problems):
        raise DataError(
            f"no problem of {settings.path} has a gold answer, so no draw can be told correct",
            expected="gold answers, at least of some problems",
            came=f"{missing:,} problems without one",
            do="name their column (--columns gold=NAME), or keep by vote: --keep voted",
        )
    if missing:
        watcher.note(
            f"{missing:,} of {len(problems):,} problems have no gold answer: their draws vote, and have no "
            "verdict"
        )
    return problems


def sample_job(config: Config, folder: Path, *, shots: Sequence[tuple[str, str]] = ()) -> SampleJob:
    """What the worker is asked.

    Args:
        config: base, prompt, decode, sample.
        folder: holds `problems.parquet`.
        shots: worked examples of the prompt.
    """
    return SampleJob(
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


def _shots(config: Config, watcher: Watcher) -> list[tuple[str, str]]:
    """Worked examples from the pool, which is read for nothing else."""
    if not config.prompt.few_shot:
        return []
    traces, _ = read_traces(config, watcher)
    return choose_shots(traces, config)


def _identity(problems: Sequence[Problem]) -> str:
    return content_hash(*(f"{p.qid} {p.gold!r} {p.gold_kind}" for p in problems))
