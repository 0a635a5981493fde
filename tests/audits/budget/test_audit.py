"""The audit as a whole: absent evidence, scripted models, planted faults and their rates."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scripted_arithmetic import asked, direct, faithful, material, subject

from titrant.audits.base import AuditResult, Evidence
from titrant.audits.budget.audit import BUDGET
from titrant.audits.budget.findings import QUESTIONS, SHARE, THINK
from titrant.audits.budget.matched import match_tokens
from titrant.audits.budget.planted import PLANTED, Rates, clean, level, make, planted
from titrant.audits.budget.spend import Answer, fill_purse
from titrant.settings import AuditSettings

SETTINGS = AuditSettings(samples=4)
GAIN, TOKENS = "gain at matched tokens", "tokens per answer"
HIDDEN = 1


def judged(evidence):
    result = BUDGET.judge(evidence, SETTINGS)
    return {finding.name: finding for finding in result.findings}


def rates(source, seeds, n=150):
    """Share of seeds in which each finding is an alarm."""
    fired = dict.fromkeys(QUESTIONS, 0)
    for seed in seeds:
        for name, finding in judged(source(np.random.default_rng(seed), n)).items():
            fired[name] += finding.outcome == "alarm"
    return {name: count / len(seeds) for name, count in fired.items()}


def latent(request):
    """A base that is right where its prompt has opened the thinking, and else one too high."""
    if request.prompt.endswith("<think>\n"):
        return faithful(request)
    head, _, number = direct(request).rpartition(" ")
    return f"{head} {(int(number) + 1) % 100}"


@pytest.fixture(scope="module")
def of_latent():
    """A base whose skill is latent, and an arm that shows it."""
    tables = {}
    for part in BUDGET.parts:
        what = material(30, evidence=tables)
        who = [m for m in (subject(latent, "base"), subject(faithful)) if m.role in part.roles]
        tables[part.name] = pl.concat([asked(part, m, what, SETTINGS) for m in who])
    return BUDGET.judge(Evidence(tables), SETTINGS)


def test_without_evidence_nothing_is_looked_at():
    result = BUDGET.judge(Evidence({}), SETTINGS)
    assert [finding.name for finding in result.findings] == list(QUESTIONS)
    assert {finding.outcome for finding in result.findings} == {"not looked at"}


def test_a_latent_skill_is_no_gain_over_the_base_made_to_think(of_latent):
    found = {finding.name: finding for finding in of_latent.findings}
    # votes of wrong answers are wrong: the gain is not for want of plain tokens
    assert found[GAIN].outcome == "clear", found[GAIN].statement
    assert found[SHARE].outcome == "clear", found[SHARE].statement
    # but made to think, the base is as good
    assert found[THINK].outcome == "undecided"
    assert found[THINK].value.estimate == 0.0
    assert found[TOKENS].outcome == "alarm"
    assert "One tuned arm" in of_latent.notes[-1]


def test_the_curve_shows_votes_at_doublings_and_the_arms(of_latent):
    points = of_latent.findings[0].plot.points
    series = {point.series for point in points}
    assert series == {
        "base, vote",
        "base made to think, vote",
        "base, at the arms' tokens",
        "tuned, one answer",
    }
    plain = [point for point in points if point.series == "base, vote"]
    assert [point.label for point in plain[:3]] == ["1×", "2×", "4×"]
    assert [point.x for point in plain] == sorted(point.x for point in plain)
    tuned = next(point for point in points if point.series == "tuned, one answer")
    assert plain[-1].x <= 2 * tuned.x


def test_every_finding_has_a_plot_and_says_what_would_decide(of_latent):
    for finding in of_latent.findings:
        assert finding.plot is not None
        assert finding.plot.points
        assert finding.decides


def test_what_the_base_wins_is_shown():
    found = judged(planted(np.random.default_rng(0), 60))[GAIN]
    assert 0 < len(found.rows) <= 20
    assert all(row.startswith("q") for row in found.rows)


def test_a_result_survives_its_file(of_latent):
    assert AuditResult.model_validate_json(of_latent.model_dump_json()) == of_latent
    rows = {row[0]: row for row in of_latent.tables[0].rows}
    assert rows["base made to think, one answer"][1].estimate == 1.0
    assert rows["base, one answer"][1].estimate < 1.0


def test_each_arm_pays_for_its_own_votes():
    answers = [
        Answer("7", correct=False, verdict="wrong", n_tokens=10),
        *(Answer("8", correct=True, verdict="correct", n_tokens=10) for _ in range(2)),
    ]
    purse = fill_purse(["q"], {"q": answers})
    found = match_tokens(purse, np.array([[10.0], [30.0]]))
    # wrong for 10 tokens, right for 30
    assert found.is_right.tolist() == [0.5]
    assert found.tokens.tolist() == [20.0]
    assert found.short == 0.0


def test_an_arm_without_tokens_is_left_out_of_a_problem():
    purse = fill_purse(["q"], {"q": [Answer("8", correct=True, verdict="correct", n_tokens=10)]})
    found = match_tokens(purse, np.array([[np.nan], [15.0]]))
    assert (found.is_right.tolist(), found.tokens.tolist()) == ([1.0], [10.0])


def cut(evidence, n):
    """The same with n draws of the base per variant."""
    few = evidence.tables["base_draws"].filter(pl.col("sample") < n)
    return Evidence({"base_draws": few}, readings=evidence.readings)


def test_a_base_that_runs_out_of_draws_is_said_to():
    """One draw per variant where tokens would pay for eight, and for four of the longer ones."""
    evidence = make(np.random.default_rng(0), 300, replace(PLANTED, thinking=0.5))
    whole, short = judged(evidence), judged(cut(evidence, 1))
    for name in (GAIN, SHARE, THINK):
        assert "in 100.0 % the base ran out of draws" in short[name].statement, name
        assert "more draws of the base" in short[name].decides
        assert "ran out" not in whole[name].statement
    # what a single answer is compared at looks like a gain, and nothing is concluded from it
    assert short[GAIN].value.low > 0
    assert short[SHARE].value.high < 0.5
    assert short[THINK].value.low > 0
    assert {short[name].outcome for name in (GAIN, SHARE, THINK)} == {"undecided"}


@pytest.mark.parametrize(("n_short", "is_served"), [(1, True), (2, False)])
def test_a_base_is_served_with_draws_for_all_but_one_problem_of_twenty(n_short, is_served):
    one = Answer("8", correct=True, verdict="correct", n_tokens=10)
    qids = [str(i) for i in range(20)]
    purse = fill_purse(qids, {qid: [one] * (1 if int(qid) < n_short else 5) for qid in qids})
    found = match_tokens(purse, np.full((1, 20), 30.0))
    assert found.short == pytest.approx(n_short / 20)
    assert found.is_served is is_served


def test_an_alarm_stands_though_the_base_ran_out_of_draws():
    evidence = make(np.random.default_rng(0), 300, replace(PLANTED, tuned=0.2))
    found = judged(cut(evidence, 1))[GAIN]
    assert "ran out" in found.statement
    assert found.outcome == "alarm"


def test_a_loss_is_not_shared_out():
    lost = make(np.random.default_rng(0), 100, Rates(0.6, 8.0, 0.3, 0.6, 2.0))
    found = judged(lost)[SHARE]
    assert found.outcome == "undecided"
    assert "too small, or too uncertain, to be shared out" in found.statement


def test_the_level_is_that_of_the_evidence():
    made = clean(np.random.default_rng(0), 60)
    values = [
        judged(Evidence(made.tables, readings=made.readings, level=one))[GAIN].value
        for one in (0.8, 0.99)
    ]
    assert [value.level for value in values] == [0.8, 0.99]
    assert values[0].high - values[0].low < values[1].high - values[1].low


def test_planted_faults_are_found_and_clean_evidence_is_quiet():
    """Few seeds, for every run; the rates are measured below."""
    fired, quiet = rates(planted, range(4)), rates(clean, range(4))
    assert min(fired.values()) >= 0.75, fired
    assert sum(quiet.values()) == 0, quiet


@pytest.mark.slow
def test_every_planted_fault_fires():
    """200 seeds of 150 problems and 3 arms; measured: 98.5 % (gain), 99.5 % (share), 86.5 % (made to
    think), 100 % (tokens)."""
    fired = rates(planted, range(200))
    assert min(fired.values()) > 0.8, fired


@pytest.mark.slow
def test_clean_evidence_raises_no_more_alarms_than_nominal():
    quiet = rates(clean, range(200))
    assert sum(quiet.values()) < 0.05, quiet


@pytest.mark.slow
def test_where_arms_are_as_good_as_the_vote_few_alarms_are_raised():
    """The null hypothesis of the first finding itself; nominal is 5 %, 200 seeds."""
    fired = rates(level, range(200))
    assert fired[GAIN] < 0.05 + 3 * 0.0154, fired
    # all of that gain is tokens, and they see it
    assert fired[SHARE] > 0.95
