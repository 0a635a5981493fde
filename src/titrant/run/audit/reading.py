"""Reading one model on the sets of an audit, in a worker: what an arm does, without the training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from titrant.arms import ArmCost, ArmSpec
from titrant.records import Record
from titrant.run.audit.asking import ModelFiles, open_model
from titrant.run.input.inputs import load_sets
from titrant.run.store.folder import RunFolder
from titrant.settings import Config
from titrant.train.job import ArmOutcome
from titrant.train.samples import Ask, Reader, make_asks, read_arm

if TYPE_CHECKING:
    from collections.abc import Callable

    from titrant.engines.open import Prompts


class ReadJob(Record):
    """One model to be read."""

    folder: Path
    """A folder laid out as a run's: samples go under `arms/`."""
    config: Config
    spec: ArmSpec
    weights: Path | None
    shots: tuple[tuple[str, str], ...] = ()
    """Worked examples of the prompt."""


def read(job: ReadJob, progress: Callable[[str, int, int], None] | None = None) -> ArmOutcome:
    """Ask every problem of `audit.parquet` and judge the answers; shards that are there are kept.

    Raises:
        TitrantError: the model cannot be loaded or asked.
    """
    engine, prompts = open_model(
        ModelFiles(config=job.config, weights=job.weights, shots=job.shots)
    )
    folder = RunFolder(job.folder)
    reader = Reader(engine, job.spec, job.config, prompts.opens_thinking)

    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress("read", done, total)

    samples = folder.arm(job.spec.arm_id) / "samples"
    summary = read_arm(reader, _asks(job, prompts), samples, on_shard=tell)
    cost = ArmCost(generated_tokens=summary.generated_tokens, read_s=summary.seconds)
    return ArmOutcome(
        arm_id=job.spec.arm_id,
        cost=cost,
        accuracy=summary.accuracy,
        truncated=summary.truncated,
        unreadable=summary.unreadable,
    )


def _asks(job: ReadJob, prompts: Prompts) -> list[Ask]:
    sets = load_sets(RunFolder(job.folder).audit_problems)
    problems = [(name, problem) for name, found in sets.items() for problem in found]
    pattern = job.config.benchmark[0].answer_pattern
    patterns = dict.fromkeys(sets, pattern)
    return make_asks(problems, prompts, patterns, n_samples=job.config.decode.samples_per_problem)
