"""Real input from end to end: GSM8K as pool and benchmark, and a base that knows nothing.

A model of two layers with random weights learns in some hundred updates how an answer looks and which
numbers are frequent. It does not learn to solve a word problem, so the honest answer is that the
traces give nothing, or guessing at most.
"""

import json
from pathlib import Path

import homemade
import pytest

pytest.importorskip("torch", reason="needs the train extra")

pytestmark = pytest.mark.train

HONEST = ("no response", "no response (guessing)")


def texts_of(path: Path, n: int) -> list[str]:
    rows = [json.loads(line) for line in path.read_text().splitlines()[:n]]
    return [f"{row['question']}\n{row['answer']}" for row in rows]


def write_run(folder: Path, data: Path, **sections: object) -> Path:
    """A model with a tokenizer trained on GSM8K, and the config that titrates it on GSM8K."""
    texts = texts_of(data / "train.jsonl", 2000)
    base = homemade.write_base(folder / "base", texts, vocabulary=1024, width=64, context=1024)
    tree = {
        "base": str(base),
        "pool": str(data / "train.jsonl"),
        "benchmark": str(data / "test.jsonl"),
        "executor": {"workers": 2, "threads": 1},
    }
    return homemade.write_config(folder / "gsm8k.yaml", **(tree | sections))


def recipe(updates: int) -> dict[str, object]:
    """Full training on the rows of at most 192 tokens, half of all."""
    return {
        "method": "full",
        "updates": updates,
        "rows_per_update": 16,
        "lr": 1e-2,
        "max_tokens": 192,
        "long_rows": "drop",
    }


def answer_of(config: Path, out: Path) -> dict:
    ended = homemade.titrant("run", config, "--out", out, "--json", timeout=3600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.slow
def test_gsm8k_with_a_random_model_ends_in_no_response(shared_data, tmp_path):
    config = write_run(
        tmp_path,
        shared_data / "gsm8k",
        recipe=recipe(128),
        decode={"max_new_tokens": 120},
    )
    answer = answer_of(config, tmp_path / "run")

    assert answer["verdict"] in HONEST
    assert answer["gain"]["n"] == 1319
    # It has learned the form: most answers end by themselves and can be read.
    top = [arm for arm in answer["arms"] if arm["dose"] == answer["top_dose"]]
    assert len(top) >= 3
    assert min(arm["truncated"] for arm in top) < 0.5


@pytest.mark.e2e
def test_a_little_of_gsm8k_runs_to_an_answer(shared_data, tmp_path):
    data = shared_data / "gsm8k"
    config = write_run(
        tmp_path,
        data,
        pool={"path": str(data / "train.jsonl"), "limit": 256},
        benchmark={"path": str(data / "test.jsonl"), "limit": 60},
        recipe=recipe(8) | {"rows_per_update": 8},
        decode={"max_new_tokens": 16},
    )
    answer = answer_of(config, tmp_path / "run")

    assert answer["verdict"] in (*HONEST, "undecided")
    assert answer["gain"]["n"] == 60
    assert answer["provenance"]["benchmarks"] == {"gsm8k-test": 60}
    assert (tmp_path / "run" / "report.html").exists()
