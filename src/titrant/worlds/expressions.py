r"""Random arithmetic expressions: trees of exactly n operations, written in LaTeX or plain, with exact values.

Two families:

| family | leaves | operations | values | written |
|---|---|---|---|---|
| `decimal` | integers 0–100, fractions, squares and cubes of them | + − × ÷ | fractions, exact | `\left(7^{2}+\frac{3}{8}\right)\times 5` |
| `mod` | integers 0–96 | + − × | mod 97 | `(3-90)*5` |

A leaf is no operation, be it a square or a fraction. Every operation but the outermost stands in
brackets, so no rule of precedence is needed.

Source: RandomCalculation (arXiv 2507.10532, the recursion over lists DL[0], DL[1], …: an expression
of i operations joins one of j and one of i−1−j by a random operation). Differences: j is uniform in
0..i−1, since the printed range up to ⌈i/2⌉ asks at i = 1 for lists that do not exist; a uniform j
needs no swap of sides. The lists are drawn from as if they were endless, so an expression depends
on its own generator alone. The four kinds of leaf are equally likely (the paper gives no shares).
Refused, in every part of an expression: division by zero and values beyond 10⁹ in size.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, NamedTuple

from titrant.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

FamilyName = Literal["decimal", "mod"]
LeafKind = Literal["integer", "fraction", "square", "cube"]
POWERS: dict[LeafKind, int] = {"square": 2, "cube": 3}
MOST_VALUE = 10**9
MOST_DEPTH = 100
"""Deepest nesting of brackets that is read."""


class Family(NamedTuple):
    """What expressions are made of."""

    name: FamilyName
    operators: str
    leaves: tuple[LeafKind, ...]
    numbers: range
    modulus: int | None


FAMILIES: dict[FamilyName, Family] = {
    "decimal": Family(
        "decimal", "+-*/", ("integer", "fraction", "square", "cube"), range(101), None
    ),
    "mod": Family("mod", "+-*", ("integer",), range(97), 97),
}


class Leaf(NamedTuple):
    """A number of the question: an integer, a fraction, a square or a cube."""

    kind: LeafKind
    number: int
    under: int = 1
    """Denominator of a fraction."""

    @property
    def value(self) -> Fraction:
        """Exact."""
        if self.kind in POWERS:
            return Fraction(self.number ** POWERS[self.kind])
        return Fraction(self.number, self.under)

    @property
    def plain(self) -> str:
        """Without LaTeX: `7`, `(3/8)`, `7^2`."""
        if self.kind == "fraction":
            return f"({self.number}/{self.under})"
        return f"{self.number}^{POWERS[self.kind]}" if self.kind in POWERS else str(self.number)

    @property
    def latex(self) -> str:
        r"""`7`, `\frac{3}{8}`, `7^{2}`."""
        if self.kind == "fraction":
            return rf"\frac{{{self.number}}}{{{self.under}}}"
        power = f"^{{{POWERS[self.kind]}}}" if self.kind in POWERS else ""
        return f"{self.number}{power}"


class Node(NamedTuple):
    """An operation on two expressions."""

    left: Expression
    operator: str
    right: Expression


Expression = Leaf | Node


def apply(family: Family, left: Fraction, operator: str, right: Fraction) -> Fraction | None:
    """One operation; `None` where it divides by zero."""
    if operator == "/":
        return left / right if right else None
    results = {"+": left + right, "-": left - right, "*": left * right}
    return results[operator] if family.modulus is None else results[operator] % family.modulus


def value_of(family: Family, expression: Expression) -> Fraction | None:
    """The exact value; `None` where a part divides by zero."""
    if isinstance(expression, Leaf):
        return expression.value
    left, right = value_of(family, expression.left), value_of(family, expression.right)
    if left is None or right is None:
        return None
    return apply(family, left, expression.operator, right)


def draw(rng: np.random.Generator, family: Family, n_operations: int) -> Expression:
    """An expression of exactly so many operations."""
    kinds = rng.integers(len(family.leaves), size=n_operations + 1).tolist()
    return grow(rng, family, [family.leaves[i] for i in kinds])


def grow(rng: np.random.Generator, family: Family, kinds: Sequence[LeafKind]) -> Expression:
    """An expression with leaves of these kinds, from left to right."""
    return _grow(rng, family, kinds)[0]


def _grow(
    rng: np.random.Generator, family: Family, kinds: Sequence[LeafKind]
) -> tuple[Expression, Fraction]:
    """With its value."""
    if len(kinds) == 1:
        leaf = _leaf(rng, family, kinds[0])
        return leaf, leaf.value
    while True:
        cut = int(rng.integers(1, len(kinds)))
        left, left_value = _grow(rng, family, kinds[:cut])
        right, right_value = _grow(rng, family, kinds[cut:])
        operator = family.operators[int(rng.integers(len(family.operators)))]
        value = apply(family, left_value, operator, right_value)
        if value is not None and abs(value) <= MOST_VALUE:
            return Node(left, operator, right), value


def _leaf(rng: np.random.Generator, family: Family, kind: LeafKind) -> Leaf:
    numbers = family.numbers
    number = int(rng.integers(numbers.start, numbers.stop))
    if kind == "fraction":
        return Leaf(kind, number, int(rng.integers(1, numbers.stop)))
    return Leaf(kind, number)


def distinct(
    rng: np.random.Generator, family: Family, n_operations: int, n: int
) -> Iterator[Expression]:
    """`n` expressions of which no two have the same canonical form."""
    seen: set[str] = set()
    while len(seen) < n:
        expression = draw(rng, family, n_operations)
        form = canonical(expression)
        if form not in seen:
            seen.add(form)
            yield expression


def canonical(expression: Expression) -> str:
    """The same text for expressions that differ by the sides of additions and multiplications alone."""
    if isinstance(expression, Leaf):
        return expression.plain
    sides = [canonical(expression.left), canonical(expression.right)]
    if expression.operator in "+*":
        sides.sort()
    return f"({expression.operator.join(sides)})"


def leaves_of(expression: Expression) -> list[Leaf]:
    """From left to right."""
    if isinstance(expression, Leaf):
        return [expression]
    return [*leaves_of(expression.left), *leaves_of(expression.right)]


def nodes_of(expression: Expression) -> list[Node]:
    """Operations, each behind those that it needs."""
    if isinstance(expression, Leaf):
        return []
    return [*nodes_of(expression.left), *nodes_of(expression.right), expression]


def write_plain(expression: Expression) -> str:
    """As `(3-90)*5`; the outermost operation has no brackets."""
    if isinstance(expression, Leaf):
        return expression.plain
    left, right = (_in_brackets(side) for side in (expression.left, expression.right))
    return f"{left}{expression.operator}{right}"


def _in_brackets(expression: Expression) -> str:
    text = write_plain(expression)
    return text if isinstance(expression, Leaf) else f"({text})"


_LATEX = {"+": "+", "-": "-", "*": r"\times ", "/": r"\div "}


def write_latex(expression: Expression) -> str:
    r"""As `\left(3-90\right)\times 5`; the outermost operation has no brackets."""
    if isinstance(expression, Leaf):
        return expression.latex
    sides = [
        side.latex if isinstance(side, Leaf) else rf"\left({write_latex(side)}\right)"
        for side in (expression.left, expression.right)
    ]
    return _LATEX[expression.operator].join(sides)


_TOKEN = re.compile(
    r"(?P<fraction>\\frac\{(\d{1,3})\}\{(\d{1,3})\}|\((\d{1,3})/(\d{1,3})\))"
    r"|(?P<power>(\d{1,3})\^(?:\{([23])\}|([23])))"
    r"|(?P<integer>\d{1,3})"
    r"|(?P<open>\\left\(|\()|(?P<close>\\right\)|\))"
    r"|(?P<operator>\+|-|\*|/|\\times ?|\\div ?)"
)
_OPERATOR = {latex.strip(): plain for plain, latex in _LATEX.items()} | {"*": "*", "/": "/"}


def read(text: str) -> Expression:
    """The expression behind its LaTeX or plain form.

    Raises:
        DataError: the text is no such expression.
    """
    tokens: list[Leaf | str] = []
    at = 0
    while match := _TOKEN.match(text, at):
        tokens.append(_token(match))
        at = match.end()
    expression = _read_tokens(tokens) if at == len(text) else None
    if expression is None:
        raise DataError(
            "not an expression of random calculation",
            expected=r"two sides to each operation, in brackets: (3-90)*5 or \frac{3}{8}+7^{2}",
            came=text[:200],
            do="use the world's own problems: world:randcalc",
        )
    return expression


def _token(match: re.Match[str]) -> Leaf | str:
    groups = match.groups()
    if match["fraction"]:
        over, under = (groups[1], groups[2]) if groups[1] else (groups[3], groups[4])
        return Leaf("fraction", int(over), int(under)) if int(under) else "refused"
    if match["power"]:
        kind: LeafKind = "square" if "2" in (groups[7], groups[8]) else "cube"
        return Leaf(kind, int(groups[6]))
    if match["integer"]:
        return Leaf("integer", int(match["integer"]))
    if match["operator"]:
        return _OPERATOR[match["operator"].strip()]
    return "(" if match["open"] else ")"


def _read_tokens(tokens: list[Leaf | str]) -> Expression | None:
    """By a stack of what stands in each open bracket; the outermost has none."""
    stack: list[list[Expression | str]] = [[]]
    for token in tokens:
        if token == "(":
            stack.append([])
        elif token == ")":
            node = _joined(stack.pop())
            if node is None or not stack:
                return None
            stack[-1].append(node)
        else:
            stack[-1].append(token)
        if len(stack) > MOST_DEPTH:
            return None
    if len(stack) != 1:
        return None
    (parts,) = stack
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]
    return _joined(parts)


def _joined(parts: list[Expression | str]) -> Node | None:
    if len(parts) != 3:
        return None
    left, operator, right = parts
    if isinstance(left, str) or isinstance(right, str) or not isinstance(operator, str):
        return None
    return Node(left, operator, right) if operator in "+-*/" else None
