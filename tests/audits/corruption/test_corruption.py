"""The corruption audit: numbers by hand, planted faults that it must find, clean evidence on which it is quiet."""

import math

import numpy as np
import polars as pl
import pytest
from scipy.stats import t as student

from titrant.audits.arms import Groups, contrasts, groups_of, seed_variance, too_few
from titrant.audits.base import Evidence
from titrant.audits.corruption.audit import CORRUPTION
from titrant.audits.corruption.planted import clean, planted, readings
from titrant.audits.corruption.share import Sides, outcome_of, shares_of
from titrant.dose.readings import SCHEMA
from titrant.estimate import Estimate
from titrant.settings import AuditSettings

SETTINGS = AuditSettings()
N_RUNS = 30
N_INTERVALS = 100


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


def groups_with(right: dict[str, int], n: int = 100) -> Groups:
    """Two arms each that are right on the first so many of n problems; one base."""
    return Groups(
        tuple(map(str, range(n))),
        {
            name: np.vstack([rows(name, k, n)] * (1 if name == "base" else 2))
            for name, k in right.items()
        },
    )


def test_half_of_the_gain_is_tested_by_a_linear_contrast_on_both_sides():
    found = shares_of(groups_with({"base": 20, "clean": 80, "foreign": 42}), 0.9)
    # ½ clean + ½ base − foreign: 0 on 20, −½ on 22, +½ on 38, 0 on 20; mean 0.08
    # scatter 60/4 − 100 · 0.08² = 14.36, two coins 2 · (¼ + 1 + ¼)/4; over 102 · 101
    over = student.sf(0.08 / math.sqrt((14.36 + 0.75) / (102 * 101)), 101)
    assert found.p["foreign"].over == pytest.approx(2 * over)
    assert found.p["foreign"].under == pytest.approx(1 - over)
    assert found.outcome("foreign") == "clear"


def test_outcomes_are_corrected_over_all_treatments_and_both_sides():
    """The same arms: clear alone, undecided as one of four, the interval the same and over a half."""
    alone = shares_of(groups_with({"base": 20, "clean": 80, "a": 42}), 0.9)
    four = shares_of(
        groups_with({"base": 20, "clean": 80, "a": 42, "b": 42, "c": 42, "d": 42}), 0.9
    )
    assert four.share["a"] == alone.share["a"]
    assert four.share["a"].low > 0.5
    assert four.p["a"].over == pytest.approx(8 / 2 * alone.p["a"].over)
    assert (alone.outcome("a"), four.outcome("a")) == ("clear", "undecided")


@pytest.mark.parametrize(
    ("ends", "p", "outcome"),
    [
        ((0.4, 0.9), Sides(under=1.0, over=0.049), "clear"),
        ((0.6, 0.9), Sides(under=1.0, over=0.051), "undecided"),
        ((-0.2, 0.6), Sides(under=0.049, over=1.0), "alarm"),
        ((-0.2, 0.4), Sides(under=0.051, over=1.0), "undecided"),
        ((None, None), Sides(under=1.0, over=0.001), "undecided"),
    ],
)
def test_the_outcome_follows_the_corrected_p(ends, p, outcome):
    share = Estimate(estimate=0.5, low=ends[0], high=ends[1], level=0.9)
    assert outcome_of(share, p, 0.9) == outcome


def frame_of(right: dict[str, int], *, n: int = 200, benchmark: str = "benchmark") -> pl.DataFrame:
    """Readings of a base and of three arms per group that are right on the first so many problems."""
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "arm_id": f"{name}-{seed}",
                    "strategy": "base" if name == "base" else "random",
                    "dose": 0 if name == "base" else 64,
                    "seed": seed,
                    "treatment": "clean" if name == "base" else name,
                    "benchmark": benchmark,
                    "qid": [f"{benchmark}{i:03d}" for i in range(n)],
                    "sample": 0,
                    "correct": [i < k for i in range(n)],
                    "verdict": "",
                    "final_answer": "1",
                    "n_tokens": 10,
                },
                schema=SCHEMA,
            )
            for name, k in right.items()
            for seed in range(1 if name == "base" else 3)
        ]
    )


def test_what_was_lost_by_training_is_not_shared_out():
    """Base 60 %, clean 30 %, foreign 60 %: not that all of a gain needs the content."""
    frame = frame_of({"base": 120, "clean": 60, "foreign": 120})
    (finding,) = CORRUPTION.judge(Evidence(tables={}, readings=frame), SETTINGS).findings
    assert finding.outcome == "undecided"
    assert finding.value is not None
    assert finding.value.estimate is None
    assert finding.p is None
    assert "−30.0" in finding.statement


def test_a_small_set_out_of_distribution_leaves_the_findings_and_a_note():
    right = {"base": 20, "clean": 180, "foreign": 20}
    out = frame_of({"base": 1, "clean": 9, "foreign": 1}, n=15, benchmark="out")
    frame = pl.concat([frame_of(right), out])
    result = CORRUPTION.judge(Evidence(tables={}, readings=frame), SETTINGS)
    (finding,) = result.findings
    assert finding.outcome == "clear"
    assert "out of distribution" not in finding.statement
    assert result.notes[0].startswith("only 15 problems out of distribution")
    whole = CORRUPTION.judge(Evidence(tables={}, readings=frame_of(right)), SETTINGS)
    assert whole.notes == ()
    assert whole.findings == result.findings


def test_a_small_benchmark_is_not_taken_for_arms_that_were_not_trained():
    frame = frame_of({"base": 1, "clean": 9, "foreign": 1}, n=19)
    (finding,) = CORRUPTION.judge(Evidence(tables={}, readings=frame), SETTINGS).findings
    assert finding.outcome == "not looked at"
    assert finding.statement.startswith("Only 19 problems")
    assert (too_few(frame, "benchmark"), too_few(frame, "out"), too_few(None, "out")) == (
        19,
        None,
        None,
    )
    assert too_few(frame_of({"base": 1, "clean": 9}, n=20), "benchmark") is None


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
    hits, widths = 0, []
    for run in range(N_INTERVALS):
        frame = readings(np.random.default_rng(run), 150, {"clean": 0.8, "foreign": 0.5})
        groups = groups_of(frame, "benchmark")
        assert groups is not None
        share = shares_of(groups, 0.9).share["foreign"]
        assert share.low is not None
        assert share.high is not None
        hits += share.low <= 0.5 <= share.high
        widths.append(share.high - share.low)
    # the clip of chances at 0 and 1 moves the truth by under 0.01; measured: 95 of 100, width 0.195
    assert hits >= (0.9 - 4 * math.sqrt(0.09 / N_INTERVALS)) * N_INTERVALS
    assert np.mean(widths) < 0.21
