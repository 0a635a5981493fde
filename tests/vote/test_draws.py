"""Draws on disk, and from there to arrays."""

import numpy as np
import pytest

from titrant.errors import DataError
from titrant.settings import SignalSettings
from titrant.traces.record import Problem
from titrant.traces.verify.verdict import Verifier
from titrant.vote.logs.draws import Draw, DrawsInfo, draw_parts, read_draws, rows_of, write_draws
from titrant.vote.logs.load import load_drawn, make_log

K = 3
PROBLEMS = [Problem(qid=q, question=q, gold="4") for q in ("b", "a")]


def make_draw(qid, sample, answer="4", n=5, **more):
    rng = np.random.default_rng(sample)
    fields = {
        "text": f"the answer is {answer}",
        "final_answer": answer,
        "verdict": "correct" if answer == "4" else "wrong",
        "stop_reason": "stop",
        "n_tokens": n,
        "n_prompt_tokens": 2,
        "bar": None,
        "error": None,
        "n_steps": 1,
        "step": np.zeros(n, dtype=np.int32),
        "numbers": {
            "logprob": -rng.random(n).astype(np.float32),
            "top": -np.sort(rng.random((n, K)).astype(np.float32), axis=1).ravel(),
        },
    }
    return Draw(qid=qid, sample=sample, **(fields | more))


def failed(qid, sample):
    return make_draw(
        qid, sample, answer=None, n=0, text="", verdict=None, stop_reason="error",
        error="no room", step=np.zeros(0, dtype=np.int32), numbers={},
    )  # fmt: skip


INFO = DrawsInfo(fingerprint="f", top=K, vocab=100)


def log_of(folder):
    drawn = load_drawn(folder, PROBLEMS)
    settings = SignalSettings(window=2, top_logprobs=K)
    with Verifier() as verifier:
        return drawn, make_log(drawn, {p.qid: p for p in PROBLEMS}, settings, verifier)


def test_draws_come_back_as_they_were(tmp_path):
    draws = [make_draw("a", 0), failed("a", 1), make_draw("b", 0, answer="5", bar=1.5)]
    path = write_draws(tmp_path, draws, INFO)
    info, table = read_draws(path)
    assert info == INFO
    for before, after in zip(draws, rows_of(table), strict=True):
        plain = [field for field in Draw._fields if field not in ("step", "numbers")]
        assert all(getattr(before, name) == getattr(after, name) for name in plain)
        np.testing.assert_array_equal(after.step, before.step)
        assert set(after.numbers) == set(before.numbers)
        for name, values in before.numbers.items():
            np.testing.assert_array_equal(after.numbers[name], values)


def test_draws_stand_by_question_and_number(tmp_path):
    write_draws(tmp_path, [make_draw("a", 1), make_draw("b", 0)], INFO)
    write_draws(tmp_path, [make_draw("a", 0), make_draw("c", 0)], INFO)
    drawn, log = log_of(tmp_path)
    assert drawn.qids == log.qids == ("b", "a")  # as the problems; c is none of them
    assert drawn.table["sample"].to_pylist() == [0, 0, 1]
    assert log.offsets.tolist() == [0, 1, 3]
    assert {"confidence", "confidence-lowest", "logprob-step", "perplexity"} <= set(log.signals)
    assert set(log.lows) == {"confidence-lowest", "logprob-lowest"}


def test_a_draw_that_was_made_again_counts_once(tmp_path):
    write_draws(tmp_path, [failed("a", 0), make_draw("a", 1)], INFO)
    write_draws(tmp_path, [make_draw("a", 0, answer="5")], INFO)
    drawn, log = log_of(tmp_path)
    assert drawn.table["final_answer"].to_pylist() == ["5", "4"]
    assert log.group.tolist() == [0, 1]
    assert log.is_right.tolist() == [False, True]


def test_without_logprobs_nothing_is_known_and_nothing_is_zero(tmp_path):
    bare = [make_draw("a", k, numbers={}) for k in range(3)]
    write_draws(tmp_path, bare, INFO.model_copy(update={"top": 0, "vocab": 0}))
    _, log = log_of(tmp_path)
    assert log.signals == {}
    assert log.lows == {}
    assert log.n_tokens.tolist() == [5, 5, 5]


def test_what_is_no_folder_of_draws_is_told(tmp_path):
    with pytest.raises(DataError, match="there are no draws"):
        load_drawn(tmp_path, PROBLEMS)
    write_draws(tmp_path, [make_draw("a", 0)], INFO)
    write_draws(tmp_path, [make_draw("a", 1)], INFO.model_copy(update={"fingerprint": "g"}))
    with pytest.raises(DataError, match="other settings"):
        load_drawn(tmp_path, PROBLEMS)
    draw_parts(tmp_path)[0].write_bytes(b"no table")
    with pytest.raises(DataError, match="is damaged"):
        load_drawn(tmp_path, PROBLEMS)
