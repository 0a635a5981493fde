"""Drawing questions of the world of facts: how many facts and numbers, which facts, which split.

A preset says how many facts a question needs and how many numbers stand between them. Facts are
drawn without return, uniformly, from those that pretraining has; the preset `new` puts at least one
new fact into each question, `train` into a quarter of them. The split is decided by the SHA-256 of
the question, by rejection. A base is pretrained on questions of the pretraining split that its
recipe draws itself, so a new fact of that split is still one that no base has met.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from titrant.worlds.arithmetic import SHARES
from titrant.worlds.facts.question import FACTORS, OPERATORS, Chain, Term
from titrant.worlds.facts.table import VALUES, VERSION, Fact, known_facts, new_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from titrant.worlds.base import Split


class Shape(NamedTuple):
    """What questions of a preset look like."""

    facts: tuple[int, int]
    """Least and most facts."""
    numbers: tuple[int, int]
    """Least and most numbers."""
    new_share: float = 0.0
    """Share of questions with at least one new fact."""


PRESETS = {
    "train": Shape((1, 3), (1, 2), 0.25),
    "easy": Shape((1, 1), (1, 2)),
    "middle": Shape((2, 2), (1, 2)),
    "hard": Shape((3, 3), (1, 2)),
    "new": Shape((1, 3), (1, 2), 1.0),
}
"""By name; `new` asks for what only training data can teach."""


def split_of(text: str) -> Split:
    """The split a question belongs to, whoever draws it."""
    digest = hashlib.sha256(f"facts/{VERSION}/{text}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return next(split for split, (low, high) in SHARES.items() if low <= share < high)


def draw(rng: np.random.Generator, shape: Shape, split: Split) -> Chain:
    """A chain of a shape, from a split; its numbers of facts and of numbers are uniform."""
    n_facts = int(rng.integers(shape.facts[0], shape.facts[1] + 1))
    n_numbers = int(rng.integers(shape.numbers[0], shape.numbers[1] + 1))
    n_new = int(rng.integers(1, n_facts + 1)) if rng.random() < shape.new_share else 0
    while True:
        some = [*_pick(rng, new_facts(), n_new), *_pick(rng, known_facts(), n_facts - n_new)]
        chain = arrange(rng, some, n_numbers)
        if split_of(chain.text) == split:
            return chain


def arrange(rng: np.random.Generator, facts: Sequence[Fact], n_numbers: int) -> Chain:
    """A chain of these facts and as many numbers, in random order with random operators."""
    terms: list[Term | None] = [*(fact.name for fact in facts), *[None] * n_numbers]
    order = rng.permutation(len(terms)).tolist()
    first, *others = (terms[i] for i in order)
    rest = tuple(_operation(rng, term) for term in others)
    return Chain(_number(rng) if first is None else first, rest)


def _pick(rng: np.random.Generator, facts: Sequence[Fact], n: int) -> list[Fact]:
    return [facts[i] for i in rng.choice(len(facts), size=n, replace=False)]


def _operation(rng: np.random.Generator, term: Term | None) -> tuple[str, Term]:
    if term is not None:
        return OPERATORS[int(rng.integers(2))], term
    operator = OPERATORS[int(rng.integers(len(OPERATORS)))]
    if operator == "*":
        return operator, int(rng.integers(FACTORS.start, FACTORS.stop))
    return operator, _number(rng)


def _number(rng: np.random.Generator) -> int:
    return int(rng.integers(len(VALUES)))
