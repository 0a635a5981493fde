"""The template gap by hand, and its outcomes."""

import math

import numpy as np
import pytest
from contamination_made import arms, first, readings
from scipy.stats import t as student

from titrant.audits.base import Evidence
from titrant.audits.contamination.compare import holm_of
from titrant.audits.contamination.template import (
    Accuracy,
    judge_templates,
    lead_of,
    look_at_templates,
    template_tests,
)


def scores(k, n=100):
    return np.array(first(k, n), dtype=float)


def looked(templates, frame=None, **facts):
    return look_at_templates(Evidence({}, readings=frame, facts={"templates": templates, **facts}))


def judged(found):
    return judge_templates(found, holm_of(template_tests(found)))


def test_paired_scores_by_hand():
    # 30 against 20 of 100, all twenty in common: differences ten ones; squares 10·0.9² + 90·0.1² = 9
    # and one for the coins: error √(10 / (102·101))
    found, p = lead_of(scores(30), scores(20), 0.9)
    error = math.sqrt(10 / (102 * 101))
    assert found.estimate == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1 - student.ppf(0.95, 101) * error)
    assert p == pytest.approx(student.sf(0.1 / error, 101))


def test_problems_without_a_score_are_left_out_of_the_pairs():
    one, other = scores(30), scores(20)
    one[50] = np.nan
    found, _ = lead_of(one, other, 0.9)
    assert found.n == 99
    assert found.estimate == pytest.approx(10 / 99)


def test_shares_without_single_scores_are_compared_as_two_samples():
    found, p = lead_of(Accuracy(0.5, 200), Accuracy(0.3, 200), 0.9)
    assert found.estimate == pytest.approx(0.2)
    assert found.n == 400
    assert p < 0.001
    mixed, _ = lead_of(Accuracy(0.5, 200), scores(30), 0.9)
    assert mixed.estimate == pytest.approx(0.2)


def test_scores_of_different_problems_cannot_be_paired():
    with pytest.raises(ValueError, match="3 and 4 problems cannot be paired"):
        lead_of(np.ones(3), np.ones(4), 0.9)


def test_a_better_template_is_an_alarm_and_says_what_of_the_gain_comes_back():
    frame = readings(arms("benchmark", first(20, 100), [first(60, 100)] * 2))
    templates = {"chat": scores(20), "plain": scores(50), "short": scores(18)}
    finding = judged(looked(templates, frame))
    assert finding.outcome == "alarm"
    assert finding.value is not None
    assert finding.value.estimate == pytest.approx(0.3)
    # 30 of 40 points
    assert "That is 75.0 % of the gain" in finding.statement
    assert "which is not a gain" in finding.statement
    assert "`plain`" in finding.decides
    assert finding.plot is not None
    assert [point.label for point in finding.plot.points] == [
        "chat (the run's own)",
        "plain",
        "short",
    ]
    assert finding.plot.marks == {"trained, own template": pytest.approx(0.6)}


def test_no_more_than_all_of_the_gain_comes_back():
    frame = readings(arms("benchmark", first(20, 100), [first(30, 100)] * 2))
    finding = judged(looked({"chat": scores(20), "plain": scores(50)}, frame))
    assert "That is 100.0 % of the gain" in finding.statement


def test_without_arms_the_lead_is_said_and_no_share():
    finding = judged(looked({"chat": scores(20), "plain": scores(50)}))
    assert finding.outcome == "alarm"
    assert "of the gain" not in finding.statement


def test_the_run_may_name_its_own_template():
    found = looked({"plain": scores(50), "chat": scores(20)}, template="chat")
    assert found is not None
    assert (found.own, found.leads[0].template) == ("chat", "plain")


def test_a_template_that_is_no_better_is_clear_and_one_that_might_be_is_undecided():
    assert (
        judged(looked({"chat": scores(500, 1000), "plain": scores(490, 1000)})).outcome == "clear"
    )
    assert judged(looked({"chat": scores(50), "plain": scores(52)})).outcome == "undecided"
    nothing = {"chat": scores(50), "plain": np.full(100, np.nan)}
    assert judged(looked(nothing)).outcome == "undecided"


def test_one_template_or_an_unknown_own_was_not_looked_at():
    assert judged(looked({"chat": scores(20)})).outcome == "not looked at"
    assert judged(looked(None)).outcome == "not looked at"
    two = {"chat": scores(20), "plain": scores(30)}
    assert judged(looked(two, template="other")).outcome == "not looked at"
