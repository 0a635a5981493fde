"""The lines of a calculation: one operation each with exact values, and whether they hold.

    (3-90)*5=      3-90=10
                   10*5=50

A line is `left operator right=result`: numbers as they stand in the question (`7^2`, `(3/8)`) or as
results, negative ones and fractions in brackets, a result without. Any order will do in which every
operation has its operands, and an operation that stands twice in a question need be stated once. A
claim that repeats an earlier one is valid. A fault is charged once: what follows may use the stated
result or the right one.

| kind | what is wrong |
|---|---|
| `slip` | the result |
| `operator`, `operand` | another operation than the question's, on its operands; or another operand |
| `order` | an operation whose operands have not been worked out, or that the question does not have |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from titrant.worlds.expressions import Expression, Family, Leaf, Node, apply, nodes_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBER = r"(?:\d{1,400}(?:\^[23])?|\(-?\d{1,400}(?:/\d{1,400})?\))"
_LINE = re.compile(
    rf"^(?:(?:so|check) )?({_NUMBER})([-+*/])({_NUMBER})=(-?\d{{1,400}}(?:/\d{{1,400}})?)$",
    re.MULTILINE,
)


class Claim(NamedTuple):
    """An operation and its stated result."""

    left: Fraction
    operator: str
    right: Fraction
    result: Fraction


def right_lines(family: Family, expression: Expression) -> list[str]:
    """One line per operation, each behind those that it needs."""
    return [
        f"{_operand(family, node.left)}{node.operator}{_operand(family, node.right)}"
        f"={value_of(family, node)}"
        for node in nodes_of(expression)
    ]


def _operand(family: Family, expression: Expression) -> str:
    if isinstance(expression, Leaf):
        return expression.plain
    value = value_of(family, expression)
    assert value is not None
    return str(value) if value >= 0 and value.denominator == 1 else f"({value})"


def check_lines(family: Family, expression: Expression, thinking: str) -> list[str]:
    """The kind of each line that states an operation: `ok`, or what is wrong with it."""
    state = _State(family, nodes_of(expression))
    return [state.take(claim) for claim in claims_of(thinking)]


def claims_of(thinking: str) -> Iterator[Claim]:
    """What the lines of a trace state; nothing of a line that states no operation."""
    for left, operator, right, result in _LINE.findall(thinking):
        numbers = [n for part in (left, right, result) if (n := _read(part)) is not None]
        if len(numbers) == 3:
            yield Claim(numbers[0], operator, numbers[1], numbers[2])


def _read(text: str) -> Fraction | None:
    """A number of a line; `None` for a fraction over zero."""
    base, _, power = text.strip("()").partition("^")
    over, _, under = base.partition("/")
    if under and not int(under):
        return None
    return Fraction(int(over), int(under or 1)) ** int(power or 1)


@dataclass(slots=True)
class _State:
    """What a trace has worked out so far."""

    family: Family
    open: list[Node]
    """Operations not stated yet, each behind those that it needs."""
    results: dict[Node, set[Fraction]] = field(default_factory=dict)
    """What may stand for an operation's result: the right one, and the stated one."""
    seen: set[Claim] = field(default_factory=set)

    def take(self, claim: Claim) -> str:
        """The kind of a claim; the state goes on from it."""
        kind = "ok" if claim in self.seen and not self._fitting(claim) else self._judge(claim)
        self.seen.add(claim)
        return kind

    def _judge(self, claim: Claim) -> str:
        fitting = self._fitting(claim)
        if fitting:
            for node in fitting:
                self._finish(node, claim)
            right = apply(self.family, claim.left, claim.operator, claim.right)
            return "ok" if right == claim.result else "slip"
        for node in self.open:
            if self._fits_if_all_were_done(node, claim):
                self._finish(node, claim)
                return "order"
        for kind, is_near in (("operator", self._has_operands), ("operand", self._has_one_operand)):
            near = [node for node in self.open if is_near(node, claim)]
            if near:
                self._finish(near[0], claim)
                return kind
        return "order"

    def _fitting(self, claim: Claim) -> list[Node]:
        """Open operations that the claim states, all alike."""
        return [
            node
            for node in self.open
            if node.operator == claim.operator and self._has_operands(node, claim)
        ]

    def _finish(self, node: Node, claim: Claim) -> None:
        """An operation is done: the claim's result may stand for it, and what is right may."""
        right = apply(self.family, claim.left, node.operator, claim.right)
        self.results[node] = {claim.result, self._right(node)} | (
            set() if right is None else {right}
        )
        self.open = [node for node in self.open if node not in self.results]

    def _right(self, node: Node) -> Fraction:
        value = value_of(self.family, node)
        assert value is not None
        return value

    def _values(self, side: Expression) -> set[Fraction]:
        """What may stand for a side; nothing where it has not been worked out."""
        return {side.value} if isinstance(side, Leaf) else self.results.get(side, set())

    def _has_operands(self, node: Node, claim: Claim) -> bool:
        left, right = self._values(node.left), self._values(node.right)
        if claim.left in left and claim.right in right:
            return True
        return node.operator in "+*" and claim.left in right and claim.right in left

    def _has_one_operand(self, node: Node, claim: Claim) -> bool:
        left, right = self._values(node.left), self._values(node.right)
        if not left or not right or node.operator != claim.operator:
            return False
        sides = left | right
        return claim.left in sides or claim.right in sides

    def _fits_if_all_were_done(self, node: Node, claim: Claim) -> bool:
        """The claim states the operation, whose operands have not been stated."""
        sides = [
            self._values(side) or {self._right_value(side)} for side in (node.left, node.right)
        ]
        return (
            node.operator == claim.operator and claim.left in sides[0] and claim.right in sides[1]
        )

    def _right_value(self, side: Expression) -> Fraction:
        return side.value if isinstance(side, Leaf) else self._right(side)
