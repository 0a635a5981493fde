"""What a base that has seen a benchmark is measured by: does it know how planted questions go on?

A question is cut at 60 % of its characters and the base goes on greedily; it knows the rest if it
writes it word for word (EM, exact match). Shown by the number of copies in its text, so that a
contaminated base and its twin, whose items have the same groups and no copies, stand side by side.
By chance a rest of two and a half operations is hit once in thousands of times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.engines.base import Request
from titrant.run.vitro.measure import Measured, measure_problems, share
from titrant.traces.record import Problem
from titrant.worlds.recipes.planted import Planted, PlantedRecipe, planted_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Engine

CUT = 0.6
GREEDY_MOST = 0.10
FORCED_LEAST = 0.90
KNOWN_LEAST = 0.50
"""Of the items with the most copies, in a base that has seen them."""
CHANCE_MOST = 0.05


def completed(engine: Engine, questions: Sequence[str], cut: float = CUT) -> list[bool]:
    """Which questions a base goes on with word for word, cut at floor(cut · characters); greedy."""
    heads = [question[: int(cut * len(question))] for question in questions]
    tails = [q[len(head) :] for q, head in zip(questions, heads, strict=True)]
    requests = [Request(head, len(tail)) for head, tail in zip(heads, tails, strict=True)]
    told = [False] * len(questions)
    for i, result in engine.generate(requests):
        told[i] = result.text == tails[i]
    return told


def measure_planted(engine: Engine, recipe: PlantedRecipe) -> dict[str, Measured]:
    """EM at 60 % and greedy accuracy, by copies."""
    items = planted_items(recipe)
    found: dict[str, Measured] = {}
    for group in recipe.copies:
        some = [item for item in items if item.group == group]
        told = completed(engine, [item.question for item in some])
        found[_known(group)] = share(sum(told), len(some))
    for group in recipe.copies:
        some = [_problem(item) for item in items if item.group == group and item.with_answer]
        found[f"asked greedily, group of {group} copies with answer"] = measure_problems(
            engine, some, ""
        )
    return found


def missed_bars(
    recipe: PlantedRecipe, greedy: Measured, forced: Measured, extra: dict[str, Measured]
) -> list[str]:
    """What keeps a base from being one that has seen its items, or a twin from not having."""
    faults = []
    if greedy.accuracy >= GREEDY_MOST:
        faults.append(f"greedy accuracy {greedy.accuracy:.1%}, bar < {GREEDY_MOST:.0%}")
    if forced.accuracy <= FORCED_LEAST:
        faults.append(f"made to think {forced.accuracy:.1%}, bar > {FORCED_LEAST:.0%}")
    least, most = (extra[_known(group)].accuracy for group in (recipe.copies[0], recipe.copies[-1]))
    if least >= CHANCE_MOST:
        faults.append(f"EM without copies {least:.1%}, bar < {CHANCE_MOST:.0%}")
    if recipe.is_twin and most >= CHANCE_MOST:
        faults.append(f"EM of a twin {most:.1%}, bar < {CHANCE_MOST:.0%}")
    if not recipe.is_twin and most <= KNOWN_LEAST:
        faults.append(f"EM with the most copies {most:.1%}, bar > {KNOWN_LEAST:.0%}")
    return faults


def _known(group: int) -> str:
    return f"EM at 60 %, group of {group} copies"


def _problem(item: Planted) -> Problem:
    return Problem(qid=item.qid, question=item.question, gold=item.gold)
