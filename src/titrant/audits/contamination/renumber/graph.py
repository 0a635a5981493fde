"""The gold solution's own arithmetic: calculator annotations as a graph over the question's numbers.

GSM8K's solutions mark each calculation as `<<16-3-4=9>>`. Every operand must have exactly one explanation:

| operand | is |
|---|---|
| a number of the question | that number; a hundredth of it where it is a percentage |
| the result of exactly one earlier annotation | that result |
| a constant that a word of the question implies (60: minute, hour; 2: half, twice …) | itself |
| part of a fraction that stands in the question | itself |

and every number of the question must occur. One with two explanations, or none, makes the solution unusable:
which of them changes with the question cannot be told. So does an operand that stands twice in one annotation
(`40+40` for two of a kind), since how often it stands there may follow from the question. Every annotation must be right, exactly, and the last
one must give the gold answer.
"""

from __future__ import annotations

import ast
import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from titrant.audits.contamination.renumber.numbers import Numbers

_ANNOTATION = re.compile(r"<<([^<>]*)>>")
_PLAIN = re.compile(r"[\d.+*/() -]+")
_COMMA = re.compile(r"(?<=\d),(?=\d{3})")
MOST_CHARACTERS = 200
"""Of an annotation; a longer one is not read."""
_CUES = {
    "half|halv|twice|doubl|pair|both|couple|two|round trip|round-trip|each way|and back|twin": (
        (2, 0.5, 1.5, 50, 200)
    ),
    "third|thrice|tripl": (3, 300),
    "quarter|fourth": (4, 0.25, 0.75, 25, 3),
    "fifth": (5, 0.2),
    "sixth": (6,),
    "eighth": (8,),
    "tenth|dime": (10, 0.1),
    "nickel": (5, 0.05),
    "penny|pennies|cent": (100, 0.01),
    "dozen": (12,),
    "week|daily|every day|each day": (7, 52),
    "weekday|workday|work day|business day|school day": (5,),
    "weekend": (2,),
    "month": (12, 30, 4, 31, 28),
    "year|annual": (12, 52, 365, 366),
    "decade": (10,),
    "century|centuries": (100,),
    "day": (24, 7, 30, 31, 365),
    "hour": (60, 24, 3600),
    "minute": (60,),
    "second": (60, 3600),
    "inch|feet|foot|yard": (12, 3, 36),
    "ounce|pound": (16,),
    "kilo|gram|liter|litre|meter|metre|centi|milli": (1000, 100, 10),
    "gallon|quart|pint|cup": (4, 2, 8, 16),
    "percent|%": (100, 1, 0.01),
    "self|one|another|1|half|third|quarter|fifth": (1,),
    "square|triangle|rectang|perimeter": (2, 3, 4),
}
"""Word stems → constants that they imply."""


class Leaf(NamedTuple):
    """One operand."""

    kind: str
    """`given`, `earlier` or `constant`."""
    which: int
    """Number of the question's number or of the annotation; 0 for a constant."""
    scale: Fraction
    """What that is multiplied by; the constant itself."""


class Node(NamedTuple):
    """One annotation."""

    tree: ast.expr
    leaves: tuple[Leaf, ...]
    """Its operands, from left to right."""
    result: Fraction


class Graph(NamedTuple):
    """A solution's annotations, in order."""

    nodes: tuple[Node, ...]

    def results(self, given: Sequence[Fraction]) -> list[Fraction] | None:
        """The results with other numbers in the question; `None` for a division by zero."""
        found: list[Fraction] = []
        for node in self.nodes:
            operands = iter([_operand(leaf, given, found) for leaf in node.leaves])
            try:
                found.append(_value(node.tree, operands))
            except ZeroDivisionError:
                return None
        return found


def graph_of(question: str, solution: str, numbers: Numbers, gold: Fraction) -> Graph | None:
    """The graph of a solution; `None` where any operand is unclear (see the module docstring).

    Example:
        >>> from titrant.audits.contamination.renumber.numbers import numbers_in
        >>> question = "Tom has 16 eggs and eats 3. Each sells for $2. What does he earn?"
        >>> steps = "16-3=<<16-3=13>>13 eggs, 13*2=$<<13*2=26>>26"
        >>> graph = graph_of(question, steps, numbers_in(question), Fraction(26))
        >>> [int(value) for value in graph.results([Fraction(20), Fraction(5), Fraction(4)])]
        [15, 60]
    """
    constants = _constants(question, numbers)
    if any(_meaning(number.value, number.is_percent) & constants for number in numbers.given):
        return None
    nodes: list[Node] = []
    for text in _ANNOTATION.findall(solution):
        parsed = _parsed(text)
        if parsed is None:
            return None
        tree, result = parsed
        leaves = [
            _leaf(value, numbers, [node.result for node in nodes], constants)
            for value in _operands(tree)
        ]
        varied = [leaf for leaf in leaves if leaf is not None and leaf.kind != "constant"]
        if None in leaves or len({leaf[:2] for leaf in varied}) < len(varied):
            return None
        nodes.append(Node(tree, tuple(leaf for leaf in leaves if leaf is not None), result))
    graph = Graph(tuple(nodes))
    if not nodes or nodes[-1].result != gold or not _uses_all(graph, numbers):
        return None
    stated = [node.result for node in nodes]
    return graph if graph.results([one.value for one in numbers.given]) == stated else None


def _uses_all(graph: Graph, numbers: Numbers) -> bool:
    """Whether every number of the question occurs; one that does not may bind the others in words."""
    leaves = [leaf for node in graph.nodes for leaf in node.leaves]
    given = {leaf.which for leaf in leaves if leaf.kind == "given"}
    twos = any(leaf.kind == "constant" and leaf.scale == 2 for leaf in leaves)
    return given == set(range(len(numbers.given))) and (twos or not numbers.has_two)


def _parsed(text: str) -> tuple[ast.expr, Fraction] | None:
    left, equals, right = _COMMA.sub("", text).partition("=")
    if not equals or len(text) > MOST_CHARACTERS or not _PLAIN.fullmatch(left):
        return None
    try:
        tree = ast.parse(left.strip(), mode="eval").body
        return (tree, Fraction(right.strip())) if all(map(_is_plain, ast.walk(tree))) else None
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None


def _is_plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    return isinstance(
        node, ast.BinOp | ast.UnaryOp | ast.Add | ast.Sub | ast.Mult | ast.Div | ast.USub
    )


def _operands(tree: ast.expr) -> Iterator[Fraction]:
    """Its numbers, from left to right."""
    if isinstance(tree, ast.BinOp):
        yield from _operands(tree.left)
        yield from _operands(tree.right)
    elif isinstance(tree, ast.UnaryOp):
        yield from _operands(tree.operand)
    elif isinstance(tree, ast.Constant):
        yield Fraction(repr(tree.value))  # a decimal as it was written


def _value(tree: ast.expr, operands: Iterator[Fraction]) -> Fraction:
    if isinstance(tree, ast.BinOp):
        left = _value(tree.left, operands)
        right = _value(tree.right, operands)
        if isinstance(tree.op, ast.Add):
            return left + right
        if isinstance(tree.op, ast.Sub):
            return left - right
        return left * right if isinstance(tree.op, ast.Mult) else left / right
    if isinstance(tree, ast.UnaryOp):
        return -_value(tree.operand, operands)
    return next(operands)


def _operand(leaf: Leaf, given: Sequence[Fraction], earlier: Sequence[Fraction]) -> Fraction:
    if leaf.kind == "given":
        return given[leaf.which] * leaf.scale
    return earlier[leaf.which] * leaf.scale if leaf.kind == "earlier" else leaf.scale


def _leaf(
    value: Fraction, numbers: Numbers, earlier: Sequence[Fraction], constants: set[Fraction]
) -> Leaf | None:
    """What an operand is; `None` where that is not clear."""
    found = [
        Leaf("given", i, value / number.value)
        for i, number in enumerate(numbers.given)
        if value in _meaning(number.value, number.is_percent)
    ]
    found += [
        Leaf("earlier", i, Fraction(1)) for i, result in enumerate(earlier) if result == value
    ]
    found += [Leaf("constant", 0, value)] if value in constants else []
    return found[0] if len(found) == 1 else None


def _meaning(value: Fraction, is_percent: bool) -> set[Fraction]:  # noqa: FBT001 - a field
    """Values under which a number may stand in a solution."""
    return {value, value / 100} if is_percent else {value}


def _constants(question: str, numbers: Numbers) -> set[Fraction]:
    text = question.lower()
    found = {
        Fraction(str(value))
        for stems, values in _CUES.items()
        if any(stem in text for stem in stems.split("|"))
        for value in values
    }
    for one in numbers.fractions:
        above, below = one.numerator, one.denominator
        found |= {one, 1 - one, Fraction(above), Fraction(below), Fraction(below - above)}
    return found
