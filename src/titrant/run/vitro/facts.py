"""What a base that knows facts is measured by: which facts it knows, and whether it can use them.

A fact is known if the base, given `F ab.e=`, goes on with the true value and ends. Facts are
grouped by how often the base's text holds them; those that its questions ask for stand apart, since
they are met far more often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.engines.base import Request
from titrant.run.vitro.measure import Measured, measure_problems, share
from titrant.seeds import derive_rng
from titrant.settings import PromptSettings
from titrant.traces.record import Problem, question_id
from titrant.worlds.base import Split
from titrant.worlds.facts.draw import arrange, split_of
from titrant.worlds.facts.table import Fact, facts
from titrant.worlds.facts.world import FACTS
from titrant.worlds.recipes.facts import FactsRecipe, asked_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Engine

VALUE_TOKENS = 4
BANDS = {"1": (1, 1), "2–3": (2, 3), "4–7": (4, 7), "8–64": (8, 64)}
"""Frequencies that are shown together."""
ASKED = "facts that its questions ask for"
NEW = "new facts"
REASONING = "made to think, about facts that its questions ask for"
N_REASONING = 500
GREEDY_MOST = 0.10
REASONING_LEAST = 0.90
FREQUENT_LEAST = 0.80
NEW_MOST = 0.10


def known(engine: Engine, some: Sequence[Fact]) -> list[bool]:
    """Which of these facts a base knows, in their order; greedy."""
    requests = [Request(f"F {fact.name.text}=", VALUE_TOKENS) for fact in some]
    told = [False] * len(some)
    for i, result in engine.generate(requests):
        told[i] = result.stop_reason == "stop" and result.text.strip() == str(some[i].value)
    return told


def measure_facts(engine: Engine, recipe: FactsRecipe) -> dict[str, Measured]:
    """Shares of facts known, by frequency, and accuracy on questions whose facts are well known."""
    asked = asked_facts(recipe)
    groups = {ASKED: asked, NEW: [fact for fact in facts().values() if fact.is_new]}
    alone = [fact for fact in facts().values() if not fact.is_new and fact not in asked]
    for band, (low, high) in BANDS.items():
        groups[_band(band)] = [fact for fact in alone if low <= fact.frequency <= high]
    found = {name: share(sum(known(engine, some)), len(some)) for name, some in groups.items()}
    problems = _problems(asked)
    opening = PromptSettings().think_open
    return found | {REASONING: measure_problems(engine, problems, opening, world=FACTS)}


def missed_bars(greedy: Measured, extra: dict[str, Measured]) -> list[str]:
    """What keeps a base from being one that knows frequent facts and reasons only when made to."""
    frequent = extra[_band("8–64")].accuracy
    faults = []
    if greedy.accuracy >= GREEDY_MOST:
        faults.append(f"greedy accuracy {greedy.accuracy:.1%}, bar < {GREEDY_MOST:.0%}")
    if extra[REASONING].accuracy <= REASONING_LEAST:
        reached = extra[REASONING].accuracy
        faults.append(f"{REASONING} {reached:.1%}, bar > {REASONING_LEAST:.0%}")
    if frequent <= FREQUENT_LEAST:
        faults.append(f"{_band('8–64')} {frequent:.1%}, bar > {FREQUENT_LEAST:.0%}")
    if extra[NEW].accuracy >= NEW_MOST:
        faults.append(f"{NEW} {extra[NEW].accuracy:.1%}, bar < {NEW_MOST:.0%}")
    return faults


def _band(band: str) -> str:
    return f"facts of frequency {band}"


def _problems(asked: Sequence[Fact]) -> list[Problem]:
    """Questions of the test split about these facts alone, of two facts and a number."""
    rng = derive_rng(0, "vitro", "facts", "reasoning")
    made: list[Problem] = []
    while len(made) < N_REASONING:
        some = [asked[i] for i in rng.choice(len(asked), size=2, replace=False)]
        text = arrange(rng, some, 1).text
        if split_of(text) == Split.TEST:
            made.append(Problem(qid=question_id(text), question=text, gold=None))
    return made
