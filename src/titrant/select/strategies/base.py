"""What a strategy is: a function that puts a whole pool in order, with a reason for each row.

It gets the candidates, which come sorted by uid, and a generator that it may draw from. It names every
trace once. What it would not train on (ruled out, or without the number that it goes by) it puts at
the end and marks, so that no combination of strategies brings it forward again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from titrant.select.candidates import Candidates


class Placed(NamedTuple):
    """A position among the candidates, with its reason."""

    at: int
    reason: str
    is_last: bool = False
    """Ruled out or not scored: it stays behind all others, whatever is combined with the strategy."""


Place = Callable[[Candidates, np.random.Generator], list[Placed]]
"""Gives the order of all candidates."""
Rearrange = Callable[[Candidates, list[Placed]], list[Placed]]
"""Gives another order of what a strategy has placed."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One row of the table of strategies."""

    place: Place
    about: str
    """What it puts first, in one line."""
    needs: frozenset[str] = frozenset()
    """Names of signals, `hidden` (mean hidden states) and `history` (accuracies of an earlier run)."""
    draws: bool = False
    """Whether it depends on chance: each seed of an arm then sees a draw of its own."""
