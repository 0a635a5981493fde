"""How a right chain of reasoning is worded in the arithmetic world, and how it goes wrong.

Styles change the words and not the operations, so the validator reads all of them. Faults change one
operation and say where. Both are pure functions of a question and a generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.worlds.arithmetic import MODULUS, parse

if TYPE_CHECKING:
    import numpy as np

CHECK_RATE = 0.35
"""Share of steps that a meandering trace states twice."""


def terse(question: str) -> list[str]:
    """One line per operation."""
    return claims(question, parse(question).values)


def claims(question: str, values: list[int]) -> list[str]:
    """The lines that state each operation with the given running values."""
    return [
        f"{before}{op}{n}={after}"
        for before, (op, n), after in zip(
            values, parse(question).operations, values[1:], strict=False
        )
    ]


def meander(lines: list[str], rng: np.random.Generator) -> list[str]:
    """The same claims with connectives, and some of them checked."""
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
    lines = terse(question)
    index = int(rng.integers(0, max(1, len(lines) - 1)))
    head, _, result = lines[index].partition("=")
    wrong = (int(result) + int(rng.integers(1, MODULUS))) % MODULUS
    lines[index] = f"{head}={wrong}"
    return lines, index


def go_wrong(question: str, rng: np.random.Generator) -> tuple[list[str], int]:
    """Lines that are wrong from one step on and carry the fault to the end; the final answer."""
    chain = parse(question)
    values = chain.values
    index = int(rng.integers(1, len(values)))
    values[index] = (values[index] + int(rng.integers(1, 10))) % MODULUS
    tail = parse(f"{values[index]}" + chain.text[len(str(chain.start)) :])
    for i in range(index, len(values) - 1):
        values[i + 1] = tail._replace(
            start=values[i], operations=chain.operations[i : i + 1]
        ).values[-1]
    return claims(question, values), values[-1]
