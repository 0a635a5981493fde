"""The command line: lazy commands, version, errors as messages, exit codes."""

import errno
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from titrant.cli import main as main_module
from titrant.cli.common import JsonOption, exit_codes
from titrant.cli.main import COMMANDS, Entry, app
from titrant.errors import DataError


def run(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def command(monkeypatch):
    """Makes `titrant plan` do what a test wants."""

    def make(function):
        from titrant.cli import doctor

        monkeypatch.setattr(doctor, "stand_in", function, raising=False)
        monkeypatch.setitem(COMMANDS, "plan", Entry("titrant.cli.doctor:stand_in", "x"))

    return make


def raising(error: BaseException):
    def stand_in(as_json: JsonOption = False) -> None:  # noqa: FBT002 - typer's way
        raise error

    return stand_in


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout == f"titrant {version('titrant')}\n"


def test_help_lists_every_command_and_every_exit_code():
    lines = [" ".join(line.split()) for line in run("--help").stdout.splitlines()]
    for name in COMMANDS:
        assert any(line.startswith(f"{name} ") for line in lines), name
    for code, meaning in exit_codes().items():
        assert any(line.startswith(f"{code} {meaning[:40]}") for line in lines), code


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"titrant {name}" in " ".join(result.stdout.split()) or "Usage: " in result.stdout


def test_only_the_command_that_is_asked_for_is_imported():
    code = (
        "import sys; from titrant.cli.main import app\n"
        "try: app(['doctor', '--help'])\n"
        "except SystemExit: pass\n"
        "ours = [m for m in sys.modules if m.startswith('titrant.cli.')]\n"
        "print(sorted(ours), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = ["titrant.cli.common", "titrant.cli.doctor", "titrant.cli.main"]
    assert done.stderr.strip() == str(expected)


def test_an_unknown_command_is_answered_with_a_near_one():
    result = run("docto")
    assert result.exit_code == 2
    assert "doctor" in result.stderr


def test_an_error_is_a_message_and_its_exit_code(command):
    command(raising(DataError("the pool is empty", do="add traces")))
    result = run("plan")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == "the pool is empty\n  do: add traces\n"


def test_an_error_under_json_is_json_on_stdout(command):
    command(raising(DataError("the pool is empty", do="add traces")))
    result = run("plan", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"] == {
        "kind": "DataError",
        "exit_code": 3,
        "what": "the pool is empty",
        "do": "add traces",
    }


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(command):
    command(raising(KeyboardInterrupt()))
    result = run("plan")
    assert result.exit_code == 130
    assert "run the same command again to go on" in result.stderr


def test_a_full_disk_is_a_message(command):
    command(raising(OSError(errno.ENOSPC, "No space left on device", "runs/x")))
    result = run("plan")
    assert result.exit_code == 6
    assert "the disk is full: runs/x" in result.stderr


def test_a_bug_keeps_its_traceback(command):
    command(raising(ValueError("ours")))
    result = run("plan")
    assert result.exit_code == 1
    assert isinstance(result.exception, ValueError)


def test_ctrl_c_before_a_command_is_reached_ends_alike(monkeypatch, capsys):
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "app", interrupt)
    with pytest.raises(SystemExit) as caught:
        main_module.main()
    assert caught.value.code == 130
    assert "run the same command again to go on" in capsys.readouterr().err


def test_python_m_titrant_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "titrant", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("titrant ")


def test_the_doctor_ends_with_a_verdict():
    result = run("doctor")
    assert result.exit_code == 0
    last = result.stdout.strip().splitlines()[-1]
    assert last.startswith(("Ready: ", "Analysis only: "))


def test_the_doctor_speaks_json():
    health = json.loads(run("doctor", "--json").stdout)
    assert set(health) >= {
        "verdict",
        "versions",
        "lacking",
        "engines",
        "devices",
        "machine",
        "hints",
    }
    fake = next(engine for engine in health["engines"] if engine["name"] == "fake")
    assert fake == {"name": "fake", "loads": True, "can": ["generate", "score"], "why": ""}
    assert health["machine"]["cores"] >= 1


def test_the_doctor_says_what_is_lacking(monkeypatch):
    from titrant.cli import doctor

    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "trl" else real(name))
    monkeypatch.setattr(doctor, "_devices", list)
    health = doctor.look()
    assert "trl" in health.lacking["train"]
    assert health.verdict.startswith("Analysis only: ")
    assert "pip install 'titrant[train]'" in health.verdict
    assert "dev" not in health.lacking


def test_the_doctor_prints_brackets_as_they_are(monkeypatch):
    from titrant.cli import doctor

    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "trl" else real(name))
    monkeypatch.setattr(doctor, "_devices", list)
    assert "pip install 'titrant[train]'" in run("doctor").stdout.replace("\n", " ")


def test_shares_are_no_percentages(tmp_path):
    done = run("fit", str(tmp_path / "readings.csv"), "--level", "95")
    assert done.exit_code == 2
    assert "write 95 % as --level 0.95" in done.stderr


def test_the_doctor_warns_of_a_busy_machine():
    from titrant.cli.doctor import Device, Machine, _hints

    busy = Machine("3.11", cores=2, load=6.0, memory_gb=16, free_memory_gb=1.5, free_disk_gb=1)
    slow = [Device("cpu", None, has_bf16=False, bf16_speed=0.1)]
    hints = _hints(busy, slow)
    assert hints[0].startswith("6.0 processes want 2 cores")
    assert [hint.split()[0] for hint in hints[1:]] == ["1.5", "1.0", "bfloat16"]
    calm = busy._replace(load=0.5, free_memory_gb=8, free_disk_gb=50)
    assert _hints(calm, [Device("cpu", None, has_bf16=True, bf16_speed=1.5)]) == []


def test_the_doctor_of_a_missing_config_ends_with_code_2(tmp_path):
    result = run("doctor", str(tmp_path / "no.yaml"))
    assert result.exit_code == 2
    assert "no such config" in result.stderr


@pytest.fixture
def tiny_config(tmp_path):
    """A config whose base is a tiny random model made here; its context is 512 tokens."""
    vitro = pytest.importorskip("titrant.worlds.vitro")
    recipe = vitro.VitroRecipe(layers=1, width=16, heads=2, mlp_width=32)
    tokenizer = vitro.make_tokenizer()
    tokenizer.save_pretrained(tmp_path / "base")
    vitro.make_model(recipe, tokenizer).save_pretrained(tmp_path / "base")
    rows = [
        {"prompt": f"1+{n}=", "completion": f"<think>\n1+{n}={n + 1}\n</think>\n\n{n + 1}"}
        for n in range(1, 11)
    ]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "bench.jsonl").write_text('{"question": "2+2=", "answer": "4"}\n')
    path = tmp_path / "c.yaml"
    path.write_text("base: base\npool: pool.jsonl\nbenchmark: bench.jsonl\n")
    return path


@pytest.mark.train
def test_the_doctor_examines_the_rows_of_a_config(tiny_config):
    result = run("doctor", str(tiny_config), "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["rows"]
    assert len(rows) >= 8
    assert all(check["ok"] for check in rows)
    assert "10 rows" in next(c["detail"] for c in rows if c["name"] == "rendered once")


@pytest.mark.train
def test_the_doctor_refuses_rows_that_would_be_cut(tiny_config):
    result = run("doctor", str(tiny_config), "--set", "recipe.max_tokens=8")
    assert result.exit_code == 5
    assert "the template doctor refuses to train: row length" in result.stderr
    assert "over the limit of 8" in result.stderr
