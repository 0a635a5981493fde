"""The card of a small base: what was built and what was measured, for machines and for people."""

from __future__ import annotations

from pydantic import Field

from titrant.records import Record
from titrant.run.vitro.measure import Measured
from titrant.worlds.recipes.base import Kind

ABOUT: dict[Kind, str] = {
    "chains": "on left-to-right chains of + − × mod 100",
    "facts": "on a table of facts, and on chains of facts and numbers mod 100",
    "planted": "on left-to-right chains of + − × mod 100",
}
"""What a base of a kind was pretrained on."""
TAGS: dict[Kind, str] = {"chains": "arithmetic", "facts": "facts", "planted": "arithmetic"}


class BaseCard(Record):
    """What is known of a built base; stored as `card.json` and, for people, `README.md`."""

    version: int = 1
    name: str
    kind: Kind = "chains"
    """Of its recipe."""
    built: str
    """ISO date."""
    recipe: dict[str, object]
    parameters: int
    weight_bytes: int
    train_s: float
    threads: int
    versions: dict[str, str]
    greedy: Measured
    """Asked as is, on problems like those of pretraining."""
    made_to_think: Measured
    """With the opening of the thinking put after the prompt."""
    greedy_long: Measured | None = None
    """Asked as is, on longer chains than any of pretraining."""
    made_to_think_long: Measured | None = None
    """With the opening of the thinking, on such chains."""
    extra: dict[str, Measured] = Field(default_factory=dict)
    """What its kind is measured by besides; name → share."""


def card_text(card: BaseCard) -> str:
    """The card for people."""
    measured = {
        "asked greedily": card.greedy,
        "made to think": card.made_to_think,
        "asked greedily, longer chains": card.greedy_long,
        "made to think, longer chains": card.made_to_think_long,
        **card.extra,
    }
    lines = [
        f"| {what} | {m.accuracy:.1%} | {m.low:.1%} – {m.high:.1%} | {m.n} |"
        for what, m in measured.items()
        if m is not None
    ]
    start = card.recipe.get("start")
    origin = "from nothing" if start is None else f"further, from vitro:{start},"
    recipe = "\n".join(f"- {key}: {value}" for key, value in card.recipe.items())
    versions = ", ".join(f"{k} {v}" for k, v in card.versions.items())
    return f"""---
license: apache-2.0
library_name: transformers
tags: [titrant, {TAGS[card.kind]}, toy]
---
# vitro:{card.name}

A {card.parameters:,}-parameter Llama pretrained {origin} {ABOUT[card.kind]}.
Built on {card.built} by `titrant vitro build {card.name}` in {card.train_s / 60:.1f} minutes on
{card.threads} {"thread" if card.threads == 1 else "threads"}. Stored in bfloat16 ({card.weight_bytes:,} bytes), read in float32.

| asked how | accuracy | 95 % interval | problems |
|---|---|---|---|
{chr(10).join(lines)}

It is a test subject, not a model for use: what holds in it holds in a model of {card.parameters:,}
parameters on one toy world.

## Recipe
{recipe}

Versions: {versions}.
"""
