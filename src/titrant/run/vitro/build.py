"""The build of a small base: pretrain, measure, hold against the bars, store.

A build that misses its bar is refused, with the figures, and nothing is replaced.
"""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from titrant.errors import ConfigError
from titrant.lazy import load
from titrant.registry import nearest
from titrant.run.vitro.card import BaseCard, card_text
from titrant.run.vitro.kinds import KINDS, check_bars
from titrant.settings import BaseSettings
from titrant.worlds.recipes.table import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from titrant.worlds.recipes.base import VitroRecipe


def build_base(
    name: str, out: Path, *, threads: int = 2, report: Callable[[str], None] = lambda _: None
) -> BaseCard:
    """Pretrain, measure and store the base `name` under `out`.

    Raises:
        ConfigError: there is no recipe of that name.
        TrainError: the result misses the bars of its kind.
    """
    if name not in RECIPES:
        raise ConfigError(f"no recipe for a base '{name}'", do=nearest(name, RECIPES))
    recipe, work = RECIPES[name], out.with_name(f".{out.name}.building")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    started = time.monotonic()
    report("pretraining")

    def tell(done: int, total: int, loss: float) -> None:
        report(f"pretraining, update {done:,} of {total:,}, loss {loss:.3f}")

    parameters = load("titrant.worlds.vitro:pretrain_to")(recipe, work, threads=threads, tell=tell)
    train_s = time.monotonic() - started
    report("measuring")
    card = measured_card(recipe, work, parameters=parameters, train_s=train_s, threads=threads)
    check_bars(card)
    KINDS[recipe.kind].write(recipe, work)
    (work / "card.json").write_text(card.model_dump_json(indent=2) + "\n")
    (work / "README.md").write_text(card_text(card))
    shutil.rmtree(out, ignore_errors=True)
    work.rename(out)
    return card


def measured_card(
    recipe: VitroRecipe, folder: Path, *, parameters: int, train_s: float, threads: int
) -> BaseCard:
    """The card of a base that lies trained in a folder; its bars are not looked at."""
    engine = load("titrant.engines.transformers:TransformersEngine").load(
        BaseSettings(path=str(folder))
    )
    figures = KINDS[recipe.kind].measure(engine, recipe)
    return BaseCard(
        name=recipe.name,
        kind=recipe.kind,
        built=datetime.now(UTC).date().isoformat(),
        recipe=json.loads(recipe.model_dump_json()),
        parameters=parameters,
        weight_bytes=(folder / "model.safetensors").stat().st_size,
        train_s=round(train_s, 1),
        threads=threads,
        versions=dict(engine.info.versions),
        **figures._asdict(),
    )
