"""The corruption audit: numbers by hand, planted faults that it must find, clean evidence on which it is quiet."""

import math

import numpy as np
import polars as pl
import pytest

from titrant.audits.arms import Groups, contrasts, groups_of, seed_variance
from titrant.audits.base import Evidence
from titrant.audits.corruption.audit import CORRUPTION
from titrant.audits.corruption.planted import clean, planted, readings
from titrant.audits.corruption.share import outcome_of, shares_of
from titrant.estimate import Estimate
from titrant.settings import AuditSettings

SETTINGS = AuditSettings()
N_RUNS = 30


def rows(name: str, right: int, of: int) -> np.ndarray:
    return np.array([[1.0] * right + [0.0] * (of - right)])


def test_a_contrast_without_seed_noise_has_the_errors_of_its_problems():
    # clean right on 6 of 8, base on 2 of 8: differences 0,0 then 1 ×4 then 0 ×2; mean 0.5
    groups = Groups(tuple("abcdefgh"), {"clean": rows("clean", 6, 8), "base": rows("base", 2, 8)})
    found = contrasts(groups, [{"clean": 1.0, "base": -1.0}])
    assert found.value[0] == 0.5
    # scatter 8 · 0.25 = 2, two pseudo-problems 2 · (1 + 1)/4 = 1; 3 / (10 · 9)
    assert found.cov[0, 0] == pytest.approx(3 / 90)
    assert found.seeds[0] == 1


def test_arms_that_differ_as_a_whole_widen_the_interval():
    score = np.zeros((2, 100))
    score[0, :60] = 1
    score[1, :40] = 1
    groups = Groups(tuple(map(str, range(100))), {"clean": score, "base": np.zeros((1, 100))})
    # squares 2 · 0.1² = 0.02; explained: 20 problems with variance 0.5 between two arms, 0.1 / 100
    assert seed_variance(groups) == (pytest.approx(0.02 - 0.001), 1)


def test_the_content_share_is_the_lost_part_of_the_gain():
    # base 20 %, clean 80 %, treated 50 % of 100 problems: half of the gain
    groups = Groups(
        tuple(map(str, range(100))),
        {
            "base": rows("base", 20, 100),
            "clean": np.vstack([rows("clean", 80, 100)] * 2),
            "foreign": np.vstack([rows("foreign", 50, 100)] * 2),
        },
    )
    found = shares_of(groups, 0.9)
    assert found.share["foreign"].estimate == pytest.approx(0.5)
    assert found.loss["foreign"].estimate == pytest.approx(0.3)
    assert found.share["foreign"].seeds == 4


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.6, 0.9, "clear"),
        (-0.2, 0.49, "alarm"),
        (0.4, 0.6, "undecided"),
        (None, None, "undecided"),
    ],
)
def test_the_outcome_follows_the_whole_interval(low, high, outcome):
    share = Estimate(estimate=0.5, low=low, high=high, level=0.9)
    assert outcome_of(share) == outcome


def test_a_gain_that_is_nothing_has_no_share():
    rng = np.random.default_rng(3)
    same = readings(rng, 200, {"clean": 0.2, "foreign": 0.2})
    result = CORRUPTION.judge(Evidence(tables={}, readings=same), SETTINGS)
    (finding,) = result.findings
    assert finding.outcome == "undecided"
    assert finding.value is not None
    assert finding.value.estimate is None
    assert "too little to be taken apart" in finding.statement


def test_without_arms_nothing_is_said():
    (finding,) = CORRUPTION.judge(Evidence(tables={}), SETTINGS).findings
    assert finding.outcome == "not looked at"


def test_a_problem_that_one_arm_was_not_asked_is_left_out_of_all():
    rng = np.random.default_rng(5)
    frame = readings(rng, 60, {"clean": 0.8, "foreign": 0.2})
    frame = frame.filter(~((pl.col("qid") == "q00000") & (pl.col("treatment") == "foreign")))
    groups = groups_of(frame, "benchmark")
    assert groups is not None
    assert len(groups.qids) == 59


def outcomes(make, n: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for run in range(N_RUNS):
        evidence = make(np.random.default_rng(run), n)
        for finding in CORRUPTION.judge(evidence, SETTINGS).findings:
            found.setdefault(finding.name, []).append(finding.outcome)
    return found


def test_planted_faults_are_found_in_nearly_all_runs():
    for name, seen in outcomes(planted, 120).items():
        assert seen.count("alarm") >= 0.95 * N_RUNS, name


def test_clean_evidence_raises_no_alarm():
    for name, seen in outcomes(clean, 120).items():
        assert seen.count("alarm") == 0, name
        assert seen.count("clear") >= 0.9 * N_RUNS, name


def test_nine_intervals_of_ten_hold_the_true_share():
    hits = 0
    for run in range(N_RUNS):
        frame = readings(np.random.default_rng(run), 150, {"clean": 0.8, "foreign": 0.5})
        groups = groups_of(frame, "benchmark")
        assert groups is not None
        share = shares_of(groups, 0.9).share["foreign"]
        hits += share.low is not None and share.low <= 0.5 <= share.high
    # the clip of chances at 0 and 1 moves the truth by under 0.01; the interval is a little too wide
    assert hits >= (0.9 - 4 * math.sqrt(0.09 / N_RUNS)) * N_RUNS
