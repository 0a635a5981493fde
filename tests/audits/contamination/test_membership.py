"""Membership: the scores by hand, what the engine is asked, and what AUROC makes of them."""

import math

import numpy as np
import polars as pl
import pytest
from contamination_made import material, problem, subject

from titrant.audits.base import Evidence
from titrant.audits.contamination.membership import (
    SCHEMA,
    SWEEP,
    ask_membership,
    judge_membership,
    look_at_membership,
    membership_items,
    membership_table,
    membership_tests,
    scores_of,
)
from titrant.engines.base import Score, ScoreRequest
from titrant.engines.fake import FakeEngine
from titrant.errors import ConfigError, EngineError
from titrant.settings import AuditSettings

SETTINGS = AuditSettings()
# The toy vector of the method: next-token distributions and the tokens that came.
TOY = (((0.7, 0.2, 0.1), 0), ((0.4, 0.4, 0.2), 2), ((0.05, 0.05, 0.9), 1))


def toy(*, with_distribution: bool = True) -> Score:
    """The toy vector behind a first token, which has no probability."""
    p = np.array([row for row, _ in TOY])
    logprobs = np.log([row[token] for row, token in TOY])
    mean = (p * np.log(p)).sum(axis=1)
    variance = (p * np.log(p) ** 2).sum(axis=1) - mean**2
    return Score(
        (9, 0, 2, 1),
        np.r_[np.nan, logprobs],
        np.r_[np.nan, -mean] if with_distribution else None,
        variance=np.r_[np.nan, variance] if with_distribution else None,
    )


def value(rows, method, k):
    (found,) = [row for row in rows if row[0] == method and row[1] == k]
    return found[2]


def test_min_k_plus_of_the_toy_vector():
    rows = scores_of(toy(), 0.2)
    # z = 0.633, −2.000, −3.000; a third of three tokens is the lowest one, two thirds are two
    assert value(rows, "min-k++", 0.4) == pytest.approx(-3.0, abs=1e-3)  # ⌊1.2⌋ = 1
    assert value(rows, "min-k++", 0.7) == pytest.approx((-3.0 - 2.0) / 2, abs=1e-3)  # ⌊2.1⌋ = 2
    assert value(rows, "min-k++", 1.0) == pytest.approx((0.633 - 2.0 - 3.0) / 3, abs=1e-3)


def test_min_k_and_loss_of_the_toy_vector():
    rows = scores_of(toy(), 0.2)
    logs = [math.log(0.7), math.log(0.2), math.log(0.05)]
    assert value(rows, "min-k", 0.4) == pytest.approx(logs[2])
    assert value(rows, "min-k", 0.7) == pytest.approx((logs[1] + logs[2]) / 2)
    assert value(rows, "loss", None) == pytest.approx(sum(logs) / 3)
    assert {row[1] for row in rows if row[0] == "min-k"} == set(SWEEP)
    assert {row[4] for row in rows} == {4}


def test_the_config_says_which_k_leads_whether_it_is_swept_or_not():
    leads = [(row[0], row[1]) for row in scores_of(toy(), 0.25) if row[3]]
    assert leads == [("min-k++", 0.25)]
    assert [row[:2] for row in scores_of(toy(), 0.2) if row[3]] == [("min-k++", 0.2)]


def test_without_a_distribution_min_k_leads_and_min_k_plus_is_missing():
    rows = scores_of(toy(with_distribution=False), 0.2)
    assert [row[:2] for row in rows if row[3]] == [("min-k", 0.2)]
    assert value(rows, "min-k++", 0.2) is None


def test_a_text_of_one_token_has_no_score():
    rows = scores_of(Score((9,), np.array([np.nan]), None), 0.2)
    assert {row[2] for row in rows} == {None}


def test_the_question_is_scored_alone_and_with_its_gold_answer():
    there = material([problem("47+3*5-2=", "48")], [problem("What now?")])
    items = membership_items(there, SETTINGS)
    found = ask_membership(subject(), items, there, SETTINGS)
    assert found.schema == SCHEMA
    texts = found.select("set", "text").unique().sort("set", "text").rows()
    assert texts == [
        ("benchmark", "question"),
        ("benchmark", "question and gold"),
        ("fresh", "question"),
    ]
    with_gold = ScoreRequest("", "47+3*5-2=\nAnswer: 48")
    (_, score), *_ = FakeEngine().score([with_gold])
    expected = value(scores_of(score, 0.2), "min-k++", 0.2)
    row = found.filter(pl.col("leads") & (pl.col("text") == "question and gold"))
    assert row["value"].to_list() == [pytest.approx(expected)]
    assert row["n_tokens"].to_list() == [len("47+3*5-2=\nAnswer: 48")]


def test_an_engine_that_cannot_score_is_refused_and_a_failure_names_the_problem():
    there = material([problem("47+3*5-2=", "48")])
    items = membership_items(there, SETTINGS)
    cannot = subject()
    cannot.engine.capabilities = frozenset({"generate"})
    with pytest.raises(ConfigError, match="cannot score"):
        ask_membership(cannot, items, there, SETTINGS)
    with pytest.raises(EngineError, match=r"could not be scored(.|\n)*do not fit the context"):
        ask_membership(subject(context_tokens=4), items, there, SETTINGS)


def evidence(benchmark, fresh, *, leads=True, text="question", **facts) -> Evidence:
    rows = [
        (which, f"{which}{i}", text, "min-k++", 0.2, score, leads, 9)
        for which, scores in (("benchmark", benchmark), ("fresh", fresh))
        for i, score in enumerate(scores)
    ]
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    table = table.with_columns(role=pl.lit("base"), seed=pl.lit(0))
    return Evidence({"membership": table}, facts=facts)


def judged(one: Evidence, *, is_exchangeable: bool = True):
    found = look_at_membership(one)
    return judge_membership(found, membership_tests(found), is_exchangeable=is_exchangeable)


SPREAD = np.linspace(-1, 1, 100)


def test_scores_that_are_higher_on_the_benchmark_are_an_alarm():
    finding = judged(evidence(SPREAD + 1, SPREAD))
    assert finding.outcome == "alarm"
    # a shift by half the range: of 100² pairs those with i − j < 50 in steps … area 1 − ½·½² = 0.875
    assert finding.value is not None
    assert finding.value.estimate == pytest.approx(0.875, abs=0.01)
    assert finding.p is not None
    assert finding.p < 0.001
    assert finding.rows[0] == "benchmark99"
    assert len(finding.rows) == 20


def test_the_same_against_problems_of_another_making_decides_nothing():
    finding = judged(evidence(SPREAD + 1, SPREAD), is_exchangeable=False)
    assert finding.outcome == "undecided"
    assert "not made as the benchmark was" in finding.statement


def test_scores_that_are_alike_are_clear_and_lower_ones_too():
    assert judged(evidence(SPREAD, SPREAD)).outcome == "clear"
    assert judged(evidence(SPREAD - 1, SPREAD)).outcome == "clear"


def test_of_another_making_scores_clear_only_where_the_sets_are_alike():
    assert judged(evidence(SPREAD, SPREAD), is_exchangeable=False).outcome == "clear"
    # AUROC 0.03: the sets are of two kinds, which says nothing of the benchmark
    apart = judged(evidence(SPREAD - 1.5, SPREAD), is_exchangeable=False)
    assert apart.value is not None
    assert apart.value.estimate == pytest.approx(0.03, abs=0.005)
    assert apart.outcome == "undecided"
    assert "audit.fresh_is_alike" in apart.decides


def test_of_another_making_the_whole_interval_must_lie_near_a_coin():
    # a shift of 0.075 of the range: 0.5 − 0.075 + ½·0.075² = 0.428, with an interval that begins under 0.40
    low = evidence(SPREAD - 0.15, SPREAD)
    finding = judged(low, is_exchangeable=False)
    assert finding.value is not None
    assert finding.value.estimate == pytest.approx(0.428, abs=0.005)
    assert finding.value.low is not None
    assert finding.value.low < 0.40
    assert finding.outcome == "undecided"
    assert judged(low).outcome == "clear"


def test_few_problems_decide_nothing():
    assert judged(evidence(SPREAD[:30], SPREAD[:19])).outcome == "undecided"


def test_a_wide_interval_decides_nothing():
    few = np.linspace(-1, 1, 20)
    assert judged(evidence(few + 0.15, few)).outcome == "undecided"


def test_missing_values_are_left_out_and_counted_out():
    found = look_at_membership(evidence([*SPREAD, None], SPREAD))
    assert found is not None
    assert found.sizes == (100, 100)


def test_what_was_not_gathered_was_not_looked_at():
    for one in (Evidence({}), evidence(SPREAD, []), evidence(SPREAD, SPREAD, leads=False)):
        found = look_at_membership(one)
        finding = judge_membership(found, membership_tests(found), is_exchangeable=True)
        assert finding.outcome == "not looked at"
        assert finding.value is None


def test_the_table_has_every_score():
    found = look_at_membership(evidence(SPREAD, SPREAD))
    assert found is not None
    ((text, method, k, area, caught),) = membership_table(found).rows
    assert (text, method, k) == ("question", "min-k++", 0.2)
    assert (area.estimate, caught) == (0.5, 0.05)
