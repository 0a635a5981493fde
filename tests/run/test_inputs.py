import json
import os

import polars as pl
import pytest

from titrant.errors import ConfigError, DataError
from titrant.run.input.inputs import best_guess, clean, gather, is_outdated, load_benchmarks
from titrant.run.input.prepare import hash_of
from titrant.run.store.folder import RunFolder, make_folder
from titrant.run.watch import Silent
from titrant.settings import Config
from titrant.traces.record import Verdict
from titrant.traces.table import load_traces
from trace_made import made_trace


class Listening(Silent):
    """Remembers warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def write_pool(path, rows):
    lines = [
        {
            "prompt": f"What is {a}+{b}?",
            "completion": f"{a}+{b} is {c}. #### {c}",
            "answer": str(a + b),
        }
        for a, b, c in rows
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return str(path)


def write_problems(path, n, *, start=100):
    lines = [{"question": f"What is {i}+1?", "answer": str(i + 1)} for i in range(start, start + n)]
    path.write_text("\n".join(map(json.dumps, lines)))
    return str(path)


def config(pool, *benchmarks, **changes):
    tree = {"base": "b", "pool": pool, "benchmark": list(benchmarks)}
    return Config.model_validate(tree | changes)


def read(tmp_path, settings):
    watcher = Listening()
    found = gather(settings, make_folder(tmp_path / "run"), watcher)
    return found, watcher.warnings


def trace(i, *, gold="7", verdict=None, text=None):
    question, answer = f"question {i}", text or f"answer {i}"
    return made_trace(question, None, answer, gold=gold, verdict=verdict)


def test_pool_and_benchmarks_are_frozen_with_verdicts(tmp_path):
    pool = write_pool(tmp_path / "pool.jsonl", [(1, i, 1 + i + (i == 3)) for i in range(10)])
    big = write_problems(tmp_path / "big.jsonl", 250)
    other = write_problems(tmp_path / "other.jsonl", 220, start=5000)
    found, warnings = read(tmp_path, config(pool, big, other))
    folder = RunFolder(tmp_path / "run")
    traces = load_traces(folder.pool)
    assert found.pool_rows == len(traces) == 10
    assert found.pool_hash == hash_of(traces)
    assert found.verdicts == {"correct": 9, "wrong": 1}
    assert found.benchmarks == {"big": 250, "other": 220}
    assert {name: len(p) for name, p in load_benchmarks(folder).items()} == found.benchmarks
    assert warnings == []


def test_pool_questions_of_the_benchmark_are_left_out_and_counted(tmp_path):
    pool = write_pool(tmp_path / "pool.jsonl", [(i, 1, i + 1) for i in range(90, 110)])
    problems = write_problems(tmp_path / "p.jsonl", 250)  # What is 100+1? … 349+1?
    found, warnings = read(tmp_path, config(pool, problems))
    assert found.pool_rows == 10
    assert warnings == list(found.warnings)
    assert warnings == [
        "10 traces of 10 questions that also stand in a benchmark are left out of the pool"
    ]


def test_rows_of_a_benchmark_that_cannot_be_asked_are_warned_of(tmp_path):
    pool = write_pool(tmp_path / "pool.jsonl", [(1, i, 1 + i) for i in range(10)])
    problems = tmp_path / "p.jsonl"
    write_problems(problems, 250)
    lines = [*problems.read_text().splitlines(), '{"question": "Why?", "answer": ""}']
    problems.write_text("\n".join([*lines, lines[0]]))
    found, warnings = read(tmp_path, config(pool, str(problems)))
    assert found.benchmarks == {"p": 250}
    assert warnings == [
        "1 rows of the benchmark p are not asked: no gold answer",
        "benchmark p: 1 questions repeat an earlier one and were merged",
    ]


def test_two_benchmarks_of_one_name_are_told_apart(tmp_path):
    pool = write_pool(tmp_path / "pool.jsonl", [(1, i, 1 + i) for i in range(10)])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = write_problems(tmp_path / "a" / "sums.jsonl", 200)
    two = write_problems(tmp_path / "b" / "sums.jsonl", 210, start=900)
    found, _ = read(tmp_path, config(pool, one, two))
    assert found.benchmarks == {"sums": 200, "sums-2": 210}
    names = pl.read_parquet(tmp_path / "run" / "benchmark.parquet")["benchmark"]
    assert names.unique(maintain_order=True).to_list() == ["sums", "sums-2"]


def test_a_benchmark_of_three_problems_is_refused_with_what_it_takes(tmp_path):
    pool = write_pool(tmp_path / "pool.jsonl", [(1, i, 1 + i) for i in range(10)])
    with pytest.raises(DataError) as caught:
        read(tmp_path, config(pool, write_problems(tmp_path / "p.jsonl", 3)))
    assert str(caught.value) == (
        "the benchmark p is too small to tell anything\n"
        "  expected: 20 problems at the very least; a gain of 2 points takes about 4,279\n"
        "  found: 3 problems, which tell differences of 100 points and more\n"
        "  do: give a larger benchmark, or put several of its kind into one file"
    )


def test_a_small_benchmark_is_warned_of_with_the_power_line(tmp_path):
    pool = write_pool(tmp_path / "pool.jsonl", [(1, i, 1 + i) for i in range(10)])
    _, warnings = read(tmp_path, config(pool, write_problems(tmp_path / "p.jsonl", 60)))
    assert len(warnings) == 1
    assert warnings[0].startswith("p is small: 60 problems tell a difference of ")


def test_an_empty_pool_is_refused(tmp_path):
    (tmp_path / "pool.jsonl").write_text("")
    with pytest.raises(DataError, match=r"pool\.jsonl"):
        read(
            tmp_path, config(str(tmp_path / "pool.jsonl"), write_problems(tmp_path / "p.jsonl", 30))
        )


def test_a_pool_that_is_all_benchmark_is_refused_with_the_reason(tmp_path):
    pool = write_pool(tmp_path / "pool.jsonl", [(i, 1, i + 1) for i in range(100, 120)])
    with pytest.raises(DataError, match="is too small for a curve") as caught:
        read(tmp_path, config(pool, write_problems(tmp_path / "p.jsonl", 250)))
    assert caught.value.came == (
        "0 of 20 traces; 20 traces of 20 questions that also stand in a benchmark are left out of "
        "the pool"
    )


def test_missing_files_and_worlds_are_named(tmp_path):
    pool = write_pool(tmp_path / "pool.jsonl", [(1, i, 1 + i) for i in range(10)])
    with pytest.raises(DataError, match="nowhere"):
        read(tmp_path, config(pool, str(tmp_path / "nowhere.jsonl")))
    with pytest.raises(ConfigError, match="arithmatic"):
        read(tmp_path, config(pool, "world:arithmatic"))


def test_a_world_gives_disjoint_pool_and_benchmark(tmp_path):
    settings = config(
        {"path": "world:arithmetic", "limit": 50},
        {"path": "world:arithmetic/hard", "limit": 200},
    )
    found, warnings = read(tmp_path, settings)
    assert found.pool_rows == 50
    assert found.benchmarks == {"arithmetic/hard": 200}
    assert warnings == []


NO_BENCHMARK = config("p", "q")
ONLY_CORRECT = config({"path": "p", "keep": "correct"}, "q")


def test_exact_duplicates_are_left_out():
    kept, words = clean([*map(trace, range(10)), trace(3), trace(3)], [], NO_BENCHMARK)
    assert [t.question for t in kept] == [f"question {i}" for i in range(10)]
    assert words == ["2 exact duplicates are left out of the pool"]


def test_a_pool_without_gold_answers_can_be_trained_on_and_is_warned_of():
    kept, words = clean([trace(i, gold=None) for i in range(10)], [], NO_BENCHMARK)
    assert len(kept) == 10
    assert words[0].startswith("the pool has no gold answers: its verdicts are unknown")


def test_only_correct_traces_are_kept_on_demand():
    mixed = [trace(i, verdict=Verdict.CORRECT if i % 2 else Verdict.WRONG) for i in range(20)]
    kept, words = clean(mixed, [], ONLY_CORRECT)
    assert len(kept) == 10
    assert words == ["10 traces not verified as correct are left out"]


def test_only_correct_traces_of_a_pool_without_gold_is_refused():
    with pytest.raises(DataError, match=r"pool\.keep is correct, but no trace can be verified"):
        clean([trace(i, gold=None) for i in range(10)], [], ONLY_CORRECT)


def test_the_best_guess_has_one_vote_per_question():
    votes = [trace(1, gold="5", text=f"attempt {i}") for i in range(9)]
    votes += [trace(2, gold=" 3 "), trace(3, gold="3"), trace(4, gold=None)]
    assert best_guess(votes) == "3"  # two questions to one, though 5 stands in nine traces
    assert best_guess([trace(1, gold="5"), trace(2, gold="3")]) == "3"
    assert best_guess([trace(1, gold=None)]) is None


def test_what_was_read_is_outdated_when_a_file_is_written_later(tmp_path):
    pool = tmp_path / "pool.jsonl"
    settings = config(write_pool(pool, [(1, 2, 3)]), "world:arithmetic")
    folder = make_folder(tmp_path / "run")
    read_at = folder.stage("inputs")
    read_at.write_text("{}")
    os.utime(read_at, (1000, 1000))
    os.utime(pool, (999, 999))
    assert not is_outdated(settings, folder)
    os.utime(pool, (1001, 1001))
    assert is_outdated(settings, folder)


def test_a_missing_place_is_named_with_its_key_before_anything_is_read(tmp_path):
    (tmp_path / "pool.jsonl").write_text("not JSON")
    settings = config(str(tmp_path / "pool.jsonl"), str(tmp_path / "pol.jsonl"))
    with pytest.raises(
        DataError, match=r"^benchmark\.0\.path: .*pol\.jsonl does not exist"
    ) as caught:
        read(tmp_path, settings)
    assert caught.value.do == "did you mean pool.jsonl?"
