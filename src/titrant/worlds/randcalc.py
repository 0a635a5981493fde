r"""RandomCalculation: fresh expressions of exactly n operations, that no model can have seen.

Two families of presets (`expressions.FAMILIES`). `easy`, `middle`, `hard` and `steps-1` …
`steps-20` ask for the decimal value of a LaTeX expression, behind a fixed sentence; they are for
large models. `mod-easy`, `mod-middle`, `mod-hard` and `mod-1` … `mod-8` ask for an integer mod 97,
`(3-90)*5=`; they are for small ones. The paper trains on 5 operations (`middle`) and on 10
(`hard`).

Gold of a decimal question is its value rounded to 6 significant digits and at least 2 decimals; an
answer is right within half a unit of the last of them. The paper's reward is graded:

    r = 1 − ½·min(|a−b|, 1) − ½·min(|a−b| / (|b| + 10⁻⁶), 1)

with the model's a and the exact b; 0 where no number can be read (the paper does not say). It is
`reward`, there for callers: arms are trained by verdicts (`train.grpo.reward: correct`). The
oracle writes one line per operation with exact values, in the order of the brackets; the validator
takes any order in which every operation has its operands.

Source: arXiv 2507.10532 (RandomCalculation; its reward). Splits are by the hash of the canonical
form, in which the sides of sums and products do not matter.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from titrant.errors import ConfigError, DataError
from titrant.registry import nearest
from titrant.seeds import derive_rng
from titrant.traces.record import Problem, Verdict, question_id
from titrant.traces.verify.exact import read_number
from titrant.worlds.arithmetic import SHARES
from titrant.worlds.base import Split, StepCheck
from titrant.worlds.calculation import check_lines, right_lines
from titrant.worlds.expressions import (
    FAMILIES,
    Expression,
    Family,
    Leaf,
    Node,
    canonical,
    draw,
    grow,
    leaves_of,
    nodes_of,
    read,
    value_of,
    write_latex,
    write_plain,
)

PREFIX = (
    "Work out the value of this LaTeX expression step by step, and give it as a decimal number "
    r"in \boxed{}: "
)
SIGNIFICANT = 6
"""Digits of gold that count, at least."""
DECIMALS = 2
"""Decimals of gold, at least."""
LONGEST_ANSWER = 1000
"""Characters; a longer answer is unreadable."""
N_SINGLE_MOD = 97 * 3 * 97
"""Questions of one operation mod 97."""

_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")


class Preset(NamedTuple):
    """What questions of a preset look like."""

    family: Family
    least: int
    """Operations."""
    most: int


_DECIMAL, _MOD = FAMILIES["decimal"], FAMILIES["mod"]
LISTED = {
    "easy": Preset(_DECIMAL, 2, 3),
    "middle": Preset(_DECIMAL, 5, 5),
    "hard": Preset(_DECIMAL, 10, 10),
    "mod-easy": Preset(_MOD, 1, 2),
    "mod-middle": Preset(_MOD, 3, 4),
    "mod-hard": Preset(_MOD, 5, 8),
}
PRESETS = (
    LISTED
    | {f"steps-{n}": Preset(_DECIMAL, n, n) for n in range(1, 21)}
    | {f"mod-{n}": Preset(_MOD, n, n) for n in range(1, 9)}
)
"""All names that a problem can be asked for."""


class Calculation(NamedTuple):
    """A parsed question."""

    family: Family
    expression: Expression

    @property
    def text(self) -> str:
        """The question."""
        if self.family == _MOD:
            return f"{write_plain(self.expression)}="
        return PREFIX + write_latex(self.expression)

    @property
    def value(self) -> Fraction:
        """Exact."""
        value = value_of(self.family, self.expression)
        assert value is not None
        return value

    @property
    def gold(self) -> str:
        """The answer as text."""
        return as_decimal(self.value)


def parse(question: str) -> Calculation:
    """The calculation behind a question of either family.

    Raises:
        DataError: the text is no question of this world.
    """
    text = question.strip()
    is_mod = text.endswith("=")
    family = _MOD if is_mod else _DECIMAL
    calculation = Calculation(family, read(text[:-1] if is_mod else text.removeprefix(PREFIX)))
    if not _is_of(family, calculation.expression):
        raise DataError(
            "not a question of random calculation",
            expected=f"{' '.join(family.operators)} on numbers up to {family.numbers.stop - 1}, "
            "defined everywhere",
            came=text.removeprefix(PREFIX)[:200],
            do="use the world's own problems: world:randcalc",
        )
    return calculation


def _is_of(family: Family, expression: Expression) -> bool:
    leaves, nodes = leaves_of(expression), nodes_of(expression)
    return (
        all(leaf.kind in family.leaves and leaf.number in family.numbers for leaf in leaves)
        and all(node.operator in family.operators for node in nodes)
        and value_of(family, expression) is not None
    )


def as_decimal(value: Fraction) -> str:
    """Rounded to 6 significant digits and at least 2 decimals, without exponent and closing zeros."""
    rounded = round(value, _decimals(value))
    digits = Context(prec=400).divide(Decimal(rounded.numerator), Decimal(rounded.denominator))
    text = format(digits, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals(value: Fraction) -> int:
    if not value:
        return SIGNIFICANT
    size = (Decimal(abs(value.numerator)) / Decimal(value.denominator)).adjusted()
    return max(DECIMALS, SIGNIFICANT - 1 - size)


def read_answer(answer_text: str) -> Fraction | None:
    r"""The number of an answer: of the last `\boxed{…}`, of `#### n`, or a number and nothing else."""
    text = answer_text.strip()
    if len(text) > LONGEST_ANSWER:
        return None
    boxed = _BOXED.findall(text)
    number = read_number(boxed[-1].strip() if boxed else text.removeprefix("#### "))
    return None if number is None or number.unit or number.is_percent else number.value


def closeness(answer: float, truth: float) -> float:
    """The reward of an answer, in [0, 1]; see the module docstring. Not a number earns 0."""
    off = abs(answer - truth)
    if off != off:
        return 0.0
    return 1 - 0.5 * min(off, 1) - 0.5 * min(off / (abs(truth) + 1e-6), 1)


def reward(question: str, answer_text: str) -> float:
    """The graded reward of an answer to a question of this world; 0 where no number can be read."""
    answer = read_answer(answer_text)
    if answer is None:
        return 0.0
    return closeness(_float(answer), float(parse(question).value))


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def fresh_like(problem: Problem, index: int = 0) -> Problem:
    """Fresh problem number `index` with as many operations and the same kinds of leaf as `problem`.

    Raises:
        DataError: the question is none of this world.
    """
    given = parse(problem.question)
    kinds = [leaf.kind for leaf in leaves_of(given.expression)]
    rng = derive_rng(0, "randcalc", "fresh", problem.qid, index)
    while True:
        shuffled = [kinds[i] for i in rng.permutation(len(kinds))]
        fresh = Calculation(given.family, grow(rng, given.family, shuffled))
        if canonical(fresh.expression) != canonical(given.expression):
            return _problem(fresh, "fresh", {"like": problem.qid})


def _problem(calculation: Calculation, preset: str, meta: dict[str, str]) -> Problem:
    n_operations = len(nodes_of(calculation.expression))
    kinds = Counter(leaf.kind for leaf in leaves_of(calculation.expression))
    return Problem(
        qid=question_id(calculation.text),
        question=calculation.text,
        gold=calculation.gold,
        gold_kind="integer" if calculation.family == _MOD else "world:randcalc",
        source=f"world:randcalc/{preset}",
        domain=f"{n_operations} {'operation' if n_operations == 1 else 'operations'}",
        meta={"operations": n_operations, "leaves": dict(sorted(kinds.items())), **meta},
    )


def split_of(calculation: Calculation) -> Split:
    """The split a calculation belongs to, whoever draws it."""
    text = f"randcalc/1/{calculation.family.name}/{canonical(calculation.expression)}"
    share = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
    return next(split for split, (low, high) in SHARES.items() if low <= share < high)


@lru_cache
def _count_single_mod(split: Split) -> int:
    """Questions of one operation mod 97 in a split."""
    numbers = [Leaf("integer", n) for n in _MOD.numbers]
    return sum(
        split_of(Calculation(_MOD, Node(left, operator, right))) == split
        for left, operator, right in product(numbers, _MOD.operators, numbers)
    )


class RandCalc:
    """The world of this module; see its docstring."""

    name = "randcalc"
    version = 1
    presets = tuple(LISTED)
    guess_rate = 0.01

    def problem(self, preset: str, split: Split, index: int) -> Problem:
        """Instance `index`: its number of operations is uniform over the preset's range."""
        family, least, most = _preset_of(preset)
        rng = derive_rng(0, self.name, self.version, preset, split, index)
        n_operations = int(rng.integers(least, most + 1))
        while True:
            calculation = Calculation(family, draw(rng, family, n_operations))
            if split_of(calculation) == split:
                return _problem(calculation, preset, {})

    def count(self, preset: str, split: Split) -> int | None:
        """Exact for `mod-1`, else `None`: two operations mod 97 have 16 million questions."""
        found = _preset_of(preset)
        return _count_single_mod(split) if found == PRESETS["mod-1"] else None

    def oracle(self, question: str) -> str:
        """One line per operation, with exact values."""
        return "\n".join(right_lines(*parse(question)))

    def verify(self, question: str, answer_text: str) -> Verdict:
        """One number and nothing else, or the last boxed one; see the module docstring."""
        answer = read_answer(answer_text)
        if answer is None:
            return Verdict.UNREADABLE
        calculation = parse(question)
        room = Fraction(0)
        if calculation.family == _DECIMAL:
            room = Fraction(1, 2 * 10 ** _decimals(calculation.value))
        is_right = abs(answer - calculation.value) <= room
        return Verdict.CORRECT if is_right else Verdict.WRONG

    def validate(self, question: str, thinking: str) -> list[StepCheck]:
        """One check per line that states an operation; see `calculation`."""
        kinds = check_lines(*parse(question), thinking)
        return [StepCheck(i, is_valid=kind == "ok", kind=kind) for i, kind in enumerate(kinds)]


def _preset_of(preset: str) -> Preset:
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset '{preset}'", do=nearest(preset, PRESETS))
    return PRESETS[preset]


RANDCALC = RandCalc()
