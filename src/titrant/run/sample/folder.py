"""The folder of `titrant sample`.

DIR/problems.parquet    what was asked
DIR/draws/part-*.parquet   every draw with its per-token numbers (`vote.logs.draws`)
DIR/answers.parquet     per question: the answer, its share of the votes, what it took
DIR/meta.json           what made it, and what it cost
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from titrant.errors import DataError
from titrant.files import write_table, write_text
from titrant.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.traces.record import Problem
    from titrant.vote.online import Outcome

ANSWERS = pa.schema(
    [
        pa.field("qid", pa.string(), nullable=False),
        pa.field("question", pa.large_string(), nullable=False),
        pa.field("gold", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("share", pa.float64()),
        pa.field("votes", pa.int32(), nullable=False),
        pa.field("draws", pa.int32(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("settled", pa.bool_(), nullable=False),
        pa.field("fell_back", pa.bool_(), nullable=False),
    ]
)
"""Columns of `answers.parquet`; `tokens` are those of all draws of the question."""


class SampleMeta(Record):
    """What a folder of draws says about itself."""

    version: int = 1
    base: str
    """Path, hub id, or the name of the server's model."""
    engine: str
    device: str
    honours_seed: str
    """Whether a request's seed fixes its draw: `request`, `batch` or `no`."""
    fingerprint: str
    """Of everything that decides a draw but its question and number."""
    made_with: dict[str, str]
    """What decides it, part by part, as text."""
    rule: str
    """The stopping rule as it is called in tables."""
    budget: int
    """Draws per question at most."""
    temperature: float = 0.0
    """Of the draws."""
    window: int | None = None
    """Tokens of a window of group confidence; `None` until the warm-ups are there, and under a rule that
    needs none."""
    top: int = 0
    """Likeliest tokens kept per position."""
    vocab: int = 0
    """Tokens that the model knows; 0: not known."""
    questions: int
    is_done: bool = False
    """Whether every question is settled or has its budget."""
    draws: int = 0
    tokens: int = 0
    """Generated for the draws of this budget, those of stopped and cancelled draws among them, and those of
    draws that were made again."""
    failed: int = 0
    """Draws that the engine could not make; they count as draws without an answer."""
    failure: str = ""
    """What the last of them said."""
    truncated: int = 0
    """Draws cut by the limit or the context."""
    unreadable: int = 0
    """Draws that ended by themselves with an answer that cannot be read."""
    stopped: int = 0
    """Draws that the rule ended, or that were under way when their question was settled."""
    seconds: float = 0.0
    """Of drawing, over all starts."""
    correct: int | None = None
    """Questions whose answer is right; `None` without gold answers."""
    with_gold: int = 0
    """Questions with a gold answer, of which `correct` is a part."""
    notes: tuple[str, ...] = ()
    """What the engine cannot do, in sentences."""


def write_meta(folder: Path, meta: SampleMeta) -> None:
    """Write the record, whole or not at all."""
    write_text(folder / "meta.json", meta.model_dump_json(indent=2) + "\n")


def read_meta(folder: Path) -> SampleMeta:
    """The record of a folder of draws.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = folder / "meta.json"
    try:
        return SampleMeta.model_validate_json(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} is no folder of draws",
            expected="meta.json, as titrant sample writes it",
            came="no such file"
            if isinstance(error, FileNotFoundError)
            else str(error).partition("\n")[0][:200],
            do="name the folder that titrant sample --out was given",
        ) from error


def write_answers(path: Path, problems: Sequence[Problem], found: Sequence[Outcome]) -> None:
    """Write what was decided of each question, whole or not at all."""
    asked = [{"qid": p.qid, "question": p.question, "gold": p.gold} for p in problems]
    rows = [
        {**ask, **{ours: getattr(one, theirs) for ours, theirs in _OUTCOME.items()}}
        for ask, one in zip(asked, found, strict=True)
    ]
    write_table(path, pa.Table.from_pylist(rows, schema=ANSWERS))


_OUTCOME = {
    **{name: name for name in ("answer", "verdict", "share", "votes", "draws", "tokens")},
    "settled": "is_settled",
    "fell_back": "fell_back",
}
"""Our column → the field of an outcome."""
