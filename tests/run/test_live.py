import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from titrant.arms import ArmSpec
from titrant.cli.common import resolve
from titrant.cli.live import LiveWatcher, PlainWatcher, end_point_line, show_answer
from titrant.errors import ConfigError
from titrant.report import typeset
from titrant.run.watch import EndPoint

SPEC = ArmSpec(strategy="random", dose=64, seed=1)
POINT = EndPoint(
    strategy="random",
    verdict="enough at N",
    ed=187.2,
    low=128.0,
    high=260.0,
    gain=0.855,
    gain_low=0.84,
    gain_high=0.87,
    arms=17,
)


def console(**options):
    return Console(record=True, width=100, **options)


def events(watcher):
    watcher.stage("inputs")
    watcher.arms("round 1", [SPEC])
    watcher.arm(SPEC.arm_id, "running")
    watcher.progress(SPEC.arm_id, "train", 3, 60)
    watcher.arm(SPEC.arm_id, "done", 0.5)
    watcher.end_points([POINT])
    watcher.warn("a warning with [brackets]")


def test_a_log_has_one_line_per_event():
    screen = console(force_terminal=False)
    with PlainWatcher(screen) as watcher:
        events(watcher)
    lines = [line[8:] for line in screen.export_text().splitlines()]
    assert lines == [
        "reading pool and benchmark",
        "round 1: random-n000064-s01",
        "  ✓ random-n000064-s01  done  50.0%",
        "random: end point 188 (128–260), gain +85.5 points (+84.0 to +87.0), 17 arms: enough at N",
        "warning: a warning with [brackets]",
    ]


def test_a_terminal_shows_the_arms_under_way():
    screen = console(force_terminal=True)
    with LiveWatcher(screen) as watcher:
        watcher.arms("round 1", [SPEC])
        watcher.arm(SPEC.arm_id, "running")
        watcher.progress(SPEC.arm_id, "train", 3, 60)
        screen.print(watcher._render())
        events(watcher)
        watcher.stage("prepared")
        watcher.progress("prepared", "template doctor", 3000, 7473)
        screen.print(watcher._render())
    text = screen.export_text()
    assert "template doctor 3,000 of 7,473" in text
    assert "round 1" in text
    assert "▸" in text
    assert "train" in text


def test_an_estimate_that_is_not_there_yet_is_said():
    line = end_point_line(POINT._replace(ed=None, low=None, high=None, verdict="undecided"))
    assert "no end point yet" in line


def test_the_answer_is_shown_with_its_curve_and_its_files(finished):
    _, answer = finished
    screen = console()
    show_answer(screen, answer, Path("runs/x"))
    text = screen.export_text()
    assert "reach 95 % of the" in text
    rows = [line.split() for line in text.splitlines() if "█" in line or "╌" in line]
    assert [typeset.dose(answer.ed95.estimate), "╌╌", "ED95"] in [row[:3] for row in rows]
    doses = [0 if row[0] == "base" else int(row[0]) for row in rows]
    assert doses == sorted(doses)
    assert doses[0] == 0
    assert "report   runs/x/report.html" in text
    assert "next     titrant export runs/x --to DIR" in text


def test_three_options_are_a_config():
    config = resolve(None, ["seed=3"], base="vitro:arithmetic", pool="world:arithmetic",
                     benchmarks=["world:arithmetic", "world:arithmetic/long"])  # fmt: skip
    assert config.base.path == "vitro:arithmetic"
    assert [b.path for b in config.benchmark] == ["world:arithmetic", "world:arithmetic/long"]
    assert config.seed == 3


def test_options_stand_above_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"base": {"path": "org/a", "dtype": "float32"}, "pool": "org/p",
                                "benchmark": {"path": "org/q", "limit": 9}}))  # fmt: skip
    config = resolve(path, [], base="org/b", benchmarks=["org/r"])
    assert (config.base.path, config.base.dtype) == ("org/b", "float32")
    assert (config.benchmark[0].path, config.benchmark[0].limit) == ("org/r", 9)
    assert config.pool.path == "org/p"


def test_a_missing_option_is_named():
    with pytest.raises(ConfigError, match="benchmark"):
        resolve(None, [], base="org/b", pool="org/p")


def test_off_a_terminal_progress_is_a_line_a_minute(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("titrant.cli.live.time.monotonic", lambda: clock[0])
    console = Console(file=io.StringIO(), width=80)
    watcher = PlainWatcher(console)
    for clock[0] in range(0, 150, 10):
        watcher.progress("sample", "drawing", int(clock[0]), 200)
    lines = console.file.getvalue().splitlines()
    assert [line.split()[-3:] for line in lines] == [["60", "of", "200"], ["120", "of", "200"]]
