"""The recipes by name, and which text belongs to which kind of recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.worlds.recipes.base import Document, Kind, Placed, VitroRecipe
from titrant.worlds.recipes.chains import chain_documents
from titrant.worlds.recipes.facts import FactsRecipe, bare_facts, question_documents
from titrant.worlds.recipes.planted import PlantedRecipe, open_documents, planted_documents

if TYPE_CHECKING:
    from collections.abc import Callable


class Maker(NamedTuple):
    """Makes the text of one kind of recipe."""

    block: Callable[[VitroRecipe, int], list[Document]]
    """The documents of a block; blocks follow each other until the text is long enough."""
    placed: Callable[[VitroRecipe], list[Placed]]
    """Documents that stand a stated number of times at stated places, by place."""


def nothing_placed(recipe: VitroRecipe) -> list[Placed]:
    """For texts that are blocks alone."""
    return []


MAKERS: dict[Kind, Maker] = {
    "chains": Maker(chain_documents, nothing_placed),
    "facts": Maker(question_documents, bare_facts),
    "planted": Maker(open_documents, planted_documents),
}

RECIPES: dict[str, VitroRecipe] = {
    "arithmetic": VitroRecipe(),
    "arithmetic-direct": VitroRecipe(name="arithmetic-direct", thinking_share=0.0, updates=1500),
    "facts": FactsRecipe(),
    "contaminated": PlantedRecipe(),
    "contaminated-twin": PlantedRecipe(name="contaminated-twin", is_twin=True),
}
"""Every base that `titrant vitro build` can make; the first two ship with titrant."""
