"""The audit `budget`: how much of the gain is only more tokens?

Tuned models write more, and more tokens can be bought without training: by asking the base several times
and taking a vote, or by making it think. So the base gets, problem by problem, the tokens of a tuned arm's
answer. The rules are in `findings`, the way in which tokens are spent in `spend`.

It reads the draws and own traces of the audit `faithfulness`, and adds what the base lacks
(`part.BASE_DRAWS`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.audits.base import Audit, AuditResult
from titrant.audits.budget.findings import AUDIT, QUESTIONS, budget_drafts, budget_table
from titrant.audits.budget.ledger import open_ledger
from titrant.audits.budget.part import BASE_DRAWS
from titrant.audits.faithfulness.draft import not_looked_at, settle
from titrant.audits.faithfulness.interval import Means
from titrant.audits.faithfulness.parts.draws import DRAWS
from titrant.audits.faithfulness.parts.own import OWN

if TYPE_CHECKING:
    from titrant.audits.base import Evidence
    from titrant.settings import AuditSettings

QUESTION = "How much of the gain is only more tokens?"


def judge(evidence: Evidence, settings: AuditSettings) -> AuditResult:
    """All findings; see `findings`."""
    del settings  # the rules are fixed
    ledger = open_ledger(evidence)
    if ledger is None:
        missing = "answers of base and arms with their tokens, or draws of the base, are absent"
        findings = [not_looked_at(AUDIT, n, q, missing=missing) for n, q in QUESTIONS.items()]
        return AuditResult(audit=AUDIT, question=QUESTION, findings=tuple(findings))
    means = Means(evidence.level)
    drafts = budget_drafts(ledger, evidence.tables.get(OWN.name), means)
    n_arms = len(ledger.right.tuned)
    notes = [
        f"Brackets are {means.level:.0%} intervals, over problems and arms.",
        "Tokens are those generated, answers included; prompts are not counted, so draws of a long "
        "prompt are cheaper here than they are to serve.",
        "The base's votes begin with its own reading; ties go to it.",
    ]
    if n_arms == 1:
        notes.append("One tuned arm: what is said holds for it, not for another seed.")
    return AuditResult(
        audit=AUDIT,
        question=QUESTION,
        findings=settle(AUDIT, drafts, evidence.level),
        tables=(budget_table(ledger, means),),
        notes=tuple(notes),
    )


BUDGET = Audit(name=AUDIT, question=QUESTION, parts=(DRAWS, OWN, BASE_DRAWS), judge=judge)
"""Gains against tokens."""
