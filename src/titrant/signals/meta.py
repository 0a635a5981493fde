"""What a folder of scores says about itself: `meta.json`, read by whoever joins the scores.

scores/meta.json               this record
scores/tokens/part-*.parquet   per-token numbers (`signals.store`)
scores/<signal>.parquet        the score table (`signals.table`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from titrant.errors import DataError
from titrant.files import write_text
from titrant.records import Record

if TYPE_CHECKING:
    from pathlib import Path


class SignalCost(Record):
    """What it took to know a signal."""

    tokens: int
    """Tokens passed through the base, or generated and trained for it."""
    flops: float
    """Floating-point operations: 2 per parameter and token passed, 6 per one trained."""
    seconds: float
    """Its share of the time of the machine that did it."""


class ScoresMeta(Record):
    """What is in a folder of scores."""

    version: int = 1
    base: str
    """Path or hub id of the model."""
    fingerprint: str
    """Of everything that decides the per-token numbers; as in the score table."""
    parameters: int
    """Of the model."""
    made_with: dict[str, str] = Field(default_factory=dict)
    """What decides the values, part by part: base, prompt, signals …; as text."""
    traces: int
    """Traces asked about."""
    failed: int
    """Traces that could not be scored."""
    versions: dict[str, int] = Field(default_factory=dict)
    """Signal → its version; only those that are in the folder."""
    costs: dict[str, SignalCost] = Field(default_factory=dict)
    """Signal → what it took, the shared pass counted whole for each."""
    apart: tuple[str, ...] = ()
    """Signals that do not come from the shared pass: their costs add to it."""
    has_hidden: bool = False
    """Whether hidden states were kept."""
    hidden_cost: SignalCost | None = None
    """What it took to know them."""
    warnings: dict[str, str] = Field(default_factory=dict)
    """Signal that says nothing → why."""
    bands: tuple[float, ...] = ()
    """Pass rates that part the bands of difficulty; see `SignalSettings.bands`."""


def meta_path(folder: Path) -> Path:
    """The file of the record in a folder of scores."""
    return folder / "meta.json"


def write_meta(folder: Path, meta: ScoresMeta) -> None:
    """Write the record, whole or not at all."""
    write_text(meta_path(folder), meta.model_dump_json(indent=2) + "\n")


def read_meta(folder: Path) -> ScoresMeta:
    """The record of a folder of scores.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = meta_path(folder)
    try:
        return ScoresMeta.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} is no folder of scores",
            expected="a folder that titrant score made, with its meta.json",
            came="no meta.json",
            do="make one: titrant score --pool POOL --base MODEL --out DIR",
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is damaged",
            came=str(error).partition("\n")[0],
            do="delete it and run titrant score again: what was scored is kept",
        ) from error
