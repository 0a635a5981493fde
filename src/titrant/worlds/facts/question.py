"""Questions of the world of facts: chains of facts and numbers, read from left to right mod 100.

`ab.e+cd.f*3=` asks for ((ab.e + cd.f) · 3) mod 100. Facts stand at the start or behind + and −;
numbers behind + and − are 0..99, behind × 2..9, so that no product of two facts has to be known.
The right reasoning first recalls every fact, in the order in which they are asked for, then does
one operation a line and writes what is left to do:

    F ab.e=37
    F cd.f=12
    R 37+12=49 *3
    R 49*3=47
"""

from __future__ import annotations

import re
from typing import NamedTuple

from titrant.errors import DataError
from titrant.worlds.arithmetic import apply
from titrant.worlds.facts.table import Name, value_of

OPERATORS = "+-*"
FACTORS = range(2, 10)

_TERM = r"(?:[a-z]{2,3}\.[a-z]|\d{1,2})"
_QUESTION = re.compile(rf"({_TERM})((?:(?:[+-]{_TERM})|(?:\*[2-9]))*)=")
_NEXT = re.compile(rf"([+*-])({_TERM})")

Term = Name | int
"""A fact to recall, or a number given in the question."""
Operations = tuple[tuple[str, int], ...]
"""Operators with their operands, in the order in which they are done."""


class Reasoning(NamedTuple):
    """One step of reasoning: the operation done, its result, and the operations left."""

    before: int
    operator: str
    operand: int
    after: int
    left: Operations

    @property
    def text(self) -> str:
        """The line that states it."""
        done = f"R {self.before}{self.operator}{self.operand}={self.after}"
        return f"{done} {write(self.left)}" if self.left else done


class Recall(NamedTuple):
    """One fact step: a fact and the value stated for it."""

    name: Name
    value: int

    @property
    def text(self) -> str:
        """The line that states it."""
        return f"F {self.name.text}={self.value}"


class Chain(NamedTuple):
    """A parsed question: a first term, and operators with terms."""

    first: Term
    rest: tuple[tuple[str, Term], ...] = ()

    @property
    def text(self) -> str:
        """The canonical form, which is the question itself."""
        rest = "".join(f"{operator}{write_term(term)}" for operator, term in self.rest)
        return f"{write_term(self.first)}{rest}="

    @property
    def names(self) -> list[Name]:
        """The facts it needs, each once, in the order in which they are asked for."""
        terms = (self.first, *(term for _, term in self.rest))
        return list(dict.fromkeys(term for term in terms if isinstance(term, Name)))

    @property
    def recalls(self) -> list[Recall]:
        """The right fact steps."""
        return [Recall(name, _true_value(name)) for name in self.names]

    @property
    def reasonings(self) -> list[Reasoning]:
        """The right steps of reasoning."""
        return follow(_resolve(self.first), self.operations)

    @property
    def operations(self) -> Operations:
        """Operators with the values of their terms."""
        return tuple((operator, _resolve(term)) for operator, term in self.rest)

    @property
    def answer(self) -> int:
        """The value of the chain."""
        reasonings = self.reasonings
        return reasonings[-1].after if reasonings else _resolve(self.first)


def follow(start: int, operations: Operations) -> list[Reasoning]:
    """Right steps of reasoning from a running value on."""
    steps: list[Reasoning] = []
    for i, (operator, operand) in enumerate(operations):
        after = apply(start, operator, operand)
        steps.append(Reasoning(start, operator, operand, after, operations[i + 1 :]))
        start = after
    return steps


def write(operations: Operations) -> str:
    """Operations as text, without blanks."""
    return "".join(f"{operator}{operand}" for operator, operand in operations)


def write_term(term: Term) -> str:
    """A term as questions write it."""
    return term.text if isinstance(term, Name) else str(term)


def parse(question: str) -> Chain:
    """The chain behind a question.

    Raises:
        DataError: the text is no question of this world, or asks for a fact that is not in the table.
    """
    match = _QUESTION.fullmatch(question.strip())
    if match is None:
        raise DataError(
            "not a question of the world of facts",
            expected="facts and numbers with + - *, up to an equals sign: ab.e+cd.f*3=",
            came=question,
            do="use the world's own problems: world:facts",
        )
    rest = tuple((operator, _read(term)) for operator, term in _NEXT.findall(match[2]))
    chain = Chain(_read(match[1]), rest)
    for name in chain.names:
        _true_value(name)
    return chain


def _read(text: str) -> Term:
    entity, dot, attribute = text.partition(".")
    return Name(entity, attribute) if dot else int(text)


def _resolve(term: Term) -> int:
    return _true_value(term) if isinstance(term, Name) else term


def _true_value(name: Name) -> int:
    value = value_of(name)
    if value is None:
        raise DataError(
            f"the table of facts has no {name.text}",
            expected="facts of titrant.worlds.facts.table",
            came=name.text,
            do="use the world's own problems: world:facts",
        )
    return value
