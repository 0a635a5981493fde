"""`titrant report` and `titrant export` as they are typed."""

import json
import re
import shlex

import pytest
from report_answers import ANSWERS
from typer.testing import CliRunner

from titrant.cli.main import app
from titrant.report.html import render_report
from titrant.report.load import load_answer


def titrant(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_report_writes_the_page_again_and_prints_the_answer(run_folder):
    result = titrant("report", run_folder)
    assert result.exit_code == 0, result.output
    page = (run_folder / "report.html").read_text(encoding="utf-8")
    assert page == render_report(load_answer(run_folder))
    assert "enough at 3" in result.stdout
    assert f"{run_folder.name}/report.html" in "".join(result.stdout.split())


def test_the_figure_is_written_as_a_picture(run_folder, tmp_path):
    result = titrant("report", run_folder, "--png", tmp_path / "figure.png")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_report_as_json_is_one_object(run_folder):
    result = titrant("report", run_folder, "--json")
    content = json.loads(result.stdout)
    assert content["verdict"] == "enough at N"
    assert content["ed95"]["estimate"] == 3.0
    assert content["bytes"] == (run_folder / "report.html").stat().st_size


def test_export_prints_the_files_it_wrote(run_folder, tmp_path):
    result = titrant(
        "export", run_folder, "--to", tmp_path / "out", "--what", "subset", "--dose", 5
    )
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "n0005.jsonl").exists()
    assert "n0005.jsonl" in result.stdout


@pytest.mark.parametrize(
    ("what", "file"),
    [
        ("readings", "readings.csv"),
        ("curve", "curve.csv"),
        ("answer", "answer.json"),
        ("subset", "n0003.jsonl"),
    ],
)
def test_each_kind_has_its_own_default_format(run_folder, tmp_path, what, file):
    result = titrant("export", run_folder, "--to", tmp_path, "--what", what, "--json")
    content = json.loads(result.stdout)
    assert content["files"][0].endswith(file)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--what", "lm-eval", "--format", "csv"), 2, "--what lm-eval cannot be written as csv"),
        (("--dose", "5000"), 2, "a dose of 5,000 traces is over the pool"),
        (("--dose", "2", "--strategy", "best"), 2, "this run has no ranking by 'best', draw 0"),
    ],
)
def test_a_wrong_order_is_one_clear_message(run_folder, tmp_path, arguments, code, message):
    result = titrant("export", run_folder, "--to", tmp_path, *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["report", "export"])
def test_a_folder_that_is_no_run_folder_is_one_clear_message(tmp_path, command):
    extra = () if command == "report" else ("--to", tmp_path / "out")
    result = titrant(command, tmp_path, *extra)
    assert result.exit_code == 3
    assert "is no run folder" in result.stderr
    assert not (tmp_path / "report.html").exists()


def test_every_command_that_the_report_names_can_be_typed(run_folder, tmp_path):
    pages = "".join(render_report(ANSWERS[name]()) for name in ("several", "missing"))
    commands = set(re.findall(r"<code>(titrant [^<]+)</code>", pages))
    assert len(commands) >= 4
    for command in sorted(commands):
        words = {"RUN": str(run_folder), "DIR": str(tmp_path / "out")}
        arguments = [words.get(word, word) for word in shlex.split(command)[1:]]
        result = titrant(*arguments)
        assert result.exit_code == 0, f"{command}: {result.output}"
