"""Build a small base: pretrain it, measure what it can do, and write its card.

The measured properties decide whether the build is any good: a latent base must answer mostly wrongly
when asked greedily and rightly when its first tokens open the thinking; a base without the skill must
fail both ways. A build that misses its bar is refused, with the figures, and nothing is replaced.
"""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scipy.stats import binomtest

from titrant.engines.base import Request
from titrant.errors import ConfigError, TrainError
from titrant.lazy import load
from titrant.records import Record
from titrant.registry import nearest
from titrant.settings import BaseSettings, PromptSettings
from titrant.traces.record import Verdict
from titrant.traces.thinking import split_thinking
from titrant.worlds.arithmetic import ARITHMETIC
from titrant.worlds.base import Split, distinct_problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from titrant.engines.base import Engine
    from titrant.worlds.vitro import VitroRecipe

N_PROBLEMS = 1000
MAX_NEW_TOKENS = 256
GREEDY_MOST = 0.10
FORCED_LEAST = 0.95
WEIGHTS_MOST_BYTES = 2_000_000


class Measured(Record):
    """One accuracy with its Wilson interval at 95 %."""

    accuracy: float
    low: float
    high: float
    n: int
    truncated: float
    """Share of answers cut by the limit."""


class BaseCard(Record):
    """What is known of a built base; stored as `card.json` and, for people, `README.md`."""

    version: int = 1
    name: str
    built: str
    """ISO date."""
    recipe: dict[str, object]
    parameters: int
    weight_bytes: int
    train_s: float
    threads: int
    versions: dict[str, str]
    greedy: Measured
    """Asked as is, on chains like those of pretraining."""
    made_to_think: Measured
    """With the opening of the thinking put after the prompt."""
    greedy_long: Measured
    """Asked as is, on longer chains than any of pretraining."""
    made_to_think_long: Measured


def build_base(
    name: str, out: Path, *, threads: int = 2, report: Callable[[str], None] = lambda _: None
) -> BaseCard:
    """Pretrain, measure and store the base `name` under `out`.

    Raises:
        ConfigError: there is no recipe of that name.
        TrainError: the result misses the bars of its kind.
    """
    recipes: dict[str, VitroRecipe] = load("titrant.worlds.vitro:RECIPES")
    if name not in recipes:
        raise ConfigError(f"no recipe for a base '{name}'", do=nearest(name, recipes))
    recipe, work = recipes[name], out.with_name(f".{out.name}.building")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    started = time.monotonic()
    report("pretraining")

    def tell(done: int, total: int, loss: float) -> None:
        report(f"pretraining, update {done:,} of {total:,}, loss {loss:.3f}")

    parameters = load("titrant.worlds.vitro:pretrain_to")(recipe, work, threads=threads, tell=tell)
    train_s = time.monotonic() - started
    report("measuring")
    card = _measure(recipe, work, parameters=parameters, train_s=train_s, threads=threads)
    check_bars(card)
    (work / "card.json").write_text(card.model_dump_json(indent=2) + "\n")
    (work / "README.md").write_text(card_text(card))
    shutil.rmtree(out, ignore_errors=True)
    work.rename(out)
    return card


def _measure(
    recipe: VitroRecipe, folder: Path, *, parameters: int, train_s: float, threads: int
) -> BaseCard:
    engine = load("titrant.engines.transformers:TransformersEngine").load(
        BaseSettings(path=str(folder))
    )
    opening = PromptSettings().think_open
    return BaseCard(
        name=recipe.name,
        built=datetime.now(UTC).date().isoformat(),
        recipe=json.loads(recipe.model_dump_json()),
        parameters=parameters,
        weight_bytes=(folder / "model.safetensors").stat().st_size,
        train_s=round(train_s, 1),
        threads=threads,
        versions=dict(engine.info.versions),
        greedy=measure(engine, "train", ""),
        made_to_think=measure(engine, "train", opening),
        greedy_long=measure(engine, "long", ""),
        made_to_think_long=measure(engine, "long", opening),
    )


def measure(engine: Engine, preset: str, opening: str, n: int = N_PROBLEMS) -> Measured:
    """Accuracy of greedy answers on test chains, with `opening` put after each prompt."""
    problems = list(distinct_problems(ARITHMETIC, preset, Split.TEST, n))
    requests = [Request(f"{p.question}\n{opening}", MAX_NEW_TOKENS) for p in problems]
    correct = truncated = 0
    for i, result in engine.generate(requests):
        answer = split_thinking(opening + result.text).answer_text
        truncated += result.stop_reason == "length"
        verdict = ARITHMETIC.verify(problems[i].question, answer)
        correct += result.stop_reason == "stop" and verdict == Verdict.CORRECT
    interval = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return Measured(
        accuracy=correct / n,
        low=round(float(interval.low), 4),
        high=round(float(interval.high), 4),
        n=n,
        truncated=truncated / n,
    )


def check_bars(card: BaseCard) -> None:
    """Refuse a base that is not what its recipe promises.

    Raises:
        TrainError: names the figure and the bar.
    """
    is_latent = float(str(card.recipe["thinking_share"])) > 0
    forced = card.made_to_think.accuracy
    faults = []
    if card.greedy.accuracy >= GREEDY_MOST:
        faults.append(f"greedy accuracy {card.greedy.accuracy:.1%}, bar < {GREEDY_MOST:.0%}")
    if is_latent and forced <= FORCED_LEAST:
        faults.append(f"made to think {forced:.1%}, bar > {FORCED_LEAST:.0%}")
    if not is_latent and forced >= GREEDY_MOST:
        faults.append(f"made to think {forced:.1%} without the skill, bar < {GREEDY_MOST:.0%}")
    if card.weight_bytes > WEIGHTS_MOST_BYTES:
        faults.append(f"weights of {card.weight_bytes:,} bytes, bar {WEIGHTS_MOST_BYTES:,}")
    if faults:
        raise TrainError(
            f"the base '{card.name}' is not what its recipe promises",
            came="; ".join(faults),
            do="change the recipe (more updates, another root seed) and build again",
        )


def card_text(card: BaseCard) -> str:
    """The card for people."""
    rows = [
        ("asked greedily", card.greedy),
        ("made to think", card.made_to_think),
        ("asked greedily, longer chains", card.greedy_long),
        ("made to think, longer chains", card.made_to_think_long),
    ]
    lines = [
        f"| {what} | {m.accuracy:.1%} | {m.low:.1%} – {m.high:.1%} | {m.n} |" for what, m in rows
    ]
    recipe = "\n".join(f"- {key}: {value}" for key, value in card.recipe.items())
    versions = ", ".join(f"{k} {v}" for k, v in card.versions.items())
    return f"""---
license: apache-2.0
library_name: transformers
tags: [titrant, arithmetic, toy]
---
# vitro:{card.name}

A {card.parameters:,}-parameter Llama pretrained from nothing on left-to-right chains of + − × mod 100.
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
