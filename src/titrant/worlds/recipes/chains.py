"""The pretraining text of the arithmetic world: chains answered directly or step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.seeds import derive_rng
from titrant.worlds.arithmetic import PRESETS, Chain, draw, split_of
from titrant.worlds.base import Split
from titrant.worlds.recipes.base import BLOCK, Document, direct, solved
from titrant.worlds.styles import meander, terse

if TYPE_CHECKING:
    import numpy as np

    from titrant.worlds.recipes.base import VitroRecipe


def chain_documents(recipe: VitroRecipe, block: int) -> list[Document]:
    """Block number `block` of the text: `BLOCK` documents on chains of the pretraining split."""
    rng = derive_rng(recipe.root_seed, "vitro", recipe.stream, block)
    low, high = PRESETS[recipe.preset]
    made: list[Document] = []
    while len(made) < BLOCK:
        chain = draw(rng, int(rng.integers(low, high + 1)))
        if split_of(chain) == Split.PRETRAIN:
            made.append(_document(recipe, chain, rng))
    return made


def _document(recipe: VitroRecipe, chain: Chain, rng: np.random.Generator) -> Document:
    question, answer = chain.text, chain.values[-1]
    if rng.random() >= recipe.thinking_share:
        return direct(question, answer)
    lines = terse(question)
    if rng.random() < recipe.meander_share:
        lines = meander(lines, rng)
    return solved(question, lines, answer)
