"""What an arm is asked to do and what comes back: plain data, without torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from titrant.arms import ArmCost, ArmSpec
from titrant.records import Record
from titrant.settings import Config


class ArmJob(Record):
    """One arm to be trained and read."""

    run_dir: Path
    """The run folder; the arm writes under `arms/<arm_id>` only."""
    spec: ArmSpec
    config: Config
    """The resolved config of the run."""
    lr: float
    """Peak learning rate."""


class ArmOutcome(Record):
    """What became of an arm; `done.json` in its folder. Shares by benchmark name."""

    version: int = 1
    arm_id: str
    cost: ArmCost = Field(default_factory=ArmCost)
    accuracy: dict[str, float] = Field(default_factory=dict)
    """Correct / asked; empty where the arm failed."""
    truncated: dict[str, float] = Field(default_factory=dict)
    """Share of attempts cut by the token limit."""
    unreadable: dict[str, float] = Field(default_factory=dict)
    """Share of attempts without an answer that could be read."""
    changed: float | None = None
    """Share of its traces that its treatment changed; `None` for clean arms."""
    error: str | None = None
    """Why the arm itself failed (the loss ran away, memory); `None` for one that was read."""
