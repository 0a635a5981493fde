"""Pools and benchmarks out of files: counts of real files, bad rows, golds, limits, identities."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.errors import DataError
from titrant.settings import BenchmarkSettings, PoolSettings
from titrant.traces.bulk import identify, make_trace
from titrant.traces.read import benchmark_name, distinct_traces, read_benchmark, read_pool
from titrant.traces.record import Trace, Verdict, question_id, trace_id
from titrant.traces.table import write_traces
from titrant.traces.verify.assess import assess
from titrant.traces.verify.verdict import Verifier


def write(tmp_path, rows, name="rows.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def pool(tmp_path, *rows, **settings):
    return read_pool(PoolSettings(path=write(tmp_path, rows), **settings))


def benchmark(tmp_path, *rows, seed=0, **settings):
    return read_benchmark(BenchmarkSettings(path=write(tmp_path, rows), **settings), seed=seed)


REAL = {
    "gsm8k/train.jsonl": ("question/answer with ####", 7473, 7473, 7473),
    "gsm8k/test.jsonl": ("question/answer with ####", 1319, 1319, 1319),
    "gsm8k/model_solutions.jsonl": ("GSM8K model solutions", 1319, 5276, 5276),
    "processbench/gsm8k.json": ("ProcessBench", 400, 400, 0),
    "processbench/math.json": ("ProcessBench", 1000, 1000, 0),
    "math500/test.jsonl": ("MATH", 500, 500, 500),
    "mc_values/math_aps_sample.jsonl": ("solution prefixes with Monte-Carlo values", 3, 124, 124),
}
"""File → schema, rows, traces, traces with gold. 1,319 × 4 = 5,276; the 3 trees have 124 leaves."""


@pytest.mark.parametrize("name", REAL)
def test_every_row_of_the_real_files_is_read(shared_data, name):
    schema, rows, used, with_gold = REAL[name]
    traces, report = read_pool(PoolSettings(path=str(shared_data / name)))
    assert (report.schema_name, report.rows, report.used) == (schema, rows, used)
    assert (report.with_gold, report.unread, len(traces)) == (with_gold, (), used)
    assert all("".join(step.text for step in trace.steps) == trace.body for trace in traces)


def test_learning_impact_is_neither_pool_nor_benchmark(shared_data):
    path = str(shared_data / "learning_impact" / "acc_step_500.json")
    with pytest.raises(DataError, match=r"neither traces nor problems[\s\S]*1209 keys.*numbers"):
        read_pool(PoolSettings(path=path))


def test_golds_of_gsm8k_are_what_follows_the_hashes(shared_data):
    path = shared_data / "gsm8k" / "test.jsonl"
    golds = [
        problem.gold
        for problem in read_benchmark(BenchmarkSettings(path=str(path)), seed=0).problems
    ]
    lines = [json.loads(line)["answer"] for line in path.read_text().splitlines()]
    assert golds == [line.rpartition("#### ")[2] for line in lines]


def test_verdicts_on_real_solutions_agree_with_those_of_the_source(shared_data):
    path = str(shared_data / "gsm8k" / "model_solutions.jsonl")
    traces = read_pool(PoolSettings(path=path, limit=1200)).traces
    with Verifier() as verifier:
        assessed = assess(traces, verifier)
    odd = [t for t in assessed if (t.verdict is Verdict.CORRECT) != t.meta["claimed_correct"]]
    # The source reads only "A: …" lines, so a handful may differ.
    assert len(odd) <= 6


def test_steps_of_processbench_are_those_of_the_source(shared_data):
    path = shared_data / "processbench" / "gsm8k.json"
    rows = json.loads(path.read_text())
    for trace, row in zip(read_pool(PoolSettings(path=str(path))).traces, rows, strict=True):
        assert [step.text.removesuffix("\n\n") for step in trace.steps] == row["steps"]
        assert trace.meta["label"] == row["label"]


def row(i, answer="so 4"):
    return {"prompt": f"question {i}", "completion": answer}


def test_rows_that_cannot_be_used_are_counted_by_reason_with_their_first_row(tmp_path):
    rows = [row(1), row(2, ""), {"prompt": None, "completion": "x"}, row(3, "  "), row(4), 7]
    rows += [{"prompt": " ", "completion": "x"}]
    traces, report = pool(tmp_path, *rows)
    assert [trace.meta["row"] for trace in traces] == [1, 5]
    assert {(u.reason, u.n, u.first_row) for u in report.unread} == {
        ("neither thinking nor answer", 2, 2),
        ("nothing in column prompt", 1, 3),
        ("not an object but a int", 1, 6),
        ("no question", 1, 7),
    }
    assert report.rows == 7
    assert "2 not read: neither thinking nor answer (first: row 2)" in report.lines()


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"role": "user", "content": "q"}], "no turn of the assistant after the question"),
        ([{"role": "assistant", "content": "a"}], "no question"),
        ([{"role": "user", "content": "q"}, {"role": "tool", "content": "r"}], "tool"),
        ([{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [1]}], "tool"),
    ],
)
def test_conversations_without_an_exchange_are_told(tmp_path, messages, reason):
    good = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    report = pool(tmp_path, {"messages": good}, {"messages": good}, {"messages": messages}).report
    (unread,) = report.unread
    assert reason in unread.reason
    assert unread.first_row == 3


def test_a_file_of_which_no_row_can_be_used_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no trace in .* can be used[\s\S]*2 × neither thinking"):
        pool(tmp_path, row(1, ""), row(2, " "))


def test_a_file_without_rows_is_refused(tmp_path):
    (tmp_path / "rows.json").write_text("[]")
    with pytest.raises(DataError, match="has no rows"):
        read_pool(PoolSettings(path=str(tmp_path / "rows.json")))


def test_a_pool_without_gold_answers_is_legal_and_told(tmp_path):
    traces, report = pool(tmp_path, row(1))
    assert (traces[0].gold, report.with_gold) == (None, 0)
    assert "no gold answers: the traces can be trained on, not verified" in report.notes


def test_the_limit_takes_the_first_traces(tmp_path):
    traces, report = pool(tmp_path, *(row(i) for i in range(10)), limit=3)
    assert [trace.question for trace in traces] == ["question 0", "question 1", "question 2"]
    assert (report.used, report.rows) == (3, 3)


def test_traces_that_occur_twice_stay_until_they_are_dropped(tmp_path):
    traces = pool(tmp_path, row(1), row(2), row(1, " so  4\n"), row(1, "so 5")).traces
    assert len(traces) == 4
    assert [trace.meta["row"] for trace in distinct_traces(traces)] == [1, 2, 4]


def test_unfinished_thinking_is_not_wrong_but_truncated(tmp_path):
    rows = [
        {"prompt": "2+2=", "completion": "<think>\n4, or \\boxed{5}", "gold": "4"},
        {"prompt": "2+2=", "completion": "<think>\n4\n</think>\n\nno number", "gold": "4"},
        {"prompt": "2+2=", "completion": "<think>\n5\n</think>\n\n4", "gold": "4"},
    ]
    with Verifier() as verifier:
        first, second, third = assess(pool(tmp_path, *rows).traces, verifier)
    assert (first.verdict, first.final_answer) == (Verdict.TRUNCATED, None)
    # The thinking is asked only where the answer has none.
    assert (second.verdict, second.final_answer) == (Verdict.CORRECT, "4")
    assert (third.verdict, third.final_answer) == (Verdict.CORRECT, "4")


def test_without_gold_the_final_answer_is_read_and_the_verdict_is_missing(tmp_path):
    with Verifier() as verifier:
        (trace,) = assess(pool(tmp_path, row(1)).traces, verifier)
    assert (trace.final_answer, trace.verdict) == ("4", None)


def test_answers_of_a_world_are_left_to_the_world(tmp_path):
    trace = pool(tmp_path, row(1) | {"gold": "4"}).traces[0]
    with Verifier() as verifier:
        (same,) = assess([trace.model_copy(update={"gold_kind": "world:maze"})], verifier)
    assert same.verdict is None


def test_a_table_that_titrant_wrote_is_read_back(tmp_path):
    rows = [{"prompt": "q", "completion": "<think>\na\n\nb\n</think>\n\n4", "gold": "4"}, row(2)]
    traces = [t.model_copy(update={"gold_kind": "integer"}) for t in pool(tmp_path, *rows).traces]
    write_traces(tmp_path / "pool.parquet", traces)
    again, report = read_pool(PoolSettings(path=str(tmp_path / "pool.parquet")))
    assert report.schema_name == "titrant"
    assert again == traces


def test_parquet_and_json_lines_give_the_same_traces(tmp_path):
    rows = [
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": f"a {i}"}]}
        for i in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    columnar = read_pool(PoolSettings(path=str(tmp_path / "rows.parquet"))).traces
    assert [(t.uid, t.steps) for t in columnar] == [
        (t.uid, t.steps) for t in pool(tmp_path, *rows).traces
    ]


def test_meta_is_plain_json_whatever_the_file_holds(tmp_path):
    rows = pa.table({"prompt": ["q"], "completion": ["a"], "level": pa.array([1], pa.timestamp("s")), "difficulty": [float("nan")]})  # fmt: skip
    pq.write_table(rows, tmp_path / "rows.parquet")
    (trace,) = read_pool(PoolSettings(path=str(tmp_path / "rows.parquet"))).traces
    assert trace.meta == {"row": 1, "level": "1970-01-01 00:00:01", "difficulty": None}


GOLDS = [
    ({"question": "q", "answer": "1+1=2\n#### 1,234"}, "1,234"),
    ({"problem": "q", "answer": "\\frac{1}{2}"}, "\\frac{1}{2}"),
    ({"problem": "q", "answer": 18.0}, "18"),
    ({"problem": "q", "solution": "so \\boxed{\\frac{1}{2}}", "level": "1"}, "\\frac{1}{2}"),
    ({"question": "q", "final_answer": ["7"]}, "7"),
    ({"prompt": "q", "completion": "<think>\n1 or 2\n</think>\n\nThe answer is 2."}, "2"),
    ({"prompt": "q", "completion": "x", "gold": "so \\boxed{7}"}, "7"),
    ({"prompt": "q", "completion": "x", "gold": "1+1=2\n#### 2"}, "2"),
    ({"prompt": "q", "completion": " 42"}, "42"),
    ({"prompt": "q", "completion": "Paris"}, "Paris"),
    ({"instruction": "q", "output": "so it is \\boxed{3}"}, "3"),
    ({"question": "q", "answer": "b a", "metadata": {"source_dataset": "sort"}}, "b a"),
    ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "5"}]}, "5"),
]


@pytest.mark.parametrize(("problem", "gold"), GOLDS)
def test_gold_answers_are_found_in_every_kind_of_benchmark(tmp_path, problem, gold):
    (found,) = benchmark(tmp_path, problem).problems
    assert (found.question, found.gold, found.qid) == ("q", gold, question_id("q"))


def test_golds_that_were_read_out_of_answers_are_told(tmp_path):
    notes = benchmark(tmp_path, row(1), row(2)).report.notes
    assert "2 gold answers were read out of the answers given" in notes


def test_a_pattern_finds_the_gold_of_completions(tmp_path):
    found = benchmark(tmp_path, row(1, "A = 3 of 9"), answer_pattern=r"A = (\d)")
    assert found.problems[0].gold == "3"


def test_a_benchmark_without_gold_answers_is_refused(tmp_path):
    rows = [{"problem": "q", "steps": ["a"], "label": 0, "final_answer_correct": True}]
    with pytest.raises(DataError, match=r"a benchmark without gold answers[\s\S]*gold="):
        benchmark(tmp_path, *rows)


def test_the_gold_column_can_be_named(tmp_path):
    rows = [{"problem": "q", "steps": ["a"], "label": 0, "right": "4"}]
    assert benchmark(tmp_path, *rows, columns={"gold": "right"}).problems[0].gold == "4"


def test_problems_without_gold_among_others_are_counted(tmp_path):
    found = benchmark(tmp_path, {"problem": "q", "answer": "4"}, {"problem": "r", "answer": " "})
    assert [(u.reason, u.n) for u in found.report.unread] == [("no gold answer", 1)]


def test_a_question_that_comes_again_is_merged_and_other_golds_are_told(tmp_path):
    rows = [("q", "4"), ("r", "1"), (" q\n", "4"), ("q", "5")]
    found = benchmark(tmp_path, *({"problem": q, "answer": a} for q, a in rows))
    assert [(p.question, p.gold) for p in found.problems] == [("q", "4"), ("r", "1")]
    assert "2 questions repeat an earlier one and were merged" in found.report.notes
    assert "1 of them have another gold answer" in found.report.notes[1]
    assert "row 1 says '4', a later one '5'" in found.report.notes[1]


def test_the_limit_of_a_benchmark_is_a_seeded_draw_in_the_order_of_the_file(tmp_path):
    rows = [{"problem": f"q{i}", "answer": str(i)} for i in range(50)]

    def drawn(seed):
        return [p.meta["row"] for p in benchmark(tmp_path, *rows, seed=seed, limit=10).problems]

    assert drawn(1) == drawn(1) == sorted(drawn(1))
    assert drawn(1) != drawn(2)
    assert drawn(1) != list(range(1, 11))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/gsm8k/test.jsonl", "gsm8k-test"),
        ("x/aime24.jsonl.gz", "aime24"),
        ("o/MATH-500", "MATH-500"),
    ],
)
def test_a_benchmark_is_named_after_its_file(path, name):
    assert benchmark_name(path) == name


def test_progress_is_told_by_rows(tmp_path):
    told = []
    path = write(tmp_path, [row(i) for i in range(1100)])
    read_pool(PoolSettings(path=path), progress=lambda done, total: told.append((done, total)))
    assert told == [(500, None), (1000, None)]


MESSY = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(' \t\n\r\x0b\x0c\x1c\x1f\x00\x7f\x85\xa0\u2009\u3000"\\e\u0301'),
    ),
    max_size=60,
)


@given(MESSY, st.one_of(st.none(), MESSY), MESSY)
def test_fast_identities_are_those_of_the_record(question, thinking, answer):
    assert identify(question, thinking, answer) == (
        question_id(question),
        trace_id(question, thinking, answer),
    )


def test_a_trace_made_fast_is_one_made_with_validation():
    fields = {"uid": "u", "qid": "q", "question": "x", "meta": {"a": 1}}
    fast, slow = make_trace(fields), Trace(**fields)
    assert fast == slow
    assert fast.model_dump_json() == slow.model_dump_json()
    assert fast.model_copy(update={"gold": "1"}).gold == "1"
    assert make_trace({"uid": "v", "meta": {}}).model_fields_set == set(Trace.model_fields)
