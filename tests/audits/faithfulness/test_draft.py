"""Settling findings: Holm over the family, outcomes, and what is not looked at."""

import pytest

from titrant.audits.faithfulness.draft import Draft, not_looked_at, settle, told
from titrant.estimate import Estimate

SAYS = {"alarm": "It is there", "clear": "It is not there", "undecided": "It is open"}


def draft(name, p, *, is_clear=False, n=50, estimate=0.3):
    value = Estimate(estimate=estimate, low=0.2, high=0.4, level=0.9, n=n)
    return Draft(name, "Is it?", SAYS, "it is 30 %", value, "share", p, is_clear, "more of it")


def test_the_family_is_corrected_by_holm():
    # sorted 0.01, 0.02, 0.04 → 0.03, 0.04, 0.04
    found = settle("a", [draft("x", 0.02), draft("y", 0.01), draft("z", 0.04)], 0.9)
    assert [f.p for f in found] == pytest.approx([0.04, 0.03, 0.04])
    assert [f.outcome for f in found] == ["alarm"] * 3


def test_an_alarm_alone_can_drown_in_a_family():
    alone, *_ = settle("a", [draft("x", 0.04)], 0.9)
    crowd, *_ = settle("a", [draft("x", 0.04), *(draft(f"{i}", 0.9) for i in range(4))], 0.9)
    assert (alone.outcome, crowd.outcome) == ("alarm", "undecided")
    assert alone.statement == "It is there: it is 30 %."
    assert crowd.statement == "It is open: it is 30 %."


def test_an_alarm_goes_before_clear():
    found = settle("a", [draft("x", 0.001, is_clear=True), draft("y", 0.9, is_clear=True)], 0.9)
    assert [f.outcome for f in found] == ["alarm", "clear"]


def test_the_level_of_the_tests_is_that_of_one_side_of_the_intervals():
    assert settle("a", [draft("x", 0.04)], 0.9)[0].outcome == "alarm"
    assert settle("a", [draft("x", 0.04)], 0.95)[0].outcome == "undecided"


def test_few_problems_settle_nothing():
    found = settle("a", [draft("x", 1e-6, n=9), draft("y", 1.0, is_clear=True, n=9)], 0.9)
    assert [f.outcome for f in found] == ["undecided", "undecided"]


def test_what_has_no_p_value_is_outside_the_family():
    found = settle("a", [draft("x", 0.04), draft("y", None, is_clear=True)], 0.9)
    assert [(f.outcome, f.p) for f in found] == [("alarm", 0.04), ("clear", None)]


def test_what_has_no_number_was_not_looked_at():
    found, *_ = settle("a", [draft("x", None, estimate=None)], 0.9)
    assert found.outcome == "not looked at"
    assert found.statement == "Not looked at, since there is nothing to compare: it is 30 %."
    assert found.value is None


def test_what_has_no_number_for_want_of_certainty_is_open():
    one = draft("x", None, estimate=None)._replace(without_value="undecided")
    found, *_ = settle("a", [one], 0.9)
    assert (found.outcome, found.value, found.p) == ("undecided", None, None)
    assert found.statement == "It is open: it is 30 %."
    assert found.decides == "more of it"


def test_absent_evidence_says_what_is_missing():
    found = not_looked_at("a", "x", "Is it?", missing="nobody was asked")
    assert found.statement == "Not looked at: nobody was asked."
    assert settle("a", [found], 0.9) == (found,)


def test_numbers_are_told_with_unit_and_sign():
    value = Estimate(estimate=-0.025, low=-0.05, high=0.0, level=0.9)
    assert told(value, "points") == "−2.5 (−5.0 to +0.0) points"
    assert told(value, "") == "−0.03 (−0.05 to 0.00)"
    assert told(Estimate(estimate=None, low=None, high=None, level=0.9)) == "—"
