"""How right reasoning is worded in the world of facts, and how it goes wrong.

`terse` states every fact and every operation once. `verbose` says the same and more: it names the
facts before it recalls them, states facts again before they are used, checks operations by stating
them again, and sums up at the end; about twice as many lines, with the same facts, operations and
answer. The validator reads both. Faults change one claim and carry it on to the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.worlds.facts.question import Chain, Reasoning, Recall, follow, parse
from titrant.worlds.facts.table import VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

RESTATE_RATE = 0.5
"""Share of facts, and of operations, that a verbose trace states a second time at once."""
SUM_UP_RATE = 0.5
"""Share of verbose traces that state all facts once more before the last operation."""


class Faulty(NamedTuple):
    """Lines that go wrong."""

    lines: list[str]
    answer: int
    """Where they end."""
    step: int
    """The faulty line, from 0 on."""


def terse(question: str) -> list[str]:
    """One line per fact and one per operation."""
    chain = parse(question)
    return [claim.text for claim in (*chain.recalls, *chain.reasonings)]


def verbose(question: str, rng: np.random.Generator) -> list[str]:
    """The same claims with many stated more than once; see the module docstring."""
    chain = parse(question)
    recalls, reasonings = chain.recalls, chain.reasonings
    lines = [f"need {' '.join(name.text for name in chain.names)}"] if chain.names else []
    lines += _with_checks(recalls, rng)
    last = _with_checks(reasonings[-1:], rng)
    lines += _with_checks(reasonings[:-1], rng)
    if rng.random() < SUM_UP_RATE:
        lines += [f"again {claim.text}" for claim in recalls]
    return lines + last


def _with_checks(claims: Iterable[Recall | Reasoning], rng: np.random.Generator) -> list[str]:
    lines = []
    for claim in claims:
        lines.append(claim.text)
        if rng.random() < RESTATE_RATE:
            lines.append(f"check {claim.text}")
    return lines


def misremember(question: str, rng: np.random.Generator) -> Faulty:
    """Lines in which one fact has a wrong value, carried to the end.

    Drawn again where the faulty value ends in the right answer all the same.
    """
    chain = parse(question)
    while True:
        recalls = list(chain.recalls)
        step = int(rng.integers(len(recalls)))
        off = int(rng.integers(1, len(VALUES)))
        recalls[step] = recalls[step]._replace(value=(recalls[step].value + off) % len(VALUES))
        reasonings = _with_values(chain, recalls)
        if reasonings[-1].after != chain.answer:
            lines = [claim.text for claim in (*recalls, *reasonings)]
            return Faulty(lines, reasonings[-1].after, step)


def slip(question: str, rng: np.random.Generator) -> Faulty:
    """Lines in which one operation has a wrong result, carried to the end.

    Drawn again where the faulty value ends in the right answer all the same.
    """
    chain = parse(question)
    recalls, right = chain.recalls, chain.reasonings
    while True:
        index = int(rng.integers(len(right)))
        wrong = (right[index].after + int(rng.integers(1, len(VALUES)))) % len(VALUES)
        faulty = right[index]._replace(after=wrong)
        reasonings = [*right[:index], faulty, *follow(wrong, faulty.left)]
        if reasonings[-1].after != chain.answer:
            lines = [claim.text for claim in (*recalls, *reasonings)]
            return Faulty(lines, reasonings[-1].after, len(recalls) + index)


def _with_values(chain: Chain, recalls: list[Recall]) -> list[Reasoning]:
    """The reasoning of somebody who believes these facts."""
    believed = {recall.name: recall.value for recall in recalls}
    first, *others = (
        believed[term] if not isinstance(term, int) else term
        for term in (chain.first, *(term for _, term in chain.rest))
    )
    operators = (operator for operator, _ in chain.rest)
    return follow(first, tuple(zip(operators, others, strict=True)))
