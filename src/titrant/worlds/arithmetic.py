"""The arithmetic world: left-to-right chains of + − × on a running value mod 100.

A question is `47+3*5-2=`; it is read from left to right, without precedence, and every result is
taken mod 100: ((47+3)*5-2) mod 100 = 48. The start is 0..99 and each operand 2..9, so there are
100·24ⁿ chains of n operations: 57,600 of two. Difficulty is the number of operations. The oracle
writes one line per operation, `47+3=50`. The best constant answer earns about 1–3 %.

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
_OPERATION = re.compile(r"([+*-])([2-9])")
_ANSWER = re.compile(r"(?:#### )?(\d{1,4})")
_STEP = re.compile(r"(\d{1,2})([+*-])(\d)=(\d{1,2})")


class Chain(NamedTuple):
    """A parsed question."""

    start: int
    operations: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """The canonical form, which is the question itself."""
        return f"{self.start}{''.join(f'{op}{n}' for op, n in self.operations)}="

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
        """One line per operation."""
        chain = parse(question)
        values = chain.values
        return "\n".join(
            f"{before}{op}{n}={after}"
            for before, (op, n), after in zip(values, chain.operations, values[1:], strict=False)
        )

    def verify(self, question: str, answer_text: str) -> Verdict:
        """Exact: `#### n` or a bare integer and nothing else, equal to the last running value."""
        answer = _ANSWER.fullmatch(answer_text.strip())
        if answer is None:
            return Verdict.UNREADABLE
        return Verdict.CORRECT if int(answer[1]) == parse(question).values[-1] else Verdict.WRONG

    def validate(self, question: str, thinking: str) -> list[StepCheck]:
        """Check each claimed operation `a?b=c`; lines that claim none (remarks) are passed over.

        A step is judged on its own arithmetic first (`slip`), then against the chain: it must start
        from the last claimed value (`order`) and apply the next operator and operand. A check of a
        step already made (the same claim again) is valid and does not advance.
        """
        chain = parse(question)
        value, position, checks = chain.start, 0, []
        done: set[tuple[str, str, str, str]] = set()
        for claim in _STEP.findall(thinking):
            kind = _fault(claim, value, chain.operations[position : position + 1])
            if kind != "ok" and claim in done:
                checks.append(StepCheck(len(checks), is_valid=True, kind="ok"))
                continue
            checks.append(StepCheck(len(checks), is_valid=kind == "ok", kind=kind))
            done.add(claim)
            value, position = int(claim[3]), position + 1
        return checks


def _fault(
    claim: tuple[str, str, str, str], value: int, expected: tuple[tuple[str, int], ...]
) -> str:
    before, operator, operand, after = int(claim[0]), claim[1], int(claim[2]), int(claim[3])
    if not expected or before != value:
        return "order"
    if operator != expected[0][0]:
        return "operator"
    if operand != expected[0][1]:
        return "operand"
    return "ok" if apply(before, operator, operand) == after else "slip"


ARITHMETIC = Arithmetic()
