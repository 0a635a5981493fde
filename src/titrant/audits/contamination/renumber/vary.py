"""Other numbers for a word problem, and the answer that goes with them.

Each number is drawn anew near its old value and in its old grain (tens stay tens, a decimal keeps its
places), and the solution's graph is reckoned through. Kept is the first draw in which

* every number is another one, and they stand in the same order of size;
* every result is positive, whole where it was whole, over 1 where it was over 1, and of at most four decimals;
* a percentage of at most 100 stays so.

What this cannot see: limits that the question does not state in numbers (a day has 24 hours, people have two
hands), and calculations that the solution does in words only. The answer is right of the graph, and the graph
gives the known answer for the old numbers; that is all that is promised.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from titrant.audits.contamination.renumber.graph import graph_of
from titrant.audits.contamination.renumber.numbers import numbers_in, rewrite
from titrant.traces.verify.exact import read_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from titrant.audits.contamination.renumber.graph import Graph
    from titrant.audits.contamination.renumber.numbers import Number

TRIES = 300
MOST_DECIMALS = 4
GRAINS = ((1000, 100), (100, 10), (40, 5))
"""A multiple of the grain that is at least so large stays a multiple of it."""


class Variant(NamedTuple):
    """The same problem with other numbers."""

    question: str
    gold: str


def vary(question: str, solution: str, gold: str, rng: np.random.Generator) -> Variant | None:
    """A variant of a word problem; `None` where none can be made safely.

    Args:
        question: as it was asked.
        solution: its gold solution, with calculator annotations.
        gold: its answer, a number.
        rng: where the new numbers come from.
    """
    numbers, answer = numbers_in(question), read_number(gold)
    if numbers is None or answer is None or answer.unit or answer.is_percent:
        return None
    graph = graph_of(question, solution, numbers, Fraction(answer.value))
    if graph is None:
        return None
    for _ in range(TRIES):
        given = [draw(number, rng) for number in numbers.given]
        results = graph.results(given) if _is_other(numbers.given, given) else None
        if results is not None and _is_valid(graph, results):
            return Variant(rewrite(question, numbers.given, given), write_number(results[-1]))
    return None


def draw(number: Number, rng: np.random.Generator) -> Fraction:
    """A value near that of a number, in its grain; never one."""
    unit = Fraction(1, 10**number.decimals)
    if number.decimals == 0:
        unit = Fraction(
            next((g for least, g in GRAINS if number.value >= least and number.value % g == 0), 1)
        )
    units = int(number.value / unit)
    low, high = max(2 if unit == 1 else 1, units // 2), max(2 * units, units + 3)
    if number.is_percent and number.value <= 100:
        high = max(low, min(high, int(99 / unit)))
    return int(rng.integers(low, high + 1)) * unit


def _is_other(numbers: Sequence[Number], given: Sequence[Fraction]) -> bool:
    """Every number is another one, and they stand in the same order of size."""
    old = [number.value for number in numbers]
    if any(one == other for one, other in zip(old, given, strict=True)):
        return False
    order = sorted(range(len(old)), key=lambda i: old[i])
    return all(given[i] < given[j] for i, j in pairwise(order))


def _is_valid(graph: Graph, results: Sequence[Fraction]) -> bool:
    for node, result in zip(graph.nodes, results, strict=True):
        whole_stays = result.denominator == 1 or node.result.denominator != 1
        is_short = (result * 10**MOST_DECIMALS).denominator == 1
        keeps_side = (result > 1) == (node.result > 1) or node.result == 1
        if result <= 0 or not (whole_stays and is_short and keeps_side):
            return False
    return True


def write_number(value: Fraction) -> str:
    """A number of at most four decimals as text.

    Example:
        >>> write_number(Fraction(15, 2)), write_number(Fraction(1200))
        ('7.5', '1200')
    """
    text = f"{float(value):.{MOST_DECIMALS}f}"
    return text.rstrip("0").rstrip(".")
