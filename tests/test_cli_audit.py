"""`titrant audit` as it is typed: of two models, with an engine that needs none."""

import json

import pytest
from typer.testing import CliRunner

from titrant.cli.main import app
from titrant.run.audit.alone import TwoModelAudit


def titrant(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result) -> str:
    return " ".join(result.output.split())


def audit_two(out, *more):
    return titrant(
        "audit",
        "base-model",
        "tuned-model",
        *("--benchmark", "world:arithmetic/easy", "--out", out),
        *("--set", "decode.engine=fake", "--set", "benchmark.0.limit=24"),
        *("--set", "audit.problems=20", "--set", "decode.max_new_tokens=24"),
        *more,
    )


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """An audit of two scripted models, contamination alone."""
    out = tmp_path_factory.mktemp("audit") / "two"
    return out, audit_two(out, "--only", "contamination")


def test_two_models_are_audited_without_a_run(audited):
    out, result = audited
    assert result.exit_code == 0, result.output
    assert "Was the benchmark seen before, and what of the gain is clean?" in said(result)
    found = TwoModelAudit.model_validate_json((out / "audit.json").read_text())
    assert (found.base, found.tuned) == ("base-model", "tuned-model")
    assert [result.audit for result in found.audits] == ["contamination"]
    page = (out / "audit.html").read_text()
    assert "finding" in page
    assert "tuned-model" in page


def test_the_same_command_goes_on_and_ends_alike(audited):
    out, _ = audited
    before = (out / "audit.json").read_bytes()
    chunks = {p: p.stat().st_mtime_ns for p in (out / "audits").rglob("*.parquet")}
    assert chunks
    assert audit_two(out, "--only", "contamination").exit_code == 0
    assert (out / "audit.json").read_bytes() == before
    assert {p: p.stat().st_mtime_ns for p in chunks} == chunks


def test_json_is_one_record(audited):
    out, _ = audited
    result = audit_two(out, "--only", "contamination", "--json")
    assert json.loads(result.stdout)["audits"][0]["audit"] == "contamination"


def test_a_folder_of_other_models_is_refused(audited):
    out, _ = audited
    result = titrant(
        "audit",
        "base-model",
        "another",
        *("--benchmark", "world:arithmetic/easy", "--out", out),
        *("--set", "decode.engine=fake", "--set", "audit.problems=20"),
    )
    assert result.exit_code == 3
    assert "holds the audit of other models, problems or settings" in said(result)
    assert "found: model another" in said(result)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--benchmark", "world:arithmetic/hard"), "found: benchmark world:arithmetic/hard"),
        (("--pool", "world:arithmetic"), "expected: pool None found: pool world:arithmetic"),
        (("--set", "decode.max_new_tokens=30"), "settings of prompt, decode, columns and seed"),
        (("--set", "seed=7"), "settings of prompt, decode, columns and seed"),
    ],
)
def test_a_folder_of_other_problems_or_settings_is_refused(audited, change, words):
    out, _ = audited
    before = (out / "audit.json").read_bytes()
    plain = ["base-model", "tuned-model", "--out", str(out), "--set", "decode.engine=fake"]
    benchmark = [] if change[0] == "--benchmark" else ["--benchmark", "world:arithmetic/easy"]
    sets = ["benchmark.0.limit=24", "audit.problems=20", "decode.max_new_tokens=24"]
    options = [part for one in sets for part in ("--set", one)]
    result = titrant("audit", *plain, *benchmark, *options, *change)
    assert result.exit_code == 3, result.output
    assert words in said(result)
    assert (out / "audit.json").read_bytes() == before


def test_one_audit_at_a_time_keeps_the_findings_of_the_others(tmp_path):
    for name in ("contamination", "corruption"):
        assert audit_two(tmp_path / "two", "--only", name).exit_code == 0
    found = TwoModelAudit.model_validate_json((tmp_path / "two" / "audit.json").read_text())
    assert {result.audit for result in found.audits} == {"contamination", "corruption"}


def test_worked_examples_need_a_pool(tmp_path):
    result = audit_two(tmp_path / "two", "--set", "prompt.few_shot=2")
    assert result.exit_code == 2
    assert "prompt.few_shot needs a pool" in said(result)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a", "b"], "2 names and no --benchmark"),
        (["a", "b", "c", "--benchmark", "world:arithmetic"], "found: 3 names"),
        (["nowhere"], "is no run folder"),
        (
            ["a", "b", "--benchmark", "world:arithmetic", "--only", "contaminaton"],
            "did you mean contamination",
        ),
        (
            ["a", "b", "--benchmark", "world:arithmetic", "--set", "audit.treatments=[foriegn]"],
            "did you mean foreign",
        ),
    ],
)
def test_what_cannot_be_audited_is_one_clear_message(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    result = titrant("audit", *arguments)
    assert result.exit_code in (2, 3), result.output
    assert words in said(result)
    assert "Traceback" not in result.output
