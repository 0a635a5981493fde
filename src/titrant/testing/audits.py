"""What every audit must hold to, as checks that can be run on any of them.

    from titrant.testing import check_audit
    check_audit(MY_AUDIT, planted=planted, clean=clean)

`planted(rng, n)` and `clean(rng, n)` make evidence over n problems in which the truth is known. Each check raises
AssertionError with the fact that does not hold. How often an audit fires is measured elsewhere, over many seeds;
here a few are enough to tell one that never does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from titrant.audits.base import Audit, AuditResult, Evidence
from titrant.settings import AuditSettings

Maker = Callable[[np.random.Generator, int], Evidence]
N_PROBLEMS, N_SEEDS = 150, 6
MOST_ROWS = 20


class Subject(NamedTuple):
    """An audit, and evidence in which the truth is known."""

    audit: Audit
    planted: Maker
    clean: Maker

    def judge(self, make: Maker, seed: int = 0) -> AuditResult:
        """Its findings on made evidence."""
        return self.audit.judge(make(np.random.default_rng(seed), N_PROBLEMS), AuditSettings())


class AuditCheck(NamedTuple):
    """One fact that an audit must hold to."""

    name: str
    run: Callable[[Subject], None]


def check_audit(audit: Audit, *, planted: Maker, clean: Maker) -> None:
    """Run all checks.

    Raises:
        AssertionError: the audit breaks the contract; the text says where.
    """
    for check in AUDIT_CHECKS:
        check.run(Subject(audit, planted, clean))


def check_declaration_is_complete(subject: Subject) -> None:
    """A name, a question, and parts with names of their own, each asked of some model."""
    audit = subject.audit
    _hold(bool(audit.name) and audit.question.endswith("?"), "an audit needs a name and a question")
    names = [part.name for part in audit.parts]
    _hold(len(set(names)) == len(names), f"two parts of one name: {names}")
    for part in audit.parts:
        _hold(bool(part.roles) and part.chunk >= 1, f"{part.name} asks nobody or nothing")


def check_nothing_is_said_without_evidence(subject: Subject) -> None:
    """Without tables and readings every finding is *not looked at*, and says what it would need."""
    result = subject.audit.judge(Evidence(tables={}), AuditSettings())
    for one in result.findings:
        _hold(one.outcome == "not looked at", f"{one.name}: {one.outcome} without evidence")
        _hold(bool(one.decides), f"{one.name} does not say what it needs")


def check_planted_faults_are_found(subject: Subject) -> None:
    """Planted evidence raises an alarm in most seeds."""
    alarms = sum(_alarms(subject.judge(subject.planted, seed)) > 0 for seed in range(N_SEEDS))
    _hold(alarms >= N_SEEDS - 1, f"alarms in {alarms} of {N_SEEDS} planted cases")


def check_clean_evidence_is_quiet(subject: Subject) -> None:
    """Clean evidence raises hardly any alarm."""
    alarms = sum(_alarms(subject.judge(subject.clean, seed)) > 0 for seed in range(N_SEEDS))
    _hold(alarms <= 1, f"alarms in {alarms} of {N_SEEDS} clean cases")


def check_same_evidence_same_findings(subject: Subject) -> None:
    """A judge is a pure function: twice the same, and the evidence stays as it was."""
    evidence = subject.planted(np.random.default_rng(3), N_PROBLEMS)
    before = {name: table.clone() for name, table in evidence.tables.items()}
    first = subject.audit.judge(evidence, AuditSettings())
    again = subject.audit.judge(evidence, AuditSettings())
    _hold(first == again, "the same evidence gives other findings")
    for name, table in before.items():
        _hold(table.equals(evidence.tables[name]), f"the judge has changed {name}")


def check_findings_are_complete(subject: Subject) -> None:
    """Each has a sentence, a number with interval and n where it decides, and survives the disk."""
    for make in (subject.planted, subject.clean):
        result = subject.judge(make)
        names = [one.name for one in result.findings]
        _hold(len(set(names)) == len(names), f"two findings of one name: {names}")
        _hold(result.audit == subject.audit.name, f"findings under the name {result.audit}")
        for one in result.findings:
            _hold(one.statement.endswith("."), f"{one.name}: no sentence: {one.statement!r}")
            _hold(len(one.rows) <= MOST_ROWS, f"{one.name}: {len(one.rows)} rows")
            if one.outcome in ("clear", "alarm"):
                _hold(one.value is not None, f"{one.name}: {one.outcome} without a number")
                _hold(bool(one.decides), f"{one.name} does not say what would change it")
                _hold(bool(one.value and one.value.n), f"{one.name}: a number without n")
        again = AuditResult.model_validate_json(result.model_dump_json())
        _hold(again == result, "findings do not survive being written and read")


def _alarms(result: AuditResult) -> int:
    return sum(one.outcome == "alarm" for one in result.findings)


def _hold(holds: bool, fact: str) -> None:  # noqa: FBT001 - an assertion
    if not holds:
        raise AssertionError(fact)


AUDIT_CHECKS = tuple(
    AuditCheck(run.__name__.removeprefix("check_").replace("_", " "), run)
    for run in (
        check_declaration_is_complete,
        check_nothing_is_said_without_evidence,
        check_planted_faults_are_found,
        check_clean_evidence_is_quiet,
        check_same_evidence_same_findings,
        check_findings_are_complete,
    )
)
"""All checks, in the order in which they are run."""
