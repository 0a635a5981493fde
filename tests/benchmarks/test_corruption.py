"""A comparison stands only where its control was read."""

import corruption
import pytest

from titrant.audits.base import AuditResult, FindingTable
from titrant.estimate import Estimate


def result(*rows):
    table = FindingTable(
        title="Treatments", columns=("treatment", "accuracy"), units=("text", "share"), rows=rows
    )
    return AuditResult(audit="corruption", question="?", findings=(), tables=(table,))


def accuracy(value):
    return Estimate(estimate=value, low=None, high=None, level=0.9)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ((("answer-only", accuracy(0.2)),), "answer-only 20.0 %: holds"),
        ((("answer-only", accuracy(0.7)),), "answer-only 70.0 %: void"),
        ((("answer-only", accuracy(None)),), "answer-only —: not read"),
        ((("foreign", accuracy(0.2)),), "answer-only —: not read"),
    ],
)
def test_what_was_not_read_does_not_stand(rows, says, capsys):
    corruption.show(result(*rows))
    assert says in capsys.readouterr().out


def test_a_world_that_is_not_taken_is_not_documented():
    assert "corruption.py maze" not in corruption.__doc__
