"""What strategies need to know of a pool, sorted by how it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.records import Record
from titrant.select.rank import needs_of
from titrant.select.strategies.signal import DIFFICULTY
from titrant.signals.base import signals

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN, HISTORY, INFLUENCE = "hidden", "history", "influence"


class Wanted(Record):
    """What is to be known of a pool."""

    names: tuple[str, ...] = ()
    """Signals of the one pass, sorted."""
    hidden: bool = False
    """Mean hidden states, from the same pass."""
    difficulty: bool = False
    """Pass rates of the base, sampled."""
    influence: bool = False
    """LESS scores, from gradients."""
    read: tuple[str, ...] = ()
    """Signals that somebody else has to put into the score table, sorted."""

    @property
    def is_empty(self) -> bool:
        """Whether no model has to look at the pool."""
        return not (self.names or self.hidden or self.difficulty or self.influence or self.read)


def wanted_by(strategies: Iterable[str]) -> Wanted:
    """What some strategies need together.

    Raises:
        ConfigError: a strategy is unknown.
    """
    return wanted_of(frozenset().union(*(needs_of(name) for name in strategies)))


def wanted_of(needs: Iterable[str]) -> Wanted:
    """Needs by name, sorted by how they are made; a history is a file and nothing to make."""
    left = set(needs) - {HIDDEN, HISTORY, DIFFICULTY, INFLUENCE}
    passed = left & set(signals.names())
    return Wanted(
        names=tuple(sorted(passed)),
        hidden=HIDDEN in needs,
        difficulty=DIFFICULTY in needs,
        influence=INFLUENCE in needs,
        read=tuple(sorted(left - passed)),
    )
