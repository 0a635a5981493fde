"""Arm and reading: what was trained, and what it scored problem by problem."""

from __future__ import annotations

from typing import NamedTuple

from titrant.records import Record
from titrant.seeds import derive


class ArmSpec(Record):
    """One training run: strategy × dose × seed × treatment (base, recipe and trainer are the run's).

    For a random strategy the seed also names the draw, so each seed sees a ranking of its own.
    Dose 0 is the untrained base.
    """

    version: int = 1
    strategy: str
    dose: int
    """Number of traces."""
    seed: int
    """Ordinal 0, 1, 2 …; actual seeds are hashes of labels."""
    treatment: str = "clean"
    lr: float | None = None
    """Learning rate of a pilot arm; `None`: the recipe's."""
    purpose: str = "ladder"
    """`base`, `ladder`, `pilot` or `audit`."""

    @property
    def arm_id(self) -> str:
        """A readable name that is unique within a run and fit for a folder."""
        parts = [self.strategy, f"n{self.dose:06d}", f"s{self.seed:02d}"]
        parts += [] if self.treatment == "clean" else [self.treatment]
        parts += [] if self.lr is None else [f"lr{self.lr:g}"]
        parts += [self.purpose] if self.purpose == "audit" else []
        return "-".join(parts)

    def seed_for(self, root: int, what: str) -> int:
        """The seed of one use (`order`, `weights`, `draw` …) in this arm."""
        return derive(root, what, self.strategy, self.dose, self.seed, self.treatment)


class ArmCost(Record):
    """What an arm cost."""

    train_tokens: int = 0
    """Tokens of every visit of every row, prompts included, padding not."""
    loss_tokens: int = 0
    """Tokens that carried the loss."""
    generated_tokens: int = 0
    updates: int = 0
    train_s: float = 0.0
    read_s: float = 0.0


class Reading(NamedTuple):
    """One row of `readings.parquet`: one attempt of one arm at one problem."""

    arm_id: str
    strategy: str
    dose: int
    seed: int
    treatment: str
    benchmark: str
    qid: str
    sample: int
    correct: bool | None
    """`None`: never asked. Truncated and unreadable attempts are not correct (`False`)."""
    verdict: str | None
    final_answer: str | None
    n_tokens: int | None
    """Generated tokens."""
