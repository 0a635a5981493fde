"""Real traces without thinking: GSM8K, with answers after `####` or, of models, as "A: 18"."""

import pytest

from titrant.settings import PoolSettings
from titrant.traces.read import read_pool
from titrant.traces.record import Verdict
from titrant.traces.verify.assess import assess, final_answer
from titrant.traces.verify.verdict import Verifier
from titrant.treat.reasoning import reasoning_of
from titrant.treat.table import TREATMENTS, treat

N = 200


@pytest.fixture
def gsm8k(shared_data):
    settings = PoolSettings(path=str(shared_data / "gsm8k" / "train.jsonl"), limit=N)
    with Verifier() as verifier:
        return assess(read_pool(settings).traces, verifier)


def test_the_reasoning_is_all_lines_before_the_hashes(gsm8k):
    for trace in gsm8k:
        reasoning = reasoning_of(trace)
        assert trace.answer_text[reasoning.end :].startswith("#### ")


@pytest.mark.parametrize("name", sorted(TREATMENTS))
def test_every_row_keeps_its_answer(gsm8k, name):
    treated = treat(gsm8k, name, seed=0)
    for old, new in zip(gsm8k, treated.traces, strict=True):
        assert new.thinking is None
        assert final_answer(new) == new.final_answer
        if name == "wrong-answer":
            assert new.verdict == Verdict.WRONG
            assert new.answer_text.rpartition("#### ")[0] == old.answer_text.rpartition("#### ")[0]
        else:
            assert (new.final_answer, new.verdict) == (old.final_answer, Verdict.CORRECT)
            assert new.answer_text.rpartition("\n")[2] == old.answer_text.rpartition("\n")[2]
    least = {"clean": 0.0, "unreflective": 0.0}
    assert treated.share_changed >= least.get(name, 0.99)


def test_solutions_of_models_keep_their_statement(shared_data):
    path = str(shared_data / "gsm8k" / "model_solutions.jsonl")
    traces = read_pool(PoolSettings(path=path, limit=N)).traces
    with Verifier() as verifier:
        pool = assess(traces, verifier)
    for new, old in zip(treat(pool, "foreign", seed=0).traces, pool, strict=True):
        assert final_answer(new) == old.final_answer
