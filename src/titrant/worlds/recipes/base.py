"""What every recipe of a small base says, and documents as its text holds them.

A recipe's class decides its kind, and the kind which world the text is made from (`table.MAKERS`).
A document is a text and how many characters at its start carry no loss: the characters of a
question are drawn at random, and learning that noise costs a small model most of its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from titrant.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["chains", "facts", "planted"]
"""Of a recipe: the key of its text maker and of what its base is measured by."""
BLOCK = 1000
"""Documents per block; a block is the unit that has a seed of its own."""
END = "<eos>"


class VitroRecipe(Record):
    """How a small base is pretrained; the defaults are those of the shipped `arithmetic` base."""

    kind: ClassVar[Kind] = "chains"

    name: str = "arithmetic"
    thinking_share: float = 0.45
    """Share of documents that solve step by step; the others answer directly."""
    meander_share: float = 0.15
    """Share of step-by-step documents in the meandering style."""
    preset: str = "train"
    start: str | None = None
    """A shipped base whose weights its pretraining goes on from; none: random ones."""
    epochs: int = 1
    """How often the text is read; it is as long as its updates divided by the epochs take."""
    layers: int = 4
    width: int = 64
    heads: int = 2
    mlp_width: int = 176
    updates: int = 5000
    rows: int = 32
    """Rows per update."""
    row_tokens: int = 128
    """Tokens per packed row."""
    learning_rate: float = 4e-3
    warmup_updates: int = 200
    weight_decay: float = 0.1
    root_seed: int = 0

    @property
    def stream(self) -> str:
        """The label under which text, weights and order are drawn."""
        return self.name

    @property
    def n_rows(self) -> int:
        """Packed rows of the text, each read once per epoch."""
        return self.updates * self.rows // self.epochs


class Document(NamedTuple):
    """One document of a pretraining text."""

    text: str
    """With its end mark."""
    n_silent: int
    """Characters at its start that carry no loss."""


class Placed(NamedTuple):
    """A document that stands in the text a stated number of times, at stated places."""

    at: float
    """Where in the text, as a share of its tokens, in [0, LAST_PLACE)."""
    document: Document


LAST_PLACE = 0.98
"""Nothing is placed behind this share of the text: its end is cut in the middle of a document."""


def direct(question: str, answer: int) -> Document:
    """A question answered at once."""
    return Document(f"{question}\n#### {answer}{END}", len(question) + 1)


def solved(question: str, lines: Sequence[str], answer: int) -> Document:
    """A question answered step by step, written as the default prompt and completion are."""
    body = "\n".join(lines)
    text = f"{question}\n<think>\n{body}\n</think>\n\n#### {answer}{END}"
    return Document(text, len(question) + 1)
