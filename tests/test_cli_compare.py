"""`titrant compare` as it is typed."""

import json

import pytest
from typer.testing import CliRunner

from titrant.cli.main import app
from titrant.dose.paired.findings import PairedStudy


def titrant(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result) -> str:
    return " ".join(result.stdout.split())


@pytest.fixture
def models(tmp_path):
    """Three models on 100 problems: right in 50, in 65 of which 45 are those, in 51."""
    right = {"base": range(50), "tuned": range(5, 70), "twin": range(51)}
    paths = []
    for name, own in right.items():
        rows = [f"q{i},{int(i in own)}" for i in range(100)]
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_text("\n".join(["problem,correct", *rows]))
    return paths


def test_two_models_in_plain_words(models):
    result = titrant("compare", *models[:2])
    assert result.exit_code == 0, result.output
    # 5 : 20 discordant: exact McNemar 0.0041; unpaired z = 0.15 / √(0.25/99 + 0.2275/99)
    assert "tuned is better than base by 15.0 points (6.9–22.5), p = 0.0041; the" in said(result)
    assert "the unpaired test says p = 0.031." in said(result)
    assert "100 problems in both, 0 only in A, 0 only in B; correlation 0.52" in said(result)
    assert "exact McNemar (mid-p 0.0025)" in said(result)
    assert "A base 100 answers" in said(result)
    assert "about these very models, other training seeds aside" in said(result)


def test_models_that_are_not_told_apart_say_what_would(models):
    result = titrant("compare", models[0], models[2])
    assert "twin is not told apart from base: +1.0 points (" in said(result)
    assert "p = 1.00; the unpaired test says p = 0.89;" in said(result)
    assert "problems would tell 2.0 points apart, four times in five" in said(result)


def test_three_models_are_corrected_for_three_tests(models):
    result = titrant("compare", *models)
    assert said(result).count("after Holm over 3 tests") == 3
    assert "twin is worse than tuned by 14.0 points" in said(result)
    for pair in ("A → B", "A → C", "B → C"):
        assert pair in result.stdout


def test_json_is_one_record_with_everything(models):
    study = PairedStudy.model_validate_json(titrant("compare", *models[:2], "--json").stdout)
    (found,) = study.comparisons
    assert (found.a, found.b, found.a_alone, found.b_alone) == ("base", "tuned", 5, 20)
    assert found.statement.startswith("tuned is better than base by 15.0 points")
    assert (study.level, study.margin, study.version) == (0.9, 0.02, 1)


def test_level_margin_and_seed_reach_the_study(models):
    options = ("--confidence", "0.95", "--margin", "0.05", "--seed", "3", "--json")
    study = json.loads(titrant("compare", *models[:2], *options).stdout)
    assert (study["level"], study["margin"], study["seed"]) == (0.95, 0.05, 3)
    plain = json.loads(titrant("compare", *models[:2], "--json").stdout)
    assert (
        study["comparisons"][0]["difference"]["low"] < plain["comparisons"][0]["difference"]["low"]
    )
    assert study["comparisons"][0]["needed"] < plain["comparisons"][0]["needed"]


def test_arms_of_a_run_and_one_benchmark_of_several(models, tmp_path):
    rows = ["benchmark,problem,correct", *(f"{b},q{i},1" for b in "xy" for i in range(30))]
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("\n".join(rows))
    both = [tmp_path / f"{name}.csv" for name in "ab"]
    assert "On x, b is not told apart from a" in said(titrant("compare", *both))
    chosen = titrant("compare", *both, "--benchmark", "y", "--json")
    assert [one["benchmark"] for one in json.loads(chosen.stdout)["comparisons"]] == ["y"]
    refused = titrant("compare", *both, "--arms", "base*")
    assert refused.exit_code == 2
    assert "no run folder is given" in refused.stderr


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_figure_is_written_as_a_picture(models, tmp_path, ending, start):
    path = tmp_path / "new" / f"forest.{ending}"
    result = titrant("compare", *models, "--figure", path)
    assert result.exit_code == 0, result.output
    assert path.read_bytes().startswith(start)
    assert f"picture: {path}" in result.stdout


def test_the_figure_is_refused_before_any_work(models, tmp_path):
    result = titrant("compare", *models, "--figure", tmp_path / "forest.pdf")
    assert result.exit_code == 2
    assert "of no kind that a picture is written in" in result.stderr


def test_mistakes_are_messages_with_their_exit_codes(models, tmp_path):
    assert titrant("compare").exit_code == 2
    one = titrant("compare", models[0])
    assert (one.exit_code, one.stderr.splitlines()[0]) == (2, "one side alone cannot be compared")
    missing = titrant("compare", models[0], tmp_path / "no.csv")
    assert (missing.exit_code, "no such file: " in missing.stderr) == (3, True)
    twice = titrant("compare", models[0], models[0], "--json")
    assert twice.exit_code == 2
    assert json.loads(twice.stdout)["error"]["what"] == "the same answers stand on both sides"
    percent = titrant("compare", *models, "--confidence", "95")
    assert (percent.exit_code, "cannot have confidence = 95.0" in percent.stderr) == (2, True)
