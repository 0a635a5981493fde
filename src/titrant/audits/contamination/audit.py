"""Contamination: has the base, or the pool, seen the benchmark, and what of the gain is clean?

Two parts ask the base (`probe`, `membership`), always against fresh problems of the same kind; the rest looks
at what the run knows: leaks in the pool (`overlap`), the gain on fresh problems (`split`), the base under
other templates (`template`). Each module states its outcome rule; they were written before any of it was run:

| finding | alarm | clear |
|---|---|---|
| completion | exact rests at 60 % shown, more than on fresh problems | at most 10 points more |
| membership | AUROC over 0.5, fresh problems of the same making | interval up to 0.60 |
| overlap with the pool | more gain with leaked problems than without | none leaked, or up to 1 point |
| clean share | more gain on the benchmark than on fresh problems | share from 0.8, or part up to 2 points |
| template gap | the base is better with another template | up to 2 points better |

*Alarm* means a one-sided p-value of at most (1 − level) / 2, Holm-corrected over all tests of this audit
(every measure and share of the probes, the leading membership score of both texts, and one test for each of
the rest); *clear* means that the whole interval is on the harmless side. Else *undecided*; and where the
evidence was not gathered, *not looked at*.

`facts["fresh"]`, a `FreshSet`, says how fresh problems were made; without it they are taken to be of the
benchmark's own making.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.audits.base import Audit, AuditResult, Part
from titrant.audits.contamination.compare import holm_of
from titrant.audits.contamination.completion import (
    NAME,
    completion_table,
    completion_tests,
    judge_completion,
    look_at_completion,
)
from titrant.audits.contamination.fresh import FreshSet
from titrant.audits.contamination.membership import (
    ask_membership,
    judge_membership,
    look_at_membership,
    membership_items,
    membership_table,
    membership_tests,
)
from titrant.audits.contamination.overlap import (
    judge_overlap,
    look_at_overlap,
    overlap_table,
    overlap_tests,
)
from titrant.audits.contamination.probe import ask_probes, probe_items
from titrant.audits.contamination.split import judge_split, look_at_split, split_table, split_tests
from titrant.audits.contamination.template import (
    judge_templates,
    look_at_templates,
    template_tests,
)

if TYPE_CHECKING:
    from titrant.audits.base import Evidence
    from titrant.audits.contamination.split import Split
    from titrant.settings import AuditSettings

QUESTION = "Was the benchmark seen before, and what of the gain is clean?"
NOTES = (
    "A finding of nothing says that nothing was found by these means: a base may know a benchmark in other "
    "words.",
)


def judge(evidence: Evidence, settings: AuditSettings) -> AuditResult:
    """All five findings, in the order of the module docstring."""
    del settings
    fresh = evidence.facts.get("fresh")
    is_exchangeable = not isinstance(fresh, FreshSet) or fresh.is_exchangeable
    completion, membership = look_at_completion(evidence), look_at_membership(evidence)
    overlap, split = look_at_overlap(evidence), look_at_split(evidence)
    templates = look_at_templates(evidence)
    p = holm_of(
        completion_tests(completion)
        | membership_tests(membership)
        | overlap_tests(overlap)
        | split_tests(split)
        | template_tests(templates)
    )
    tables = (
        None if completion is None else completion_table(completion, p),
        None if membership is None else membership_table(membership),
        None if overlap is None else overlap_table(overlap),
        None if split is None else split_table(split),
    )
    return AuditResult(
        audit=NAME,
        question=QUESTION,
        findings=(
            judge_completion(completion, p),
            judge_membership(membership, p, is_exchangeable=is_exchangeable),
            judge_overlap(overlap, p),
            judge_split(split, p),
            judge_templates(templates, p),
        ),
        tables=tuple(table for table in tables if table is not None),
        notes=(*NOTES, *_notes(fresh, split)),
    )


def _notes(fresh: object, split: Split | None) -> list[str]:
    notes = list(fresh.notes) if isinstance(fresh, FreshSet) else []
    if isinstance(fresh, FreshSet) and not fresh.is_exchangeable:
        notes.append(
            "fresh problems share their words with the benchmark, so a base that knows it may complete "
            "them too: the excess of exact rests is a lower bound"
        )
    if split is not None and split.gains.seeds < 2:
        notes.append("one clean arm: what arms differ by is not in the interval of the clean share")
    return notes


CONTAMINATION = Audit(
    name=NAME,
    question=QUESTION,
    parts=(
        Part("probes", ("base",), probe_items, ask_probes),
        Part("membership", ("base",), membership_items, ask_membership),
    ),
    judge=judge,
)
"""The audit of this module; see its docstring."""
