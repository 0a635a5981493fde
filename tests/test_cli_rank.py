"""`titrant rank`: what it shows, what it writes, what it refuses."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from titrant.cli.main import app
from titrant.select.rank import STRATEGIES, rank, read_ranking
from titrant.settings import PoolSettings
from titrant.testing.strategies import MadeScores
from titrant.traces.read import distinct_traces, read_pool

ROWS = [
    # question, answer, gold: two questions, one wrong trace, one exact repeat.
    ("What is 1+1?", "1 and 1 make 2. The answer is 2", "2"),
    ("What is 1+1?", "I count one, then one more, so I have three. The answer is 3", "2"),
    ("What is 2+2?", "It is 4. The answer is 4", "4"),
    ("What is 2+2?", "It is 4. The answer is 4", "4"),
    ("What is 2+2?", "It is <b>[4]</b>! The answer is 4", "4"),
]


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.jsonl"
    lines = [json.dumps({"question": q, "answer_text": t, "gold": g}) for q, t, g in ROWS]
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*arguments: object):
    return CliRunner().invoke(app, ["rank", *map(str, arguments)])


def shown(*arguments: object) -> dict:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code in (2, 3), result.output
    return result.output


def test_the_ranking_is_the_one_that_a_run_makes(pool):
    traces = distinct_traces(read_pool(PoolSettings(path=str(pool))).traces)

    tree = shown(pool, "--strategy", "random", "--seed", 3, "--draw", 2)

    expected = rank(traces, strategy="random", root=3, draw=2)
    assert [row["uid"] for row in tree["rows"]] == [row.uid for row in expected.rows]
    assert tree["draw"] == 2


def test_the_first_rows_are_summed_up_beside_the_pool(pool):
    tree = shown(pool, "--strategy", "longest", "--top", 1)

    assert tree["repeats_left_out"] == 1
    assert tree["pool"]["traces"] == 4
    assert tree["pool"]["wrong"] == 0.25
    assert tree["first"]["wrong"] == 1  # the longest is the wrong one
    assert tree["first"]["length_unit"] == "characters"
    assert tree["first"]["mean_length"] == len(ROWS[1][1])
    assert tree["rows"][0]["reason"] == f"{len(ROWS[1][1])} characters"


def test_a_table_shows_rank_reason_and_excerpt_and_leaves_markup_alone(pool):
    output = run(pool, "--strategy", "longest").output

    assert "longest, draw 0: 4 traces" in output
    assert "60 characters" in output
    assert "<b>[4]</b>" in " ".join(output.split())
    assert "wrong, of those verified" in output
    assert "1 exact repeats of a trace were left out" in output


def test_rows_per_question_stand_in_the_name(pool):
    tree = shown(pool, "--strategy", "longest~length", "--per-question", 1)

    assert tree["strategy"] == "longest@1~length"
    assert len({row["qid"] for row in shown(pool, "--per-question", "1")["rows"][:2]}) == 2


def test_the_whole_ranking_is_written_as_parquet(pool, tmp_path):
    out = tmp_path / "ranking.parquet"

    tree = shown(pool, "--strategy", "shortest", "--top", 1, "--out", out)

    ranking = read_ranking(out)
    assert (ranking.strategy, len(ranking.rows)) == ("shortest", 4)
    assert ranking.rows[0].uid == tree["rows"][0]["uid"]


def test_the_first_rows_are_written_as_a_subset(pool, tmp_path):
    out = tmp_path / "subset.jsonl"

    result = run(pool, "--strategy", "shortest", "--top", 2, "--out", out)

    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert result.exit_code == 0
    assert [row["rank"] for row in rows] == [1, 2]
    assert rows[0]["reason"] == f"{len(ROWS[2][1])} characters"
    assert rows[0]["messages"][0] == {"role": "user", "content": "What is 2+2?"}


def test_a_world_is_a_pool():
    tree = shown("world:arithmetic", "--limit", 20, "--strategy", "longest~domain")

    assert tree["pool"]["traces"] == len(tree["rows"]) == 20 - tree["repeats_left_out"]


def test_a_history_goes_without_scores(pool, tmp_path):
    history = tmp_path / "history.json"
    qids = sorted({row["qid"] for row in shown(pool)["rows"]})
    history.write_text(json.dumps({qids[0]: [0.5, 0.5], qids[1]: [0.0, 1.0]}))

    tree = shown(pool, "--strategy", "history-std", "--history", history)

    assert tree["rows"][0]["qid"] == qids[1]
    assert tree["rows"][0]["reason"] == "accuracy's std 0.500 over the epochs"


def test_stored_scores_are_read(pool, tmp_path):
    from titrant.signals.meta import ScoresMeta, write_meta
    from titrant.signals.table import write_scores

    uids = [row["uid"] for row in shown(pool)["rows"]]
    values = MadeScores().signal("ifd", uids)
    meta = ScoresMeta(
        base="b", fingerprint="f", parameters=1, traces=4, failed=0, versions={"ifd": 1}
    )
    write_meta(tmp_path / "scores", meta)
    write_scores(tmp_path / "scores", "ifd", version=1, fingerprint="f", uids=uids, values=values)

    tree = shown(pool, "--strategy", "ifd", "--scores", tmp_path)

    kept = [v for v in sorted(values, reverse=True) if v <= 1]
    assert [row["reason"] for row in tree["rows"]][: len(kept)] == [f"ifd {v:.4g}" for v in kept]


@pytest.mark.train
def test_tokens_are_counted_as_the_base_counts_them():
    tree = shown("world:arithmetic", "--limit", 5, "--base", "vitro:arithmetic")

    assert tree["pool"]["length_unit"] == "tokens"


def test_the_list_has_every_strategy_and_what_it_needs():
    tree = shown("--list")

    rows = {row["name"]: row for row in tree["strategies"]}
    assert set(rows) == set(STRATEGIES)
    assert rows["deita"]["needs"] == ["confidence", "difficulty", "hidden"]
    assert (rows["s1"]["draws"], rows["limo"]["draws"]) == (True, False)
    output = run("--list").output
    assert all(name in output for name in STRATEGIES)
    assert "NAME[+coverage|+center|+novelty][@K|@all][~CONTROL]" in output


def test_what_cannot_be_done_is_refused_with_what_to_do(pool, tmp_path):
    assert "no pool was given" in refused("--strategy", "random")
    assert "did you mean longest" in refused(pool, "--strategy", "longst")
    assert "needs the signal ifd" in refused(pool, "--strategy", "ifd")
    assert "asks for more than the pool has" in refused(pool, "--top", 5)
    twice = refused(pool, "--strategy", "random@2", "--per-question", 1)
    assert "rows per question are given twice: @2 and --per-question" in twice
    assert "found: @0" in refused(pool, "--per-question", 0)
    assert "a subset needs its size" in refused(pool, "--out", tmp_path / "x.jsonl")
    assert "do: --out x.parquet" in refused(pool, "--out", tmp_path / "x.csv")
    assert "is no folder of scores" in refused(pool, "--scores", tmp_path)


def test_neither_the_pool_nor_a_folder_is_written_over(pool, tmp_path):
    before = pool.read_text()
    result = run(pool, "--top", 1, "--out", pool)
    assert result.exit_code == 2
    assert "is also read from" in result.output
    assert pool.read_text() == before
    (tmp_path / "out.parquet").mkdir()
    assert "is a folder" in run(pool, "--out", tmp_path / "out.parquet").output


def test_scores_that_are_a_file_are_refused(pool):
    assert "is a file" in run(pool, "--strategy", "gain", "--scores", pool).output


def test_traces_without_a_score_are_counted(pool, tmp_path):
    from titrant.signals.meta import ScoresMeta, write_meta
    from titrant.signals.table import write_scores

    (_, *uids) = [row["uid"] for row in shown(pool)["rows"]]
    meta = ScoresMeta(
        base="b", fingerprint="f", parameters=1, traces=3, failed=0, versions={"perplexity": 1}
    )
    write_meta(tmp_path / "scores", meta)
    write_scores(
        *(tmp_path / "scores", "perplexity"),
        version=1,
        fingerprint="f",
        uids=uids,
        values=np.arange(3.0),
    )

    asked = (pool, "--strategy", "perplexity", "--scores", tmp_path)
    assert shown(*asked)["not_scored"] == 1
    assert "1 traces have no score and stand last" in run(*asked).output
