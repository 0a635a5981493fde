"""`titrant clean`: what it shows, what it writes, what it refuses."""

import json

import pytest
from typer.testing import CliRunner

from titrant.cli.main import app
from titrant.select.clean.report import CleaningReport
from titrant.settings import PoolSettings
from titrant.traces.read import read_pool

ASKED = (
    "Natalia sold clips to 48 of her friends in April, and then she sold 24 clips in May. "
    "How many clips did she sell altogether in April and May?"
)
OTHER = "The lighthouse keeper lights 9 lamps every evening and puts them out at dawn. How many?"
WRONG = "We count the lamps one by one until dawn comes, there are nine of them. The answer is 8"
ROWS = [
    # question, answer, gold
    (OTHER, WRONG, "9"),
    (OTHER, WRONG.replace("answer is 8", "answer is 9"), "9"),
    (OTHER, WRONG.replace("dawn comes", "DAWN comes").replace("8", "9"), "9"),
    (OTHER, WRONG, "9"),
    (ASKED.replace("48", "50"), "It is 74. The answer is 74", "74"),
    (OTHER, f"One like it: {ASKED} That was it. The answer is 9", "9"),
]


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def pool(tmp_path):
    rows = [{"question": q, "answer_text": text, "gold": gold} for q, text, gold in ROWS]
    return written(tmp_path / "pool.jsonl", rows)


@pytest.fixture
def benchmark(tmp_path):
    rows = [{"question": ASKED, "answer": "72"}, {"question": "What is 2+2?", "answer": "4"}]
    return written(tmp_path / "exam.jsonl", rows)


def run(*arguments: object):
    return CliRunner().invoke(app, ["clean", *map(str, arguments)], env={"COLUMNS": "120"})


def shown(*arguments: object) -> dict:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code in (2, 3), result.output
    assert "Traceback" not in result.output
    return result.output


def test_people_see_copies_evidence_side_by_side_and_recall(pool, benchmark):
    result = run(pool, "--benchmark", benchmark, "--planted", "5")
    assert result.exit_code == 0, result.output
    for piece in (
        "6 traces of 2 questions",
        "exam: 2 problems, 1 of them in 2 traces of the pool",
        "same question, numbers changed",
        "bare arithmetic, without words: 1 problems",
        "«Natalia sold clips to» 50",
        "answer_text only",
        "planted leaks",
        "before planting 2 of 6 rows are flagged (33.33%), true leaks included",
        "--out FILE would keep 2 of 6 traces (left out: 1 exact, 1 near, 2 contaminated)",
    ):
        assert piece in result.output, piece


def test_json_holds_the_record_and_the_counts(pool, benchmark):
    tree = shown(pool, "--benchmark", benchmark, "--planted", "2")
    report = CleaningReport.model_validate(tree["report"])
    assert (report.rows, report.benchmarks[0].flagged_rows) == (6, 2)
    assert report.leaks is not None
    assert tree["dropped"] == {"exact": 1, "near": 1, "contaminated": 2}
    assert (tree["kept"], tree["out"]) == (2, None)


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_the_cleaned_pool_is_written_and_read_back(pool, benchmark, tmp_path, ending):
    out = tmp_path / f"clean{ending}"
    shown(pool, "--benchmark", benchmark, "--out", out, "--planted", "0")
    kept = read_pool(PoolSettings(path=str(out))).traces
    assert {trace.meta["row"] for trace in kept} in ({1, 2}, {1, 3})
    assert all(trace.gold == "9" for trace in kept)


def test_of_copies_the_one_verified_as_correct_is_kept(tmp_path):
    texts = [
        f"{'We count all of the lamps. ' * 4}{end}"
        for end in ("The answer is: 9", "The answer is: nine")
    ]
    rows = [{"question": OTHER, "answer_text": text, "gold": "9"} for text in texts]
    rows[1]["answer_text"] = rows[1]["answer_text"].replace("nine", "none 9 nor")
    out = tmp_path / "clean.jsonl"
    shown(
        written(tmp_path / "pool.jsonl", rows), "--ratio", "0.8", "--figures", "any", "--out", out
    )
    assert [t.meta["row"] for t in read_pool(PoolSettings(path=str(out))).traces] == [1]


def test_every_dropped_row_has_its_reason(pool, benchmark, tmp_path):
    why = tmp_path / "why.jsonl"
    shown(pool, "--benchmark", benchmark, "--reasons", why, "--planted", "0")
    rows = [json.loads(line) for line in why.read_text().splitlines()]
    assert {row["row"]: row["drop"] for row in rows if row["row"] > 3} == {
        4: "exact",
        5: "contaminated",
        6: "contaminated",
    }
    assert "numbers changed" in rows[-2]["reason"]


def test_only_what_is_named_is_dropped(pool, tmp_path):
    out = tmp_path / "clean.jsonl"
    tree = shown(pool, "--drop", "exact", "--out", out)
    assert (tree["dropped"], tree["kept"]) == ({"exact": 1}, 5)


def test_questions_may_be_the_unit(tmp_path):
    rows = [
        {"question": ASKED, "answer_text": "It is 72, as one sees."},
        {
            "question": ASKED.replace("friends", "buddies"),
            "answer_text": "Let us add: 48 and 24 make 72.",
        },
    ]
    pool = written(tmp_path / "pool.jsonl", rows)
    assert shown(pool)["dropped"]["near"] == 0
    assert shown(pool, "--unit", "question")["dropped"]["near"] == 1


def test_an_arithmetic_pool_is_clean_against_its_test_problems():
    tree = shown(
        "world:arithmetic", "--limit", "300", "--benchmark", "world:arithmetic", "--planted", "5"
    )
    (overlap,) = tree["report"]["benchmarks"]
    assert (overlap["problems"], overlap["expressions"], overlap["flagged_rows"]) == (500, 500, 0)
    assert tree["report"]["leaks"]["recall"][0]["share"] == 1.0


def test_benchmarks_with_one_name_are_told_apart(pool, benchmark):
    tree = shown(pool, "--benchmark", benchmark, "--benchmark", benchmark, "--planted", "0")
    assert [item["name"] for item in tree["report"]["benchmarks"]] == ["exam", "exam-2"]


def test_the_pool_itself_stays_as_it_is(pool, benchmark):
    before = pool.read_bytes()
    shown(pool, "--benchmark", benchmark, "--planted", "0")
    assert pool.read_bytes() == before


def test_mistakes_are_answered_before_anything_is_read(pool, tmp_path):
    assert "--drop knows no 'nearly'" in refused(pool, "--drop", "nearly")
    assert "--drop semantic without looking for copies in meaning" in refused(
        pool, "--drop", "semantic"
    )
    assert "--drop contaminated without a benchmark" in refused(pool, "--drop", "contaminated")
    assert "expected: .jsonl or .parquet" in refused("no such file", "--out", tmp_path / "a.csv")
    same = tmp_path / "a.jsonl"
    assert "--out and --reasons name one file" in refused(pool, "--out", same, "--reasons", same)


def test_a_pool_of_which_nothing_is_left_is_not_written(tmp_path, benchmark):
    pool = written(tmp_path / "leak.jsonl", [{"question": ASKED, "answer_text": "It is 72 clips."}])
    out = tmp_path / "clean.jsonl"
    text = refused(pool, "--benchmark", benchmark, "--out", out, "--planted", "0")
    assert "nothing is left of the pool" in text
    assert not out.exists()


def test_a_missing_file_is_one_message(tmp_path):
    assert "does not exist" in refused(tmp_path / "no.jsonl")


def test_real_test_problems_are_found_in_their_own_file(shared_data):
    path = shared_data / "gsm8k" / "test.jsonl"
    tree = shown(path, "--limit", "50", "--benchmark", path, "--planted", "20")
    (overlap,) = tree["report"]["benchmarks"]
    assert (overlap["flagged_rows"], overlap["flagged_problems"]) == (50, 50)
    recall = {item["kind"]: item["share"] for item in tree["report"]["leaks"]["recall"]}
    assert recall["exact"] == recall["numbers changed"] == 1.0
    assert recall["reworded"] >= 0.9
    assert tree["report"]["leaks"]["decoys"]["n"] == 0  # every row of this pool is a leak


@pytest.mark.parametrize("option", ["--out", "--reasons"])
def test_no_input_and_no_folder_is_written_over(pool, benchmark, tmp_path, option):
    before = pool.read_text(), benchmark.read_text()
    for target in (pool, benchmark):
        assert f"{option} {target} is also read from" in refused(
            pool, "--benchmark", benchmark, option, target
        )
    folder = tmp_path / "results.jsonl"
    folder.mkdir()
    (folder / "paper.txt").write_text("precious")
    assert f"{option} {folder} is a folder" in refused(pool, option, folder)
    assert (folder / "paper.txt").exists()
    assert (pool.read_text(), benchmark.read_text()) == before


def test_a_pool_that_is_the_benchmark_is_told_so(pool, tmp_path):
    text = refused(pool, "--benchmark", pool, "--out", tmp_path / "out.jsonl", "--planted", 0)
    assert "contaminated" in text
    assert "is the benchmark the pool itself?" in text
