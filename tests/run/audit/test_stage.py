"""Audits as the last stage of a run, on fake arms and a scripted model."""

import json
import shutil
from collections import Counter

import fake_arms
import polars as pl
import pytest

from titrant.errors import ConfigError, DataError
from titrant.report.answer import Answer
from titrant.run.titrate import titrate
from titrant.settings import AuditSettings

AUDIT = AuditSettings(
    names=("corruption",), treatments=("foreign", "answer-only"), seeds=2, problems=20
)
ENTRIES = fake_arms.entries()


def audited(out, **changes):
    settings = AUDIT.model_copy(update=changes)
    return titrate(fake_arms.fake_config(audit=settings), out, entries=ENTRIES, audit=True)


def lines(out, word):
    text = (out / "ledger.txt").read_text().splitlines()
    return [line.partition(" ")[2] for line in text if line.partition(" ")[0] == word]


@pytest.fixture
def copied(finished, tmp_path):
    """A finished run that may be changed."""
    out = tmp_path / "run"
    shutil.copytree(finished[0], out)
    return out


def test_findings_join_the_answer_and_the_report(copied):
    before = Answer.model_validate_json((copied / "answer.json").read_text())
    answer = audited(copied)
    (result,) = answer.audits
    assert {finding.name: finding.outcome for finding in result.findings} == {
        "content share: answer-only": "clear",
        "content share: foreign": "clear",
        "answers follow the trace": "clear",
    }
    assert answer.model_copy(update={"audits": ()}) == before
    assert Answer.model_validate_json((copied / "answer.json").read_text()) == answer
    assert "Is it real?" in (copied / "report.html").read_text()
    assert json.loads((copied / "audits" / "corruption.json").read_text())["audit"] == "corruption"


def test_arms_are_the_base_and_each_treatment_at_the_recommended_dose(copied):
    answer = audited(copied)
    arms = {path.parent.name for path in (copied / "arms").glob("*-audit/done.json")}
    dose = f"random-n{answer.subset.dose:06d}"
    assert arms == {"base-n000000-s00-audit"} | {
        f"{dose}-s0{seed}{treatment}-audit"
        for seed in range(2)
        for treatment in ("", "-foreign", "-answer-only")
    }


def test_arms_are_read_on_benchmark_fresh_and_out(copied):
    answer = audited(copied)
    arm = f"random-n{answer.subset.dose:06d}-s00-audit"
    shards = [pl.read_parquet(path) for path in (copied / "arms" / arm / "samples").glob("*")]
    counts = Counter(pl.concat(shards)["benchmark"].to_list())
    assert counts == {"arithmetic/train": 240, "fresh": 20, "out": 20}
    qids = pl.concat(shards).group_by("qid").len()
    assert qids["len"].max() == 1


def test_a_second_call_does_nothing_again(copied):
    audited(copied)
    before = (copied / "ledger.txt").read_text()
    chunks = {path: path.stat().st_mtime_ns for path in copied.rglob("parts/*/*.parquet")}
    audited(copied)
    assert lines(copied, "start") == [
        line.partition(" ")[2] for line in before.splitlines() if line.startswith("start ")
    ]
    assert {path: path.stat().st_mtime_ns for path in chunks} == chunks


def test_a_chunk_that_a_kill_cost_is_asked_again_and_gives_the_same(copied):
    first = audited(copied)
    gone = sorted(copied.rglob("parts/replace-*/tuned-s01-*.parquet"))
    assert gone
    for path in gone:
        path.unlink()
    (copied / "audits" / "corruption.json").unlink()
    assert audited(copied).audits == first.audits


def test_a_treatment_may_be_added_later(copied):
    audited(copied)
    started = len(lines(copied, "start"))
    answer = audited(copied, treatments=("foreign", "answer-only", "shuffled"))
    assert len(lines(copied, "start")) == started + 2
    assert len(answer.audits[0].findings) == 4


def test_one_audit_alone_keeps_the_findings_of_the_others_and_the_config(copied):
    first = audited(copied)
    config = fake_arms.fake_config(audit=AUDIT)
    before = (copied / "config.yaml").read_text()
    answer = titrate(config, copied, entries=ENTRIES, audit=True, only=("contamination",))
    assert [result.audit for result in answer.audits] == ["corruption", "contamination"]
    assert answer.audits[0] == first.audits[0]
    assert (copied / "config.yaml").read_text() == before
    again = audited(copied)
    assert [result.audit for result in again.audits] == ["corruption", "contamination"]


def test_other_problems_are_refused_and_nothing_is_lost(copied):
    audited(copied)
    with pytest.raises(ConfigError, match="were begun with other settings"):
        audited(copied, problems=30)
    assert (copied / "audits" / "corruption.json").exists()


def test_weights_that_are_gone_are_named(copied):
    answer = audited(copied)
    arm = copied / "arms" / f"random-n{answer.subset.dose:06d}-s00-audit"
    shutil.rmtree(arm / "model")
    with pytest.raises(DataError, match=r"the weights of .*-s00-audit are gone"):
        audited(copied)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"names": ("corrupton",)}, "did you mean corruption"),
        ({"treatments": ("foriegn",)}, "did you mean foreign"),
        ({"treatments": ("clean",)}, "names `clean`"),
        ({"treatments": ("digits@2",)}, "no usable ratio"),
    ],
)
def test_wrong_names_are_refused_before_any_work(tmp_path, changes, match):
    with pytest.raises(ConfigError, match=match):
        audited(tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()
