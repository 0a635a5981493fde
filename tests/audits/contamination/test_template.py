"""The template gap by hand, and its outcomes."""

import math

import numpy as np
import pytest
from contamination_made import arms, first, readings
from scipy.stats import t as student

from titrant.audits.base import Evidence
from titrant.audits.contamination.compare import holm_of
from titrant.audits.contamination.template import (
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


def test_scores_of_different_problems_cannot_be_paired():
    with pytest.raises(ValueError, match="3 and 4 problems cannot be paired"):
        lead_of(np.ones(3), np.ones(4), 0.9)


def test_a_better_template_is_an_alarm_and_says_what_of_the_gain_comes_back():
    frame = readings(arms("benchmark", first(20, 100), [first(60, 100)] * 2))
    templates = {"chat": scores(20), "plain": scores(50), "short": scores(18)}
    finding = judged(looked(templates, frame, base_template="chat"))
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
    assert "already counted" not in finding.statement


def test_no_more_than_all_of_the_gain_comes_back():
    frame = readings(arms("benchmark", first(20, 100), [first(30, 100)] * 2))
    templates = {"chat": scores(20), "plain": scores(50)}
    finding = judged(looked(templates, frame, base_template="chat"))
    assert "That is 100.0 % of the gain" in finding.statement


@pytest.mark.parametrize("facts", [{"base_template": "plain"}, {}], ids=["named", "the best one"])
def test_a_gain_that_is_counted_from_the_best_template_leaves_the_lead_out(facts):
    # chat (own) 20 %, plain 50 %, trained 70 %: the gain is 70 − 50 = 20; from chat it is 50, of which 30 return
    frame = readings(arms("benchmark", first(50, 100), [first(70, 100)] * 2))
    finding = judged(looked({"chat": scores(20), "plain": scores(50)}, frame, **facts))
    assert finding.outcome == "alarm"
    assert "That is 60.0 % of the trained arms' lead over `chat`" in finding.statement
    assert "The gain of +20.0 (" in finding.statement
    assert (
        "already counted from `plain`; counted from `chat` it would be +50.0." in finding.statement
    )
    assert finding.plot is not None
    assert finding.plot.marks == {"trained, own template": pytest.approx(0.7)}


def test_arms_under_the_best_template_may_still_be_over_the_runs_own():
    # trained 40 %: −10 from plain, +20 from chat, and all of that returns
    frame = readings(arms("benchmark", first(50, 100), [first(40, 100)] * 2))
    templates = {"chat": scores(20), "plain": scores(50)}
    finding = judged(looked(templates, frame, base_template="plain"))
    assert "That is 100.0 % of" in finding.statement
    assert "The gain of −10.0 (" in finding.statement
    assert "it would be +20.0." in finding.statement
    # trained 15 %: under both, so that nothing was gained that could return
    frame = readings(arms("benchmark", first(50, 100), [first(15, 100)] * 2))
    finding = judged(looked(templates, frame, base_template="plain"))
    assert "That is" not in finding.statement
    assert "it would be −5.0." in finding.statement


def test_of_equal_templates_the_gain_is_counted_from_the_first_as_a_run_chooses_its_zero():
    found = looked({"chat": scores(30), "plain": scores(30)})
    assert found is not None
    assert found.zero == "chat"


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
    assert judged(looked(two, base_template="other")).outcome == "not looked at"
