"""The pretraining text of the world of facts: bare facts by their frequency, and questions.

A bare fact is a document of its own, `F ab.e=37`, as traces state it; each reading of the table holds
it as often as its frequency says, at random places. Questions are answered directly or step by step.
They ask for facts in proportion to their frequency, or for none (`19+85-4=`). With facts of few names
alone a model learns those names and not to copy a name (40 of 280 facts in the questions: the others
were never even named in a solution). New facts stand nowhere.

Pretraining goes on from the arithmetic base, which knows sums of a number and a digit; from nothing
the facts were learned and sums of two-digit numbers were not (3,000 updates of 32 rows: 4 % right on
two known facts).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from titrant.seeds import derive_rng
from titrant.worlds.base import Split
from titrant.worlds.facts.draw import arrange, split_of
from titrant.worlds.facts.styles import terse, verbose
from titrant.worlds.facts.table import known_facts
from titrant.worlds.recipes.base import (
    BLOCK,
    END,
    LAST_PLACE,
    Document,
    Kind,
    Placed,
    VitroRecipe,
    direct,
    solved,
)

if TYPE_CHECKING:
    from titrant.worlds.facts.question import Chain
    from titrant.worlds.facts.table import Fact

MOST_FACTS = 3
MOST_NUMBERS = 2
PLAIN_NUMBERS = (2, 4)
"""Least and most numbers of a question without facts."""


class FactsRecipe(VitroRecipe):
    """How a base that knows facts is pretrained."""

    kind: ClassVar[Kind] = "facts"

    name: str = "facts"
    meander_share: float = 0.15
    """Share of step-by-step documents in the verbose style."""
    readings: int = 8
    """How often the text holds the table: a fact of frequency f stands alone in 8·f documents."""
    plain_share: float = 0.25
    """Share of questions that need no fact."""
    start: str | None = "arithmetic"
    thinking_share: float = 0.47
    updates: int = 14_000
    rows: int = 8
    learning_rate: float = 2e-3


def question_documents(recipe: VitroRecipe, block: int) -> list[Document]:
    """Block number `block` of the text without the bare facts: `BLOCK` questions with answers."""
    assert isinstance(recipe, FactsRecipe)
    rng = derive_rng(recipe.root_seed, "vitro", recipe.stream, block)
    made: list[Document] = []
    while len(made) < BLOCK:
        chain = _draw(rng, recipe.plain_share)
        if split_of(chain.text) == Split.PRETRAIN:
            made.append(_document(recipe, chain, rng))
    return made


def bare_facts(recipe: VitroRecipe) -> list[Placed]:
    """Each known fact as often as frequency and readings say, at random places, by place."""
    assert isinstance(recipe, FactsRecipe)
    rng = derive_rng(recipe.root_seed, "vitro", recipe.stream, "bare facts")
    placed = [
        Placed(float(rng.random()) * LAST_PLACE, bare(fact))
        for fact in known_facts()
        for _ in range(fact.frequency * recipe.readings)
    ]
    return sorted(placed)


def bare(fact: Fact) -> Document:
    """A fact alone; its name carries no loss, so that a model learns the value and not the frequency."""
    asked = f"F {fact.name.text}="
    return Document(f"{asked}{fact.value}{END}", len(asked))


@lru_cache(maxsize=1)
def _chances() -> np.ndarray:
    """Of each known fact to be asked for."""
    often = np.array([fact.frequency for fact in known_facts()], dtype=float)
    return often / often.sum()


def _draw(rng: np.random.Generator, plain_share: float) -> Chain:
    if rng.random() < plain_share:
        low, high = PLAIN_NUMBERS
        return arrange(rng, [], int(rng.integers(low, high + 1)))
    known, n_facts = known_facts(), int(rng.integers(1, MOST_FACTS + 1))
    some = rng.choice(len(known), size=n_facts, replace=False, p=_chances())
    return arrange(rng, [known[i] for i in some], int(rng.integers(1, MOST_NUMBERS + 1)))


def _document(recipe: VitroRecipe, chain: Chain, rng: np.random.Generator) -> Document:
    if rng.random() >= recipe.thinking_share:
        return direct(chain.text, chain.answer)
    is_verbose = rng.random() < recipe.meander_share
    lines = verbose(chain.text, rng) if is_verbose else terse(chain.text)
    return solved(chain.text, lines, chain.answer)
