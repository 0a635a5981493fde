"""What probes say: which number decides, what is shown beside it, and when nothing is said."""

import numpy as np
import polars as pl
import pytest

from titrant.audits.base import Evidence
from titrant.audits.contamination.compare import holm_of
from titrant.audits.contamination.completion import (
    completion_table,
    completion_tests,
    deciding_share,
    judge_completion,
    look_at_completion,
)
from titrant.audits.contamination.probe import SCHEMA


def probes(which, share, em, *, rouge=0.3, correct=False, verdict="wrong", chance=None):
    return [
        (
            *(which, f"{which}{i:03d}", share, "word", 20, f"ask {i}", "the rest"),
            *("went on", "went on", bool(hit), 1.0 if hit else rouge, correct, verdict, 9, chance),
        )
        for i, hit in enumerate(em)
    ]


def evidence(*rows, role="base") -> Evidence:
    table = pl.DataFrame([row for some in rows for row in some], schema=SCHEMA, orient="row")
    return Evidence({"probes": table.with_columns(role=pl.lit(role), seed=pl.lit(0))})


def judged(one: Evidence, *, is_exchangeable=True):
    found = look_at_completion(one)
    p = holm_of(completion_tests(found))
    return judge_completion(found, p, is_exchangeable=is_exchangeable)


def hits(k, n=100):
    return np.arange(n) < k


def test_exact_rests_that_fresh_problems_do_not_have_are_an_alarm():
    finding = judged(
        evidence(probes("benchmark", 0.6, hits(40), chance=0.01), probes("fresh", 0.6, hits(2)))
    )
    assert finding.outcome == "alarm"
    assert finding.value is not None
    assert finding.value.estimate == pytest.approx(0.38)
    assert finding.p is not None
    assert finding.p < 1e-9
    assert "exact rest of 40.0 % of the benchmark's and 2.0 % of fresh ones" in finding.statement
    assert "luck alone would give at most 1.0 %" in finding.statement
    assert finding.plot is not None
    assert finding.plot.marks == {"chance at 60 %": pytest.approx(0.01)}


def test_short_rests_alone_are_no_alarm():
    finding = judged(
        evidence(
            probes("benchmark", 0.6, hits(1)),
            probes("fresh", 0.6, hits(1)),
            probes("benchmark", 0.8, hits(60)),
            probes("fresh", 0.8, hits(10)),
        )
    )
    assert finding.outcome == "clear"


def test_rouge_and_answers_alone_are_no_alarm():
    finding = judged(
        evidence(
            probes("benchmark", 0.6, hits(1), rouge=0.9, correct=True, verdict="correct"),
            probes("fresh", 0.6, hits(1)),
        )
    )
    assert finding.outcome == "clear"


def test_an_interval_that_reaches_over_the_margin_decides_nothing():
    # 8 of 100 against 3 of 100: 5 points, up to 10.8; Fisher's p is 0.11
    finding = judged(evidence(probes("benchmark", 0.6, hits(8)), probes("fresh", 0.6, hits(3))))
    assert finding.value is not None
    assert finding.value.high == pytest.approx(0.108, abs=0.003)
    assert finding.outcome == "undecided"


def test_as_many_rests_as_on_fresh_problems_of_another_making_clear_nothing():
    both = evidence(
        probes("benchmark", 0.6, hits(550, 1000)), probes("fresh", 0.6, hits(540, 1000))
    )
    assert judged(both).outcome == "clear"
    finding = judged(both, is_exchangeable=False)
    assert finding.outcome == "undecided"
    assert "only the benchmark's own share could clear it: 55.0 % (" in finding.statement
    assert "audit.fresh_is_alike" in finding.decides


@pytest.mark.parametrize(
    ("exact", "n", "outcome"),
    [
        # Wilson's upper end of none of n is z² / (n + z²), z² = 1.645² = 2.706
        (0, 25, "clear"),  # 2.706 / 27.706 = 9.8 %
        (0, 24, "undecided"),  # 2.706 / 26.706 = 10.1 %
        # of 3 in 100: (0.03 + 0.0135 + 1.645 · √(0.000291 + 0.0000676)) / 1.0271 = 7.3 %
        (3, 100, "clear"),
        (8, 100, "undecided"),
    ],
)
def test_of_another_making_only_few_rests_at_all_are_clear(exact, n, outcome):
    fresh = probes("fresh", 0.6, hits(10))
    finding = judged(
        evidence(probes("benchmark", 0.6, hits(exact, n)), fresh), is_exchangeable=False
    )
    assert finding.outcome == outcome
    if outcome == "clear":
        assert finding.decides == "exact rests of more than 10.0 % of the benchmark"


def test_more_rests_than_on_fresh_problems_are_an_alarm_however_those_were_made():
    one = evidence(probes("benchmark", 0.6, hits(40)), probes("fresh", 0.6, hits(2)))
    assert judged(one, is_exchangeable=False).outcome == "alarm"


def test_a_set_that_was_not_asked_at_the_deciding_share_decides_nothing():
    short = evidence(
        probes("benchmark", 0.8, hits(0)),
        probes("fresh", 0.8, hits(0)),
        probes("fresh", 0.6, hits(0)),
    )
    finding = judged(short, is_exchangeable=False)
    assert finding.outcome == "undecided"
    assert "could clear it: —" in finding.statement


def test_too_few_problems_ask_for_more_of_them_however_they_were_made():
    one = evidence(probes("benchmark", 0.6, hits(0)), probes("fresh", 0.6, hits(0, 19)))
    assert "more problems" in judged(one, is_exchangeable=False).decides


def test_a_chance_that_is_not_known_of_every_problem_is_not_said():
    some = [*probes("benchmark", 0.6, hits(9, 30), chance=0.01), *probes("benchmark", 0.6, [True])]
    finding = judged(evidence(some, probes("fresh", 0.6, hits(0))))
    assert "luck" not in finding.statement
    assert finding.plot is not None
    assert finding.plot.marks == {}


def test_a_chance_near_nothing_is_not_written_as_nothing():
    finding = judged(
        evidence(probes("benchmark", 0.6, hits(40), chance=1e-9), probes("fresh", 0.6, hits(2)))
    )
    assert "luck alone would give at most 0.1 %" in finding.statement


def test_under_twenty_problems_of_a_set_nothing_is_said():
    one = evidence(probes("benchmark", 0.6, hits(50)), probes("fresh", 0.6, hits(0, 19)))
    assert judged(one).outcome == "undecided"
    one = evidence(probes("benchmark", 0.6, hits(50)), probes("fresh", 0.6, hits(0, 20)))
    assert judged(one).outcome == "alarm"


def test_the_family_is_all_measures_at_all_shares():
    found = look_at_completion(
        evidence(
            *(
                probes(which, share, hits(9))
                for which in ("benchmark", "fresh")
                for share in (0.4, 0.6)
            )
        )
    )
    assert found is not None
    assert sorted(completion_tests(found)) == [
        f"completion: {name} at {share}"
        for name in ("correct", "em", "rouge")
        for share in ("0.4", "0.6")
    ]
    # Holm multiplies the least p-value by 6
    raw = {**completion_tests(found), "completion: em at 0.6": 0.001}
    finding = judge_completion(found, holm_of(raw), is_exchangeable=True)
    assert finding.p == pytest.approx(0.006)


def test_the_deciding_share_is_sixty_percent_or_the_middle_one():
    assert deciding_share([0.4, 0.6, 0.8]) == 0.6
    assert deciding_share([0.2, 0.5, 0.9]) == 0.5
    assert deciding_share([0.4, 0.8]) == 0.8


def test_the_worst_come_first_and_stand_beside_the_truth():
    rows = [
        *probes("benchmark", 0.4, [i == 7 for i in range(30)]),
        *probes("benchmark", 0.6, [i in (3, 7) for i in range(30)]),
    ]
    finding = judged(evidence(rows, probes("fresh", 0.4, hits(0)), probes("fresh", 0.6, hits(0))))
    assert set(finding.rows) == {"benchmark003", "benchmark007"}
    first = finding.examples[0]
    assert first.left_name == "the true rest"
    assert (first.left, first.right) == ("the rest", "went on")
    assert first.caption.endswith("ask 3")
    assert len(finding.examples) == 3


def test_the_share_of_cut_continuations_is_said():
    cut = probes("benchmark", 0.6, hits(0), verdict="truncated")
    finding = judged(evidence(cut, probes("fresh", 0.6, hits(0))))
    assert "50.0 % of all continuations were cut" in finding.statement


def test_problems_without_gold_count_for_the_rests_only():
    rows = [(*row[:11], None, None, *row[13:]) for row in probes("benchmark", 0.6, hits(40))]
    found = look_at_completion(evidence(rows, probes("fresh", 0.6, hits(0))))
    assert found is not None
    assert found.compared["correct", 0.6].difference.estimate is None
    finding = judge_completion(found, holm_of(completion_tests(found)), is_exchangeable=True)
    assert finding.outcome == "alarm"
    assert "right answer" not in finding.statement
    table = completion_table(found, holm_of(completion_tests(found)))
    assert [row[5] is None for row in table.rows] == [False, False, True]


def test_what_was_not_gathered_was_not_looked_at():
    only = probes("benchmark", 0.6, hits(40))
    fresh = probes("fresh", 0.6, hits(0))
    for one in (Evidence({}), evidence(only), evidence(only, fresh, role="tuned")):
        finding = judged(one)
        assert finding.outcome == "not looked at"
        assert finding.value is None
