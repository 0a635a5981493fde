"""The table of facts: 80 entities with four attributes each, 320 values in 0..99.

An entity has a name of two or three letters, an attribute one letter: `ab.e` is a fact's name and
37 its value. 40 facts are *new*: no base meets them in pretraining, only training data has them.
The other 280 are met with Zipf frequencies: the fact of rank r has the frequency 64·r^−s, rounded,
with s = ln 64 / ln 280 so that the most frequent has 64 and the rarest 1. How many times a base has
met a fact follows from its recipe (`worlds.recipes.facts`), which repeats the table.

Source: the Fact-k design for telling knowledge from reasoning (after Wu et al., arXiv 2506.02126,
who judge facts of medicine with a language model; here a look-up is exact).
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from string import ascii_lowercase
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
N_OF_LENGTH = {2: 40, 3: 40}
"""Letters of a name → entities with such a name."""
ATTRIBUTES = "efgh"
VALUES = range(100)
N_NEW = 40
MOST_FREQUENT = 64


class Name(NamedTuple):
    """What a fact is about."""

    entity: str
    attribute: str

    @property
    def text(self) -> str:
        """As questions and traces write it."""
        return f"{self.entity}.{self.attribute}"


class Fact(NamedTuple):
    """One row of the table."""

    name: Name
    value: int
    frequency: int
    """How often it is met in one reading of the table, 1 to 64; 0 for new facts."""

    @property
    def is_new(self) -> bool:
        """Held out of all pretraining."""
        return self.frequency == 0


@lru_cache(maxsize=1)
def facts() -> Mapping[Name, Fact]:
    """All facts by name: the known ones by falling frequency, then the new ones."""
    rng = derive_rng(0, "facts", VERSION, "table")
    entities: list[str] = []
    for length, n in N_OF_LENGTH.items():
        every = ["".join(letters) for letters in product(ascii_lowercase, repeat=length)]
        entities += [every[i] for i in rng.choice(len(every), size=n, replace=False)]
    names = [Name(entity, attribute) for entity, attribute in product(entities, ATTRIBUTES)]
    values = rng.integers(len(VALUES), size=len(names)).tolist()
    order = rng.permutation(len(names)).tolist()
    n_known = len(names) - N_NEW
    frequencies = [frequency(rank, n_known) for rank in range(1, n_known + 1)] + [0] * N_NEW
    ranked = zip(order, frequencies, strict=True)
    return MappingProxyType({names[i]: Fact(names[i], values[i], often) for i, often in ranked})


def frequency(rank: int, n_known: int) -> int:
    """Zipf frequency of the fact of a rank (from 1 up): 64 for the first, 1 for the last."""
    exponent = math.log(MOST_FREQUENT) / math.log(n_known)
    return round(MOST_FREQUENT * rank**-exponent)


@lru_cache(maxsize=1)
def known_facts() -> tuple[Fact, ...]:
    """The facts of pretraining, by falling frequency."""
    return tuple(fact for fact in facts().values() if not fact.is_new)


@lru_cache(maxsize=1)
def new_facts() -> tuple[Fact, ...]:
    """The facts held out of pretraining."""
    return tuple(fact for fact in facts().values() if fact.is_new)


def value_of(name: Name) -> int | None:
    """The true value; `None` where the table has no such fact."""
    fact = facts().get(name)
    return None if fact is None else fact.value
