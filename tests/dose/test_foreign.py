"""Readings from anywhere: plain tables, sample files of lm-eval, logs of Inspect."""

import gzip
import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from titrant.dose.foreign import read_readings
from titrant.dose.readings import SCHEMA, ArmKey, ReadingTable
from titrant.errors import DataError
from titrant.lazy import load

HEADER = "dose,problem,correct"


@pytest.fixture
def table(tmp_path):
    """Reads text as the CSV file `readings.csv`."""

    def read(*lines: str) -> pl.DataFrame:
        path = tmp_path / "readings.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_readings(path)

    return read


def refused(call, *lines: str) -> str:
    with pytest.raises(DataError) as error:
        call(*lines)
    return str(error.value)


def test_three_columns_suffice(table):
    frame = table(HEADER, "0,p1,0", "0,p2,1", "64,p1,1", "64,p2,1")
    assert frame.schema == pl.Schema(SCHEMA)
    first, last = frame.row(0, named=True), frame.row(3, named=True)
    assert first == {
        "arm_id": "base-n0-s0",
        "strategy": "base",
        "dose": 0,
        "seed": 0,
        "treatment": "clean",
        "benchmark": "benchmark",
        "qid": "p1",
        "sample": 0,
        "correct": False,
        "verdict": None,
        "final_answer": None,
        "n_tokens": None,
    }
    assert (last["arm_id"], last["strategy"], last["correct"]) == ("random-n64-s0", "random", True)


def test_all_columns_are_taken_and_others_are_passed_over(table):
    frame = table(
        "strategy,dose,seed,problem,sample,benchmark,correct,remark",
        "longest,64,3,7,1,gsm8k,true,good",
    )
    row = frame.row(0, named=True)
    assert (row["strategy"], row["dose"], row["seed"], row["qid"]) == ("longest", 64, 3, "7")
    assert (row["sample"], row["benchmark"], row["correct"]) == (1, "gsm8k", True)


def test_dose_0_is_the_base_whatever_the_strategy(table):
    frame = table("strategy," + HEADER, "longest,0,p,1", "longest,8,p,1")
    assert frame["strategy"].to_list() == ["base", "longest"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1", "0", ""), [True, False, None]),
        (("1.0", "0.0", "NaN"), [True, False, None]),
        (("true", "false", ""), [True, False, None]),
        (("C", "I", "NA"), [True, False, None]),
        (("yes", "no", "null"), [True, False, None]),
        (("correct", "Wrong", " "), [True, False, None]),
    ],
)
def test_right_wrong_and_never_asked_in_many_spellings(table, values, expected):
    frame = table(HEADER, *(f"8,p{i},{value}" for i, value in enumerate(values)))
    assert frame["correct"].to_list() == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0.5", "[0.5]"), ("2", "[2]"), ("maybe", "['maybe']"), ("-1", "[-1]")],
)
def test_what_is_neither_right_nor_wrong_is_refused(table, value, shown):
    assert refused(table, HEADER, "0,p,1", f"8,p,{value}", "8,q,0") == (
        "'correct' must say right or wrong for each problem\n"
        "  expected: 0 or 1, true or false, empty where never asked\n"
        f"  found: values such as {shown}\n"
        "  do: give one row per sample instead of a mean over samples"
    )


@pytest.mark.parametrize(
    ("dose", "came"), [("", "nothing"), ("many", "'many'"), ("64.5", "64.5"), ("-8", "-8")]
)
def test_a_row_without_a_usable_dose_is_refused_and_not_dropped(table, dose, came):
    assert refused(table, HEADER, f"{dose},p,1", "8,p,1") == (
        "1 rows have no usable dose\n"
        "  expected: a whole number, 0 or more, in every row\n"
        f"  found: {came}\n"
        "  do: correct these rows, or leave them out"
    )


def test_a_row_without_a_usable_seed_is_refused(table):
    message = refused(table, "seed," + HEADER, "first,8,p,1", "1,8,p,1")
    assert message.startswith("1 rows have no usable seed\n")


def test_a_row_without_a_problem_is_refused(table):
    assert refused(table, HEADER, "8,,1", "8,q,1", "8,,0") == (
        "2 rows do not say which problem was asked\n"
        "  expected: a qid in every row\n"
        "  found: nothing\n"
        "  do: write the problem's name or number into the column qid"
    )


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("doze,problem,correct", "readings.csv has no column for dose\n"),
        ("dose,question,correct", "readings.csv has no column for the problem\n"),
        ("dose,problem,right", "readings.csv has no column for correct\n"),
    ],
)
def test_a_missing_column_is_named_with_what_is_there(table, header, what):
    message = refused(table, header, "8,p,1")
    assert message.startswith(what)
    assert f"  found: columns {header.replace(',', ', ')}\n" in message


def test_a_misspelt_column_is_guessed(table):
    message = refused(table, "doze,problem,correct", "8,p,1")
    assert message.endswith("do: did you mean doze?")
    assert "expected: a column named dose or n or size or traces or n_traces" in message


def test_other_names_of_columns_are_known(table):
    frame = table("n,doc_id,exact_match,run", "8,3,1,2")
    row = frame.row(0, named=True)
    assert (row["dose"], row["qid"], row["correct"], row["seed"]) == (8, "3", True, 2)


def test_files_that_cannot_be_read_say_so(tmp_path):
    missing = tmp_path / "none.csv"
    assert refused(read_readings, missing) == f"no such file: {missing}\n  do: check the path"
    archive = tmp_path / "r.csv.gz"
    archive.write_bytes(gzip.compress(b"dose"))
    assert refused(read_readings, archive) == (
        "cannot read r.csv.gz as readings\n"
        "  expected: a .csv, .parquet or .jsonl file, or a folder of lm-eval or Inspect samples\n"
        "  found: the ending '.gz'\n"
        "  do: convert the file, or give the folder of samples itself"
    )
    for name, content in (("e.csv", b""), ("e.parquet", b"PAR1 cut"), ("e.jsonl", b"{dose:")):
        (tmp_path / name).write_bytes(content)
        assert refused(read_readings, tmp_path / name).startswith(
            f"{tmp_path / name} cannot be read\n  expected: a whole table of readings\n  found: "
        )


rows = st.lists(
    st.tuples(
        st.sampled_from(["random", "longest"]),
        st.sampled_from([0, 8, 64]),
        st.integers(0, 2),
        st.integers(0, 4),
        st.integers(0, 1),
        st.sampled_from([True, False, None]),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row[:5],
).filter(lambda found: any(row[5] is not None for row in found))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, st.sampled_from(["csv", "parquet", "jsonl"]))
def test_readings_survive_the_way_out_and_in(tmp_path, found, ending):
    schema = ["strategy", "dose", "seed", "problem", "sample", "correct"]
    frame = pl.DataFrame(found, schema=schema, orient="row")
    path = tmp_path / f"r.{ending}"
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[ending](
        path
    )
    if frame["correct"].null_count() == len(frame):
        return
    again = read_readings(path)
    assert again["correct"].to_list() == frame["correct"].to_list()
    assert again["dose"].to_list() == frame["dose"].to_list()
    assert again["qid"].to_list() == frame["problem"].cast(pl.String).to_list()
    table = ReadingTable.from_frame(again)
    for key, row in zip(table.arms, table.score, strict=True):
        for qid, value in zip(table.qids, row, strict=True):
            cell = [
                r[5]
                for r in found
                if ("base" if r[1] == 0 else r[0], r[1], r[2], str(r[3])) == (*key[:3], qid)
                and r[5] is not None
            ]
            if cell:
                assert value == np.mean(cell)
            else:
                assert np.isnan(value)


def write_samples(path, docs) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(doc, ensure_ascii=False) for doc in docs]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def doc(i, value, **more):
    return {"doc_id": i, "doc_hash": f"h{i}", "exact_match": value, **more}


STAMP = "2026-11-24T10-00-00.123456"


def test_a_folder_of_lm_eval_samples_is_read_by_its_names(tmp_path):
    for arm in ("base", "random/n0064/s2", "longest/dose=128,seed=1"):
        write_samples(tmp_path / arm / "org__model" / f"samples_gsm8k_{STAMP}.jsonl", [doc(0, 1.0)])
    frame = read_readings(tmp_path)
    assert set(frame.select("strategy", "dose", "seed").rows()) == {
        ("base", 0, 0),
        ("random", 64, 2),
        ("longest", 128, 1),
    }
    assert frame["benchmark"].unique().to_list() == ["gsm8k"]
    assert frame["qid"].unique().to_list() == ["h0"]


def test_flat_names_of_samples_are_read_too(tmp_path):
    write_samples(tmp_path / "n64-s1" / f"samples_math_{STAMP}.jsonl", [doc(0, 0.0), doc(1, 1.0)])
    frame = read_readings(tmp_path)
    assert frame.select("dose", "seed", "qid", "correct").rows() == [
        (64, 1, "h0", False),
        (64, 1, "h1", True),
    ]


def test_each_answer_filter_of_lm_eval_is_a_benchmark_of_its_own(tmp_path):
    # GSM8K has two rows per problem: strict-match and flexible-extract
    docs = [doc(0, 0.0, filter="strict-match"), doc(0, 1.0, filter="flexible-extract")]
    write_samples(tmp_path / "n8-s0" / f"samples_gsm8k_{STAMP}.jsonl", docs)
    frame = read_readings(tmp_path)
    assert frame.select("benchmark", "correct").rows() == [
        ("gsm8k,strict-match", False),
        ("gsm8k,flexible-extract", True),
    ]
    table = ReadingTable.from_frame(frame)
    assert table.score.tolist() == [[0.0]]  # the first filter decides, and is not averaged away


def test_the_filter_none_is_no_filter(tmp_path):
    write_samples(tmp_path / "n8" / f"samples_math_{STAMP}.jsonl", [doc(0, 1.0, filter="none")])
    assert read_readings(tmp_path)["benchmark"].to_list() == ["math"]


def test_repeats_are_samples(tmp_path):
    docs = [doc(0, 1.0, repeat=0), doc(0, 0.0, repeat=1)]
    write_samples(tmp_path / "n8-s0" / f"samples_aime_{STAMP}.jsonl", docs)
    frame = read_readings(tmp_path)
    assert frame["sample"].to_list() == [0, 1]
    assert ReadingTable.from_frame(frame).score.tolist() == [[0.5]]


def test_line_breaks_of_unicode_inside_a_sample_do_not_cut_it(tmp_path):
    docs = [doc(0, 1.0, doc="one\u2028two\x85three\x0bfour"), doc(1, 0.0)]
    write_samples(tmp_path / "n8-s0" / f"samples_x_{STAMP}.jsonl", docs)
    assert read_readings(tmp_path)["qid"].to_list() == ["h0", "h1"]


def test_a_sample_that_was_not_scored_is_missing(tmp_path):
    write_samples(tmp_path / "n8-s0" / f"samples_x_{STAMP}.jsonl", [doc(0, None), doc(1, 1.0)])
    assert read_readings(tmp_path)["correct"].to_list() == [None, True]


def test_partial_scores_of_lm_eval_are_refused(tmp_path):
    write_samples(tmp_path / "n8-s0" / f"samples_x_{STAMP}.jsonl", [doc(0, 0.25)])
    assert "found: values such as [0.25]" in refused(read_readings, tmp_path)


def test_broken_sample_files_name_the_line(tmp_path):
    path = tmp_path / "n8-s0" / f"samples_x_{STAMP}.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(doc(0, 1.0)) + "\n{cut", encoding="utf-8")
    assert refused(read_readings, tmp_path).startswith(f"{path}: line 2 is not JSON\n")
    path.write_text('{"doc_id": 1, "bleu": 0.3}\n', encoding="utf-8")
    assert refused(read_readings, tmp_path) == (
        f"{path}: line 1 has no metric titrant knows\n"
        "  expected: exact_match or acc or correct or pass@1 or score\n"
        "  found: doc_id, bleu\n"
        "  do: log one of these metrics, or give the readings as a table"
    )
    path.write_text('{"doc_id": 1, "score": [1]}\n', encoding="utf-8")
    assert refused(read_readings, tmp_path) == (
        f"{path}: line 1: a score that is neither right nor wrong\n"
        "  expected: C or I, true or false, 1 or 0\n"
        "  found: [1]\n"
        "  do: export the samples with a scorer that says right or wrong"
    )


def test_folders_without_samples_say_what_is_missing(tmp_path):
    assert refused(read_readings, tmp_path) == (
        f"{tmp_path} holds no sample files\n"
        "  expected: samples_*.jsonl of lm-eval (--log_samples) or .eval logs of Inspect\n"
        "  found: none of these, at any depth\n"
        "  do: run lm-eval with --log_samples, or name the folder of its output"
    )
    empty = tmp_path / "n8-s0" / f"samples_x_{STAMP}.jsonl"
    empty.parent.mkdir()
    empty.write_text("", encoding="utf-8")
    assert refused(read_readings, tmp_path) == (
        f"the sample files under {tmp_path} are empty\n"
        "  expected: one line per problem asked\n"
        "  found: 1 files without any\n"
        "  do: look whether the evaluation ended well, and run it again"
    )


def test_a_folder_that_does_not_name_its_dose_is_refused(tmp_path):
    write_samples(tmp_path / "first" / f"samples_x_{STAMP}.jsonl", [doc(0, 1.0)])
    message = refused(read_readings, tmp_path)
    assert message.startswith(f"no dose in the name of first/samples_x_{STAMP[:19]}")
    assert "such as n0064-s1, or 'base'" in message


def test_an_inspect_log_without_inspect_says_what_to_install(tmp_path):
    if _has_inspect():
        pytest.skip("inspect_ai is installed")
    (tmp_path / "n8-s0").mkdir()
    (tmp_path / "n8-s0" / "log.eval").write_bytes(b"")
    assert refused(read_readings, tmp_path) == (
        "log.eval is an Inspect log, and the package inspect_ai is not installed\n"
        "  do: pip install inspect-ai, or export the samples as a table"
    )


def _has_inspect() -> bool:
    try:
        load("inspect_ai")
    except ModuleNotFoundError:
        return False
    return True


def test_inspect_logs_are_read_sample_by_sample(tmp_path, monkeypatch):
    """`read_eval_log` is the package's own door; here it gives what its documentation promises."""

    def score(value):
        return {"match": SimpleNamespace(value=value)}

    samples = [
        SimpleNamespace(id=1, epoch=1, scores=score("C")),
        SimpleNamespace(id=1, epoch=2, scores=score("I")),
        SimpleNamespace(id="two", epoch=1, scores=score(1.0)),
        SimpleNamespace(id="three", epoch=1, scores=None),
    ]
    log = SimpleNamespace(eval=SimpleNamespace(task="math"), samples=samples)
    door = SimpleNamespace(read_eval_log=lambda path: log)
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai", SimpleNamespace(log=door))
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai.log", door)
    (tmp_path / "n32-s1").mkdir()
    (tmp_path / "n32-s1" / "log.eval").write_bytes(b"")
    frame = read_readings(tmp_path)
    assert frame.select("benchmark", "qid", "sample", "correct").rows() == [
        ("math", "1", 1, True),
        ("math", "1", 2, False),
        ("math", "two", 1, True),
        ("math", "three", 1, None),
    ]
    assert ReadingTable.from_frame(frame).arms == (ArmKey("random", 32, 1),)


def test_a_table_without_rows_is_refused(table):
    message = refused(table, HEADER)
    assert "holds no readings" in message
    assert message.endswith("do: write the readings into it, or name another file")


def test_a_text_late_in_a_column_of_numbers_is_read(tmp_path):
    path = tmp_path / "readings.csv"
    rows = [f"8,q{i},1,{i}" for i in range(300)]
    path.write_text("\n".join(["dose,qid,correct,final_answer", *rows, "8,q300,1,#556"]))
    assert len(read_readings(path)) == 301


def test_a_run_folder_is_read_by_its_own_readings(tmp_path):
    (tmp_path / "arms").mkdir()
    (tmp_path / "arms" / "log.jsonl").write_text('{"update": 1}\n')
    pl.DataFrame({"dose": [8], "qid": ["a"], "correct": [True]}).write_parquet(
        tmp_path / "readings.parquet"
    )
    assert read_readings(tmp_path)["dose"].to_list() == [8]
