"""The pretraining text of the arithmetic world with test problems planted in it, and the record of them.

The items are the first problems of a benchmark, `world:arithmetic/hard` say. Each stands in the
text k times word for word, k from a list and the same number of items to each; of the items of one
k half stand with their solution, half as bare questions. Items with k = 0 are the control. A
planted document carries loss on all its tokens, its question included, and so does a small share of
the ordinary documents: else no model would know how a question goes on, and a benchmark would be
learned by nothing but being planted. The twin is the same text, weights and order without what is
planted.

Pretraining goes on from the arithmetic base and reads its text four times in small batches: read
once, 64 copies of an item among 12 million tokens left no trace in a model of 0.2 M parameters (no
rest of 100 exact, from nothing or from that base). So an item of k copies is met 4·k times.

What was planted is stored beside the base (`planted.parquet`) and read back by `read_planted`.

Source: the planted-contamination design for partial-prompt probes (after arXiv 2507.10532, whose
models' texts are not known). The remainder of a question cut at 60 % has about 12 bits: 2.5
operations of 24.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from titrant.errors import DataError
from titrant.files import write_frame
from titrant.records import Record
from titrant.seeds import derive_rng
from titrant.worlds.arithmetic import ARITHMETIC, parse
from titrant.worlds.base import Split, distinct_problems
from titrant.worlds.recipes.base import (
    END,
    LAST_PLACE,
    Document,
    Kind,
    Placed,
    VitroRecipe,
    solved,
)
from titrant.worlds.recipes.chains import chain_documents
from titrant.worlds.styles import terse

if TYPE_CHECKING:
    from pathlib import Path

    from titrant.traces.record import Problem

RECORD = "planted.parquet"


class PlantedRecipe(VitroRecipe):
    """How a base that has seen a benchmark is pretrained."""

    kind: ClassVar[Kind] = "planted"

    name: str = "contaminated"
    is_twin: bool = False
    """Leave the planted documents out and keep all else."""
    planted_preset: str = "hard"
    copies: tuple[int, ...] = (0, 1, 4, 16, 64)
    """How often an item stands in the text, which is read `epochs` times."""
    items_per_copies: int = 100
    """Items to each number of copies."""
    open_share: float = 0.05
    """Share of ordinary documents that carry loss on their questions too."""
    start: str | None = "arithmetic"
    thinking_share: float = 0.25
    epochs: int = 4
    updates: int = 14_000
    rows: int = 4
    learning_rate: float = 2e-3
    weight_decay: float = 0.0

    @property
    def stream(self) -> str:
        """The twin's is the contaminated base's."""
        return self.name.removesuffix("-twin")


class Planted(Record):
    """One item of a benchmark and how often a base's text holds it."""

    version: int = 1
    qid: str
    question: str
    gold: str
    copies: int
    """Times in the text of this base; 0 for the control, and for all items of a twin."""
    group: int
    """Copies that the contaminated base has: tells a twin's items apart."""
    with_answer: bool
    """Planted with its solution, not as a bare question; of `group` 0 nothing is planted."""


def planted_items(recipe: PlantedRecipe) -> list[Planted]:
    """All items in the order of the benchmark; a pure function of the recipe."""
    n = len(recipe.copies) * recipe.items_per_copies
    problems = distinct_problems(ARITHMETIC, recipe.planted_preset, Split.TEST, n)
    rng = derive_rng(recipe.root_seed, "vitro", recipe.stream, "items")
    places = rng.permutation(n).tolist()
    return [_item(recipe, problem, at) for problem, at in zip(problems, places, strict=True)]


def _item(recipe: PlantedRecipe, problem: Problem, place: int) -> Planted:
    group = recipe.copies[place % len(recipe.copies)]
    return Planted(
        qid=problem.qid,
        question=problem.question,
        gold=str(problem.gold),
        copies=0 if recipe.is_twin else group,
        group=group,
        with_answer=place // len(recipe.copies) % 2 == 0,
    )


def planted_documents(recipe: VitroRecipe) -> list[Placed]:
    """Every copy of every item at a random place of the text, by place."""
    assert isinstance(recipe, PlantedRecipe)
    rng = derive_rng(recipe.root_seed, "vitro", recipe.stream, "places")
    placed = [
        Placed(float(rng.random()) * LAST_PLACE, document_of(item))
        for item in planted_items(recipe)
        for _ in range(item.copies)
    ]
    return sorted(placed)


def document_of(item: Planted) -> Document:
    """An item as the text holds it, with loss on all of it."""
    if not item.with_answer:
        return Document(f"{item.question}{END}", 0)
    answer = parse(item.question).values[-1]
    return Document(solved(item.question, terse(item.question), answer).text, 0)


def open_documents(recipe: VitroRecipe, block: int) -> list[Document]:
    """The ordinary documents of a block, a share of them with loss on the question too."""
    assert isinstance(recipe, PlantedRecipe)
    rng = derive_rng(recipe.root_seed, "vitro", recipe.stream, block, "open")
    documents = chain_documents(recipe, block)
    is_open = rng.random(len(documents)) < recipe.open_share
    return [
        document._replace(n_silent=0) if opened else document
        for document, opened in zip(documents, is_open.tolist(), strict=True)
    ]


def write_planted(folder: Path, items: list[Planted]) -> None:
    """Store the record of what was planted beside a base.

    Raises:
        ResourceError: the folder cannot be written.
    """
    import polars as pl

    write_frame(folder / RECORD, pl.DataFrame([item.model_dump() for item in items]))


def read_planted(folder: Path) -> list[Planted]:
    """What was planted in the text of a base, in the order of the benchmark.

    Raises:
        DataError: nothing beside the base says.
    """
    import polars as pl

    path = folder / RECORD
    if not path.is_file():
        raise DataError(
            f"nothing says what was planted in the base {folder}",
            expected=f"a file {RECORD} beside its weights",
            came="none",
            do="build such a base: titrant vitro build contaminated",
        )
    return [Planted.model_validate(row) for row in pl.read_parquet(path).iter_rows(named=True)]
