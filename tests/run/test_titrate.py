"""The whole loop without torch; see `fake_arms` for the arms and what they answer."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import fake_arms
import polars as pl
import pytest

from titrant.errors import BusyError, ConfigError, DataError, TrainError
from titrant.report.answer import Answer
from titrant.run.store.journal import Journal
from titrant.run.titrate import titrate
from titrant.run.watch import Silent

HERE = Path(__file__).parent
ENTRIES = fake_arms.entries()


def run(out, **changes):
    return titrate(fake_arms.fake_config(**changes), out, entries=ENTRIES)


def timeless(path):
    """The answer without times, which alone may differ between two runs."""
    answer = json.loads(Path(path).read_text())
    answer["cost"]["seconds"] = answer["provenance"]["created"] = None
    for row in answer["arms"]:
        row["seconds"] = None
    return answer


def ledger(out, word):
    lines = (out / "ledger.txt").read_text().splitlines()
    return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == word]


def test_a_rising_response_is_answered_with_its_end_point(finished):
    _, answer = finished
    # Expected accuracy 0.1 + 0.7·d/(d + 6); at the top (256) the gain is 0.7·256/262 = 0.684, so
    # 95 % of it is reached where d/(d + 6) = 0.95·256/262 = 0.928, at d = 77.6.
    assert answer.verdict == "enough at N"
    assert answer.ed95.low < 77.6 < answer.ed95.high
    assert answer.ed95.high / answer.ed95.low <= 4.0
    assert answer.top_dose == 256
    assert answer.whole_pool
    assert answer.gain.estimate == pytest.approx(0.684, abs=0.06)
    assert answer.sentence.startswith(f"{answer.subset.dose} traces (90 % interval")


def test_every_file_of_the_run_folder_is_there(finished):
    out, answer = finished
    names = (
        "config.yaml manifest.json state.sqlite pool.parquet benchmark.parquet pilot.parquet "
        "rankings/random-d0.parquet rounds/000.json rounds/001.json readings.parquet curve.parquet "
        "answer.json report.html subsets/README.md"
    )
    assert [name for name in names.split() if not (out / name).exists()] == []
    assert Answer.model_validate_json((out / "answer.json").read_text()) == answer
    assert not list(out.rglob("*.partial"))


def test_the_subset_is_the_beginning_of_the_ranking(finished):
    out, answer = finished
    lines = [json.loads(line) for line in (out / answer.subset.path).read_text().splitlines()]
    ranking = pl.read_parquet(out / "rankings" / "random-d0.parquet").sort("rank")
    assert len(lines) == answer.subset.dose >= answer.ed95.estimate
    assert [line["uid"] for line in lines] == ranking["uid"][: len(lines)].to_list()
    assert [turn["role"] for turn in lines[0]["messages"]] == ["user", "assistant"]
    assert (
        f"| {answer.subset.dose} | the chosen one |" in (out / "subsets" / "README.md").read_text()
    )
    assert [line["rank"] for line in lines] == list(range(1, len(lines) + 1))


def test_readings_hold_the_base_and_the_ladder_but_not_the_pilot(finished):
    out, answer = finished
    readings = pl.read_parquet(out / "readings.parquet")
    assert set(readings["benchmark"]) == {"arithmetic/train"}
    assert readings.group_by("arm_id").len()["len"].unique().to_list() == [240]
    assert set(readings["arm_id"]) == {row.arm_id for row in answer.arms}
    assert readings["dose"].min() == 0


def test_the_pilot_chooses_the_best_rate_and_is_reported(finished):
    _, answer = finished
    assert [(point.lr, point.chosen) for point in answer.pilot] == [
        (1e-4, False),
        (2e-4, True),
        (4e-4, False),
    ]
    assert "learning rate 0.0002" in answer.provenance.recipe


def test_cost_counts_every_arm(finished):
    out, answer = finished
    trained = [row for row in answer.arms if row.dose > 0]
    assert answer.cost.arms == len(trained) + 3  # the pilot's
    assert answer.cost.train_tokens == 1000 * answer.cost.arms
    assert answer.cost.share_of_sweep == pytest.approx(answer.cost.arms / (9 * 5))
    assert len(ledger(out, "end")) == answer.cost.arms + 1  # and the base


def test_before_and_after_are_on_the_same_problems(finished):
    _, answer = finished
    assert len(answer.before_after) >= 4
    for pair in answer.before_after:
        before, after = pair.before.split(), pair.after.split()
        assert before[0] == "base-n000000-s00"
        assert after[0] == pair.after_arm
        assert before[-1] == after[-1]


def test_a_finished_run_is_answered_without_any_work(finished):
    out, answer = finished
    before = (out / "ledger.txt").read_text()
    assert run(out) == answer
    assert (out / "ledger.txt").read_text() == before


def test_the_number_of_workers_changes_nothing(finished, tmp_path):
    out, _ = finished
    run(tmp_path / "three", executor={"workers": 3, "threads": 1})
    for decision in sorted((out / "rounds").iterdir()):
        assert (tmp_path / "three" / "rounds" / decision.name).read_text() == decision.read_text()
    assert timeless(tmp_path / "three" / "answer.json") == timeless(out / "answer.json")


def copy_without_answer(out, to):
    shutil.copytree(out, to)
    for name in ("answer.json", "report.html"):
        (to / name).unlink()
    return to


def test_a_copied_folder_with_a_damaged_journal_goes_on_elsewhere(finished, tmp_path):
    out, _ = finished
    there = copy_without_answer(out, tmp_path / "there")
    (there / "state.sqlite").write_bytes(b"not a database" * 100)
    run(there)
    assert timeless(there / "answer.json") == timeless(out / "answer.json")
    assert ledger(there, "start") == ledger(out, "start")


def test_an_arm_whose_folder_was_lost_is_run_again_alone(finished, tmp_path):
    out, _ = finished
    there = copy_without_answer(out, tmp_path / "there")
    shutil.rmtree(there / "arms" / "random-n000256-s01")
    run(there)
    assert timeless(there / "answer.json") == timeless(out / "answer.json")
    assert ledger(there, "start")[len(ledger(out, "start")) :] == ["random-n000256-s01"]


def test_another_config_on_the_folder_is_refused(finished):
    out, _ = finished
    with pytest.raises(ConfigError, match=r"seed: 0 in the folder, 1 given"):
        run(out, seed=1)


def test_a_changed_pool_is_refused(finished, tmp_path):
    out, _ = finished
    there = copy_without_answer(out, tmp_path / "there")
    pl.read_parquet(there / "pool.parquet").head(100).write_parquet(there / "pool.parquet")
    with pytest.raises(DataError, match=r"pool.parquet has changed since the run began"):
        run(there)


def test_a_run_without_any_arm_at_the_top_ends_with_the_reason_and_can_be_taken_up(
    tmp_path, monkeypatch
):
    tops = [f"random-n000256-s{seed:02d}" for seed in range(3)]
    monkeypatch.setenv("FAKE_FAILURES", ",".join(tops))
    with pytest.raises(TrainError, match=r"all 3 arms at the top dose of 256 traces failed"):
        run(tmp_path)
    ended = set(ledger(tmp_path, "end"))
    monkeypatch.delenv("FAKE_FAILURES")
    assert run(tmp_path).verdict == "enough at N"
    starts = Counter(ledger(tmp_path, "start"))
    assert {arm_id: starts[arm_id] for arm_id in tops} == dict.fromkeys(tops, 2)
    assert {starts[arm_id] for arm_id in ended} == {1}


@pytest.mark.e2e
def test_several_benchmarks_and_strategies_are_answered(tmp_path):
    answer = run(
        tmp_path,
        benchmark=[
            {"path": "world:arithmetic/train", "limit": 200},
            {"path": "world:arithmetic/long", "limit": 40, "name": "long"},
        ],
        ladder={"strategies": ["random", "shortest"]},
        recipe={"lr": 1e-3},
    )
    names = {(curve.strategy, curve.benchmark) for curve in answer.curves}
    assert len(names) == len(answer.curves) == 4
    assert {name for _, name in names} == {"arithmetic/train", "long"}
    assert {response.strategy for response in answer.responses} == {"random", "shortest"}
    assert answer.transfer["long"].estimate == pytest.approx(0.684, abs=0.2)
    assert answer.transfer["long"].n == 40
    assert answer.provenance.benchmarks == {"arithmetic/train": 200, "long": 40}
    assert set(answer.arms[-1].other_accuracy) == {"long"}
    assert (tmp_path / "rankings" / "shortest-d0.parquet").exists()
    first = [row for row in answer.arms if row.dose == 256 and row.seed < 3]
    assert len(first) == 3
    assert {row.strategy for row in first} == {"random"}  # the whole pool is the same for all


def test_failed_arms_are_left_out_and_the_base_is_read_under_its_best_template(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_FAILURES", "random-n000256-s01")
    monkeypatch.setenv("FAKE_TEMPLATES", "plain,chat")
    answer = run(tmp_path)
    assert "random-n000256-s01" not in {row.arm_id for row in answer.arms}
    assert answer.plateau.seeds >= 2
    assert (
        "the arm random-n000256-s01 failed and is left out: the loss became NaN" in answer.warnings
    )
    zero = json.loads((tmp_path / "zero.json").read_text())
    assert zero["chosen"] == "base-n000000-s01"
    assert [variant["template"] for variant in zero["variants"]] == ["plain", "chat"]
    assert any("the base reads better under the chat template" in w for w in answer.warnings)
    readings = pl.read_parquet(tmp_path / "readings.parquet").filter(pl.col("dose") == 0)
    assert readings["seed"].unique().to_list() == [1]


def test_a_limit_ends_the_run_with_what_is_known_and_a_larger_one_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_RESPONSE", "flat")
    answer = run(tmp_path, limits={"tokens": 2000})
    assert any("the limit of 2,000 tokens is reached" in text for text in answer.warnings)
    first = len(ledger(tmp_path, "start"))
    assert first == 1 + 3 + 7  # base, pilot, first round
    assert run(tmp_path, limits={"tokens": 2000}) == answer
    assert len(ledger(tmp_path, "start")) == first
    more = run(tmp_path, limits={"tokens": 10**9})
    assert not any("limit" in text for text in more.warnings)
    assert more.verdict in ("no response", "undecided")
    assert more.subset is None
    assert ledger(tmp_path, "again") == []


def test_a_limit_on_arms_counts_base_and_pilot(tmp_path):
    with pytest.raises(ConfigError, match=r"limits\.arms is too small for a curve") as caught:
        run(tmp_path / "a", limits={"arms": 10})
    assert caught.value.expected == (
        "11 arms at least: 4 for base and pilot, 7 for the first round"
    )
    answer = run(tmp_path / "b", ladder={"precision": 1.01}, limits={"arms": 12})
    assert answer.cost.arms + 1 == 12
    assert any("the limit of 12 arms is reached" in text for text in answer.warnings)


def test_a_limit_on_hours_before_anything_is_known_is_said(tmp_path):
    with pytest.raises(ConfigError, match="the limits end the run before anything is known"):
        run(tmp_path, limits={"hours": 1e-9})


def test_a_limit_between_arms_still_gives_an_answer(tmp_path, monkeypatch):
    out = tmp_path / "run"
    seen = []

    class Greedy(Silent):
        """Fills the folder when the first arm of the ladder has ended."""

        def arms(self, title, specs):
            decided = sorted(path.name for path in (out / "rounds").iterdir())
            assert decided == ["000.json", "001.json"][: 1 + title.startswith("round 1")]

        def arm(self, arm_id, state, accuracy=None):
            if state == "done" and arm_id == "random-n000256-s00":
                (out / "filler").write_bytes(bytes(3_000_000))
                seen.append(arm_id)

    config = fake_arms.fake_config(limits={"disk_gb": 0.003}, executor={"workers": 1})
    answer = titrate(config, out, entries=ENTRIES, watcher=Greedy())
    assert seen == ["random-n000256-s00"]
    assert any("the limit of 0.003 GB on disk is reached" in text for text in answer.warnings)
    assert len(ledger(out, "start")) < 1 + 3 + 7


def start(out, workers=2, **environment):
    return subprocess.Popen(
        [sys.executable, str(HERE / "fake_arms.py"), str(out), str(workers)],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_on_one_folder(finished, tmp_path):
    with start(tmp_path, FAKE_SECONDS="0.05") as first:
        until((tmp_path / "rounds").exists, first)
        with pytest.raises(BusyError, match=f"process {first.pid} on .* works on it"):
            run(tmp_path)
        answer = titrate(fake_arms.fake_config(), tmp_path, entries=ENTRIES, wait=True)
        assert first.wait() == 0, first.stderr.read()
    assert answer == Answer.model_validate_json((tmp_path / "answer.json").read_text())
    assert timeless(tmp_path / "answer.json") == timeless(finished[0] / "answer.json")
    assert max(Counter(ledger(tmp_path, "start")).values()) == 1


def until(holds, process):
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kill_and_restart(out, n_kills, *, seed):
    """Kill the driver each time the folder has reached another random number of files."""
    rng = random.Random(seed)
    for n_files in sorted(rng.randrange(1, 100) for _ in range(n_kills)):
        with start(out, workers=rng.choice((1, 2)), FAKE_SECONDS="0.02") as process:
            until(lambda n=n_files: sum(1 for _ in out.rglob("*")) >= n, process)
            time.sleep(rng.random() * 0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()
    with start(out) as process:
        assert process.wait() == 0, process.stderr.read()


@pytest.mark.parametrize(
    "n_kills", [pytest.param(2, marks=pytest.mark.e2e), pytest.param(20, marks=pytest.mark.slow)]
)
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_answer(
    finished, tmp_path, n_kills
):
    kill_and_restart(tmp_path, n_kills, seed=n_kills)
    assert timeless(tmp_path / "answer.json") == timeless(finished[0] / "answer.json")
    shards = Counter(ledger(tmp_path, "shard"))
    assert max(shards.values()) == 1, "a finished batch was computed again"
    assert ledger(tmp_path, "again") == [], "a finished arm was started again"
    with Journal(tmp_path / "state.sqlite") as journal:
        starts = sum(entry.starts for entry in journal.arms().values())
    # Two workers at most lose their arm with each kill.
    assert len(ledger(tmp_path, "end")) <= starts <= len(set(ledger(tmp_path, "end"))) + 2 * n_kills
