"""How a right chain of reasoning is worded in the arithmetic world, and how it goes wrong.

Styles change the words and not the operations, so the validator reads all of them. Faults change one
operation and say where. Both are pure functions of a question and a generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.worlds.arithmetic import MODULUS, Chain, parse

if TYPE_CHECKING:
    import numpy as np

CHECK_RATE = 0.2
"""Share of steps that a meandering trace states twice."""


def terse(question: str) -> list[str]:
    """One line per operation."""
    return [claim.text for claim in parse(question).claims]


def meander(lines: list[str], rng: np.random.Generator) -> list[str]:
    """The same claims with connectives, and some of them stated twice."""
    out = []
    for i, line in enumerate(lines):
        out.append(f"so {line}" if i and rng.random() < 0.5 else line)
        if rng.random() < CHECK_RATE:
            out.append(f"check {line}")
    return out


def slip(question: str, rng: np.random.Generator) -> tuple[list[str], int]:
    """Lines in which one middle step states a wrong result, and that step's index.

    The next step goes on from the right value, so the final answer stays right: the slip is in the
    trace and not in the outcome.
    """
    claims = parse(question).claims
    index = int(rng.integers(0, max(1, len(claims) - 1)))
    wrong = (claims[index].after + int(rng.integers(1, MODULUS))) % MODULUS
    claims[index] = claims[index]._replace(after=wrong)
    return [claim.text for claim in claims], index


def go_wrong(question: str, rng: np.random.Generator) -> tuple[list[str], int]:
    """Lines that are wrong from one step on and carry the fault to the end; the final answer.

    Drawn again where two products bring the faulty value back to the right answer (5·4·5 = 100).
    """
    claims = parse(question).claims
    answer = right = claims[-1].after
    lines: list[str] = []
    while answer == right:
        index = int(rng.integers(len(claims)))
        wrong = (claims[index].after + int(rng.integers(1, 10))) % MODULUS
        faulty = claims[index]._replace(after=wrong)
        after = Chain(wrong, faulty.left).claims
        lines = [claim.text for claim in (*claims[:index], faulty, *after)]
        answer = (after or [faulty])[-1].after
    return lines, answer
