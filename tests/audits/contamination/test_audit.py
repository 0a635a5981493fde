"""The audit as a whole: on planted contamination it fires, on a clean benchmark it is quiet."""

import math
from collections import Counter
from functools import cache

import numpy as np
import polars as pl
import pytest
from contamination_made import material, problem, subject

from titrant.audits.base import AuditResult, Evidence, audits
from titrant.audits.contamination.audit import CONTAMINATION, judge
from titrant.audits.contamination.fresh import FreshSet
from titrant.audits.contamination.planted import clean, planted
from titrant.seeds import derive_rng
from titrant.settings import AuditSettings

SETTINGS = AuditSettings()
FINDINGS = ("completion", "membership", "overlap with the pool", "clean share", "template gap")
N = 100
FEW, MANY = 20, 200


@cache
def judged(make, seed: int) -> AuditResult:
    return judge(make(derive_rng(seed, make.__name__, N), N), SETTINGS)


def outcomes(make, runs: int) -> dict[str, Counter]:
    """Outcomes by finding, and whether any finding was an alarm."""
    found: dict[str, Counter] = {name: Counter() for name in (*FINDINGS, "any")}
    for seed in range(runs):
        findings = judged(make, seed).findings
        for finding in findings:
            found[finding.name][finding.outcome] += 1
        found["any"][any(finding.outcome == "alarm" for finding in findings)] += 1
    return found


def most_by_chance(rate: float, runs: int) -> float:
    """A rate that simulation error hides: three standard errors over the nominal one."""
    return rate + 3 * math.sqrt(rate * (1 - rate) / runs)


def test_it_is_in_the_table_of_audits():
    assert audits.get("contamination") is CONTAMINATION
    assert [part.name for part in CONTAMINATION.parts] == ["probes", "membership"]


def test_planted_contamination_is_found_by_every_detector():
    found = outcomes(planted, FEW)
    for name in FINDINGS:
        assert found[name]["alarm"] >= 0.8 * FEW, name


def test_a_clean_benchmark_raises_no_alarm():
    found = outcomes(clean, FEW)
    for name in FINDINGS:
        assert found[name]["alarm"] <= most_by_chance(0.05, FEW) * FEW, name
    assert found["completion"]["clear"] >= 0.8 * FEW


@pytest.mark.slow
def test_rates_of_detection_over_many_seeds():
    found = outcomes(planted, MANY)
    rates = {name: found[name]["alarm"] / MANY for name in FINDINGS}
    # measured: 200, 179, 194, 175 and 192 of 200; the bounds lie some three standard errors under that
    assert rates["completion"] >= 0.99
    assert rates["membership"] >= 0.82
    assert rates["overlap with the pool"] >= 0.93
    assert rates["clean share"] >= 0.80
    assert rates["template gap"] >= 0.91


@pytest.mark.slow
def test_rates_of_false_alarm_over_many_seeds():
    found = outcomes(clean, MANY)
    for name in FINDINGS:
        assert found[name]["alarm"] / MANY <= most_by_chance(0.05, MANY), name
    # measured: 0, 1, 0, 0 and 1 of 200. Holm holds the chance of one false alarm among all findings
    assert found["any"][True] / MANY <= most_by_chance(0.05, MANY)


@pytest.mark.slow
def test_intervals_on_a_clean_benchmark_hold_nothing_as_often_as_they_say():
    held: dict[str, list[bool]] = {name: [] for name in FINDINGS}
    for seed in range(MANY):
        for finding in judged(clean, seed).findings:
            estimate = finding.value
            assert estimate is not None
            if estimate.low is not None and estimate.high is not None:
                nothing = {"membership": 0.5, "clean share": 1.0}.get(finding.name, 0.0)
                held[finding.name].append(estimate.low <= nothing <= estimate.high)
    for name, each in held.items():
        assert np.mean(each) >= 0.9 - 3 * math.sqrt(0.09 / MANY), name


def test_all_findings_are_there_and_carry_what_a_report_needs():
    result = judged(planted, 3)
    assert tuple(finding.name for finding in result.findings) == FINDINGS
    for finding in result.findings:
        assert finding.outcome == "alarm"
        assert finding.plot is not None
        assert finding.decides
        assert finding.p is not None
        assert finding.value is not None
        assert finding.value.n
    assert result.findings[0].examples
    assert len(result.findings[2].rows) == 20
    assert len(result.tables) == 4
    for table in result.tables:
        assert len(table.columns) == len(table.units)
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert AuditResult.model_validate_json(result.model_dump_json()) == result


def test_without_evidence_nothing_was_looked_at():
    result = judge(Evidence({}), SETTINGS)
    assert {finding.outcome for finding in result.findings} == {"not looked at"}
    assert {finding.value for finding in result.findings} == {None}
    assert result.tables == ()
    assert all(finding.decides for finding in result.findings)


def test_the_correction_is_over_all_tests_of_the_audit():
    whole = judged(planted, 3)
    evidence = planted(derive_rng(3, "planted", N), N)
    alone = judge(
        Evidence({}, facts={k: v for k, v in evidence.facts.items() if "template" in k}), SETTINGS
    )
    assert whole.findings[4].p is not None
    assert alone.findings[4].p is not None
    assert whole.findings[4].p > alone.findings[4].p


def test_fresh_problems_of_another_making_are_said_and_weaken_membership():
    evidence = planted(derive_rng(3, "planted", N), N)
    fresh = FreshSet((), "numbers", is_exchangeable=False, notes=("333 of 1,319 could be changed",))
    facts = {**evidence.facts, "fresh": fresh}
    result = judge(
        Evidence(evidence.tables, evidence.readings, evidence.benchmark, facts=facts), SETTINGS
    )
    assert result.findings[0].outcome == "alarm"
    assert result.findings[1].outcome == "undecided"
    assert "333 of 1,319 could be changed" in result.notes
    assert any("lower bound" in note for note in result.notes)


def on_fresh(make, fresh: FreshSet, **settings) -> AuditResult:
    """The findings on made evidence with fresh problems of a making."""
    evidence = make(derive_rng(3, make.__name__, N), N)
    facts = {**evidence.facts, "fresh": fresh}
    whole = Evidence(evidence.tables, evidence.readings, evidence.benchmark, facts=facts)
    return judge(whole, AuditSettings(**settings))


@pytest.mark.parametrize("recorded", [True, False])
def test_given_problems_are_alike_only_where_the_settings_claim_it_now(recorded):
    given = FreshSet((), "given", is_exchangeable=recorded)
    doubted = on_fresh(planted, given)
    assert doubted.findings[1].outcome == "undecided"
    assert any("audit.fresh_is_alike claims" in note for note in doubted.notes)
    claimed = on_fresh(planted, given, fresh_is_alike=True)
    assert claimed.findings[1].outcome == "alarm"
    assert not any("may be the kind of text" in note for note in claimed.notes)


def test_expressions_of_another_form_are_no_lower_bound_and_reach_completion_too():
    expressions = FreshSet((), "expressions", is_exchangeable=False)
    result = on_fresh(planted, expressions, fresh_is_alike=True)
    assert "only the benchmark's own share could clear it" in result.findings[0].statement
    assert any("may be the kind of text" in note for note in result.notes)
    assert not any("lower bound" in note for note in result.notes)


def test_where_there_are_no_fresh_problems_nothing_is_said_of_their_making():
    none = FreshSet((), "none", is_exchangeable=False, notes=("none can be made",))
    notes = judge(Evidence({}, facts={"fresh": none}), SETTINGS).notes
    assert notes[1:] == ("none can be made",)


def test_a_planted_lead_is_one_that_the_gain_leaves_out():
    finding = judged(planted, 3).findings[4]
    assert finding.outcome == "alarm"
    assert "already counted from `other`; counted from `own` it would be" in finding.statement


def test_from_asking_a_base_that_knows_the_benchmark_to_the_findings():
    """The way of the run: items, asking chunk by chunk, tables, judge."""
    benchmark = [problem(f"{i}+3*5-2*7+{i}=", str(i)) for i in range(10, 40)]
    fresh = [problem(f"{i}-4*6+3*8-{i}=", str(i)) for i in range(10, 40)]
    there = material(benchmark, fresh)
    known = {one.question[:k]: one.question[k:] for one in benchmark for k in range(1, 13)}
    base = subject(lambda request: known.get(request.prompt, "#### 0"))
    tables = {}
    for part in CONTAMINATION.parts:
        items = part.items(there, SETTINGS)
        chunks = [
            part.ask(base, items[i : i + part.chunk], there, SETTINGS)
            for i in range(0, len(items), part.chunk)
        ]
        tables[part.name] = pl.concat(chunks).with_columns(role=pl.lit("base"), seed=pl.lit(0))
    result = judge(Evidence(tables), SETTINGS)
    completion, membership, *rest = result.findings
    assert completion.outcome == "alarm"
    assert completion.value is not None
    assert completion.value.estimate == 1.0
    assert membership.value is not None
    assert membership.value.n == 60
    assert {finding.outcome for finding in rest} == {"not looked at"}
