"""Contamination: has the base, or the pool, seen the benchmark, and what of the gain is clean?

Two parts ask the base (`probe`, `membership`), always against fresh problems of the same kind; the rest looks
at what the run knows: leaks in the pool (`overlap`), the gain on fresh problems (`split`), the base under
other templates (`template`). Each module states its outcome rule. They were written before any of it was run;
what fresh problems of another making clear was made stricter later:

| finding | alarm: over 0 | clear: up to a margin |
|---|---|---|
| completion | exact rests at 60 % shown, more than on fresh problems | at most 10 points more |
| membership | AUROC over 0.5, fresh problems of the same making | interval up to 0.60 |
| overlap with the pool | more gain with leaked problems than without | none leaked, or up to 1 point |
| clean share | more gain on the benchmark than on fresh problems | share from 0.8, or part up to 2 points |
| template gap | the base is better with another template | up to 2 points better |

The two are different tests. *Alarm* rests on a one-sided p-value against **0** (AUROC: 0.5) of at most
α = (1 − level) / 2, Holm-corrected over all tests of this audit: every measure and share of the probes, the
leading membership score of both texts, the overlap, the clean share, and every other template. So the chance
of any false alarm is at most α, and in many problems an amount under the margin may be an alarm. *Clear* rests
on an **interval** at the level, which must lie whole on the harmless side of a **margin**; it is not corrected,
so that each finding by itself is falsely clear with a chance of about α. (That none leaked needs none: it is a
count.) Alarm goes first; what is neither is *undecided*; and where the evidence was not gathered, it was *not
looked at*.

`facts["fresh"]`, a `FreshSet`, says how fresh problems were made; without it they are taken to be of the
benchmark's own making, and those that the user gives only where `audit.fresh_is_alike` says so now. Fresh
problems of another making bring no alarm of membership, and are clear only where the base shows little by
itself; see `completion` and `membership`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.audits.base import Audit, AuditResult, Part
from titrant.audits.contamination import NAME
from titrant.audits.contamination.compare import holm_of
from titrant.audits.contamination.completion import (
    completion_table,
    completion_tests,
    judge_completion,
    look_at_completion,
)
from titrant.audits.contamination.fresh import EXPRESSIONS, GIVEN, NUMBERS, FreshSet
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

_OF_ITS_KIND = (
    "what tells fresh problems from the benchmark, exact rests too, may be the kind of text: they were not "
    "made as the benchmark was"
)
ANOTHER_MAKING = {
    NUMBERS: "fresh problems share their words with the benchmark, so a base that knows it may complete "
    "them too: the excess of exact rests is a lower bound",
    EXPRESSIONS: _OF_ITS_KIND,
    GIVEN: f"{_OF_ITS_KIND}, as far as is known (audit.fresh_is_alike claims that they were)",
}
"""What a set of fresh problems that was not made as the benchmark was means, by its maker."""


def judge(evidence: Evidence, settings: AuditSettings) -> AuditResult:
    """All five findings, in the order of the module docstring."""
    fresh = evidence.facts.get("fresh")
    is_exchangeable = _is_exchangeable(fresh, settings)
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
            judge_completion(completion, p, is_exchangeable=is_exchangeable),
            judge_membership(membership, p, is_exchangeable=is_exchangeable),
            judge_overlap(overlap, p),
            judge_split(split, p),
            judge_templates(templates, p),
        ),
        tables=tuple(table for table in tables if table is not None),
        notes=(*NOTES, *_notes(fresh, split, is_exchangeable=is_exchangeable)),
    )


def _is_exchangeable(fresh: object, settings: AuditSettings) -> bool:
    """Whether fresh problems were made as the benchmark was; of given ones it is the settings' claim."""
    if not isinstance(fresh, FreshSet):
        return True
    return settings.fresh_is_alike if fresh.how == GIVEN else fresh.is_exchangeable


def _notes(fresh: object, split: Split | None, *, is_exchangeable: bool) -> list[str]:
    notes = list(fresh.notes) if isinstance(fresh, FreshSet) else []
    if isinstance(fresh, FreshSet) and not is_exchangeable:
        notes += [ANOTHER_MAKING[fresh.how]] if fresh.how in ANOTHER_MAKING else []
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
