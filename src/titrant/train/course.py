"""What one training is given: rows, recipe, seeds, and where it writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from titrant.settings import RecipeSettings

CHECKPOINTS = "checkpoints"
SEED_SPACE = 2**31
"""numpy's global generator takes 32 bits."""


class TrainSeeds(NamedTuple):
    """Where the chance in one training comes from."""

    order: int
    """Of the rows."""
    weights: int
    """Of new adapter weights and dropout."""


@dataclass(frozen=True, slots=True)
class Course:
    """Everything that fixes one training besides the model and the rows."""

    recipe: RecipeSettings
    """`match` is `updates` or `epochs` here; equal tokens are turned into updates before."""
    lr: float
    """Peak learning rate."""
    seeds: TrainSeeds
    out: Path
    """The arm's folder: `log.jsonl` and checkpoints go there."""
    on_update: Callable[[int, int], None] | None = None
    """Told (updates done, updates in all) after each update."""
