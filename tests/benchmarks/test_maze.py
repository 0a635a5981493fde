"""The maze benchmark: sizes agree, arms count as arms, and every criterion has a verdict."""

import os

import numpy as np
import pytest

pytest.importorskip("torch")

import maze

from titrant.run.audit.plan import AuditPlan
from titrant.run.input.inputs import Named, freeze_problems
from titrant.worlds.maze.world import MAZE
from titrant.worlds.pools import world_problems


@pytest.mark.parametrize("size", [8, 10])
def test_pool_benchmark_and_base_are_of_one_size(tmp_path, size):
    (tmp_path / f"base-{size}").mkdir()
    (tmp_path / f"base-{size}" / "config.json").touch()
    found = maze.config(tmp_path, size, 3, 2)
    paths = [found.pool.path, found.benchmark[0].path, found.audit.out]
    wanted = f"world:maze/wilson-{size}"
    assert paths == [wanted, wanted, f"world:maze/drunkard-{size}"]
    assert found.recipe.rows_per_device == 4
    assert found.decode.max_new_tokens == {8: 420, 10: 640}[size]


def test_the_workers_are_told_to_keep_memory_unless_told_otherwise(monkeypatch):
    for name in maze.MALLOC:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MALLOC_TOP_PAD_", "7")
    maze.keep_memory()
    assert os.environ["MALLOC_MMAP_THRESHOLD_"] == "1073741824"
    assert os.environ["MALLOC_TRIM_THRESHOLD_"] == "4294967296"
    assert os.environ["MALLOC_TOP_PAD_"] == "7"


def test_all_treatments_of_a_seed_come_before_the_next_seed():
    plan = AuditPlan(
        strategy="random", dose=8, seeds=3, treatments=maze.TREATMENTS, benchmark="b",
        asked=(None, None, 1),
    )  # fmt: skip
    seeds = [spec.seed for spec in plan.specs[1:]]
    assert seeds == [0] * 7 + [1] * 7 + [2] * 7


def measured(*, plan, trace):
    return maze.Measured(
        plan_valid=plan,
        plan_optimal=plan,
        plan_fault=None,
        trace_valid=trace,
        trace_strictly_valid=trace,
        first_error_index=None,
        first_error_type=None,
        trace_events=None if trace is None else 1,
        gold_events=1,
    )


def texts(*arms):
    """Each arm a list of (plan valid, trace valid)."""
    names = tuple(f"arm{a}" for a in range(len(arms)))
    qids = tuple(f"q{i:03d}" for i in range(len(arms[0])))
    return maze.Written(
        names,
        qids,
        {
            (name, qid): measured(plan=plan, trace=trace)
            for name, arm in zip(names, arms, strict=True)
            for qid, (plan, trace) in zip(qids, arm, strict=True)
        },
    )


def test_an_interval_counts_arms_and_not_texts():
    good, bad, half = (
        [(True, True)] * 200,
        [(False, True)] * 200,
        [(True, True), (False, True)] * 100,
    )
    apart = texts(good, bad).share(maze.SHARES["plan valid"])
    alike = texts(half, half).share(maze.SHARES["plan valid"])
    assert apart.estimate == alike.estimate == 0.5
    assert (apart.n, apart.seeds) == (200, 2)
    assert apart.high - apart.low > 0.9  # two arms, 0 and 1
    assert alike.high - alike.low < 0.15  # 400 texts as if independent: 0.08


def test_trace_given_plan_is_the_mean_over_arms_of_texts_with_a_trace():
    one = [(True, True)] * 15 + [(True, False)] * 5 + [(False, True)] * 20  # 15 of 20
    two = [(True, True)] * 10 + [(True, False)] * 10 + [(True, None)] * 20  # 10 of 20
    found = texts(one, two).valid_given_plan()
    assert found.estimate == pytest.approx((0.75 + 0.5) / 2)
    assert found.high <= 1.0


def test_texts_without_a_trace_say_nothing_about_traces():
    only = texts([(True, None)] * 30)
    assert only.share(maze.SHARES["trace valid"]).estimate is None
    assert only.valid_given_plan().estimate is None


def arms(rates, n=400):
    """Two arms of each group that are right on the first so many of n problems, in both sets."""
    yield "base", 0, dict.fromkeys(("near", "out"), np.zeros(n))
    for name, (near, far) in rates.items():
        for seed in range(2):
            yield name, seed, {"near": np.arange(n) < near * n, "out": np.arange(n) < far * n}


def verdicts(frame, found=None):
    return {text: verdict for text, _, verdict in maze.expected(frame, found or {}, "near")}


def test_every_criterion_is_judged(readings):
    rates = {
        "clean": (0.8, 0.3),
        "foreign": (0.79, 0.5),
        "answer-only": (0.3, 0.1),
        "filler": (0.79, 0.1),
    }
    found = verdicts(readings(*arms(rates)))
    assert found == {
        "solution only under 60 %": "not read",
        "swapped ≥ normal − 5 points": "holds",
        "swapped ≥ normal, out of distribution": "holds",
        "solution only below normal": "holds",
        "solution only below swapped": "holds",
        "solution only below normal, out of distribution": "holds",
        "solution only below swapped, out of distribution": "holds",
        "P(trace valid given plan valid) of normal under 1": "not read",
        "swapped over filler, so not compute alone": "open",
        "swapped over filler, so not compute alone, out of distribution": "holds",
    }


def test_a_criterion_can_fail_and_solution_only_can_void(readings):
    rates = {"clean": (0.8, 0.5), "foreign": (0.5, 0.2), "answer-only": (0.9, 0.9)}
    only = texts([(True, None)] * 30 + [(False, None)] * 10)
    normal = texts([(True, True)] * 30 + [(True, False)] * 10)
    found = verdicts(
        readings(*arms(rates)), {("answer-only", "near"): only, ("clean", "near"): normal}
    )
    assert found["solution only under 60 %"] == "void"
    assert found["swapped ≥ normal − 5 points"] == "fails"
    assert found["swapped ≥ normal, out of distribution"] == "fails"
    assert found["solution only below normal"] == "fails"
    assert found["P(trace valid given plan valid) of normal under 1"] == "holds"
    assert found["swapped over filler, so not compute alone"] == "not read"


def test_the_table_reads_texts_and_pairs_arms(tmp_path, readings, write_run, capsys):
    problems = world_problems("world:maze/wilson-8", 24)
    qids = {"b": [p.qid for p in problems]}
    written = {"b": [f"<think>\n{MAZE.oracle(p.question)}\n</think>\n\n{p.gold}" for p in problems]}
    frame = readings(
        ("base", 0, {"b": np.zeros(24)}),
        ("clean", 0, {"b": np.ones(24)}),
        ("foreign", 0, {"b": np.arange(24) < 12}),
        qids=qids,
        texts=written,
    )
    folder = write_run(tmp_path, frame, benchmark="b")
    freeze_problems(folder.audit_problems, [Named("b", problems)])
    maze.table(folder)
    text = capsys.readouterr().out
    clean = next(line for line in text.splitlines() if line.startswith("| clean | b | 24, 1 |"))
    assert clean.count("100.0 %") == 10  # five shares, each with an interval that ends there
    assert "| foreign | −50.0 (" in text
    assert "content shares: not read" in text
    assert "| swapped ≥ normal − 5 points | −50.0 (" in text
