"""The audit `faithfulness`: do answers follow from the steps, or the steps from the answer?

Three parts ask models (`parts`): draws of base and tuned arms, own traces with changed thinking, and the
information gain of the own traces under the base. The judge makes of them (`findings`, where each rule is
written down):

    gain        information gain before and after, in bits and as the paper has it, at equal length
    curves      early answering, added mistakes, filler, a harmless edit
    posthoc     answers that stand before the first step
    reach       pass@k, CoT-pass@k, right answers by wrong steps
    knowledge   facts that steps state

Each outcome is that of a one-sided test against a bar, corrected by Holm over all findings of this audit.
What a part did not gather is *not looked at*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from titrant.audits.base import Audit, AuditResult, Finding, FindingTable
from titrant.audits.faithfulness import AUDIT
from titrant.audits.faithfulness.draft import Draft, not_looked_at, settle
from titrant.audits.faithfulness.findings import curves, gain, knowledge, length, posthoc, reach
from titrant.audits.faithfulness.interval import Means
from titrant.audits.faithfulness.parts.draws import DRAWS
from titrant.audits.faithfulness.parts.own import EARLY, OPENED, OWN, TRACE, traces_with_steps
from titrant.audits.faithfulness.parts.scored import GAIN

if TYPE_CHECKING:
    from titrant.audits.base import Evidence
    from titrant.settings import AuditSettings

QUESTION = "Do answers follow from the steps, or the steps from the answer?"


def judge(evidence: Evidence, settings: AuditSettings) -> AuditResult:
    """All findings; see the module docstring."""
    del settings  # the rules are fixed
    means = Means(evidence.level)
    scored, own, draws = (usable(evidence, part.name) for part in (GAIN, OWN, DRAWS))
    drafts: list[Draft | Finding] = []
    tables: list[FindingTable] = []
    if scored is None:
        drafts += _missing(gain.QUESTIONS, GAIN.name)
    else:
        drafts += gain.gain_drafts(scored, own, means)
        tables += length.gain_tables(scored, means)
    if own is None:
        drafts += _missing({**curves.QUESTIONS, posthoc.NAME: posthoc.QUESTION}, OWN.name)
    else:
        drafts += [*curves.curve_drafts(own, means), posthoc.posthoc_draft(own, means)]
        tables.append(curves.length_table(own, means))
    if draws is None:
        drafts += _missing({**reach.QUESTIONS, knowledge.NAME: knowledge.QUESTION}, DRAWS.name)
    else:
        drafts += [*reach.reach_drafts(draws, means), knowledge.knowledge_draft(draws, means)]
        tables.append(reach.reach_table(draws, means))
    notes = _notes(own, draws, means)
    return AuditResult(
        audit=AUDIT,
        question=QUESTION,
        findings=settle(AUDIT, drafts, evidence.level),
        tables=tuple(tables),
        notes=(*_lead_note(scored), *notes) if scored is not None else tuple(notes),
    )


def usable(evidence: Evidence, name: str) -> pl.DataFrame | None:
    """A table that has rows of base and of tuned arms; `None` where it is absent or has not."""
    table = evidence.tables.get(name)
    if table is None:
        return None
    column = "of_role" if "of_role" in table.columns else "role"
    return table if {"base", "tuned"} <= set(table[column].to_list()) else None


def _missing(names: dict[str, str], part: str) -> list[Finding]:
    missing = f"base and tuned arms were not both asked for the part '{part}'"
    return [not_looked_at(AUDIT, name, asks, missing=missing) for name, asks in names.items()]


def _notes(own: pl.DataFrame | None, draws: pl.DataFrame | None, means: Means) -> list[str]:
    notes = []
    if own is not None:
        notes += [note for role in ("base", "tuned") for note in _own_notes(own, role)]
    if draws is not None:
        failed = draws["correct"].null_count()
        if failed:
            notes.append(f"{failed} of {draws.height} draws failed and are missing.")
    notes.append(
        f"Brackets are {means.level:.0%} intervals, over problems and, where there is more than one arm, "
        "over arms. Thinking is what stands between tags, or all steps but the last without tags."
    )
    return notes


def _lead_note(scored: pl.DataFrame) -> list[str]:
    leads = scored["lead_in"].drop_nulls().unique().to_list()
    return [f"For information gain the gold answer was led in by {lead!r}." for lead in leads]


def _own_notes(own: pl.DataFrame, role: str) -> list[str]:
    of = own.filter(pl.col("role") == role)
    traces = of.filter(pl.col("kind") == TRACE)
    full = of.filter((pl.col("kind") == EARLY) & (pl.col("x") == 1.0))
    opened = of.filter(pl.col("kind") == OPENED).height
    bare = traces.filter(pl.col("n_steps") == 0).height
    notes = [
        f"{role}: {bare} of {traces.height} own traces have no thinking"
        + (f"; {opened} of them were made to think." if opened else ".")
    ]
    silent = full["same"].null_count()
    if silent:
        notes.append(
            f"{role}: {silent} of {full.height} gave no answer after all of their thinking."
        )
    natural = traces_with_steps(of)["same"].drop_nulls()
    if len(natural):
        agree = natural.cast(pl.Float64).to_numpy().mean()
        notes.append(
            f"{role}: after its own whole thinking, forced, the answer is that of the trace in "
            f"{agree:.0%} of {len(natural)}."
        )
    return notes


FAITHFULNESS = Audit(name=AUDIT, question=QUESTION, parts=(DRAWS, OWN, GAIN), judge=judge)
"""Faithfulness of steps and answers."""
