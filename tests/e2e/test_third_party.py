"""A model, a pool and a benchmark that titrant has never seen: three keys, no code.

The models have a tokenizer of their own and no chat template. The pool is prompt and completion without
gold answers, the benchmark question and answer.
"""

import json
import sys
from pathlib import Path

import homemade
import pytest
import yaml

pytest.importorskip("torch", reason="needs the train extra")

pytestmark = pytest.mark.train

TRAINER = '''
"""Somebody else's trainer: full fine-tuning with a loop of a few lines, and nothing of titrant."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

base, subset, out, updates, lr, seed = sys.argv[1:]
torch.manual_seed(int(seed))
torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(base)
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=float(lr))
lines = [json.loads(line)["messages"] for line in open(subset, encoding="utf-8")]
for update in range(int(updates)):
    question, answer = (turn["content"] for turn in lines[update % len(lines)])
    text = question + "\\n" + answer + tokenizer.eos_token
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(update, loss.item(), flush=True)
model.save_pretrained(out)
'''


def write_material(folder: Path, architecture: str) -> Path:
    """A model folder, a pool and a benchmark of sums, and the config with its three keys."""
    texts = [f"{q}\n{way}\nSo {a}." for q, way, a in homemade.sums(200)]
    homemade.write_base(folder / "model", texts, architecture=architecture, vocabulary=320)
    assert not list((folder / "model").glob("*chat_template*"))
    pool = [{"prompt": q, "completion": f"{way}\nSo {a}."} for q, way, a in homemade.sums(64)]
    homemade.write_lines(folder / "pool.jsonl", pool)
    homemade.write_benchmark(folder / "problems.jsonl", 30)
    return homemade.write_config(
        folder / "c.yaml", base="model", pool="pool.jsonl", benchmark="problems.jsonl"
    )


def answer_of(config: Path, *settings: str) -> dict:
    """Run to the answer; settings only make it short."""
    short = ("decode.max_new_tokens=12", "executor.workers=1", "recipe.rows_per_update=4")
    sets = [part for setting in (*short, *settings) for part in ("--set", setting)]
    ended = homemade.titrant("run", config, "--out", config.parent / "run", "--json", *sets)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def check(answer: dict, out: Path) -> None:
    assert answer["verdict"] in ("no response", "no response (guessing)", "undecided")
    assert answer["top_dose"] == 64
    assert answer["gain"]["n"] == 30
    assert any("no gold answers" in text for text in answer["warnings"])
    assert (out / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    "architecture",
    [
        pytest.param("gpt_neox", marks=pytest.mark.e2e),
        pytest.param("qwen2", marks=pytest.mark.slow),
    ],
)
def test_a_third_party_model_is_titrated_with_three_keys(tmp_path, architecture):
    config = write_material(tmp_path, architecture)
    assert set(yaml.safe_load(config.read_text())) == {"base", "pool", "benchmark"}

    answer = answer_of(config, "recipe.updates=16")

    check(answer, tmp_path / "run")
    adapters = list((tmp_path / "run" / "arms").glob("random-*/adapter/adapter_config.json"))
    assert len(adapters) == answer["cost"]["arms"], "LoRA is the default"
    assert "learning rate 0.0002" in answer["provenance"]["recipe"]


@pytest.mark.slow
def test_an_external_trainer_takes_the_place_of_ours(tmp_path):
    config = write_material(tmp_path, "gpt_neox")
    (tmp_path / "trainer.py").write_text(TRAINER)
    command = f"{sys.executable} {tmp_path / 'trainer.py'} {{base}} {{subset}} {{out}} {{updates}}"

    answer = answer_of(
        config,
        "recipe.updates=16",
        "recipe.lr=3e-3",
        f"train.command='{command} {{lr}} {{seed}}'",
        "train.keep=models",
    )

    check(answer, tmp_path / "run")
    arms = sorted((tmp_path / "run" / "arms").glob("random-*"))
    assert len(arms) == answer["cost"]["arms"]
    for arm in arms:
        assert len((arm / "command.log").read_text().splitlines()) == 16
        assert (arm / "model" / "config.json").exists()


@pytest.mark.slow
def test_an_external_trainer_that_fails_is_shown_with_its_last_words(tmp_path):
    config = write_material(tmp_path, "gpt_neox")
    trainer = tmp_path / "trainer.py"
    trainer.write_text("raise SystemExit('no licence for this GPU')")
    setting = f"train.command='{sys.executable} {trainer} {{subset}} {{out}}'"
    sets = ("--set", "recipe.updates=16", "--set", "recipe.lr=3e-3", "--set", setting)
    command = ("run", config, "--out", tmp_path / "run", *sets, "--set", "executor.workers=1")

    ended = homemade.titrant(*command)

    text = ended.stdout + ended.stderr
    assert ended.returncode == 5, text
    assert "train.command ended with exit code 1" in text
    assert "no licence for this GPU" in text
    assert "Traceback" not in text
    trainer.write_text(
        TRAINER.replace("sys.argv[1:]", f"'{tmp_path / 'model'}', *sys.argv[1:], 16, 1e-3, 0")
    )
    ended = homemade.titrant(*command)
    assert ended.returncode == 0, "the same command goes on:\n" + ended.stdout + ended.stderr
