"""Drawing in a worker, on the fake engine with a script: what is kept, resumed, refused, and made a pool."""

import json

import polars as pl
import pytest
from scripted import Scripted, make_job
from typer.testing import CliRunner

from titrant.cli.main import app
from titrant.cli.sample import last_words
from titrant.engines.base import engines
from titrant.engines.open import Opening
from titrant.errors import BusyError, DataError
from titrant.run.alone import holding
from titrant.run.sample.asked import made_with
from titrant.run.sample.folder import read_meta
from titrant.run.sample.job import sample
from titrant.run.sample.pool import write_kept
from titrant.run.sample.replay import open_log
from titrant.settings import PoolSettings, PromptSettings
from titrant.traces.read import read_pool
from titrant.vote.logs.draws import draw_parts, read_draws, rows_of
from titrant.vote.study import Wish, study


@pytest.fixture(scope="module", autouse=True)
def _scripted():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(engines._loaded, "fake", Scripted)
        yield


def drawn(folder):
    return [draw for path in draw_parts(folder) for draw in rows_of(read_draws(path)[1])]


def test_every_draw_is_kept_with_its_numbers(tmp_path):
    meta = sample(make_job(tmp_path / "d"))
    draws = drawn(tmp_path / "d")
    assert (meta.draws, len(draws), meta.questions, meta.is_done) == (48, 48, 6, True)
    assert meta.tokens == sum(draw.n_tokens for draw in draws)
    for draw in draws:
        assert draw.numbers["logprob"].shape == draw.step.shape == (draw.n_tokens,)
        assert draw.numbers["top"].shape == (draw.n_tokens * 20,)
        assert draw.n_steps == draw.text.count("step")
        assert set(draw.step.tolist()) == {-1, *range(draw.n_steps)}
        assert draw.verdict in ("correct", "wrong")


def test_answers_say_what_was_decided(tmp_path):
    meta = sample(make_job(tmp_path / "d"))
    frame = pl.read_parquet(tmp_path / "d" / "answers.parquet")
    assert frame["draws"].to_list() == [8] * 6
    assert meta.correct == (frame["verdict"] == "correct").sum()
    assert frame["answer"].to_list()[3] == "6"
    assert read_meta(tmp_path / "d") == meta


def test_a_job_that_was_stopped_goes_on_to_the_same_end(tmp_path, monkeypatch):
    rule = {"rule": "deepconf-high", "budget": 8, "warmup": 4, "temperature": 1.0}
    whole = sample(make_job(tmp_path / "whole", sample=rule))
    for limit in (3, 9):
        monkeypatch.setattr(Scripted, "limit", limit)
        with pytest.raises(KeyboardInterrupt):
            sample(make_job(tmp_path / "cut", sample=rule))
    monkeypatch.setattr(Scripted, "limit", None)
    cut = sample(make_job(tmp_path / "cut", sample=rule))
    frames = [pl.read_parquet(tmp_path / name / "answers.parquet") for name in ("whole", "cut")]
    assert frames[0].equals(frames[1])
    assert (cut.window, cut.draws, cut.tokens) == (whole.window, whole.draws, whole.tokens)


def test_more_budget_draws_on(tmp_path):
    sample(make_job(tmp_path / "d", sample={"budget": 4, "temperature": 1.0}))
    first = {(d.qid, d.sample): d.text for d in drawn(tmp_path / "d")}
    sample(make_job(tmp_path / "d", sample={"budget": 8, "temperature": 1.0}))
    both = {(d.qid, d.sample): d.text for d in drawn(tmp_path / "d")}
    assert len(both) == len(drawn(tmp_path / "d")) == 48
    assert first.items() <= both.items()


def test_draws_that_were_made_otherwise_are_not_mixed(tmp_path):
    sample(make_job(tmp_path / "d"))
    with pytest.raises(DataError, match="made otherwise") as raised:
        sample(make_job(tmp_path / "d", sample={"budget": 8, "temperature": 0.5}))
    assert "another sample" in str(raised.value)


def asking(tmp_path, rows):
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = "sample --base scripted --engine fake --budget 4 --problems"
    return [*words.split(), str(path), "--out", str(tmp_path / "d")]


def sampled(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_questions_alone_are_drawn_for(tmp_path):
    asked = asking(tmp_path, [{"body": f"What is {i} + {i}?"} for i in range(3)])
    result = sampled(*asked, "--columns", "question=body", "--json")
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    assert (tree["meta"]["questions"], tree["meta"]["draws"]) == (3, 12)
    assert (tree["meta"]["correct"], tree["meta"]["with_gold"]) == (None, 0)
    again = sampled(*asked, "--columns", "question=body")
    assert "3 of 3 problems have no gold answer" in " ".join(again.output.split())
    assert "answers.parquet" in again.output
    pool = sampled(*asked, "--columns", "question=body", "--to-pool", tmp_path / "own.jsonl")
    assert pool.exit_code == 3
    assert "so no draw can be told correct" in pool.output
    pool = sampled(
        *asked,
        "--columns",
        "question=body",
        "--to-pool",
        tmp_path / "own.jsonl",
        "--keep",
        "voted",
    )
    assert pool.exit_code == 0, pool.output


def test_gold_answers_of_some_questions_are_enough(tmp_path):
    rows = [{"question": "What is 2 + 2?", "gold": "4"}, {"question": "What is 3 + 3?"}]
    rows += [{"question": "What is 3 + 3?", "gold": "6"}, {"question": "What is 5 + 5?"}]
    result = sampled(*asking(tmp_path, rows), "--json")
    meta = json.loads(result.stdout)["meta"]
    assert (meta["questions"], meta["with_gold"]) == (3, 2)
    assert "of those with a gold answer" in sampled(*asking(tmp_path, rows)).output


def test_a_folder_with_other_files_stays_as_it_is(tmp_path):
    asked = asking(tmp_path, [{"question": "What is 2 + 2?", "gold": "4"}])
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "notes.txt").write_text("mine")
    result = sampled(*asked)
    assert result.exit_code == 2
    assert "holds other files" in result.output
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["notes.txt"]


def test_a_folder_without_draws_takes_other_problems_and_one_with_draws_does_not(tmp_path):
    make_job(tmp_path / "d")  # as a start leaves it whose engine could not be opened
    (tmp_path / "d" / "owner.json").write_text("{}")
    result = sampled(*asking(tmp_path, [{"question": "What is 2 + 2?", "gold": "4"}]))
    assert result.exit_code == 0, result.output
    result = sampled(*asking(tmp_path, [{"question": "What is 2 + 2?", "gold": "5"}]))
    assert result.exit_code == 3
    assert "holds draws for other problems" in result.output


def test_one_model_under_two_paths_is_one_base(tmp_path):
    opened = Scripted.open(Opening(None, PromptSettings(), None, None))
    one = make_job(tmp_path / "d")
    other = one.model_copy(update={"base": one.base.model_copy(update={"path": "./scripted"})})
    assert made_with(one, opened, 20) == made_with(other, opened, 20)
    another = one.model_copy(update={"seed": 1})
    assert made_with(one, opened, 20) != made_with(another, opened, 20)
    assert made_with(one, opened, 20) != made_with(one, opened._replace(fingerprint="g"), 20)


def test_a_config_needs_no_pool(tmp_path):
    asked = asking(tmp_path, [{"question": "What is 2 + 2?", "gold": "4"}])
    config = tmp_path / "draw.yaml"
    config.write_text(f"base: scripted\nbenchmark: {asked[8]}\ndecode: {{engine: fake}}\n")
    command = ["sample", config, "--budget", 4, "--out", tmp_path / "e"]
    result = sampled(*command)
    assert result.exit_code == 0, result.output
    result = sampled(*command, "--set", "prompt.few_shot=2")
    assert result.exit_code == 2
    assert "and none is named" in result.output


def test_failures_say_why(tmp_path, monkeypatch):
    monkeypatch.setattr(Scripted, "fails", frozenset({("What is 2 + 2?", 1)}))
    meta = sample(make_job(tmp_path / "d"))
    assert (meta.failed, meta.failure) == (1, "no luck")
    words = " ".join(map(str, last_words(meta, tmp_path / "d", None, None)))
    assert "1 draw that failed said: no luck" in words


def test_without_gold_there_are_answers_and_no_verdicts(tmp_path):
    meta = sample(make_job(tmp_path / "d", gold=False))
    frame = pl.read_parquet(tmp_path / "d" / "answers.parquet")
    assert meta.correct is None
    assert frame["verdict"].null_count() == 6
    assert frame["answer"].null_count() == 0


def test_one_process_at_a_time_works_in_a_folder(tmp_path):
    with holding(tmp_path / "d"), pytest.raises(BusyError) as raised, holding(tmp_path / "d"):
        pass
    assert "choose another --out" in str(raised.value)
    with holding(tmp_path / "d"):  # let go again
        pass


def test_only_a_bar_needs_a_window(tmp_path):
    assert sample(make_job(tmp_path / "fixed")).window is None
    rule = {"rule": "deepconf-low", "budget": 8, "warmup": 4, "temperature": 1.0}
    assert (
        sample(make_job(tmp_path / "bar", sample=rule)).window == 8
    )  # 0.15 of about 40, at least 8


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--to-pool", "own.csv"), "of no kind that a pool is written in"),
        (("--to-pool", "own.jsonl", "--keep", "corect"), "did you mean correct"),
        (("--rule", "deepconf"), "did you mean deepconf-low"),
        (("--to-pool", "own.csv"), "name it own.jsonl"),
        (("--url", "http://localhost:1/v1", "--engine", "vllm"), "which asks no server"),
        (("--columns", "question"), "is no pair"),
        (("--budget", "8", "--rule", "deepconf-low"), "a budget of 16 or more"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_drawn(tmp_path, arguments, text):
    common = [
        "--base",
        "vitro:arithmetic",
        "--problems",
        "world:arithmetic",
        "--out",
        tmp_path / "d",
    ]
    result = CliRunner().invoke(app, ["sample", *map(str, common), *arguments])
    assert result.exit_code == 2, result.output
    assert text in " ".join(result.output.split())
    assert not (tmp_path / "d").exists()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("draws") / "d"
    sample(make_job(made, sample={"budget": 16, "temperature": 1.0}))
    return made


def test_a_log_has_signals_and_can_be_studied(folder):
    log, notes = open_log(str(folder), scores=None, window=None, top=None, progress=lambda *_: None)
    assert notes == ()
    assert {"confidence", "confidence-lowest", "confidence-step", "logprob-step", "entropy",
            "self-certainty", "perplexity", "length"} <= set(log.signals)  # fmt: skip
    found = study(log, Wish(with_rules=True, warmup=4, resamples=4))
    rules = {row.name for row in found.rows if row.kind == "rule"}
    assert {"adaptive 0.95", "esc 5", "deepconf-high confidence-lowest"} <= rules
    assert len([row for row in found.rows if row.kind == "control"]) == 12
    assert found.accuracy.estimate == pytest.approx(2 / 3, abs=0.15)
    assert found.curve[-1].accuracy.estimate > found.curve[0].accuracy.estimate


@pytest.mark.parametrize("keep", ["all", "correct", "voted"])
def test_draws_become_a_pool_again(folder, tmp_path, keep):
    n = write_kept(folder, tmp_path / "pool.jsonl", keep)
    traces = read_pool(PoolSettings(path=str(tmp_path / "pool.jsonl"))).traces
    assert len(traces) == n > 0
    assert all(trace.thinking and trace.steps for trace in traces)
    if keep == "correct":
        assert all(trace.answer_text.endswith(f" {trace.gold}") for trace in traces)


def vote(*arguments):
    return CliRunner().invoke(app, ["vote", *map(str, arguments)])


def test_the_command_prints_votes_rules_and_signals(folder, tmp_path):
    result = vote(
        folder, "--replay", "--warmup", 4, "--resamples", 4, "--figure", tmp_path / "f.png"
    )
    assert result.exit_code == 0, result.output
    for text in ("majority", "deepconf-high", "adaptive 0.95", "confidence-step", "6 questions"):
        assert text in result.output
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_a_rule_that_cannot_be_replayed_is_told(folder):
    result = vote(folder, "--replay", "--budget", 8, "--resamples", 2)
    assert "after 16 warm-ups none of a question's 8 draws is left" in " ".join(
        result.output.split()
    )
    result = vote(folder, "--budget", 8, "--resamples", 2)
    assert "warm-ups" not in result.output  # nobody asked


def test_json_has_everything(folder):
    result = vote(folder, "--signals", "confidence", "--resamples", 2, "--json")
    tree = json.loads(result.stdout)
    names = [row["name"] for row in tree["study"]["rows"]]
    assert names[0] == "majority"
    assert "weighted confidence@10" in names
    assert [row["name"] for row in tree["study"]["signals"]] == ["confidence"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--budget", 99), "at most 16 draws"),
        (("--signals", "confidense"), "did you mean confidence"),
        (("--eta", "0"), "no list of shares"),
        (("--eta", "ten"), "no list of shares"),
        (("--top", 99), "asks for more than was kept"),
        (("--figure", "x.txt"), "of no kind that a picture"),
        (("--scores", "."), "beside a folder of draws"),
    ],
)
def test_what_cannot_be_is_one_clear_message(folder, arguments, text):
    result = vote(folder, *arguments)
    assert result.exit_code in (2, 3)
    assert text in " ".join(result.output.split())


def test_stopped_draws_are_voted_on_and_not_replayed(tmp_path):
    rule = {"rule": "deepconf-low", "budget": 16, "warmup": 6, "tau": 2.0, "temperature": 1.0}
    sample(make_job(tmp_path / "d", sample=rule))
    assert "weak" in {draw.stop_reason for draw in drawn(tmp_path / "d")}
    tree = json.loads(vote(tmp_path / "d", "--resamples", 2, "--json").stdout)
    found, whole = tree["study"], {}
    for draw in drawn(tmp_path / "d"):
        if draw.stop_reason in ("stop", "length"):
            whole.setdefault(draw.qid, []).append(draw)
    asked = [some for some in whole.values() if len(some) >= found["budget"]]
    assert found["questions"] == len(asked)
    assert found["draws"] == sum(map(len, asked))
    assert found["not_whole"] == 96 - sum(map(len, whole.values())) > 0
    shares = [sum(d.verdict == "correct" for d in some) / len(some) for some in asked]
    first = found["curve"][0]  # of one draw: majority, pass@1 and accuracy are one number
    for figure in (found["accuracy"]["estimate"], first["pass_at"]):
        assert figure == pytest.approx(sum(shares) / len(shares))
    assert first["accuracy"]["estimate"] == pytest.approx(first["pass_at"], abs=0.2)
    assert "did not run to the end" in " ".join(
        vote(tmp_path / "d", "--resamples", 2).output.split()
    )
    result = vote(tmp_path / "d", "--replay")
    assert result.exit_code == 3
    assert "stops some and cancels others" in result.output


def test_a_pool_is_a_log_too(tmp_path):
    rows = [
        {"question": f"What is {q}+{q}?", "answer_text": f"The answer is {a}", "gold": str(2 * q)}
        for q in range(3)
        for a in (2 * q, 2 * q + 1, 2 * q)
    ]
    for i, row in enumerate(rows):
        row["answer_text"] = f"Try {i}. {row['answer_text']}"
    path = tmp_path / "pool.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    result = vote(path, "--json", "--resamples", 4, "--replay", "--warmup", 2)
    tree = json.loads(result.stdout)
    assert tree["study"]["rows"][0]["accuracy"]["estimate"] == 1.0
    assert tree["study"]["accuracy"]["estimate"] == pytest.approx(2 / 3)
    assert "no deepconf rule is replayed" in tree["study"]["not_compared"][0]
    alone = tmp_path / "alone.jsonl"
    alone.write_text("\n".join(map(json.dumps, rows[::3])) + "\n")
    result = vote(alone)
    assert result.exit_code == 3
    assert "one trace per question" in result.output
