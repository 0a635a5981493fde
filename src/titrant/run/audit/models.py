"""Which models are asked, and their jobs in order: what other parts need comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.run.audit.asking import (
    AskedModel,
    AskJob,
    part_fingerprints,
    parts_by_name,
    stages_of_parts,
)
from titrant.run.ladder.preliminary import with_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from titrant.audits.base import ModelRole
    from titrant.dose.work.worker import Progress
    from titrant.run.session import Executor
    from titrant.run.watch import Watcher
    from titrant.settings import Config

ENTRY = "titrant.run.audit.asking:ask"


class Asking(NamedTuple):
    """What all models are asked."""

    folder: Path
    """Of the audits."""
    problems: Path
    """`audit.parquet`."""
    benchmark: str
    config: Config
    shots: tuple[tuple[str, str], ...] = ()


def ask_models(
    executor: Executor,
    asking: Asking,
    models: Sequence[AskedModel],
    *,
    watcher: Watcher,
    entry: str = ENTRY,
) -> None:
    """Ask every model for every part that concerns it.

    Raises:
        TitrantError: a model cannot be loaded or asked; what was asked is kept.
    """
    watcher.stage("questions")

    def tell(job: AskJob, progress: Progress) -> None:
        watcher.progress("questions", f"{_called(job)}: {progress.phase}", *progress[1:])

    for jobs in stages_of_jobs(asking, models):
        for job, _ in executor.calls(entry, jobs, on_progress=tell):
            watcher.note(f"asked: {_called(job)}, {', '.join(job.parts)}")


def _called(job: AskJob) -> str:
    return job.role if job.role == "base" else f"{job.role} {job.seed}"


def stages_of_jobs(asking: Asking, models: Sequence[AskedModel]) -> Iterator[list[AskJob]]:
    """The jobs that can be done side by side, stage by stage of what parts need of each other."""
    known = parts_by_name(asking.config.audit.names)
    fingerprints = part_fingerprints(asking.config, asking.problems, models)
    asked: tuple[tuple[ModelRole, int], ...] = tuple((model.role, model.seed) for model in models)
    for parts in stages_of_parts(asking.config.audit.names):
        jobs = []
        for model in models:
            mine = tuple(name for name in parts if model.role in known[name].roles)
            if mine:
                jobs.append(_job(asking, model, mine, fingerprints=fingerprints, models=asked))
        yield jobs


def _job(
    asking: Asking,
    model: AskedModel,
    parts: tuple[str, ...],
    *,
    fingerprints: dict[str, str],
    models: tuple[tuple[ModelRole, int], ...],
) -> AskJob:
    config = asking.config
    return AskJob(
        folder=asking.folder,
        problems=asking.problems,
        benchmark=asking.benchmark,
        config=config if model.template is None else with_template(config, model.template),
        parts=parts,
        fingerprints=fingerprints,
        models=models,
        role=model.role,
        seed=model.seed,
        weights=model.weights,
        shots=asking.shots,
    )
