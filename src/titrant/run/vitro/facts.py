"""What a base that knows facts is measured by: which facts it knows, and whether it can use them.

A fact is known *alone* if the base, given `F ab.e=`, goes on with the true value and ends, and
known *in a solution* if it goes on with the true value where a solution of `ab.e+12=` recalls it.
Facts are grouped by their frequency. Reasoning is measured on questions about frequent facts, which
the base should know.
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
from titrant.worlds.facts.table import Fact, known_facts, new_facts
from titrant.worlds.facts.world import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Engine

VALUE_TOKENS = 4
FREQUENT = 8
"""Least frequency of a frequent fact."""
BANDS = {
    "frequency 1": (1, 1),
    "frequency 2–3": (2, 3),
    "frequency 4–7": (4, FREQUENT - 1),
    "frequency 8–64": (FREQUENT, 64),
}
"""Frequencies that are shown together."""
REASONING = "made to think, two frequent facts"
N_REASONING = 500
GREEDY_MOST = 0.10
REASONING_LEAST = 0.90
FREQUENT_LEAST = 0.90
NEW_MOST = 0.10


def known_alone(engine: Engine, some: Sequence[Fact]) -> list[bool]:
    """Which of these facts a base gives when their name stands alone, in their order; greedy."""
    requests = [Request(f"F {fact.name.text}=", VALUE_TOKENS) for fact in some]
    told = [False] * len(some)
    for i, result in engine.generate(requests):
        told[i] = result.stop_reason == "stop" and result.text.strip() == str(some[i].value)
    return told


def known_in_solution(engine: Engine, some: Sequence[Fact]) -> list[bool]:
    """Which of these facts a base recalls rightly in a solution that asks for them; greedy."""
    opening = PromptSettings().think_open
    texts = [f"{name}+12=\n{opening}F {name}=" for name in (fact.name.text for fact in some)]
    told = [False] * len(some)
    for i, result in engine.generate([Request(text, VALUE_TOKENS) for text in texts]):
        told[i] = result.text.partition("\n")[0] == str(some[i].value)
    return told


def measure_facts(engine: Engine) -> dict[str, Measured]:
    """Shares of facts known, by frequency, and accuracy on questions whose facts are well known."""
    groups = {
        band: [fact for fact in known_facts() if low <= fact.frequency <= high]
        for band, (low, high) in BANDS.items()
    }
    groups["new"] = list(new_facts())
    found: dict[str, Measured] = {}
    for band, some in groups.items():
        found[_alone(band)] = share(sum(known_alone(engine, some)), len(some))
        found[_recalled(band)] = share(sum(known_in_solution(engine, some)), len(some))
    problems = _problems(groups["frequency 8–64"])
    opening = PromptSettings().think_open
    return found | {REASONING: measure_problems(engine, problems, opening, world=FACTS)}


def missed_bars(greedy: Measured, extra: dict[str, Measured]) -> list[str]:
    """What keeps a base from being one that knows frequent facts and reasons only when made to."""
    faults = []
    if greedy.accuracy >= GREEDY_MOST:
        faults.append(f"greedy accuracy {greedy.accuracy:.1%}, bar < {GREEDY_MOST:.0%}")
    for name, least in (
        (REASONING, REASONING_LEAST),
        (_recalled("frequency 8–64"), FREQUENT_LEAST),
    ):
        if extra[name].accuracy <= least:
            faults.append(f"{name} {extra[name].accuracy:.1%}, bar > {least:.0%}")
    for name in (_alone("new"), _recalled("new")):
        if extra[name].accuracy >= NEW_MOST:
            faults.append(f"{name} {extra[name].accuracy:.1%}, bar < {NEW_MOST:.0%}")
    return faults


def _alone(band: str) -> str:
    return f"facts known alone, {band}"


def _recalled(band: str) -> str:
    return f"facts known in a solution, {band}"


def _problems(some: Sequence[Fact]) -> list[Problem]:
    """Questions of the test split about two of these facts and a number."""
    rng = derive_rng(0, "vitro", "facts", "reasoning")
    made: list[Problem] = []
    while len(made) < N_REASONING:
        pair = [some[i] for i in rng.choice(len(some), size=2, replace=False)]
        text = arrange(rng, pair, 1).text
        if split_of(text) == Split.TEST:
            made.append(Problem(qid=question_id(text), question=text, gold=None))
    return made
