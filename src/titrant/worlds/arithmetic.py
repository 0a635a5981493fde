"""The arithmetic world: left-to-right chains of + − × on a running value mod 100.

A question is `47+3*5-2=`; it is read from left to right, without precedence, and every result is
taken mod 100: ((47+3)*5-2) mod 100 = 48. The start is 0..99 and each operand 2..9, so there are
100·24ⁿ chains of n operations: 57,600 of two. Difficulty is the number of operations. The oracle
writes one line per operation, with its result and what is left to do:

    47+3=50 *5-2
    50*5=50 -2
    50-2=48

The best constant answer, 0, earns 1.8–2.0 %.

Difference from the usual sketch of such worlds, which leaves out what is left: there the next operation
must be found by counting, which a model of half a million parameters did not learn in our time limit.

Split: the SHA-256 of the canonical chain falls into a share of the hash space; drawing repeats under
the same labels until the hash lands in the wanted share. Labelled seed streams alone would collide,
since the short chains are few.

Left out: intermediate values beyond two digits, brackets, precedence.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from functools import lru_cache
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
MOST_COUNTED = 3
"""Presets of chains with more operations are not counted: of four there are 33 million."""
SHARES = {Split.PRETRAIN: (0.0, 0.7), Split.POOL: (0.7, 0.85), Split.TEST: (0.85, 1.0)}

_QUESTION = re.compile(r"(\d{1,2})((?:[+*-][2-9])+)=")
_OPERATION = re.compile(r"([+*-])(\d)")
_ANSWER = re.compile(r"(?:#### )?(\d{1,4})")
_STEP = re.compile(
    r"^(?:so |check )?(\d{1,2})([+*-])(\d)=(\d{1,2})(?: ((?:[+*-]\d)+))?$", re.MULTILINE
)


Operations = tuple[tuple[str, int], ...]
"""Operators with their operands, in the order in which they are done."""


class Chain(NamedTuple):
    """A parsed question."""

    start: int
    operations: Operations

    @property
    def text(self) -> str:
        """The canonical form, which is the question itself."""
        return f"{self.start}{write(self.operations)}="

    @property
    def values(self) -> list[int]:
        """The running value before the first and after each operation."""
        values = [self.start]
        for operator, operand in self.operations:
            values.append(apply(values[-1], operator, operand))
        return values

    @property
    def rest(self) -> Chain:
        """The chain with its first operation done; itself where none is left."""
        if not self.operations:
            return self
        return Chain(apply(self.start, *self.operations[0]), self.operations[1:])

    @property
    def claims(self) -> list[Claim]:
        """What a right chain of reasoning states, one claim per operation."""
        values = self.values
        return [
            Claim(values[i], *self.operations[i], values[i + 1], self.operations[i + 1 :])
            for i in range(len(self.operations))
        ]


class Claim(NamedTuple):
    """One step: the operation done, its result, and the operations left."""

    before: int
    operator: str
    operand: int
    after: int
    left: Operations

    @property
    def text(self) -> str:
        """The line that states it."""
        done = f"{self.before}{self.operator}{self.operand}={self.after}"
        return f"{done} {write(self.left)}" if self.left else done


def write(operations: Operations) -> str:
    """Operations as text, without blanks."""
    return "".join(f"{operator}{operand}" for operator, operand in operations)


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
        raise DataError(
            "not a question of the arithmetic world",
            expected="numbers and operations up to an equals sign: 47+3*5=",
            came=question,
            do="use the world's own problems: world:arithmetic",
        )
    operations = tuple((op, int(n)) for op, n in _OPERATION.findall(match[2]))
    return Chain(int(match[1]), operations)


def split_of(chain: Chain) -> Split:
    """The split a chain belongs to, whoever draws it."""
    share = _share(chain.text)
    return next(split for split, (low, high) in SHARES.items() if low <= share < high)


def _share(text: str) -> float:
    """Where a canonical chain falls in the hash space, in [0, 1)."""
    digest = hashlib.sha256(f"arithmetic/1/{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def draw(rng: np.random.Generator, n_operations: int) -> Chain:
    """A chain with uniform start, operators and operands."""
    operators = rng.integers(len(OPERATORS), size=n_operations)
    operands = rng.integers(OPERANDS.start, OPERANDS.stop, size=n_operations)
    pairs = zip(operators.tolist(), operands.tolist(), strict=True)
    return Chain(int(rng.integers(MODULUS)), tuple((OPERATORS[i], n) for i, n in pairs))


@lru_cache
def count_chains(n_operations: int, split: Split) -> int:
    """Chains of a split with so many operations; each is hashed, which takes seconds for three."""
    steps = [f"{operator}{n}" for operator in OPERATORS for n in OPERANDS]
    low, high = SHARES[split]
    return sum(
        low <= _share(f"{start}{''.join(operations)}=") < high
        for start in range(MODULUS)
        for operations in itertools.product(steps, repeat=n_operations)
    )


class Arithmetic:
    """The world of this module; see its docstring."""

    name = "arithmetic"
    version = 1
    presets = tuple(PRESETS)
    guess_rate = 0.02

    def problem(self, preset: str, split: Split, index: int) -> Problem:
        """Instance `index`: its number of operations is uniform over the preset's range."""
        low, high = _operations_of(preset)
        rng = derive_rng(0, self.name, self.version, preset, split, index)
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

    def count(self, preset: str, split: Split) -> int | None:
        """Exact for presets of at most three operations, else `None`."""
        low, high = _operations_of(preset)
        if high > MOST_COUNTED:
            return None
        return sum(count_chains(n, split) for n in range(low, high + 1))

    def oracle(self, question: str) -> str:
        """One line per operation; see the module docstring."""
        return "\n".join(claim.text for claim in parse(question).claims)

    def verify(self, question: str, answer_text: str) -> Verdict:
        """Exact: `#### n` or a bare integer and nothing else, equal to the last running value."""
        answer = _ANSWER.fullmatch(answer_text.strip())
        if answer is None:
            return Verdict.UNREADABLE
        return Verdict.CORRECT if int(answer[1]) == parse(question).values[-1] else Verdict.WRONG

    def validate(self, question: str, thinking: str) -> list[StepCheck]:
        """Check each line that makes a claim against what the trace said last; remarks are passed over.

        A fault is charged once: the next step may go on from the faulty claim, or from what that claim
        should have said. A line that repeats the last claim is valid and does not advance.
        """
        state = due = parse(question)
        last, checks = None, []
        for claim in map(_read_claim, _STEP.findall(thinking)):
            kind = "ok"
            if claim != last:
                kind = _fault(claim, state)
                if state != due and _fault(claim, due) == "ok":
                    state, kind = due, "ok"
                due = state.rest
                state, last = Chain(claim.after, claim.left), claim
            checks.append(StepCheck(len(checks), is_valid=kind == "ok", kind=kind))
        return checks


def _operations_of(preset: str) -> tuple[int, int]:
    """Least and most operations of a preset."""
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset '{preset}'", do=nearest(preset, PRESETS))
    return PRESETS[preset]


def _read_claim(groups: tuple[str, ...]) -> Claim:
    before, operator, operand, after, left = groups
    pairs = tuple((op, int(n)) for op, n in _OPERATION.findall(left))
    return Claim(int(before), operator, int(operand), int(after), pairs)


def _fault(claim: Claim, state: Chain) -> str:
    """What is wrong with a claim made in a state; `ok` if nothing."""
    if len(claim.left) != len(state.operations) - 1 or claim.before != state.start:
        return "order"
    stated = ((claim.operator, claim.operand), *claim.left)
    for (operator, operand), (expected, number) in zip(stated, state.operations, strict=True):
        if operator != expected:
            return "operator"
        if operand != number:
            return "operand"
    return "ok" if claim.after == apply(claim.before, claim.operator, claim.operand) else "slip"


ARITHMETIC = Arithmetic()
