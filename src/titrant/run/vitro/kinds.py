"""Which measures, bars and records belong to which kind of small base.

A latent base must answer mostly wrongly when asked greedily and rightly when its first tokens open
the thinking; a base without the skill must fail both ways; one that knows facts must know the
frequent ones and none of the new; one that has seen a benchmark must know its questions, and its
twin must not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import TrainError
from titrant.run.vitro import facts, planted
from titrant.run.vitro.measure import Measured, measure
from titrant.settings import PromptSettings
from titrant.worlds.facts.world import FACTS
from titrant.worlds.recipes.planted import PlantedRecipe, planted_items, write_planted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from titrant.engines.base import Engine
    from titrant.run.vitro.card import BaseCard
    from titrant.worlds.recipes.base import Kind, VitroRecipe

GREEDY_MOST = 0.10
FORCED_LEAST = 0.95
WEIGHTS_MOST_BYTES = 2_000_000


class Figures(NamedTuple):
    """All that is measured of a base; the fields of its card."""

    greedy: Measured
    made_to_think: Measured
    greedy_long: Measured | None
    made_to_think_long: Measured | None
    extra: dict[str, Measured]


class BaseKind(NamedTuple):
    """How bases of one kind are measured, refused and described."""

    measure: Callable[[Engine, VitroRecipe], Figures]
    missed_bars: Callable[[BaseCard], list[str]]
    write: Callable[[VitroRecipe, Path], None]
    """Stores what else stands beside the weights."""


def check_bars(card: BaseCard) -> None:
    """Refuse a base that is not what its recipe promises.

    Raises:
        TrainError: names the figure and the bar.
    """
    faults = KINDS[card.kind].missed_bars(card)
    if card.weight_bytes > WEIGHTS_MOST_BYTES:
        faults.append(f"weights of {card.weight_bytes:,} bytes, bar {WEIGHTS_MOST_BYTES:,}")
    if faults:
        raise TrainError(
            f"the base '{card.name}' is not what its recipe promises",
            came="; ".join(faults),
            do="change the recipe (more updates, another root seed) and build again",
        )


def _measure_chains(engine: Engine, recipe: VitroRecipe) -> Figures:
    opening = PromptSettings().think_open
    return Figures(
        greedy=measure(engine, "train", ""),
        made_to_think=measure(engine, "train", opening),
        greedy_long=measure(engine, "long", ""),
        made_to_think_long=measure(engine, "long", opening),
        extra={},
    )


def _missed_by_chains(card: BaseCard) -> list[str]:
    is_latent = float(str(card.recipe["thinking_share"])) > 0
    forced = card.made_to_think.accuracy
    faults = []
    if card.greedy.accuracy >= GREEDY_MOST:
        faults.append(f"greedy accuracy {card.greedy.accuracy:.1%}, bar < {GREEDY_MOST:.0%}")
    if is_latent and forced <= FORCED_LEAST:
        faults.append(f"made to think {forced:.1%}, bar > {FORCED_LEAST:.0%}")
    if not is_latent and forced >= GREEDY_MOST:
        faults.append(f"made to think {forced:.1%} without the skill, bar < {GREEDY_MOST:.0%}")
    return faults


def _measure_facts(engine: Engine, recipe: VitroRecipe) -> Figures:
    opening = PromptSettings().think_open
    return Figures(
        greedy=measure(engine, "middle", "", world=FACTS),
        made_to_think=measure(engine, "middle", opening, world=FACTS),
        greedy_long=None,
        made_to_think_long=None,
        extra=facts.measure_facts(engine),
    )


def _measure_planted(engine: Engine, recipe: VitroRecipe) -> Figures:
    assert isinstance(recipe, PlantedRecipe)
    return _measure_chains(engine, recipe)._replace(extra=planted.measure_planted(engine, recipe))


def _missed_by_planted(card: BaseCard) -> list[str]:
    recipe = PlantedRecipe.model_validate(card.recipe)
    return planted.missed_bars(recipe, card.greedy, card.made_to_think, card.extra)


def _write_planted(recipe: VitroRecipe, folder: Path) -> None:
    assert isinstance(recipe, PlantedRecipe)
    write_planted(folder, planted_items(recipe))


def _write_nothing(recipe: VitroRecipe, folder: Path) -> None:
    """The weights are all."""


KINDS: dict[Kind, BaseKind] = {
    "chains": BaseKind(_measure_chains, _missed_by_chains, _write_nothing),
    "facts": BaseKind(
        _measure_facts, lambda card: facts.missed_bars(card.greedy, card.extra), _write_nothing
    ),
    "planted": BaseKind(_measure_planted, _missed_by_planted, _write_planted),
}
