"""Leaks in the pool: the gain with and without them."""

import numpy as np
import pytest
from contamination_made import arms, first, readings

from titrant.audits.base import Evidence
from titrant.audits.contamination.overlap import (
    judge_overlap,
    look_at_overlap,
    overlap_table,
    overlap_tests,
)
from titrant.audits.contamination.planted import planted
from titrant.seeds import derive_rng
from titrant.select.clean.overlap.plant import LeakTest, Recall
from titrant.select.clean.report import Evidence as Hit

REPORT = planted(derive_rng(0), 40).facts["cleaning"]


def report(flagged: int, n: int, **update):
    """The first problems of the benchmark stand in the pool."""
    mine = REPORT.benchmarks[0].model_copy(
        update={"problems": n, "flagged_problems": flagged, "flagged_rows": 2 * flagged}
    )
    qids = tuple(f"benchmark{i:03d}" for i in range(flagged))
    return REPORT.model_copy(update={"benchmarks": (mine,), "flagged_qids": qids, **update})


def looked(trained, *, flagged, n, **update):
    frame = None if trained is None else readings(arms("benchmark", first(0, n), trained))
    facts = {"cleaning": report(flagged, n, **update)}
    return look_at_overlap(Evidence({}, readings=frame, facts=facts))


def judged(found):
    return judge_overlap(found, overlap_tests(found))


def test_the_difference_is_the_gain_on_all_less_that_on_the_rest():
    found = looked([first(20, 100)] * 2, flagged=20, n=100)
    assert found is not None
    # on all 20 %, without the flagged twenty 0 %
    assert found.difference.estimate == pytest.approx(0.20)
    # w · error of two means: flagged (0 + 1) / (22·21), others (0 + 1) / (82·81), w = 0.2
    error = 0.2 * np.sqrt(1 / 462 + 1 / (82 * 81))
    assert found.gains is not None
    assert 0.2 * found.gains.error == pytest.approx(error)
    table = overlap_table(found)
    assert table is not None
    assert [row[1] for row in table.rows] == [20.0, 80.0, 100.0]
    assert table.rows[2][2] == found.difference


def test_a_gain_that_rests_on_leaks_is_an_alarm():
    finding = judged(looked([first(20, 100)] * 2, flagged=20, n=100))
    assert finding.outcome == "alarm"
    assert finding.rows == tuple(f"benchmark{i:03d}" for i in range(20))
    assert "20 of the benchmark's 100 problems stand in the pool, in 40 of its rows" in (
        finding.statement
    )
    assert "pool.drop" in finding.decides


def test_flagged_problems_with_the_largest_gain_come_first():
    last_two = [i in (3, 4) for i in range(100)]
    found = looked([last_two, first(5, 100)], flagged=5, n=100)
    assert found is not None
    assert found.qids == tuple(f"benchmark{i:03d}" for i in (3, 4, 0, 1, 2))


def test_leaks_that_gain_as_others_do_are_clear_where_there_is_enough_to_tell():
    even = [i % 2 == 0 for i in range(1000)]
    assert judged(looked([even] * 2, flagged=20, n=1000)).outcome == "clear"


def test_leaks_that_may_or_may_not_help_are_undecided():
    even = [i % 2 == 0 for i in range(100)]
    assert judged(looked([even] * 2, flagged=20, n=100)).outcome == "undecided"


@pytest.mark.parametrize("flagged", [2, 81])
def test_too_few_of_either_kind_decide_nothing(flagged):
    found = looked([first(20, 100)] * 2, flagged=flagged, n=100)
    assert overlap_tests(found) == {}
    finding = judged(found)
    assert finding.outcome == "undecided"
    assert "too few of them were read" in finding.statement


def test_without_arms_leaks_are_counted_and_nothing_is_decided():
    hit = Hit(
        grade="same question",
        is_flagged=True,
        similarity=1.0,
        place="question",
        uid="u",
        row=3,
        rows=1,
        benchmark="benchmark",
        qid="benchmark004",
        pool_text="as in the pool",
        pool_offset=0,
        benchmark_text="as in the benchmark",
        benchmark_offset=0,
        spans=(),
    )
    finding = judged(looked(None, flagged=20, n=100, evidence=(hit,)))
    assert finding.outcome == "undecided"
    assert finding.rows == ("benchmark004",)
    (example,) = finding.examples
    assert (example.left, example.right) == ("as in the benchmark", "as in the pool")


def test_no_leak_is_clear_and_says_what_would_have_been_found():
    recall = Recall(kind="reworded", n=50, found=48, share=0.96, low=0.9, high=0.99)
    leaks = LeakTest(seed=0, recall=(recall,), decoys=recall)
    finding = judged(looked(None, flagged=0, n=100, leaks=leaks))
    assert finding.outcome == "clear"
    assert "None of the benchmark's 100 problems" in finding.statement
    assert "reworded 96.0 %" in finding.statement
    assert finding.value is not None
    assert (finding.value.estimate, finding.value.n) == (0.0, 100)


def test_a_pool_that_was_not_searched_was_not_looked_at():
    other = report(3, 40).model_copy(
        update={"benchmarks": (REPORT.benchmarks[0].model_copy(update={"name": "another"}),)}
    )
    for facts in ({}, {"cleaning": other}):
        finding = judged(look_at_overlap(Evidence({}, facts=facts)))
        assert finding.outcome == "not looked at"
