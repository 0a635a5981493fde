"""Bad input through the real command line: one clear message, the documented code, nothing lost.

Most of it is found before a worker trains anything, so it is run in this process. A repaired cause is
followed by the very same command, which must go on.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import NamedTuple

import homemade
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from titrant.cli.main import app

GIGABYTE = 10**9
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""Runs a command and prints its memory; a small process, since a child inherits its parent's peak."""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    text: str

    def says(self, code: int, *parts: str) -> None:
        """It ended with this code and these words, in a message and not in a traceback."""
        assert self.code == code, self.text
        assert "Traceback" not in self.text
        missing = [part for part in (*parts, "\n  expected: ", "\n  do: ") if part not in self.text]
        assert missing == [], self.text


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Runs a command in this process and in the folder of its files."""
    monkeypatch.chdir(tmp_path)
    polite_end = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object) -> Ended:
        ended = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return Ended(ended.exit_code, ended.output)

    yield call
    signal.signal(signal.SIGTERM, polite_end)


def half_of(path):
    """The first half of a Parquet file of 64 traces."""
    rows = [{"question": q, "answer": f"{way}\n#### {a}"} for q, way, a in homemade.sums(64)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def test_a_missing_config_is_answered_with_those_that_are_there(cli, small_config):
    small_config("mine.yaml")
    cli("run", "mime.yaml").says(2, "no such config", "found: mime.yaml", "mean mine.yaml?")


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize(
    ("key", "path", "parts"),
    [
        ("pool", "pol.jsonl", ("pool.path: pol.jsonl does not exist", "did you mean pool.jsonl")),
        ("pool", "no/pool.jsonl", ("pool.path: no/pool.jsonl does not exist", "found: no folder ")),
        (
            "benchmark",
            "problem.jsonl",
            ("benchmark.0.path: problem.jsonl does not exist", "did you mean problems.jsonl"),
        ),
        ("base", "./no-model", ("there is no model folder no-model", "correct base.path")),
    ],
)
def test_what_is_missing_is_found_before_anything_is_read(
    cli, small_config, tmp_path, command, key, path, parts
):
    # Whatever would be read first is cut in half: were it opened, the message would be about that.
    half = half_of(tmp_path / "half.parquet")
    others = {"pool": str(half), "benchmark": [str(half)]}
    config = small_config(**(others | {key: path}))
    out = ("--out", "run") if command == "run" else ()
    cli(command, config, *out).says(3, *parts)


def test_a_hub_id_without_a_network_is_answered_before_the_pool_is_read(
    cli, small_config, tmp_path
):
    config = small_config(base="no-owner/no-model", pool=str(half_of(tmp_path / "half.parquet")))
    ended = cli("run", config, "--out", "run")
    ended.says(3, "there is no model no-owner/no-model", "found: no such folder, and")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ("pool.path: ", "pool.jsonl is empty", "found: 0 bytes")),
        (b"\n\n", ("pool.jsonl has no rows", "found: JSON lines without any")),
        (b'{"a": 1}\n', ("pool.jsonl is in no schema that titrant knows", "found: column")),
        (b'{"question": "a", "answ', ("line 1 of ", "is not JSON", "cut: copy or download")),
        (b'{"question": "\xff"}\n', ("line 1 of ", "is not UTF-8", "iconv")),
    ],
)
def test_a_pool_that_holds_nothing_is_refused(cli, small_config, tmp_path, content, parts):
    config = small_config()
    (tmp_path / "pool.jsonl").write_bytes(content)
    cli("run", config, "--out", "run").says(3, *parts)


def test_a_pool_of_a_few_traces_is_refused(cli, small_config, tmp_path):
    config = small_config()
    homemade.write_pool(tmp_path / "pool.jsonl", 7)
    cli("run", config, "--out", "run").says(
        3, "is too small for a curve", "expected: 8 traces or more", "found: 7 of 7 traces"
    )


def test_a_pool_without_gold_answers_cannot_be_kept_by_correctness(cli, small_config, tmp_path):
    rows = [{"prompt": q, "completion": f"{way} {a}"} for q, way, a in homemade.sums(64)]
    homemade.write_lines(tmp_path / "bare.jsonl", rows)
    config = small_config(pool={"path": "bare.jsonl", "keep": "correct"})
    cli("run", config, "--out", "run").says(
        3, "no trace can be verified", "expected: gold answers in the pool", "columns: {gold: NAME}"
    )


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_benchmark_of_three_problems_is_refused(cli, small_config, tmp_path, command):
    config = small_config()
    homemade.write_benchmark(tmp_path / "problems.jsonl", 3)
    out = ("--out", "run") if command == "run" else ()
    cli(command, config, *out).says(
        3, "too small to tell anything", "expected: 20 problems", "found: 3 problems"
    )


def test_a_parquet_file_cut_in_half_is_refused(cli, small_config, tmp_path):
    half = half_of(tmp_path / "half.parquet")
    parts = ("half.parquet is no whole Parquet file", "it may be cut: copy or download it again")
    cli("run", small_config(pool=str(half)), "--out", "run").says(3, *parts)
    cli("inspect", half).says(3, *parts)


def test_an_error_under_json_is_one_object_with_the_same_parts(cli, small_config, tmp_path):
    config = small_config()
    homemade.write_benchmark(tmp_path / "problems.jsonl", 3)
    ended = homemade.titrant("run", config, "--out", tmp_path / "run", "--json")
    error = json.loads(ended.stdout)["error"]
    assert ended.returncode == error["exit_code"] == 3
    assert error["kind"] == "DataError"
    assert set(error) == {"kind", "exit_code", "what", "expected", "found", "do"}


@pytest.mark.parametrize("is_sparse", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_line_of_a_gigabyte_costs_seconds_and_little_memory(tmp_path, is_sparse):
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(b'{"question": "1 + 1 = ?", "answer": "so 2\\n#### 2"}\n' * 5)
        file.write(b'{"question": "')
        for _ in range(0 if is_sparse else 1000):
            file.write(b"x" * 10**6)
        file.truncate(GIGABYTE)
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, *homemade.command("inspect", path)],
        env=os.environ | homemade.ONE_THREAD,
        capture_output=True,
        text=True,
        check=False,
    )
    path.unlink()
    Ended(ended.returncode, ended.stderr).says(
        3, "line 6 of ", "has more than 64 MiB", '\'{"question": "'
    )
    assert time.monotonic() - began < 30
    assert int(ended.stdout) < 400_000, "kilobytes; without any file it takes 110,000"


@contextmanager
def unwritable(folder):
    """A folder into which nobody can write, root neither."""
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    if (
        shutil.which("chattr") is None
        or subprocess.run(["chattr", "+i", folder], check=False).returncode
    ):
        pytest.skip("root can write everywhere, and this file system has no immutable folders")
    try:
        yield folder
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


def test_an_unwritable_folder_is_refused_before_anything_is_read(cli, small_config, tmp_path):
    config = small_config(pool=str(half_of(tmp_path / "half.parquet")))
    with unwritable(tmp_path / "locked") as folder:
        for out in (folder, folder / "run"):
            cli("run", config, "--out", out).says(
                6, f"{out} cannot be written", "choose another folder (--out"
            )


def test_a_folder_that_cannot_be_made_is_refused(cli, small_config, tmp_path):
    config = small_config()
    for out in ("/proc/titrant", tmp_path / "pool.jsonl" / "run"):
        cli("run", config, "--out", out).says(3, f"the folder {out} cannot be made", "choose")


def test_a_mistake_in_the_config_is_mended_in_the_same_folder(cli, small_config, tmp_path):
    config = small_config(pool="pol.jsonl")
    cli("run", config, "--out", "run").says(3, "pool.path: pol.jsonl does not exist")
    homemade.write_benchmark(tmp_path / "few.jsonl", 3)
    small_config(benchmark="few.jsonl")
    cli("run", config, "--out", "run").says(3, "found: 3 problems")


@pytest.mark.e2e
@pytest.mark.train
def test_one_command_goes_on_after_every_repair(cli, small_base, small_config, tmp_path):
    """The same command and the same folder through one mistake after the other, to the answer."""
    base, pool = tmp_path / "base", tmp_path / "pool.parquet"
    config = small_config(base="base", pool="pool.parquet")
    command = ("run", config, "--out", "run")

    (tmp_path / "config.json").write_text("{}")
    cli(*command).says(3, "there is no model base")
    shutil.copytree(small_base, base)
    cli(*command).says(3, "pool.parquet does not exist")
    half_of(pool)
    cli(*command).says(3, "pool.parquet is no whole Parquet file")
    rows = [{"question": q, "answer": f"{way}\n#### {a}"} for q, way, a in homemade.sums(64)]
    pq.write_table(pa.Table.from_pylist(rows), pool)
    homemade.write_benchmark(tmp_path / "problems.jsonl", 3)
    cli(*command).says(3, "found: 3 problems")
    homemade.write_benchmark(tmp_path / "problems.jsonl")
    settings = base / "tokenizer_config.json"
    whole = json.loads(settings.read_text())
    settings.write_text(json.dumps(whole | {"eos_token": None}))
    cli(*command).says(3, "has no stop token", '"eos_token": "<|endoftext|>"')
    assert json.loads((tmp_path / "run" / "inputs.json").read_text())["pool_rows"] == 64

    # A file that is mended after it was read counts as it is now.
    pq.write_table(pa.Table.from_pylist(rows[:48]), pool)
    settings.write_text(json.dumps(whole))
    ended = cli(*command)
    assert ended.code == 0, ended.text
    assert json.loads((tmp_path / "run" / "answer.json").read_text())["top_dose"] == 48


@pytest.mark.train
@pytest.mark.slow
def test_a_loss_that_runs_away_ends_with_the_rate_to_try(cli, small_base, small_config, tmp_path):
    recipe = {"method": "full", "updates": 8, "rows_per_update": 8, "lr": 1e9}
    config = small_config(base=str(small_base), recipe=recipe)
    ended = cli("run", config, "--out", "run")
    ended.says(
        5,
        "all 3 arms at the top dose of 64 traces failed",
        "found: the training ran away: loss is nan at update 2 of 8\n",
        "do: lower the learning rate: recipe.lr: 2.5e+08; a changed recipe is another run",
    )
    base_arm = tmp_path / "run" / "arms" / "base-n000000-s00" / "done.json"
    assert base_arm.exists(), "what was finished is kept"
    again = small_config(base=str(small_base), recipe=recipe | {"lr": 1e-3})
    cli("run", again, "--out", "run").says(2, "begun with another config", "recipe.lr")
    ended = cli("run", again, "--out", "another")
    assert ended.code == 0, ended.text


@contextmanager
def small_disk(folder, kilobytes):
    """A file system of its own that is full after so many kilobytes."""
    folder.mkdir()
    size = f"size={kilobytes}k"
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=False
    ).returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [24, 64, 150, 240, 300, 420])
def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_space(
    cli, small_base, small_config, tmp_path, kilobytes
):
    # The run takes about 700 kB; each size runs full in another stage.
    config = small_config(base=str(small_base))
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        ended = cli("run", config, "--out", disk / "run")
        assert "Traceback" not in ended.text
        assert ended.code == 6, ended.text
        assert "full" in ended.text
        assert "do: free some space" in ended.text
        done = {path: path.stat().st_mtime_ns for path in disk.rglob("done.json")}
        subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
        ended = cli("run", config, "--out", disk / "run")
        assert ended.code == 0, ended.text
        assert {path: path.stat().st_mtime_ns for path in done} == done
        assert not list(disk.rglob("*.partial"))
