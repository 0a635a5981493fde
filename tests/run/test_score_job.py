"""Scoring with a real base: the embedded one, on a few traces of its world."""

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from titrant.errors import DataError
from titrant.run.scores.alone import score_alone
from titrant.run.scores.difficulty import questions_table
from titrant.run.scores.job import ScoreJob, score
from titrant.run.scores.wanted import wanted_of
from titrant.run.watch import Silent
from titrant.select.scores import open_scores
from titrant.settings import Config
from titrant.signals.base import signals
from titrant.signals.sampling import Difficulty
from titrant.signals.store import part_paths, read_part
from titrant.traces.table import write_traces
from titrant.worlds.pools import make_pool

pytestmark = pytest.mark.train
POOL = make_pool("arithmetic", 48, 0)
ALL = wanted_of([*signals.names(), "hidden", "difficulty"])


def config(**changes):
    tree = {
        "base": "vitro:arithmetic",
        "pool": {"path": "world:arithmetic", "limit": 48},
        "benchmark": "world:arithmetic/train",
        "signals": {"answer": "#### {gold}", "samples": 3},
        "decode": {"max_new_tokens": 96},
    }
    return Config.model_validate(tree | changes)


def job(folder, wanted=ALL, **changes):
    known = config(**changes)
    path = folder / "pool.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_traces(path, POOL)
    return ScoreJob(
        folder=folder / "scores",
        pool=path,
        base=known.base,
        prompt=known.prompt,
        decode=known.decode,
        signals=known.signals,
        wanted=wanted,
        recipe=known.recipe,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Everything about 48 traces: folder and record."""
    folder = tmp_path_factory.mktemp("scores")
    return folder, score(job(folder))


def test_every_signal_has_a_value_for_every_trace(done):
    folder, meta = done
    scores = open_scores(folder)
    uids = [trace.uid for trace in POOL]
    assert set(meta.versions) == {*signals.names(), "difficulty", "difficulty-band"}
    n_steps = np.array([len(trace.steps) for trace in POOL])
    for name in meta.versions:
        # The code form leaves out traces of one or two steps, as its source does.
        expected = n_steps > 2 if name == "gain-code" else n_steps > 0
        np.testing.assert_array_equal(np.isfinite(scores.signal(name, uids)), expected, name)
    assert scores.hidden(uids).shape[0] == 48


def test_perplexity_is_that_of_the_kept_logprobs(done):
    folder, _ = done
    (part,) = [read_part(path) for path in part_paths(folder / "scores")]
    values = open_scores(folder).signal("perplexity", part.uids)
    np.testing.assert_allclose(values, np.exp(-part.logprob.mean()), rtol=1e-6)


def test_right_steps_tell_the_base_the_answer(done):
    folder, _ = done
    right = [trace for trace in POOL if trace.meta["kind"] == "terse"]
    gain = open_scores(folder).signal("gain", [trace.uid for trace in right])
    assert (gain > 0).mean() > 0.9


def test_costs_are_told_by_signal(done):
    _, meta = done
    costs = meta.costs
    assert costs["ifd"].tokens > costs["confidence"].tokens
    assert costs["gain"].tokens > costs["confidence"].tokens
    assert costs["confidence"].flops == 2 * meta.parameters * costs["confidence"].tokens
    assert meta.apart == ("difficulty",)


def test_the_same_job_again_makes_nothing_new(done):
    folder, meta = done
    before = {path: path.stat().st_mtime_ns for path in (folder / "scores").rglob("part-*.parquet")}
    again = score(job(folder))
    after = {path: path.stat().st_mtime_ns for path in (folder / "scores").rglob("part-*.parquet")}
    assert after == before
    assert again.versions == meta.versions


def test_a_second_job_adds_to_the_first(tmp_path):
    score(job(tmp_path, wanted_of(["perplexity"])))
    meta = score(job(tmp_path, wanted_of(["confidence"])))
    assert set(meta.versions) == {"perplexity", "confidence"}


def test_one_more_signal_costs_no_old_one(tmp_path):
    score(job(tmp_path, wanted_of(["perplexity", "hidden"])))
    meta = score(job(tmp_path, wanted_of(["ifd"])))
    assert meta.has_hidden
    states = open_scores(tmp_path).hidden([trace.uid for trace in POOL])
    assert np.isfinite(states).all()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"signals": {"answer": "so {gold}"}}, "another signals"),
        ({"decode": {"max_new_tokens": 5}}, "another decode"),
        (
            {"base": "vitro:arithmetic-direct"},
            "another base (vitro:arithmetic there, vitro:arithmetic-direct asked)",
        ),
    ],
)
def test_scores_that_were_made_otherwise_are_not_lost(tmp_path, change, part):
    score(job(tmp_path, wanted_of(["perplexity"])))
    with pytest.raises(DataError) as error:
        score(job(tmp_path, wanted_of(["confidence"]), **change))
    assert part in str(error.value)
    assert set(open_scores(tmp_path).meta.versions) == {"perplexity"}


def test_other_seeds_draw_other_answers(tmp_path):
    frames = []
    for seed in (0, 1):
        found = job(tmp_path / str(seed), wanted_of(["difficulty"]))
        score(found.model_copy(update={"seed": seed}))
        frames.append(pl.read_parquet(tmp_path / str(seed) / "scores" / "questions.parquet"))
    assert not frames[0].equals(frames[1])


def test_batches_decide_nothing(tmp_path):
    score(job(tmp_path, wanted_of(["perplexity"])))
    smaller = {"decode": {"max_new_tokens": 96, "batch_tokens": 512}}
    meta = score(job(tmp_path, wanted_of(["confidence"]), **smaller))
    assert set(meta.versions) == {"perplexity", "confidence"}


def test_the_pass_rate_comes_with_its_questions(done):
    folder, _ = done
    frame = pl.read_parquet(folder / "scores" / "questions.parquet")
    assert set(frame["qid"]) == {trace.qid for trace in POOL}
    assert frame["draws"].is_between(1, 3).all()
    assert (frame["low"] <= frame["mean"]).all()
    assert (frame["mean"] <= frame["high"]).all()
    band_of = dict(frame.select("qid", "band").iter_rows())
    bands = open_scores(folder).signal("difficulty-band", [trace.uid for trace in POOL])
    assert bands.tolist() == [band_of[trace.qid] for trace in POOL]


def test_a_table_of_questions_may_begin_with_many_without_an_answer():
    blank = Difficulty("q", 0, 0, 0, 0, 0, np.nan, np.nan, np.nan, None, 0)
    known = blank._replace(draws=2, correct=1, mean=0.5, band=1)
    frame = questions_table([blank] * 150 + [known])
    assert frame["band"].to_list() == [None] * 150 + [1]


def test_influence_is_measured_on_questions_of_the_pool_and_leaves_nothing_behind(tmp_path):
    meta = score(job(tmp_path, wanted_of(["influence"]), recipe={"rows_per_update": 8}))
    values = open_scores(tmp_path).signal("influence", [trace.uid for trace in POOL])
    n_questions = len({trace.qid for trace in POOL})
    held_out = {t.qid for t, v in zip(POOL, values, strict=True) if np.isnan(v)}
    assert len(held_out) == max(1, n_questions // 10)
    assert (np.abs(values[np.isfinite(values)]) <= 1).all()
    cost = meta.costs["influence"]
    assert cost.flops == 6 * meta.parameters * cost.tokens > 0
    assert not (tmp_path / "scores" / "influence").exists()


def test_scoring_alone_leaves_pool_and_scores_in_one_folder(tmp_path):
    meta = score_alone(config(), wanted_of(["length"]), tmp_path / "out", Silent())
    assert meta.traces == 48
    uids = [trace.uid for trace in POOL]
    assert np.isfinite(open_scores(tmp_path / "out").signal("length", uids)).all()


def test_a_pool_with_other_answers_is_another_pool(tmp_path):
    def write(change):
        changed = [trace.model_copy(update=change(trace)) for trace in POOL[:3]]
        write_traces(tmp_path / "pool.parquet", changed)

    def go():
        known = config(pool=str(tmp_path / "pool.parquet"))
        return score_alone(known, wanted_of(["length"]), tmp_path / "out", Silent())

    write(lambda trace: {})
    go()
    go()
    write(lambda trace: {"gold": trace.gold + "1"})
    with pytest.raises(DataError, match="holds the scores of another pool"):
        go()
