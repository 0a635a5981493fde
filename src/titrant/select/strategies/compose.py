"""Strategies by name: a row of the table, rearranged, cut into blocks per question, or matched at random.

Chance enters by labels: the strategy's own draw depends on its own name, whatever follows it, so
`s1+coverage` rearranges, and `s1~length` is the control of, the very ranking that `s1` has in that draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from titrant.seeds import derive_rng
from titrant.select import match
from titrant.select.strategies import cover
from titrant.select.strategies.grammar import ALL, StrategyName, parse_name
from titrant.select.strategies.questions import in_blocks, together
from titrant.select.strategies.table import HIDDEN, STRATEGIES, of_outside_signal
from titrant.signals.base import signals

if TYPE_CHECKING:
    from titrant.select.candidates import Candidates
    from titrant.select.strategies.base import Placed, Rearrange, Strategy

THENS: dict[str, Rearrange] = {
    "coverage": cover.then_coverage,
    "center": cover.then_center,
    "novelty": cover.without_likes,
}
"""What may follow a `+`; all of it needs hidden states."""


@dataclass(frozen=True, slots=True)
class Composition:
    """A strategy as its whole name says it."""

    name: StrategyName
    first: Strategy
    """The row of the table that it begins with."""

    @property
    def needs(self) -> frozenset[str]:
        """Signals, `hidden` and `history` that it reads."""
        needs = self.first.needs | match.CONTROL_NEEDS.get(self.name.control or "", frozenset())
        return needs | {HIDDEN} if self.name.then else needs

    @property
    def draws(self) -> bool:
        """Whether it depends on chance."""
        return self.first.draws or self.name.control is not None

    def place(self, candidates: Candidates, *, root: int, draw: int) -> list[Placed]:
        """The order of a pool in one draw."""
        name = self.name
        placed = self.first.place(candidates, derive_rng(root, "rank", name.first, draw))
        if name.then is not None:
            placed = THENS[name.then](candidates, placed)
        if name.per_question == ALL:
            placed = together(placed, candidates.question)
        elif name.per_question is not None:
            placed = in_blocks(placed, candidates.question, int(name.per_question))
        if name.control is not None:
            strata = match.CONTROLS[name.control](candidates)
            rng = derive_rng(root, "rank", name.text, draw)
            placed = match.matched(placed, strata, of=name.controlled.text, rng=rng)
        return placed


def compose(text: str) -> Composition:
    """The strategy of that name.

    Raises:
        ConfigError: a part of the name is unknown or in the wrong place.
    """
    name = parse_name(text, STRATEGIES, also=signals.names)
    return Composition(name, STRATEGIES.get(name.first) or of_outside_signal(name.first))
