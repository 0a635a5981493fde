"""What `titrant inspect` sees, and how it shows it."""

import json
import random

import pytest
from typer.testing import CliRunner

from titrant.cli.main import app
from titrant.cli.reading import parse_columns
from titrant.errors import ConfigError
from titrant.settings import PoolSettings
from titrant.traces.inspect.likeness import find_repeats
from titrant.traces.inspect.oddity import Measured, oddest
from titrant.traces.inspect.overview import Inspection, inspect_pool, spread
from titrant.traces.read import Pool, read_pool
from titrant.traces.record import Trace, Verdict, question_id, trace_id

WORDS = ("so", "we", "add", "the", "next", "number", "and", "carry", "on", "until", "done")


def sentence(i: int, n: int = 40) -> str:
    return " ".join(random.Random(i).choices(WORDS, k=n)) + f" {i}"


def trace(i: int, question: str = "", answer: str = "", **fields) -> Trace:
    question, answer = question or f"question {i}", answer or sentence(i)
    uid = trace_id(question, fields.get("thinking"), answer)
    return Trace(
        uid=uid, qid=question_id(question), question=question, answer_text=answer, **fields
    )


def written(tmp_path, rows):
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def inspected(tmp_path, traces) -> Inspection:
    report = read_pool(
        PoolSettings(
            path=written(tmp_path, [{"prompt": "q", "completion": "some words of an answer"}])
        )
    ).report
    return inspect_pool(Pool(traces, report))


def test_the_spread_takes_the_nearest_rank():
    # Nine tenths of 10 values are 9 of them: the ninth in order.
    found = spread([10, 1, 2, 3, 4, 5, 6, 7, 8, 90])
    assert (found.minimum, found.median, found.p90, found.maximum, found.total) == (
        1,
        5.5,
        10,
        90,
        136,
    )
    assert spread([7]).p90 == 7


def test_traces_are_counted_per_question_and_by_verdict(tmp_path):
    traces = [
        trace(1, "a", verdict=Verdict.CORRECT),
        trace(2, "a", verdict=Verdict.WRONG),
        trace(3, "a", verdict=Verdict.TRUNCATED, thinking="x", unfinished=True),
        trace(4, "b", verdict=Verdict.UNREADABLE),
        trace(5, "c"),
    ]
    found = inspected(tmp_path, traces)
    assert found.per_question_counts == {1: 2, 3: 1}
    assert (found.n_traces, found.n_questions, found.n_thinking, found.n_unfinished) == (5, 3, 1, 1)
    assert found.verdicts == dict.fromkeys(found.verdicts, 1)
    assert list(found.verdicts) == ["correct", "wrong", "unreadable", "truncated", "unverified"]


def test_tokens_are_counted_over_thinking_and_answer(tmp_path):
    pool = Pool([trace(1, thinking="a b", answer="c")], inspected(tmp_path, [trace(1)]).report)
    found = inspect_pool(pool, count_tokens=lambda texts: [len(text.split()) for text in texts])
    assert found.tokens is not None
    assert found.tokens.total == found.words.total == 3


def test_an_inspection_survives_json(tmp_path):
    found = inspected(tmp_path, [trace(i) for i in range(5)])
    assert Inspection.model_validate_json(found.model_dump_json()) == found


def test_exact_repeats_are_counted_once_each():
    repeats = find_repeats([trace(1), trace(2), trace(1), trace(1)])
    assert (repeats.exact, repeats.near, repeats.first_exact) == (2, 0, (1, 3))


def test_near_repeats_differ_in_case_stops_or_a_few_letters():
    text = sentence(1)
    traces = [
        trace(1, "a", text),
        trace(2, "b", text.upper() + "!"),  # the same letters, under another question
        trace(3, "a", text.replace("we", "you", 1)),  # a few edits, under the same question
        trace(4, "c", text.replace("and", "&")),  # a few edits, under another question
        trace(5, "a", sentence(2)),
    ]
    repeats = find_repeats(traces)
    assert (repeats.exact, repeats.near, repeats.first_near) == (0, 2, (1, 2))
    assert repeats.pairs_left_out == 0


def test_equal_bare_answers_to_different_questions_repeat_nothing():
    repeats = find_repeats([trace(1, "2+2=", "4"), trace(2, "1+3=", "4")])
    assert (repeats.exact, repeats.near) == (0, 0)


def test_comparing_is_bounded_and_says_what_it_left_out():
    traces = [trace(i, "a", sentence(i, 30_000)) for i in range(8)]
    repeats = find_repeats(traces)
    # 8 · 7 / 2 = 28 pairs of about 120,000 letters: 1.4e10 each, over the limit of 4e9.
    assert repeats.pairs_compared + repeats.pairs_left_out == 28
    assert repeats.pairs_left_out > 20


def test_the_three_oddest_rows_are_found_with_their_reasons(tmp_path):
    traces = [trace(i) for i in range(200)]
    traces[17] = trace(17, answer=sentence(17, 4000))
    traces[90] = trace(90, answer="wait, " * 60)
    traces[150] = trace(150, answer=sentence(150) + " <|im_end|>")
    found = inspected(tmp_path, traces).oddest
    assert {odd.row for odd in found} == {18, 91, 151}
    reasons = {odd.row: odd.reason for odd in found}
    assert "4,001 words (median 41)" in reasons[18]
    assert "may repeat itself" in reasons[91]
    assert "'<|'" in reasons[151]


def test_odd_rows_are_odd_in_different_ways():
    traces = [trace(i) for i in range(100)]
    traces[60] = trace(60, answer=sentence(60) + " <|im_end|>")
    n_words = [40 + i % 3 for i in range(100)]
    n_words[1:4] = [4000, 4000, 4000]  # each of them odder than the mark of row 61
    found = oddest(traces, [Measured(200, n, 1) for n in n_words])
    assert 61 in {odd.row for odd in found}


def test_a_pool_of_equal_traces_has_no_odd_ones(tmp_path):
    assert inspected(tmp_path, [trace(1)] * 5).oddest == ()


def test_bare_answers_look_like_a_benchmark(tmp_path):
    assert inspected(tmp_path, [trace(i, answer=str(i)) for i in range(9)]).benchmark_hint
    assert inspected(tmp_path, [trace(i) for i in range(9)]).benchmark_hint is None


def run(*arguments: str):
    return CliRunner().invoke(app, ["inspect", *arguments], env={"COLUMNS": "100"})


ROWS = [
    {
        "prompt": f"{i}+1=",
        "completion": f"<think>\n{i}+1 is {i + 1}\n</think>\n\n{i + 1}",
        "gold": i + 1,
    }
    for i in range(10)
]


def test_the_command_shows_schema_sizes_verdicts_and_odd_rows(tmp_path):
    rows = [
        *ROWS,
        {"prompt": "2+2=", "completion": "<think>\n2", "gold": 4},
        ROWS[0],
        {"prompt": "x"},
    ]
    shown = run(written(tmp_path, rows))
    assert shown.exit_code == 0, shown.output
    for piece in (
        "prompt/completion (JSON lines): has prompt and completion",
        "13 rows, 12 traces of 11 questions, 12 with a gold answer",
        "12 with thinking apart from the answer, 1 unfinished",
        "1 repeat an earlier trace exactly (row 12 repeats row 1)",
        "1 not read: nothing in column completion (first: row 13)",
        "oddest rows",
        "unfinished: the thinking is never closed",
    ):
        assert piece in shown.output
    words = [line.split() for line in shown.output.splitlines() if line.strip()]
    table = {first: rest[0] for first, *rest in words if rest}
    assert (table["correct"], table["wrong"], table["truncated"]) == ("11", "0", "1")


def test_the_command_gives_json(tmp_path):
    shown = run(written(tmp_path, ROWS), "--json", "--limit", "4")
    found = Inspection.model_validate_json(shown.stdout)
    assert (found.n_traces, found.verdicts["correct"], found.tokens) == (4, 4, None)


def test_the_command_takes_columns(tmp_path):
    rows = [{"frage": "1+1=", "antwort": "it is of course the number 2"}]
    shown = run(written(tmp_path, rows), "--columns", "question=frage,answer_text=antwort")
    assert shown.exit_code == 0, shown.output
    assert "question ← frage" in shown.output


def test_the_command_says_when_a_file_looks_like_a_benchmark(tmp_path):
    shown = run(written(tmp_path, [{"problem": "1+1=", "answer": "2"}] * 3))
    assert "this looks like a benchmark" in shown.output


def test_columns_without_an_equals_sign_are_refused():
    with pytest.raises(ConfigError, match="is no pair"):
        parse_columns(["question"])


def test_a_missing_file_is_one_message_with_its_exit_code(tmp_path):
    shown = run(str(tmp_path / "no.jsonl"))
    assert shown.exit_code == 3
    assert "does not exist" in shown.output
    assert "Traceback" not in shown.output


@pytest.mark.parametrize(
    ("name", "n_traces"),
    [("gsm8k/test.jsonl", 1319), ("processbench/gsm8k.json", 400), ("math500/test.jsonl", 500)],
)
def test_the_command_reads_real_files(shared_data, name, n_traces):
    shown = run(str(shared_data / name), "--json")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["n_traces"] == n_traces


@pytest.mark.train
def test_the_command_counts_tokens_under_a_base(tmp_path):
    pytest.importorskip("transformers")
    shown = run(written(tmp_path, ROWS[:1]), "--json", "--base", "vitro:arithmetic")
    assert shown.exit_code == 0, shown.output
    # One token per character: "0+1 is 1" has 8, the answer "1" has 1.
    assert json.loads(shown.stdout)["tokens"]["total"] == 9
