"""Strategies that need nothing but the traces: chance and length.

`random` is the yardstick of all others. `longest` is what several published recipes come down to
(s1 draws long traces, OpenThoughts3 filters questions by answer length).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.select.strategies.base import Placed
from titrant.select.strategies.order import by_value

if TYPE_CHECKING:
    import numpy as np

    from titrant.select.candidates import Candidates
    from titrant.select.strategies.order import End


def place_random(candidates: Candidates, rng: np.random.Generator) -> list[Placed]:
    """All traces in an order drawn at random."""
    return [Placed(int(i), "drawn at random") for i in rng.permutation(len(candidates))]


def place_shortest(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """Short traces first."""
    return _by_length(candidates, "low")


def place_longest(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """Long traces first."""
    return _by_length(candidates, "high")


def _by_length(candidates: Candidates, first: End) -> list[Placed]:
    values, unit = candidates.lengths
    return by_value(values, lambda i: f"{values[i]:.0f} {unit}", first=first)
