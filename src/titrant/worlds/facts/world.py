"""The world of facts: k facts from a table learned in weights, and arithmetic on them mod 100.

A question such as `ab.e+cd.f*3=` cannot be answered from itself: the values of `ab.e` and `cd.f`
stand in a fixed table (`table`). So knowing and reasoning come apart, and both are checked exactly:
the validator tells fact steps from steps of reasoning. Difficulty is the number of facts and of
operations. The best constant answer, 0, earns 1 to 2 %.

Left out: products of facts; facts that follow from other facts.
"""

from __future__ import annotations

import re

from titrant.errors import ConfigError
from titrant.registry import nearest
from titrant.seeds import derive_rng
from titrant.traces.record import Problem, Verdict, question_id
from titrant.worlds.base import Split, StepCheck
from titrant.worlds.facts.check import check_lines
from titrant.worlds.facts.draw import PRESETS, Shape, draw
from titrant.worlds.facts.question import parse
from titrant.worlds.facts.styles import terse
from titrant.worlds.facts.table import VERSION, facts

_ANSWER = re.compile(r"(?:#### )?(\d{1,4})")


class Facts:
    """The world of this module; see its docstring."""

    name = "facts"
    version = VERSION
    presets = tuple(PRESETS)
    guess_rate = 0.015

    def problem(self, preset: str, split: Split, index: int) -> Problem:
        """Instance `index`; `meta.facts` says how many facts it needs, `meta.new` how many are new."""
        shape = _shape_of(preset)
        chain = draw(derive_rng(0, self.name, self.version, preset, split, index), shape, split)
        n_facts = len(chain.names)
        return Problem(
            qid=question_id(chain.text),
            question=chain.text,
            gold=str(chain.answer),
            gold_kind="integer",
            source=f"world:{self.name}/{preset}",
            domain=f"{n_facts} {'fact' if n_facts == 1 else 'facts'}",
            meta={"facts": n_facts, "new": sum(facts()[name].is_new for name in chain.names)},
        )

    def count(self, preset: str, split: Split) -> int | None:
        """`None`: every preset has millions."""
        _shape_of(preset)
        return None

    def oracle(self, question: str) -> str:
        """One line per fact and one per operation."""
        return "\n".join(terse(question))

    def verify(self, question: str, answer_text: str) -> Verdict:
        """Exact: `#### n` or a bare integer and nothing else, equal to the value of the chain."""
        answer = _ANSWER.fullmatch(answer_text.strip())
        if answer is None:
            return Verdict.UNREADABLE
        return Verdict.CORRECT if int(answer[1]) == parse(question).answer else Verdict.WRONG

    def validate(self, question: str, thinking: str) -> list[StepCheck]:
        """One check per line that claims something; see `check` for the kinds of fault."""
        return [
            StepCheck(i, is_valid=check.kind == "ok", kind=check.kind)
            for i, check in enumerate(check_lines(question, thinking))
        ]


def _shape_of(preset: str) -> Shape:
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset '{preset}'", do=nearest(preset, PRESETS))
    return PRESETS[preset]


FACTS = Facts()
