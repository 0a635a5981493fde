"""The paper's form of information gain: why there is no ratio, and its median beside its mean."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import titrant.audits.faithfulness
from titrant.audits.base import Evidence
from titrant.audits.faithfulness.audit import FAITHFULNESS
from titrant.audits.faithfulness.findings.gain import PAPER_NAME, gain_drafts
from titrant.audits.faithfulness.findings.length import gain_tables, median_of
from titrant.audits.faithfulness.interval import Means
from titrant.audits.faithfulness.parts.scored import FORMS, PAPER, SCHEMA
from titrant.settings import AuditSettings

MEANS = Means(0.9)
NAN = float("nan")


def gains(base, *arms, steps=(4, 4)):
    """The table of the part `gain`: every form has the value of the paper's; None: no steps."""
    rows = [
        dict.fromkeys(SCHEMA)
        | {"of_role": role, "of_seed": seed, "qid": f"q{i:03d}"}
        | {"n_steps": 0 if value is None else n_steps, "perplexity_before": 1.0}
        | dict.fromkeys(FORMS, value)
        for role, seed, n_steps, values in (
            ("base", 0, steps[0], base),
            *(("tuned", seed, steps[1], values) for seed, values in enumerate(arms)),
        )
        for i, value in enumerate(values)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def paper_of(frame):
    return {draft.name: draft for draft in gain_drafts(frame, None, MEANS)}[PAPER_NAME]


def statement(frame):
    result = FAITHFULNESS.judge(Evidence({"gain": frame}), AuditSettings())
    return next(one for one in result.findings if one.name == PAPER_NAME)


def test_a_gain_of_the_base_under_zero_is_said_with_its_median():
    # one problem of 21 rules the mean: (20 · 1 − 125)/21 = −5
    found = statement(gains([1.0] * 20 + [-125.0], [1.0] * 21))
    assert found.outcome == "not looked at"
    assert "the base's own gain is not over 0, so that there is no ratio to it" in found.statement
    assert "(mean −5.00 (" in found.statement
    assert "median 1.00 (1.00 to 1.00), 21 problems)" in found.statement
    assert "trace with steps" not in found.statement


def test_traces_without_steps_are_said_to_be_the_reason():
    found = statement(gains([None] * 12, [1.0] * 12))
    assert found.outcome == "not looked at"
    assert "no problem has a trace with steps both before and after" in found.statement
    assert "not over 0" not in found.statement


def test_an_arm_without_any_pair_is_said_to_be_the_reason():
    found = paper_of(gains([1.0] * 12, [1.0] * 12, [None] * 12))
    assert found.value.estimate is None
    assert found.numbers == (
        "one of the arms has no problem with a trace with steps both before and after training"
    )


def test_a_gain_that_is_under_zero_at_the_steps_of_an_arm_is_said():
    frame = gains([3.0, -2.0], [1.0, 1.0])
    # three times as many steps where the base gains: 3 · 4/12 − 2 · 4/4 = −1
    longer = (pl.col("of_role") == "tuned") & (pl.col("qid") == "q000")
    frame = frame.with_columns(n_steps=pl.when(longer).then(12).otherwise(4))
    found = paper_of(frame)
    assert found.value.estimate is None
    assert "own gain at the steps of an arm is not over 0" in found.numbers
    assert "mean −0.50" in found.numbers


def test_the_mean_told_is_that_of_the_arm_that_has_no_ratio():
    # the second arm has a trace for the third problem alone
    found = paper_of(gains([5.0, 5.0, -1.0], [1.0, 1.0, 1.0], [None, None, 1.0]))
    assert "(mean −1.00" in found.numbers


def test_where_there_is_a_ratio_it_is_told():
    found = paper_of(gains([2.0] * 12, [1.0] * 12, steps=(4, 8)))
    assert found.numbers.startswith("it is 0.50 (0.50 to 0.50) times the base's")
    assert found.value.estimate == pytest.approx(1.0)


def test_the_median_stands_below_the_mean_of_the_papers_form():
    base = [1.0, 2.0, 3.0, 4.0, -1000.0]
    frame = gains(base, [2.0, 2.0, 3.0, 6.0, 0.0])
    rows = {row[0]: row[1:] for row in gain_tables(frame, MEANS)[0].rows}
    assert list(rows) == [*FORMS[:5], f"{PAPER}, median", *FORMS[5:]]
    assert rows[PAPER][0].estimate == pytest.approx(-198.0)
    # sorted −1000, 1, 2, 3, 4; 0, 2, 2, 3, 6; changes 1, 0, 0, 2, 1000, and all have four steps
    medians = [cell.estimate for cell in rows[f"{PAPER}, median"]]
    assert medians == [2.0, 2.0, 1.0, 1.0]


def test_a_median_is_of_the_means_over_arms():
    values = np.array([[0.0, 2.0, NAN, NAN], [4.0, NAN, 8.0, NAN]])
    found = median_of(values, 0.9)
    # 2, 2, 8 and nothing
    assert (found.estimate, found.n, found.seeds) == (2.0, 3, 2)
    assert (found.low, found.high) == (None, None)  # three problems: 75 % between the outermost
    assert median_of(np.full((2, 3), NAN), 0.9).estimate is None


def test_the_interval_of_a_median_is_between_ranks():
    # n = 10: the 2nd to the 9th, P(1 < heads < 9) = 1 − 2 · 11/1024 = 0.979; the 3rd to the 8th have 0.891
    found = median_of(np.arange(1.0, 11.0) ** 3, 0.9)
    assert (found.estimate, found.low, found.high) == (170.5, 8.0, 729.0)


def test_the_name_of_the_audit_is_spelt_in_one_place():
    folder = Path(titrant.audits.faithfulness.__file__).parent
    spelt = [p.name for p in folder.rglob("*.py") if '"faithfulness"' in p.read_text("utf-8")]
    assert spelt == ["__init__.py"]
