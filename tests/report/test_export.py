"""Exports: a subset of any dose, readings, curve, answer, and lm-eval's own files."""

import hashlib
import json

import polars as pl
import pytest
from report_answers import ANSWERS, enough, estimate

from titrant.errors import ConfigError, DataError
from titrant.report.export import lm_eval, tables
from titrant.report.export.tables import Pick
from titrant.report.load import load_answer
from titrant.select.rank import read_ranking
from titrant.traces.table import load_traces, write_traces

DATE = "2026-01-02T03-04-05"


def export(run, to, pick=None, form="jsonl"):
    return tables.export_subset(run, to, answer=load_answer(run), pick=pick or Pick(), form=form)


def uids(path):
    return [json.loads(line)["uid"] for line in path.read_text().splitlines()]


def ranked(run, name, n):
    return list(read_ranking(run / "rankings" / f"{name}.parquet").subset(n))


def test_without_a_dose_the_chosen_subset_is_written(run_folder, tmp_path):
    paths = export(run_folder, tmp_path / "out")
    assert [path.name for path in paths] == ["n0003.jsonl", "README.md"]
    assert paths[0].read_bytes() == (run_folder / "subsets" / "n0003.jsonl").read_bytes()


@pytest.mark.parametrize("dose", [1, 7, 12])
def test_a_subset_of_any_dose_is_the_head_of_its_ranking(run_folder, tmp_path, dose):
    path, _ = export(run_folder, tmp_path, Pick(dose))
    assert path.name == f"n{dose:04d}.jsonl"
    assert uids(path) == ranked(run_folder, "random-d0", dose)


def test_a_dose_of_questions_takes_one_trace_of_each(run_folder, tmp_path):
    pool = load_traces(run_folder / "pool.parquet")
    question_of = {trace.uid: f"question {i % 3}" for i, trace in enumerate(pool)}
    asked = [trace.model_copy(update={"qid": question_of[trace.uid]}) for trace in pool]
    write_traces(run_folder / "pool.parquet", asked)
    answer = load_answer(run_folder).model_copy(update={"dose_unit": "question"})
    firsts: dict[str, str] = {}
    for uid in ranked(run_folder, "random-d0", 12):
        firsts.setdefault(question_of[uid], uid)
    paths = tables.export_subset(run_folder, tmp_path, answer=answer, pick=Pick(3), form="jsonl")
    assert uids(paths[0]) == list(firsts.values())
    with pytest.raises(ConfigError, match="4 questions is over the pool"):
        tables.export_subset(run_folder, tmp_path, answer=answer, pick=Pick(4), form="jsonl")


def test_strategy_and_draw_choose_the_ranking(run_folder, tmp_path):
    longest, _ = export(run_folder, tmp_path / "a", Pick(5, "longest"))
    second, _ = export(run_folder, tmp_path / "b", Pick(5, "random", 1))
    assert uids(longest) == ranked(run_folder, "longest-d0", 5)
    assert uids(second) == ranked(run_folder, "random-d1", 5)
    assert uids(second) != ranked(run_folder, "random-d0", 5)
    assert "by the strategy `longest`" in (tmp_path / "a" / "README.md").read_text()


def test_a_strategy_alone_takes_the_chosen_dose(run_folder, tmp_path):
    path, _ = export(run_folder, tmp_path, Pick(None, "longest"))
    assert uids(path) == ranked(run_folder, "longest-d0", 3)


def test_parquet_keeps_messages_and_csv_is_flat(run_folder, tmp_path):
    parquet, _ = export(run_folder, tmp_path, form="parquet")
    csv, _ = export(run_folder, tmp_path, form="csv")
    frame = pl.read_parquet(parquet)
    assert frame["messages"][0][0]["role"] == "user"
    assert pl.read_csv(csv).columns == frame.columns[1:]
    assert pl.read_csv(csv)["uid"].to_list() == frame["uid"].to_list()


def test_a_dose_over_the_pool_is_refused(run_folder, tmp_path):
    with pytest.raises(ConfigError) as caught:
        export(run_folder, tmp_path, Pick(5000))
    assert str(caught.value) == (
        "a dose of 5,000 traces is over the pool\n"
        "  expected: at most 12 traces\n  found: --dose 5000\n  do: choose a smaller dose"
    )


def test_a_ranking_that_was_never_made_is_answered_with_those_that_were(run_folder, tmp_path):
    with pytest.raises(ConfigError, match="no ranking by 'best', draw 0") as caught:
        export(run_folder, tmp_path, Pick(2, "best"))
    assert "expected: longest-d0, random-d0, random-d1" in str(caught.value)


def test_an_answer_without_a_subset_asks_for_a_dose(run_folder, tmp_path):
    answer = ANSWERS["no_response"]()
    with pytest.raises(DataError, match="has chosen no subset") as caught:
        tables.export_subset(run_folder, tmp_path, answer=answer, pick=Pick(), form="jsonl")
    assert "found: the verdict 'no response'\n  do: say how many traces you want: --dose N" in str(
        caught.value
    )
    tables.export_subset(run_folder, tmp_path, answer=answer, pick=Pick(2), form="jsonl")


def test_a_damaged_subset_can_be_cut_again(run_folder, tmp_path):
    (run_folder / "subsets" / "n0003.jsonl").write_text('{"uid": "a"}\n{"ui')
    with pytest.raises(DataError, match="is missing or damaged") as caught:
        export(run_folder, tmp_path)
    assert "--dose 3" in str(caught.value)


def test_a_pool_that_was_exchanged_is_noticed(run_folder, tmp_path):
    with pytest.raises(DataError, match="does not hold the traces of this ranking") as caught:
        tables.take_traces(run_folder / "pool.parquet", ["nobody"])
    assert "1 of 1 missing, nobody first" in str(caught.value)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_readings_are_written_with_missing_as_missing(run_folder, tmp_path, form):
    (path,) = tables.export_readings(run_folder, tmp_path, form=form)
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}[form]
    frame = read(path)
    assert frame.height == 14  # 7 attempts × 2 arms
    assert frame["correct"].null_count() == 2  # the problem that was never asked, in each arm


def test_missing_readings_are_said_to_be_missing(tmp_path):
    with pytest.raises(DataError, match=r"readings\.parquet is missing or damaged"):
        tables.export_readings(tmp_path, tmp_path, form="csv")


def test_a_parquet_cut_in_half_is_said_to_be_damaged(run_folder, tmp_path):
    path = run_folder / "readings.parquet"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match="is missing or damaged"):
        tables.export_readings(run_folder, tmp_path, form="csv")


def test_the_curve_has_one_row_per_reading_and_band_point(tmp_path):
    answer = enough()
    (path,) = tables.export_curve(tmp_path, answer=answer, form="csv")
    frame = pl.read_csv(path)
    counts = dict(frame["kind"].value_counts().iter_rows())
    assert counts == {"reading": 13, "band": len(answer.curves[0].band)}
    assert frame.filter(pl.col("kind") == "band")["seed"].null_count() == counts["band"]


def test_an_answer_without_curves_gives_an_empty_curve_with_columns(tmp_path):
    (path,) = tables.export_curve(tmp_path, answer=ANSWERS["missing"](), form="parquet")
    assert pl.read_parquet(path).columns[:4] == ["strategy", "benchmark", "kind", "dose"]


def test_the_answer_is_written_whole_or_as_one_flat_row(tmp_path):
    answer = enough(ed95=estimate(187.0, None, 260.0))
    (path,) = tables.export_answer(tmp_path, answer=answer, form="json")
    assert load_answer(path) == answer
    (path,) = tables.export_answer(tmp_path, answer=answer, form="csv")
    row = pl.read_csv(path).row(0, named=True)
    assert (row["verdict"], row["ed95"], row["ed95_low"]) == ("enough at N", 187.0, None)
    assert row["arms"] == 17


def lm(run, to, wanted=lm_eval.Wanted()):  # noqa: B008 - a plain tuple
    return lm_eval.export_lm_eval(run, to, answer=load_answer(run), wanted=wanted)


def test_each_arm_gets_a_folder_as_lm_eval_writes_it(run_folder, tmp_path):
    paths = lm(run_folder, tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in paths if path != run_folder) == [
        f"base-n000000-s00/results_{DATE}.json",
        f"base-n000000-s00/samples_sums_{DATE}.jsonl",
        f"random-n000003-s00/results_{DATE}.json",
        f"random-n000003-s00/samples_sums_{DATE}.jsonl",
    ]


def test_a_sample_row_holds_every_attempt_at_one_problem(run_folder, tmp_path):
    samples = lm(run_folder, tmp_path)[0]
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    assert [row["doc_id"] for row in rows] == [0, 1, 3]  # problem 2 was never asked
    assert rows[0]["resps"] == [["attempt 0 at 0", "attempt 1 at 0"]]
    assert rows[0]["filtered_resps"] == ["1", "7"]
    assert [row["exact_match"] for row in rows] == [0.5, 1.0, 0.0]
    assert rows[2]["verdicts"] == ["truncated", "unreadable"]
    doc = json.dumps(rows[0]["doc"], indent=2, ensure_ascii=False)
    assert rows[0]["doc_hash"] == hashlib.sha256(doc.encode()).hexdigest()
    assert set(rows[0]) >= {
        "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics",
        "doc_hash", "prompt_hash", "target_hash", "exact_match",
    }  # fmt: skip


def test_arguments_are_the_rendered_prompt_and_how_it_was_continued(run_folder, tmp_path):
    (run_folder / "config.yaml").write_text(
        "prompt: {few_shot: 2}\n"
        "decode: {max_new_tokens: 64, temperature: 0.5, top_p: 0.9, stop: [END]}\n"
    )
    folder = run_folder / "arms" / "random-n000003-s00" / "samples"
    shard = pl.read_parquet(folder / "0000.parquet")
    qid = pl.col("qid")
    asked = shard.with_columns(prompt="<user>" + qid + "<assistant>")
    asked.filter(pl.col("sample") == 0).write_parquet(folder / "0000.parquet")
    shard.filter(pl.col("sample") == 1).write_parquet(folder / "0001.parquet")  # an older shard
    samples = lm(run_folder, tmp_path, lm_eval.Wanted(dose=3))[0]
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    prompt = f"<user>{rows[0]['doc']['qid']}<assistant>"
    assert rows[0]["arguments"] == {
        "gen_args_0": {
            "arg_0": prompt,
            "arg_1": {
                "until": ["END"],
                "do_sample": True,
                "temperature": 0.5,
                "top_p": 0.9,
                "max_gen_toks": 64,
            },
        }
    }
    assert rows[0]["prompt_hash"] == hashlib.sha256(prompt.encode()).hexdigest()
    assert rows[0]["resps"] == [["attempt 0 at 0", "attempt 1 at 0"]]


def test_arms_read_before_prompts_were_kept_have_the_question_and_greedy_defaults(
    run_folder, tmp_path
):
    paths = lm(run_folder, tmp_path)
    row = json.loads(paths[0].read_text().splitlines()[0])
    assert row["arguments"]["gen_args_0"] == {
        "arg_0": "problem 0",
        "arg_1": {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": 512},
    }
    configs = json.loads(paths[1].read_text())["configs"]
    assert configs["sums"]["generation_kwargs"] == row["arguments"]["gen_args_0"]["arg_1"]


def test_results_hold_mean_and_standard_error_over_problems(run_folder, tmp_path):
    results = json.loads(lm(run_folder, tmp_path)[1].read_text())
    scores = results["results"]["sums"]
    assert scores["exact_match,none"] == pytest.approx(0.5)  # (0.5 + 1 + 0) / 3
    # deviations 0, 0.5, −0.5: variance 0.5 / 2 = 0.25, standard error 0.5 / √3
    assert scores["exact_match_stderr,none"] == pytest.approx(0.5 / 3**0.5)
    assert results["n-samples"] == {"sums": {"original": 3, "effective": 3}}
    assert results["n-shot"] == {"sums": 2}
    assert results["model_name"] == "base-n000000-s00"


def test_the_same_problem_has_the_same_hash_in_every_arm(run_folder, tmp_path):
    paths = [path for path in lm(run_folder, tmp_path) if path.suffix == ".jsonl"]
    hashes = [
        [json.loads(line)["doc_hash"] for line in path.read_text().splitlines()] for path in paths
    ]
    assert hashes[0] == hashes[1]


def test_a_dose_chooses_the_arms(run_folder, tmp_path):
    paths = lm(run_folder, tmp_path, lm_eval.Wanted(dose=3))
    assert {path.parent.name for path in paths} == {"random-n000003-s00"}
    with pytest.raises(ConfigError, match="no arm has this dose and strategy") as caught:
        lm(run_folder, tmp_path, lm_eval.Wanted(dose=5))
    assert "expected: a dose of 0, 3" in str(caught.value)


def test_a_run_without_arms_is_told_so(run_folder, tmp_path):
    import shutil

    shutil.rmtree(run_folder / "arms")
    with pytest.raises(DataError, match="has no arms with samples"):
        lm(run_folder, tmp_path)
