"""Sides as they are given: arms of a run, samples of lm-eval and Inspect, tables; and their pairing."""

import json
from types import SimpleNamespace

import polars as pl
import pytest

from titrant.dose.paired.compare import PairedWish
from titrant.dose.readings import SCHEMA
from titrant.errors import ConfigError, DataError
from titrant.run.compare.given import read_given
from titrant.run.compare.pairing import compare_given
from titrant.run.ladder.preliminary import Variant, Zero

QUICK = PairedWish(resamples=200)
STAMP = "2026-11-24T10-00-00.123456"


def compare(*inputs, **options):
    return compare_given([str(text) for text in inputs], wish=QUICK, **options)


def refused(*inputs, kind=DataError, **options) -> str:
    with pytest.raises(kind) as caught:
        compare(*inputs, **options)
    assert type(caught.value) is kind
    return str(caught.value)


def lm_eval(path, values, *, first=0, **more):
    """A sample file: problem h0, h1 … right or wrong."""
    docs = [
        {"doc_id": i, "doc_hash": f"h{i}", "exact_match": value, **more}
        for i, value in enumerate(values, start=first)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(doc) + "\n" for doc in docs), encoding="utf-8")
    return path


def csv(path, values, header="problem,correct"):
    lines = [header, *(f"q{i},{value}" for i, value in enumerate(values))]
    path.write_text("\n".join(lines) + "\n")
    return path


def arm(run, arm_id, values, *, benchmark="sums", samples=1, is_done=True):
    strategy, dose, seed = arm_id.split("-")[:3]
    row = dict.fromkeys(SCHEMA) | {
        "arm_id": arm_id,
        "strategy": strategy,
        "dose": int(dose[1:]),
        "seed": int(seed[1:]),
        "treatment": "clean",
        "benchmark": benchmark,
    }
    rows = [
        row | {"qid": f"q{i}", "sample": k, "correct": value}
        for i, value in enumerate(values)
        for k in range(samples)
    ]
    folder = run / "arms" / arm_id
    (folder / "samples").mkdir(parents=True)
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(folder / "samples" / "00000.parquet")
    if is_done:
        (folder / "done.json").write_text("{}")
    return folder


@pytest.fixture
def run(tmp_path):
    """Base right in 10 of 40, three arms of 8 traces in 20, 24 and 28, one of 64 in 36."""
    folder = tmp_path / "run"
    for name, right in (
        ("base-n000000-s00", 10),
        ("random-n000008-s00", 20),
        ("random-n000008-s01", 24),
        ("random-n000008-s02", 28),
        ("random-n000064-s00", 36),
    ):
        arm(folder, name, [i < right for i in range(40)])
    return folder


def test_two_arms_of_a_run(run):
    study = compare(f"{run}:base-n000000-s00", run / "arms" / "random-n000064-s00")
    (found,) = study.comparisons
    assert (found.a, found.b) == ("base-n000000-s00", "random-n000064-s00")
    assert (found.accuracy_a, found.accuracy_b, found.problems) == (0.25, 0.9, 40)
    assert (found.benchmark, found.test, found.b_alone) == ("sums", "exact McNemar", 26)
    assert [side.rows for side in study.sides] == [40, 40]
    assert study.notes == ()


def test_patterns_pool_seeds_and_their_noise_counts(run):
    study = compare(run, arms=["base*", "random-n000008-*"])
    (found,) = study.comparisons
    # 20, 24, 28 of 40: mean 0.6, sd 0.1
    assert found.accuracy_b == pytest.approx(0.6)
    assert (found.seed_sd_a, found.seed_sd_b) == (None, pytest.approx(0.1))
    assert found.test == "t with seeds"
    assert [side.arms for side in study.sides] == [1, 3]
    assert study.notes == ()  # the base has no seed


def test_a_pattern_may_stand_behind_the_run_too(run):
    typed = compare(f"{run}:base*", f"{run}:random-n000008-*").comparisons
    assert typed == compare(run, arms=["base*", "random-n000008-*"]).comparisons


def test_one_trained_arm_beside_several_is_noted(run):
    study = compare(run, arms=["random-n000008-*", "random-n000064-*"])
    assert study.notes == ("one arm alone does not tell how seeds differ: random-n000064-*",)


def test_arms_that_differ_in_more_than_their_seed_are_no_side(run):
    assert refused(run, arms=["base*", "random-*"], kind=ConfigError) == (
        "random-* pools arms that differ in more than their seed\n"
        "  expected: arms of one strategy, dose, treatment and learning rate\n"
        "  found: random-n000008, random-n000064\n"
        "  do: name one kind, such as 'random-n000008-s??'; kinds are sides of their own"
    )
    arm(run, "random-n000008-s00-lr0.0002", [True] * 40)
    arm(run, "shortest-n000008-s00", [True] * 40)
    for pattern, other in (
        ("random-n000008-*", "random-n000008-lr0.0002"),
        ("*8-s??", "shortest-n000008"),
    ):
        message = refused(f"{run}:{pattern}", f"{run}:base*", kind=ConfigError)
        assert f"  found: random-n000008, {other}\n" in message
    advised = compare(run, arms=["base*", "random-n000008-s??"])
    assert (advised.sides[1].arms, advised.notes) == (3, ())


def two_bases(tmp_path):
    """Two templates of the base, right in 10 and 30 of 40, and three arms of 8 traces."""
    folder = tmp_path / "two"
    arm(folder, "base-n000000-s00", [i < 10 for i in range(40)])
    arm(folder, "base-n000000-s01", [i < 30 for i in range(40)])
    for seed in range(3):
        arm(folder, f"random-n000008-s{seed:02d}", [i < 20 + seed for i in range(40)])
    return folder


def test_templates_of_the_base_are_no_seeds(tmp_path):
    folder = two_bases(tmp_path)
    assert refused(folder, arms=["base*", "random-*"], kind=ConfigError) == (
        "base* pools 2 readings of the untrained base\n"
        "  expected: one of them: they differ in their prompt template and are no seeds\n"
        "  found: base-n000000-s00, base-n000000-s01\n"
        "  do: name base-n000000-s00"
    )
    (found,) = compare(folder, arms=["base-n000000-s01", "random-*"]).comparisons
    assert (found.accuracy_a, found.seed_sd_a) == (0.75, None)


def test_templates_of_the_base_are_told_with_the_one_that_counts(tmp_path):
    folder = two_bases(tmp_path)
    plain = Variant(arm_id="base-n000000-s00", template="plain", accuracy=0.25)
    chat = Variant(arm_id="base-n000000-s01", template="chat", accuracy=0.75)
    zero = Zero(variants=(plain, chat), chosen=chat.arm_id)
    (folder / "zero.json").write_text(zero.model_dump_json())
    message = refused(folder, arms=["base*", "random-*"], kind=ConfigError)
    assert "found: base-n000000-s00 (plain), base-n000000-s01 (chat)\n" in message
    assert message.endswith("do: name base-n000000-s01, the zero of the gains of this run")


@pytest.fixture
def audited(run):
    """The run with its audits: arms of 8 traces read again, others on foreign traces, the base again."""
    for seed, right in enumerate((20, 24, 28)):
        arm(run, f"random-n000008-s{seed:02d}-audit", [i < right for i in range(40)])
    arm(run, "random-n000008-s00-foreign-audit", [False] * 40)
    arm(run, "base-n000000-s00-audit", [i < 10 for i in range(40)])
    return run


def test_arms_of_audits_are_not_counted_again(audited):
    study = compare(audited, arms=["base*", "random-n000008-*"])
    (found,) = study.comparisons
    assert [side.arms for side in study.sides] == [1, 3]
    assert (found.accuracy_b, found.seed_sd_b) == (pytest.approx(0.6), pytest.approx(0.1))
    assert study.notes == (
        "base* leaves out base-n000000-s00-audit",
        "random-n000008-* leaves out random-n000008-s00-audit, random-n000008-s00-foreign-audit, "
        "random-n000008-s01-audit, random-n000008-s02-audit",
    )


def test_arms_of_audits_are_a_side_where_they_are_named(audited):
    study = compare(audited, arms=["base-n000000-s00-audit", "random-n000008-s??-audit"])
    assert [side.arms for side in study.sides] == [1, 3]
    assert study.notes == ()
    message = refused(audited, arms=["base*", "random-*-audit"], kind=ConfigError)
    assert "found: random-n000008-audit, random-n000008-foreign-audit\n" in message
    assert "such as 'random-n000008-s??-audit'" in message


def test_a_run_of_audits_alone_says_how_its_arms_are_named(tmp_path):
    for name in ("base-n000000-s00", "random-n000008-s00-audit"):
        arm(tmp_path / "run", name, [True] * 40)
    message = refused(tmp_path / "run", arms=["base*", "random*"], kind=ConfigError)
    assert message.startswith(f"no arm of {tmp_path}/run is named random*\n")
    assert message.endswith("name the arms of audits as such, as in 'random-n000008-s??-audit'")


def test_arms_of_two_runs_are_told_apart_by_name(run, tmp_path):
    arm(tmp_path / "other", "base-n000000-s00", [False] * 40)
    study = compare(run, tmp_path / "other", arms=["base*"])
    assert [side.name for side in study.sides] == ["run:base*", "other:base*"]


def test_an_unfinished_arm_is_noted_and_its_problems_are_counted(run):
    arm(run, "random-n000016-s00", [True] * 30, is_done=False)
    study = compare(f"{run}:base*", f"{run}:random-n000016-s00")
    assert study.notes == ("random-n000016-s00 is not finished",)
    (found,) = study.comparisons
    assert (found.problems, found.only_a, found.only_b) == (30, 10, 0)


def test_a_problem_that_one_arm_of_a_side_was_not_asked_is_left_out_and_counted(run):
    arm(run, "random-n000008-s03", [True] * 30)
    (found,) = compare(run, arms=["base*", "random-n000008-*"]).comparisons
    assert (found.problems, found.only_a, found.partly) == (30, 0, 10)


def test_several_samples_are_averaged_per_problem(tmp_path):
    one = tmp_path / "one"
    arm(one, "base-n000000-s00", [i < 10 for i in range(40)], samples=4)
    arm(one, "random-n000008-s00", [i < 20 for i in range(40)], samples=4)
    (found,) = compare(one, arms=["base*", "random*"]).comparisons
    assert (found.answers_a, found.answers_b, found.test) == (4, 4, "sign-flip")
    assert (found.problems, found.accuracy_a, found.b_alone) == (40, 0.25, 10)


def test_a_run_folder_alone_names_no_arm(run):
    assert refused(run, kind=ConfigError) == (
        f"{run} is a run folder, and no arm of it is named\n"
        f"  expected: {run}:ARM, or --arms with a pattern for each side\n"
        "  found: arms base-n000000-s00, random-n000008-s00, random-n000008-s01, "
        "random-n000008-s02, random-n000064-s00\n"
        f"  do: for example titrant compare {run} --arms base-n000000-s00 "
        "--arms 'random-n000064-s??'"
    )


def test_an_unknown_arm_is_answered_with_a_near_one(run):
    message = refused(f"{run}:random-n000064-s01", f"{run}:base*", kind=ConfigError)
    assert message.startswith(f"no arm of {run} is named random-n000064-s01\n")
    assert "do: did you mean random-n000064-s00" in message
    empty = run.parent / "empty"
    (empty / "arms").mkdir(parents=True)
    message = refused(f"{empty}:a", f"{run}:base*", kind=ConfigError)
    assert message.endswith("do: let the run read its arms first")


def test_patterns_need_a_run_folder(tmp_path):
    a, b = (csv(tmp_path / f"{name}.csv", [1] * 20) for name in "ab")
    assert refused(a, b, arms=["base*"], kind=ConfigError).startswith(
        "--arms base* names arms, and no run folder is given\n"
    )


def test_damaged_samples_of_an_arm_say_how_to_repeat_it(run):
    (run / "arms" / "base-n000000-s00" / "samples" / "00000.parquet").write_bytes(b"PAR1 cut")
    message = refused(f"{run}:base*", f"{run}:random-n000064-s00")
    assert message.startswith("the samples of base-n000000-s00 cannot be read\n")
    assert message.endswith("and let titrant run go on: only that arm is repeated")


def test_two_sample_files_of_lm_eval_are_named_for_their_folders(tmp_path):
    a = lm_eval(tmp_path / "base" / f"samples_gsm8k_{STAMP}.jsonl", [0.0] * 20 + [1.0] * 20)
    b = lm_eval(tmp_path / "tuned" / f"samples_gsm8k_{STAMP}.jsonl", [0.0] * 5 + [1.0] * 35)
    (found,) = compare(a, b).comparisons
    assert (found.a, found.b, found.benchmark) == ("base", "tuned", "gsm8k")
    assert (found.accuracy_a, found.accuracy_b) == (0.5, 0.875)


def test_folders_of_lm_eval_give_one_comparison_per_task_and_filter(tmp_path):
    for model in ("base", "tuned"):
        folder = tmp_path / model / "org__model"
        strict = lm_eval(folder / f"samples_gsm8k_{STAMP}.jsonl", [0.0] * 20, filter="strict-match")
        text = strict.read_text()
        strict.write_text(text + text.replace("strict-match", "flexible-extract"))
        lm_eval(folder / f"samples_math_{STAMP}.jsonl", [1.0] * 20, filter="none")
    lm_eval(tmp_path / "base" / "org__model" / f"samples_aime_{STAMP}.jsonl", [1.0] * 30)
    study = compare(tmp_path / "base", tmp_path / "tuned")
    assert [one.benchmark for one in study.comparisons] == [
        "gsm8k,strict-match",
        "gsm8k,flexible-extract",
        "math",
    ]
    assert study.notes == ("aime was not read on tuned",)
    assert [one.statement[:27] for one in study.comparisons][2] == "on math, tuned is not told "


def test_three_models_are_compared_each_with_each_and_corrected_together(tmp_path):
    for name, right in (("a", 10), ("b", 14), ("c", 35)):
        csv(tmp_path / f"{name}.csv", [int(i < right) for i in range(40)])
    study = compare(*(tmp_path / f"{name}.csv" for name in "abc"))
    pairs = [(one.a, one.b) for one in study.comparisons]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]
    first = study.comparisons[0]
    assert first.p == first.p_holm == 0.125  # 0 : 4, the largest p of the family
    least = study.comparisons[1]
    assert least.p_holm == pytest.approx(3 * least.p)


def test_benchmarks_can_be_chosen_by_task_or_by_filter(tmp_path):
    for model in ("base", "tuned"):
        for task in ("gsm8k", "math"):
            path = tmp_path / model / f"samples_{task}_{STAMP}.jsonl"
            lm_eval(path, [1.0] * 20, filter="strict-match")
    both = (tmp_path / "base", tmp_path / "tuned")
    for wanted in ("gsm8k", "gsm8k,strict-match"):
        study = compare(*both, benchmarks=[wanted])
        assert [one.benchmark for one in study.comparisons] == ["gsm8k,strict-match"]
    assert refused(*both, benchmarks=["gsm9k"], kind=ConfigError) == (
        "no answers on the benchmark 'gsm9k'\n"
        "  expected: a benchmark or task that a side names\n"
        "  found: --benchmark gsm9k\n"
        "  do: did you mean gsm8k?"
    )


def test_a_sample_file_under_another_name_is_of_the_other_sides_task(tmp_path):
    a = lm_eval(tmp_path / "base" / f"samples_gsm8k_{STAMP}.jsonl", [0.0] * 20, filter="strict")
    b = lm_eval(tmp_path / "tuned.jsonl", [1.0] * 20, filter="strict")
    for pair in ((a, b), (b, a)):
        (found,) = compare(*pair).comparisons
        assert found.benchmark == "gsm8k,strict"
    lm_eval(tmp_path / "base.jsonl", [0.0] * 20)
    (found,) = compare(
        tmp_path / "base.jsonl", lm_eval(tmp_path / "t.jsonl", [1.0] * 20)
    ).comparisons
    assert (found.benchmark, found.b_alone) == ("benchmark", 20)


def test_a_table_without_a_benchmark_is_of_the_only_one_there_is(tmp_path, run):
    (found,) = compare(f"{run}:base*", csv(tmp_path / "theirs.csv", [1] * 40)).comparisons
    assert (found.benchmark, found.b) == ("sums", "theirs")


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_tables_in_three_formats(tmp_path, ending):
    for name, value in (("a", False), ("b", True)):
        frame = pl.DataFrame({"problem": [f"p{i}" for i in range(20)], "correct": [value] * 20})
        write = {"csv": frame.write_csv, "parquet": frame.write_parquet}
        write.get(ending, frame.write_ndjson)(tmp_path / f"{name}.{ending}")
    (found,) = compare(tmp_path / f"a.{ending}", tmp_path / f"b.{ending}").comparisons
    assert (found.a, found.b, found.accuracy_a, found.accuracy_b) == ("a", "b", 0.0, 1.0)


def test_seeds_in_a_table_are_arms(tmp_path):
    rows = [f"q{i},{seed},{int(i < 10 + 4 * seed)}" for i in range(40) for seed in range(3)]
    (tmp_path / "seeds.csv").write_text("\n".join(["problem,seed,correct", *rows]))
    study = compare(csv(tmp_path / "a.csv", [0] * 40), tmp_path / "seeds.csv")
    assert study.sides[1].arms == 3
    assert study.comparisons[0].seed_sd_b == pytest.approx(0.1)


def test_names_of_problems_in_a_csv_stay_text(tmp_path):
    for name in "ab":
        rows = [f"{i:03d},1" for i in range(30)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["problem,correct", *rows]))
    rows = read_given(str(tmp_path / "a.csv"), [])[0].rows
    assert rows["qid"][7] == "007"


def test_answers_without_a_verdict_take_no_part_and_are_counted(tmp_path):
    a = csv(tmp_path / "a.csv", ["", "", *[1] * 38])
    study = compare(a, csv(tmp_path / "b.csv", [0] * 40))
    assert [side.unasked for side in study.sides] == [2, 0]
    assert (study.comparisons[0].problems, study.comparisons[0].only_b) == (38, 2)


def test_inspect_logs_are_sides(tmp_path, monkeypatch):
    def log(path):
        value = "I" if "base" in path else "C"
        samples = [
            SimpleNamespace(id=i, epoch=epoch, scores={"match": SimpleNamespace(value=value)})
            for i in range(20)
            for epoch in (1, 2)
        ]
        return SimpleNamespace(eval=SimpleNamespace(task="math"), samples=samples)

    door = SimpleNamespace(read_eval_log=log)
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai", SimpleNamespace(log=door))
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai.log", door)
    for name in ("base", "tuned"):
        (tmp_path / f"{name}.eval").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x.eval").write_bytes(b"")
    (found,) = compare(tmp_path / "base.eval", tmp_path / "tuned.eval").comparisons
    assert (found.benchmark, found.answers_a, found.b_alone) == ("math", 2, 20)
    (found,) = compare(tmp_path / "base.eval", tmp_path / "folder").comparisons
    assert (found.b, found.b_alone) == ("folder", 20)


def test_one_side_alone_is_not_compared(tmp_path):
    a = csv(tmp_path / "a.csv", [1] * 20)
    assert refused(a, kind=ConfigError).startswith("one side alone cannot be compared\n")


def test_the_same_file_twice_is_refused(tmp_path):
    a = csv(tmp_path / "a.csv", [1] * 20)
    assert refused(a, tmp_path / "." / "a.csv", kind=ConfigError) == (
        "the same answers stand on both sides\n"
        "  expected: sides that share no file and no arm\n"
        f"  found: {a} in {a} and in {a}\n"
        "  do: name another file or arm for one of them"
    )


def test_an_arm_on_both_sides_is_refused(run):
    message = refused(run, arms=["random-n000064-s*", "random-n000064-*"], kind=ConfigError)
    assert f"found: {run}/arms/random-n000064-s00 in {run}:random-n000064-s* and in" in message


def test_different_tasks_are_refused(tmp_path):
    a = lm_eval(tmp_path / "a" / f"samples_gsm8k_{STAMP}.jsonl", [1.0] * 20)
    b = lm_eval(tmp_path / "b" / f"samples_math_{STAMP}.jsonl", [1.0] * 20)
    assert refused(a, b) == (
        "a and b were read on different tasks\n"
        "  expected: a task, under the same answer filter, that both were read on\n"
        "  found: a: gsm8k; b: math\n"
        "  do: read both on the same task, or compare others"
    )


def test_no_common_problem_is_refused(tmp_path):
    a = lm_eval(tmp_path / "a.jsonl", [1.0] * 25)
    b = lm_eval(tmp_path / "b.jsonl", [1.0] * 25, first=100)
    assert refused(a, b) == (
        "no problem of benchmark was asked of both a and b\n"
        "  expected: the same names of problems on both sides\n"
        "  found: a: h0, h1, h10, h11, h12 and 20 more; b: h100, h101, h102, h103, h104 and 20 more\n"
        "  do: compare answers to the same problems, named alike"
    )


def test_what_is_not_there_is_said(tmp_path, run):
    assert refused(tmp_path / "none.csv", f"{run}:base*") == (
        f"no such file: {tmp_path}/none.csv\n"
        "  expected: RUN:ARM, a file or folder of lm-eval or Inspect samples, or a table\n"
        "  do: check the path"
    )
    (tmp_path / "plain").mkdir()
    assert refused(f"{tmp_path}/plain:base", f"{run}:base*") == (
        f"{tmp_path}/plain is no run folder\n"
        "  expected: RUN:ARM, a file or folder of lm-eval or Inspect samples, or a table\n"
        f"  found: no folder {tmp_path}/plain/arms\n"
        "  do: check the path"
    )
    assert refused(tmp_path / "plain", f"{run}:base*").startswith(
        f"{tmp_path}/plain holds no sample files\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("samples_x.jsonl", '{"doc_id": 1, "acc": 1}\n{cut', "{path}: line 2 is not JSON\n"),
        ("samples_x.jsonl", "[1]\n", "{path}: line 1 is not JSON\n"),
        ("samples_x.jsonl", "", "{path} is empty\n"),
        ("samples_x.jsonl", '{"acc": 1}\n', "1 rows do not say which problem was asked\n"),
        ("samples_x.jsonl", '{"doc_id": 1, "bleu": 1}\n', "{path}: line 1 has no metric titrant"),
        (
            "samples_x.jsonl",
            '{"doc_id": 1, "acc": 0.25}\n',
            "{path}: 'correct' must say right or wrong for each problem\n",
        ),
        ("t.csv", "problem,correct\np,0.5\n", "{path}: 'correct' must say right or wrong for"),
        ("t.csv", "problem,correct\n,1\n", "1 rows do not say which problem was asked\n"),
        ("t.csv", "problem,right\np,1\n", "t.csv has no column for correct\n"),
        ("t.csv", "question,correct\np,1\n", "t.csv has no column for the problem\n"),
        ("t.csv", "problem,correct\n", "{path} holds no readings\n"),
        ("t.csv", "model,problem,correct\na,p,1\nb,p,1\n", "{path} holds more than one model\n"),
        ("t.jsonl", '{"problem": "a", "correct": 1}\n{cut', "{path} cannot be read\n"),
        ("t.parquet", "PAR1", "{path} cannot be read\n"),
        ("t.txt", "x", "cannot read t.txt as readings\n"),
    ],
)
def test_damaged_files_are_one_message(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    other = csv(tmp_path / "other.csv", [1] * 20)
    assert refused(path, other).startswith(message.format(path=path))


def test_bytes_that_are_no_text_are_one_message(tmp_path):
    path = tmp_path / "samples_x.jsonl"
    path.write_bytes(b'{"doc_id": 1, "acc": 1, "doc": "\xff"}\n')
    message = refused(path, csv(tmp_path / "o.csv", [1] * 20))
    assert message.startswith(f"{path} is not UTF-8 text\n")


def test_a_folder_of_two_models_or_two_readings_is_refused(tmp_path):
    for model in ("one", "two"):
        lm_eval(tmp_path / "all" / model / f"samples_gsm8k_{STAMP}.jsonl", [1.0] * 20)
    message = refused(tmp_path / "all", csv(tmp_path / "o.csv", [1] * 20))
    assert message.startswith(f"{tmp_path}/all holds gsm8k more than once\n")
    assert message.endswith("do: name the file, or the folder of one model")
