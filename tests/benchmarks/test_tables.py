"""Verdicts on criteria, contrasts of arms, and names that are never found."""

import json

import numpy as np
import pytest
import tables

from titrant.audits.base import AuditResult, Finding, FindingTable
from titrant.errors import DataError
from titrant.estimate import Estimate


def number(low, high, *, n=100):
    middle = None if low is None or high is None else (low + high) / 2
    return Estimate(estimate=middle, low=low, high=high, level=0.9, n=n)


NOTHING = Estimate(estimate=None, low=None, high=None, level=0.9)
NO_ENDS = Estimate(estimate=0.5, low=None, high=None, level=0.9)


@pytest.mark.parametrize(
    ("found", "over", "under"),
    [
        (number(0.1, 0.2), "holds", "fails"),
        (number(-0.2, -0.1), "fails", "holds"),
        (number(-0.1, 0.1), "open", "open"),
        (number(0.1, 0.2, n=19), "open", "open"),
        (NO_ENDS, "open", "open"),
        (NOTHING, "not read", "not read"),
        (None, "not read", "not read"),
    ],
)
def test_a_verdict_goes_by_the_whole_interval(found, over, under):
    assert (tables.over(found), tables.under(found)) == (over, under)


def test_a_bar_moves_the_verdict():
    assert tables.over(number(-0.04, 0.01), -0.05) == "holds"
    assert tables.over(number(-0.06, 0.01), -0.05) == "open"
    assert tables.over(number(-0.09, -0.06), -0.05) == "fails"


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (number(-0.05, 0.019), "holds"),
        (number(-0.05, 0.021), "open"),
        (number(0.005, 0.015), "fails"),  # told from 0, however small
        (None, "not read"),
    ],
)
def test_not_over_needs_an_interval_that_ends_under_the_margin(found, verdict):
    assert tables.not_over(found, 0.02) == verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (number(-0.4, 0.4), "holds"),
        (number(0.1, 0.7), "open"),
        (number(0.6, 0.9), "fails"),
        (number(-0.9, -0.6), "fails"),
        (NOTHING, "not read"),
    ],
)
def test_equal_is_within_the_margin_on_both_sides(found, verdict):
    assert tables.within(found, 0.5) == verdict


def test_two_numbers_are_apart_where_their_intervals_do_not_meet():
    low, high = number(-3, -2), number(-1, 0)
    assert tables.apart(high, low) == "holds"
    assert tables.apart(low, high) == "fails"
    assert tables.apart(number(-2.5, 0), low) == "open"
    assert tables.apart(None, low) == tables.apart(high, NOTHING) == "not read"


def test_nothing_read_does_not_say_that_a_comparison_stands():
    assert tables.void(None, 0.6) == tables.void(NOTHING, 0.6) == "not read"
    assert tables.void(number(0.5, 0.6), 0.6) == "holds"
    assert tables.void(number(0.55, 0.65), 0.6) == "void"


def test_a_contrast_is_paired_and_counts_arms(readings):
    half, quarter = np.arange(40) < 20, np.arange(40) < 10
    frame = readings(
        ("base", 0, {"b": np.zeros(40)}),
        *(("clean", seed, {"b": half}) for seed in range(2)),
        *(("foreign", seed, {"b": quarter}) for seed in range(2)),
    )
    found = tables.contrast(frame, "b", {"foreign": 1.0, "clean": -1.0})
    assert found.estimate == pytest.approx(0.25 - 0.5)
    assert (found.n, found.seeds) == (40, 4)
    assert tables.contrast(frame, "b", {"filler": 1.0, "clean": -1.0}) is None
    assert tables.contrast(frame, "out", {"foreign": 1.0, "clean": -1.0}) is None
    assert tables.contrast(None, "b", {"clean": 1.0}) is None


def test_a_contrast_is_wider_where_arms_differ(readings):
    def of(first, second):
        sets = [("base", 0, {"b": np.zeros(200)})]
        for seed, n in enumerate((first, second)):
            sets.append(("clean", seed, {"b": np.arange(200) < n}))
        found = tables.contrast(readings(*sets), "b", {"clean": 1.0, "base": -1.0})
        return found.high - found.low

    assert of(60, 140) > 3 * of(100, 100)


def test_the_base_is_the_arm_of_dose_0_and_not_one_without_updates(tmp_path, capsys):
    for name, right in (("base-n000000-s00-audit", 0.1), ("a-n000064-s00-audit", 0.7)):
        arm = tmp_path / "case" / "arms" / name
        arm.mkdir(parents=True)
        done = {"accuracy": {"b": right}, "cost": {"updates": 0}}
        (arm / "done.json").write_text(json.dumps(done))
    tables.accuracies(tmp_path, ["case"])
    assert "| case | b | 10.0 % | 70.0 % |" in capsys.readouterr().out


def test_a_name_without_a_dose_is_refused():
    with pytest.raises(DataError, match="some-arm does not name a dose"):
        tables.dose_of("some-arm")


def result(*names, audit="faithfulness", forms=True):
    findings = tuple(
        Finding(
            audit=audit,
            name=name,
            question="?",
            statement="",
            outcome="clear",
            value=None,
            unit="bits",
        )
        for name in names
    )
    table = FindingTable(
        title=tables.FORMS,
        columns=("form", "base", "tuned", "change", "equal"),
        units=("text", "number", "number", "number", "number"),
        rows=(("gain", number(1, 3), number(2, 4), number(0, 2), None),),
    )
    of = (table,) if forms else ()
    return AuditResult(audit=audit, question="?", findings=findings, tables=of)


def test_a_name_that_no_audit_finds_is_refused():
    shown = {"faithfulness": ("the paper\u2019s form",), "budget": ("tokens",)}
    with pytest.raises(DataError, match="among no audit's findings") as error:
        tables.check_names({"case": [result("the paper's form")]}, shown)
    assert "expected: the paper\u2019s form\n  found: the paper's form" in str(error.value)


def test_a_name_may_be_missing_from_some_results_and_from_audits_not_made():
    shown = {"faithfulness": ("a", "b"), "budget": ("tokens",)}
    tables.check_names({"one": [result("a")], "two": [result("b")], "three": []}, shown)


def test_the_table_of_forms_must_be_there():
    with pytest.raises(DataError, match=f"expected: {tables.FORMS}"):
        tables.check_names({"one": [result("a", forms=False)]}, {"faithfulness": ("a",)})


def test_forms_give_what_is_an_estimate():
    base, tuned, change, equal = tables.forms([result()])["gain"]
    assert (base.estimate, tuned.estimate, change.estimate, equal) == (2, 3, 1, None)
