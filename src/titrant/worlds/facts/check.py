"""What each line of a trace claims, and whether it holds: fact steps and steps of reasoning.

A fact step (`F ab.e=37`) is held against the table, a step of reasoning (`R 37+12=49 *3`) against
the question and what the trace has said before. Lines that claim nothing are passed over; `so`,
`check` and `again` may stand in front of a claim. A claim that repeats an earlier one is valid and
does not advance. A fault is charged once: what follows may go on from the stated value or from the
right one.

| kind | what is wrong |
|---|---|
| `fact` | the value of a fact is another, or there is no such fact |
| `order` | a fact or an operation that is not due here, or an operation on a fact not recalled before |
| `operator`, `operand` | another operation than the question's, also in what is left to do |
| `slip` | the result of the operation |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from titrant.worlds.arithmetic import apply
from titrant.worlds.facts.question import Operations, Reasoning, Recall, parse
from titrant.worlds.facts.table import Name, value_of

if TYPE_CHECKING:
    from titrant.worlds.facts.question import Chain, Term

_LINE = re.compile(
    r"^(?:(?:so|check|again) )?"
    r"(?:F (?P<entity>[a-z]{2,3})\.(?P<attribute>[a-z])=(?P<value>\d{1,2})"
    r"|R (?P<before>\d{1,2})(?P<operator>[+*-])(?P<operand>\d{1,2})=(?P<after>\d{1,2})"
    r"(?: (?P<left>(?:[+*-]\d{1,2})+))?)$",
    re.MULTILINE,
)
_OPERATION = re.compile(r"([+*-])(\d{1,2})")


class LineCheck(NamedTuple):
    """One line that claims something."""

    claim: Recall | Reasoning
    kind: str
    """`ok`, or the first fault; see the module docstring."""

    @property
    def is_fact(self) -> bool:
        """A fact step, not a step of reasoning."""
        return isinstance(self.claim, Recall)


class FactCheck(NamedTuple):
    """One fact step of a trace."""

    step: int
    """Which of the trace's claims it is, from 0 on; steps of reasoning count too."""
    entity: str
    attribute: str
    stated: int
    true: int | None
    """`None`: the table has no such fact."""
    is_needed: bool
    """The question asks for it."""

    @property
    def is_right(self) -> bool:
        """The stated value is the true one; a fact that does not exist is never right."""
        return self.stated == self.true


def claims_of(thinking: str) -> list[Recall | Reasoning]:
    """The claims of a trace, line by line; nothing of a line that claims nothing."""
    return [_read(match) for match in _LINE.finditer(thinking)]


def facts_of(question: str, thinking: str) -> list[FactCheck]:
    """Each fact step of a trace with the true value, in order; repeats are steps too.

    Raises:
        DataError: the question is none of this world.
    """
    needed = set(parse(question).names)
    return [
        FactCheck(i, *claim.name, claim.value, value_of(claim.name), claim.name in needed)
        for i, claim in enumerate(claims_of(thinking))
        if isinstance(claim, Recall)
    ]


def check_lines(question: str, thinking: str) -> list[LineCheck]:
    """One check per claim of a trace, in order.

    Raises:
        DataError: the question is none of this world.
    """
    chain = parse(question)
    state = _State.at_start(chain)
    seen: set[Recall | Reasoning] = set()
    checks: list[LineCheck] = []
    for claim in claims_of(thinking):
        kind = "ok"
        if claim not in seen:
            kind = state.recall(claim) if isinstance(claim, Recall) else state.reason(claim)
        seen.add(claim)
        checks.append(LineCheck(claim, kind))
    return checks


def _read(match: re.Match[str]) -> Recall | Reasoning:
    part = match.groupdict()
    if part["entity"] is not None:
        return Recall(Name(part["entity"], part["attribute"]), int(part["value"]))
    left = tuple((operator, int(n)) for operator, n in _OPERATION.findall(part["left"] or ""))
    numbers = (int(part["before"]), part["operator"], int(part["operand"]), int(part["after"]))
    return Reasoning(*numbers, left)


@dataclass(slots=True)
class _State:
    """What a trace may go on from: several values where it has erred, since each is as good."""

    running: Term | set[int]
    """A fact or number of the question at the start, then the running values."""
    due: list[tuple[set[str], Term | set[int]]]
    """Operators and operands left to do."""
    values: dict[Name, set[int]]
    """Values that may stand for a fact: the true one and those stated."""
    missing: set[Name]
    """Facts not recalled yet."""

    @classmethod
    def at_start(cls, chain: Chain) -> _State:
        due: list[tuple[set[str], Term | set[int]]] = [({op}, term) for op, term in chain.rest]
        values = {recall.name: {recall.value} for recall in chain.recalls}
        return cls(chain.first, due, values, set(chain.names))

    def recall(self, claim: Recall) -> str:
        if claim.name not in self.values:
            return "order" if value_of(claim.name) == claim.value else "fact"
        self.missing.discard(claim.name)
        is_right = value_of(claim.name) == claim.value
        self.values[claim.name].add(claim.value)
        return "ok" if is_right else "fact"

    def reason(self, claim: Reasoning) -> str:
        if len(claim.left) != len(self.due) - 1:
            return self._settle(claim, "order")
        return self._settle(claim, self._fault(claim))

    def _fault(self, claim: Reasoning) -> str:
        if self.missing or claim.before not in self._may_be(self.running):
            return "order"
        for (operator, operand), (operators, term) in zip(_stated(claim), self.due, strict=True):
            if operator not in operators:
                return "operator"
            if operand not in self._may_be(term):
                return "operand"
        is_right = claim.after == apply(claim.before, claim.operator, claim.operand)
        return "ok" if is_right else "slip"

    def _settle(self, claim: Reasoning, kind: str) -> str:
        """Move on: the claim's own result and operations count from now on, beside the right ones.

        A claim that has no fewer operations left than are due stands nowhere and changes nothing; one
        that does the first operation and does not say all that is left has done no more than that.
        """
        n_done = len(self.due) - len(claim.left)
        if n_done > 1 and self._does_first(claim):
            self.running = {claim.after} | self._right_results(claim, 1)
            self.due = self.due[1:]
        elif n_done > 0:
            self.running = {claim.after} | self._right_results(claim, n_done)
            self.due = [
                (operators | {operator}, self._may_be(term) | {operand})
                for (operators, term), (operator, operand) in zip(
                    self.due[n_done:], claim.left, strict=True
                )
            ]
            self.missing = set()
        return kind

    def _does_first(self, claim: Reasoning) -> bool:
        operators, term = self.due[0]
        return (
            claim.before in self._may_be(self.running)
            and claim.operator in operators
            and claim.operand in self._may_be(term)
        )

    def _right_results(self, claim: Reasoning, n_done: int) -> set[int]:
        """What the operations done should have given, from the claim's start and from the state's."""
        results = self._may_be(self.running) | ({claim.before} if n_done == 1 else set())
        for operators, term in self.due[:n_done]:
            operands = self._may_be(term)
            results = {apply(r, op, n) for r in results for op in operators for n in operands}
        return results

    def _may_be(self, term: Term | set[int]) -> set[int]:
        if isinstance(term, Name):
            return self.values[term]
        return term if isinstance(term, set) else {term}


def _stated(claim: Reasoning) -> Operations:
    return ((claim.operator, claim.operand), *claim.left)
