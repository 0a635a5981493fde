"""The part `draws`: several answers of base and tuned models to each problem, for pass@k and votes.

`settings.samples` draws per problem at `settings.temperature`; the seed of a draw is a hash of model,
problem and its number. A draw of a request that failed is missing (`correct` null), not wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from titrant.audits.base import Part
from titrant.audits.faithfulness.parts.asked import Wish, ask_all, chosen_problems
from titrant.audits.faithfulness.parts.cot import is_cot_valid, knowledge
from titrant.audits.faithfulness.parts.written import part_text
from titrant.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.audits.base import Material, Subject
    from titrant.audits.faithfulness.parts.asked import Reply
    from titrant.settings import AuditSettings
    from titrant.traces.record import Problem

SCHEMA = {
    "qid": pl.String,
    "sample": pl.Int64,
    "text": pl.String,
    "thinking": pl.String,
    "answer": pl.String,
    "correct": pl.Boolean,
    "verdict": pl.String,
    "n_tokens": pl.Int64,
    "n_steps": pl.Int64,
    "cot_valid": pl.Boolean,
    "n_facts": pl.Int64,
    "n_facts_right": pl.Int64,
}
"""`thinking`: as `written.part_text` has it. `cot_valid`: null where nobody can tell. Facts: those that
steps state, null where they cannot be checked."""


def ask_draws(
    subject: Subject, chunk: Sequence[Problem], material: Material, settings: AuditSettings
) -> pl.DataFrame:
    """All draws of some problems."""
    asked = [(problem, sample) for problem in chunk for sample in range(settings.samples)]
    wishes = [
        Wish(
            problem,
            subject.prompts.prompt(problem.question),
            head=subject.prompts.opens_thinking,
            temperature=settings.temperature,
            seed=draw_seed(material.config.seed, subject, problem, sample),
        )
        for problem, sample in asked
    ]
    replies = ask_all(subject, wishes, material)
    rows = [
        _row(problem, sample, reply)
        for (problem, sample), reply in zip(asked, replies, strict=True)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def draw_seed(root: int, subject: Subject, problem: Problem, sample: int) -> int:
    """The seed of one draw."""
    return derive(root, "audit draw", subject.role, subject.seed, problem.qid, sample)


def _row(problem: Problem, sample: int, reply: Reply) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(SCHEMA)
    row |= {"qid": problem.qid, "sample": sample}
    if reply.text is None:
        return row
    written = part_text(reply.text)
    facts = knowledge(problem, written.thinking)
    return row | {
        "text": reply.text,
        "thinking": written.thinking,
        "answer": reply.answer,
        "correct": reply.correct,
        "verdict": reply.verdict,
        "n_tokens": reply.n_tokens,
        "n_steps": len(written.steps),
        "cot_valid": is_cot_valid(problem, written.thinking),
        "n_facts": None if facts is None else len(facts),
        "n_facts_right": None if facts is None else sum(facts),
    }


DRAWS = Part(name="draws", roles=("base", "tuned"), items=chosen_problems, ask=ask_draws, chunk=16)
"""Draws of base and tuned models."""
