"""What `titrant sample` is asked, and what of it decides a draw: a folder's draws are all made alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from titrant.records import Record
from titrant.run.alone import refuse_other
from titrant.run.sample.folder import SampleMeta, read_meta
from titrant.settings import (
    BaseSettings,
    DecodeSettings,
    PromptSettings,
    SampleSettings,
    ServerSettings,
    SignalSettings,
)

if TYPE_CHECKING:
    from titrant.engines.open import Opened


class SampleJob(Record):
    """What is to be drawn, and by whom."""

    version: int = 1
    folder: Path
    """Holds `problems.parquet`; the draws go there."""
    base: BaseSettings
    prompt: PromptSettings
    decode: DecodeSettings
    signals: SignalSettings
    sample: SampleSettings
    server: ServerSettings
    shots: tuple[tuple[str, str], ...] = ()
    """Worked examples of the prompt."""
    answer_pattern: str | None = None
    seed: int = 0


def made_with(job: SampleJob, opened: Opened, top: int) -> dict[str, str]:
    """Everything that decides a draw, part by part; more budget and another width draw on."""
    return {
        "base": f"{opened.fingerprint} {_base_of(job)} {job.decode.engine}",
        "prompt": f"{job.prompt.model_dump_json()} {job.shots}",
        "decode": job.decode.model_dump_json(exclude={"batch_tokens", "temperature", "engine"}),
        "sample": job.sample.model_dump_json(exclude={"budget", "width"}),
        "signals": f"{job.signals.window} {top}",
        "answer_pattern": str(job.answer_pattern),
        "seed": str(job.seed),
    }


def _base_of(job: SampleJob) -> str:
    """The settings of the base but its path: one model has many, and the fingerprint knows which it is."""
    return job.base.model_dump_json(exclude={"path"})


def known_meta(folder: Path, fresh: SampleMeta) -> SampleMeta:
    """What the folder knows already, with the budget that is asked for now.

    Raises:
        DataError: its draws were made otherwise.
    """
    if not (folder / "meta.json").exists():
        return fresh
    known = read_meta(folder)
    if known.fingerprint == fresh.fingerprint:
        return known.model_copy(
            update={"budget": fresh.budget, "rule": fresh.rule, "is_done": False}
        )
    raise refuse_other(folder, "draws", known=known.made_with, asked=fresh.made_with)
