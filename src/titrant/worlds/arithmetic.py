"""The arithmetic world: left-to-right chains of + − × on a running value mod 100.

A question is `47+3*5-2=`; it is read from left to right, without precedence, and every result is
taken mod 100: ((47+3)*5-2) mod 100 = 48. The start is 0..99 and each operand 2..9, so there are
100·24ⁿ chains of n operations: 57,600 of two. Difficulty is the number of operations. The oracle
writes one line per operation: the chain with its first operation done, `50*5-2`, `50-2`, `48`. The
best constant answer earns about 1–3 %.

Difference from the sketch in the literature of toy worlds, which writes `47+3=50`: there the next
operation must be found by counting; a reduced chain holds all that is still to do, so a model of half
a million parameters learns it in minutes.

Split: the SHA-256 of the canonical chain falls into a share of the hash space; drawing repeats under
the same labels until the hash lands in the wanted share. Labelled seed streams alone would collide,
since the short chains are few.

Left out: intermediate values beyond two digits, brackets, precedence.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import ConfigError, DataError
from titrant.registry import nearest
from titrant.seeds import derive_rng
from titrant.traces.record import Problem, Verdict, question_id
from titrant.worlds.base import Split, StepCheck

if TYPE_CHECKING:
    import numpy as np

MODULUS = 100
OPERANDS = range(2, 10)
OPERATORS = "+-*"
PRESETS = {"train": (2, 6), "easy": (2, 3), "middle": (4, 4), "hard": (5, 6), "long": (7, 9)}
"""Preset → least and most operations; `long` is out of distribution for the shipped bases."""
SHARES = {Split.PRETRAIN: (0.0, 0.7), Split.POOL: (0.7, 0.85), Split.TEST: (0.85, 1.0)}

_QUESTION = re.compile(r"(\d{1,2})((?:[+*-][2-9])+)=")
_OPERATION = re.compile(r"([+*-])(\d)")
_ANSWER = re.compile(r"(?:#### )?(\d{1,4})")
_STEP = re.compile(r"^(?:so |check )?(\d{1,2})((?:[+*-]\d)*)=?$", re.MULTILINE)


class Chain(NamedTuple):
    """A parsed question."""

    start: int
    operations: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """The canonical form, which is the question itself."""
        return f"{self.reduced}="

    @property
    def reduced(self) -> str:
        """The chain without its equals sign: what a step of reasoning states."""
        return f"{self.start}{''.join(f'{op}{n}' for op, n in self.operations)}"

    @property
    def steps(self) -> list[Chain]:
        """The chain after each operation; the last has none left."""
        rest = [self.operations[i:] for i in range(1, len(self.operations) + 1)]
        return [Chain(v, ops) for v, ops in zip(self.values[1:], rest, strict=True)]

    @property
    def values(self) -> list[int]:
        """The running value before the first and after each operation."""
        values = [self.start]
        for operator, operand in self.operations:
            values.append(apply(values[-1], operator, operand))
        return values


def apply(value: int, operator: str, operand: int) -> int:
    """One operation mod 100."""
    result = {"+": value + operand, "-": value - operand, "*": value * operand}[operator]
    return result % MODULUS


def parse(question: str) -> Chain:
    """The chain behind a question.

    Raises:
        DataError: the text is no question of this world.
    """
    match = _QUESTION.fullmatch(question.strip())
    if match is None:
        raise DataError("not a question of the arithmetic world", expected="47+3*5=", came=question)
    operations = tuple((op, int(n)) for op, n in _OPERATION.findall(match[2]))
    return Chain(int(match[1]), operations)


def split_of(chain: Chain) -> Split:
    """The split a chain belongs to, whoever draws it."""
    digest = hashlib.sha256(f"arithmetic/1/{chain.text}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return next(split for split, (low, high) in SHARES.items() if low <= share < high)


def draw(rng: np.random.Generator, n_operations: int) -> Chain:
    """A chain with uniform start, operators and operands."""
    operators = rng.integers(len(OPERATORS), size=n_operations)
    operands = rng.integers(OPERANDS.start, OPERANDS.stop, size=n_operations)
    pairs = zip(operators.tolist(), operands.tolist(), strict=True)
    return Chain(int(rng.integers(MODULUS)), tuple((OPERATORS[i], n) for i, n in pairs))


class Arithmetic:
    """The world of this module; see its docstring."""

    name = "arithmetic"
    version = 1
    presets = tuple(PRESETS)
    guess_rate = 0.03

    def problem(self, preset: str, split: Split, index: int) -> Problem:
        """Instance `index`: its number of operations is uniform over the preset's range."""
        if preset not in PRESETS:
            raise ConfigError(f"unknown preset '{preset}'", do=nearest(preset, PRESETS))
        rng = derive_rng(0, self.name, self.version, preset, split, index)
        low, high = PRESETS[preset]
        n_operations = int(rng.integers(low, high + 1))
        chain = draw(rng, n_operations)
        while split_of(chain) != split:
            chain = draw(rng, n_operations)
        return Problem(
            qid=question_id(chain.text),
            question=chain.text,
            gold=str(chain.values[-1]),
            gold_kind="integer",
            source=f"world:{self.name}/{preset}",
            domain=f"{n_operations} operations",
            meta={"operations": n_operations},
        )

    def oracle(self, question: str) -> str:
        """One line per operation: what is left of the chain."""
        return "\n".join(step.reduced for step in parse(question).steps)

    def verify(self, question: str, answer_text: str) -> Verdict:
        """Exact: `#### n` or a bare integer and nothing else, equal to the last running value."""
        answer = _ANSWER.fullmatch(answer_text.strip())
        if answer is None:
            return Verdict.UNREADABLE
        return Verdict.CORRECT if int(answer[1]) == parse(question).values[-1] else Verdict.WRONG

    def validate(self, question: str, thinking: str) -> list[StepCheck]:
        """Check each line that states a chain against the line before; remarks are passed over.

        A step is judged from what the trace itself said last, so a fault is charged once. A line that
        states the last chain again is valid and does not advance.
        """
        last, checks = parse(question), []
        for value, tail in _STEP.findall(thinking):
            claim = Chain(int(value), tuple((op, int(n)) for op, n in _OPERATION.findall(tail)))
            kind = "ok" if claim == last else _fault(claim, last)
            checks.append(StepCheck(len(checks), is_valid=kind == "ok", kind=kind))
            last = claim
        return checks


def _fault(claim: Chain, last: Chain) -> str:
    """What is wrong with `claim` as the step after `last`; `ok` if nothing."""
    if len(claim.operations) != len(last.operations) - 1:
        return "order"
    for (operator, operand), (expected, number) in zip(
        claim.operations, last.operations[1:], strict=True
    ):
        if operator != expected:
            return "operator"
        if operand != number:
            return "operand"
    return "ok" if claim.start == last.values[1] else "slip"


ARITHMETIC = Arithmetic()
