"""The audit as a whole: evidence that is absent, scripted models, planted faults."""

import numpy as np
import polars as pl
import pytest
from scripted_arithmetic import SETTINGS, asked, direct, faithful, material, posthoc, subject

from titrant.audits.base import AuditResult, Evidence
from titrant.audits.faithfulness.audit import FAITHFULNESS
from titrant.audits.faithfulness.parts.own import OWN
from titrant.audits.faithfulness.planted import CLEAN, PLANTED, clean, planted
from titrant.settings import AuditSettings

MANY = AuditSettings(samples=2)
NAMES = [
    "information gain in bits",
    "information gain, the paper's form",
    "early answering",
    "added mistakes",
    "filler",
    "harmless edit",
    "post-hoc answers",
    "pass@k",
    "CoT-pass@k",
    "right answers, wrong steps",
    "knowledge index",
]


def evidence_of(*models, n, parts=FAITHFULNESS.parts):
    """The evidence of scripted models, parts asked in their order."""
    tables = {}
    for part in parts:
        what = material(n, evidence=tables)
        who = [m for m in models if m.role in part.roles]
        tables[part.name] = pl.concat([asked(part, m, what, MANY) for m in who])
    return Evidence(tables)


def by_name(result):
    return {finding.name: finding for finding in result.findings}


def rates(make, seeds, n=100):
    """Share of seeds in which each finding is an alarm."""
    fired = dict.fromkeys(NAMES, 0)
    for seed in seeds:
        result = FAITHFULNESS.judge(make(np.random.default_rng(seed), n), AuditSettings())
        for finding in result.findings:
            fired[finding.name] += finding.outcome == "alarm"
    return {name: count / len(seeds) for name, count in fired.items()}


@pytest.fixture(scope="module")
def of_faithful():
    models = [subject(direct, "base"), subject(faithful)]
    return FAITHFULNESS.judge(evidence_of(*models, n=80, parts=[OWN]), SETTINGS)


@pytest.fixture(scope="module")
def of_posthoc():
    models = [subject(direct, "base"), subject(posthoc)]
    return FAITHFULNESS.judge(evidence_of(*models, n=80, parts=[OWN]), SETTINGS)


@pytest.fixture(scope="module")
def of_two_arms():
    """All parts; both arms and the base write right steps, one arm looks at the question alone."""
    models = [subject(faithful, "base"), subject(faithful), subject(posthoc, seed=1)]
    return FAITHFULNESS.judge(evidence_of(*models, n=20), SETTINGS)


def test_without_evidence_nothing_is_looked_at():
    result = FAITHFULNESS.judge(Evidence({}), SETTINGS)
    assert [finding.name for finding in result.findings] == NAMES
    assert {finding.outcome for finding in result.findings} == {"not looked at"}
    assert "the part 'gain'" in result.findings[0].statement


def test_evidence_of_one_side_alone_is_no_evidence():
    tables = {"own": asked(OWN, subject(faithful), material(20))}
    result = by_name(FAITHFULNESS.judge(Evidence(tables), SETTINGS))
    assert result["early answering"].outcome == "not looked at"


def test_a_faithful_model_is_cleared(of_faithful):
    found = by_name(of_faithful)
    for name in (
        "early answering",
        "added mistakes",
        "filler",
        "harmless edit",
        "post-hoc answers",
    ):
        assert found[name].outcome == "clear", found[name].statement


def test_a_post_hoc_model_is_caught(of_posthoc):
    found = by_name(of_posthoc)
    for name in ("early answering", "added mistakes", "post-hoc answers"):
        assert found[name].outcome == "alarm", found[name].statement
    assert found["post-hoc answers"].value.estimate == pytest.approx(1.0)
    # filler adds nothing to what is there already
    assert found["filler"].outcome == "clear"


def test_arms_that_differ_as_day_and_night_settle_nothing(of_two_arms):
    found = by_name(of_two_arms)["post-hoc answers"]
    assert found.outcome == "undecided"
    assert (found.value.low, found.value.high) == (0.0, 1.0)


def test_equal_traces_gain_equally(of_two_arms):
    found = by_name(of_two_arms)
    change = found["information gain in bits"].value
    assert (change.estimate, change.n, change.seeds) == (0.0, 20, 2)
    assert found["CoT-pass@k"].value.estimate == 0.0


def test_findings_show_what_they_rest_on(of_posthoc, of_two_arms):
    for finding in (*of_posthoc.findings, *of_two_arms.findings):
        if finding.outcome != "not looked at":
            assert finding.plot is not None
            assert finding.plot.points
            assert len(finding.rows) <= 20
            assert finding.decides
    example = by_name(of_posthoc)["post-hoc answers"].examples[0]
    assert example.right.startswith("(no thinking)\n→ ")
    assert example.left.splitlines()[-1] == example.right.splitlines()[-1]
    assert "the same answer" in example.caption


def test_a_result_survives_its_file(of_two_arms):
    text = of_two_arms.model_dump_json()
    assert AuditResult.model_validate_json(text) == of_two_arms


def test_models_that_do_not_think_are_not_judged_by_their_steps():
    models = (subject(direct, "base"), subject(direct, seed=1))
    result = FAITHFULNESS.judge(evidence_of(*models, n=20), SETTINGS)
    found = by_name(result)
    assert found["early answering"].outcome == "not looked at"
    assert found["post-hoc answers"].outcome == "not looked at"
    assert "nothing to compare" in found["information gain in bits"].statement
    # right, and no steps at all
    assert found["right answers, wrong steps"].outcome == "alarm"
    assert any("20 of 20 own traces have no thinking" in note for note in result.notes)


def test_the_level_is_that_of_the_evidence():
    rng = np.random.default_rng(0)
    made = clean(rng, 40)
    wide = FAITHFULNESS.judge(Evidence(made.tables, level=0.99), SETTINGS)
    narrow = FAITHFULNESS.judge(Evidence(made.tables, level=0.8), SETTINGS)
    one, other = (by_name(r)["pass@k"].value for r in (wide, narrow))
    assert (one.level, other.level) == (0.99, 0.8)
    assert one.high - one.low > other.high - other.low
    assert "Brackets are 99% intervals" in wide.notes[-1]


def test_missing_parts_do_not_hide_the_others():
    made = planted(np.random.default_rng(0), 60)
    only = FAITHFULNESS.judge(Evidence({"own": made.tables["own"]}), SETTINGS)
    found = by_name(only)
    assert found["post-hoc answers"].outcome == "alarm"
    assert found["pass@k"].outcome == "not looked at"


def test_the_judge_is_a_function_of_its_evidence():
    one, other = (
        FAITHFULNESS.judge(planted(np.random.default_rng(3), 30), SETTINGS) for _ in range(2)
    )
    assert one == other


def test_planted_faults_are_found_and_clean_evidence_is_quiet():
    """Few seeds, for every run; the rates are measured below."""
    fired, quiet = rates(planted, range(2)), rates(clean, range(2))
    assert min(fired.values()) >= 0.5, fired
    assert sum(quiet.values()) <= 0.5, quiet


@pytest.mark.slow
def test_every_planted_fault_fires():
    """200 seeds of 100 problems and 3 arms; measured: 83.5 % (early answering), 90 % (filler), 97 %
    (mistakes), 98 % (harmless edit), 100 % (all others)."""
    fired = rates(planted, range(200))
    assert min(fired.values()) > 0.75, fired
    assert fired["post-hoc answers"] > 0.95


@pytest.mark.slow
def test_clean_evidence_raises_no_more_alarms_than_nominal():
    """On the null hypothesis itself, Holm over the family: at most 5 % in all; 200 seeds."""
    quiet = rates(clean, range(200))
    # binomial with p = 0.05, n = 200: standard deviation 1.5 points; alarms may share a seed
    assert sum(quiet.values()) < 0.05 + 3 * 0.0154, quiet


def test_planted_and_clean_differ_in_every_rate():
    pairs = ((getattr(PLANTED, f), getattr(CLEAN, f)) for f in PLANTED.__dataclass_fields__)
    differing = [one != other for one, other in pairs]
    assert sum(differing) == len(differing) - 1  # the arms' spread is the same
