"""`titrant compare` on sample files that lm-eval 0.4 has written for two of our models on a local task.

    python benchmarks/compare_lm_eval.py --a vitro:arithmetic --b runs/demo/arms/ARM/model [--work DIR] [--problems 500]

Makes a task of arithmetic chains (a JSONL file and lm-eval's YAML, no network), runs lm-eval with --log_samples on
both models, and prints the paired p-value of `titrant compare` beside the unpaired z-test that lm-eval's
model_comparator would give on the same answers. Needs lm-eval: pip install 'titrant[bench]'. Simulated power and
false-positive rates: benchmarks/compare.py.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from titrant.engines.locate import find_base, fingerprint
from titrant.settings import BaseSettings
from titrant.worlds.pools import world_problems

TASK = "titrant_chains"
YAML = """task: {task}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}\\n"
doc_to_target: "{{{{gold}}}}"
generation_kwargs:
  until: []
  do_sample: false
  max_gen_toks: 192
filter_list:
  - name: answer
    filter:
      - function: regex
        regex_pattern: "#### (\\\\d+)"
      - function: take_first
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1
"""


def make_task(work: Path, n: int) -> None:
    """The task's problems and its YAML."""
    data = (work / "problems.jsonl").absolute()
    work.mkdir(parents=True, exist_ok=True)
    rows = [
        json.dumps({"question": problem.question, "gold": problem.gold})
        for problem in world_problems("world:arithmetic/train", n)
    ]
    data.write_text("\n".join(rows) + "\n", encoding="utf-8")
    (work / f"{TASK}.yaml").write_text(YAML.format(task=TASK, data=data), encoding="utf-8")


def samples_of(work: Path, model: Path, n: int) -> Path:
    """Where lm-eval's samples of a model lie: another model, other weights or other problems, another folder.

    Args:
        work: of all samples.
        model: the model's folder; its fingerprint goes over weights, configuration and tokenizer.
        n: problems.
    """
    named = json.dumps([str(model.resolve()), fingerprint(model), n, YAML])
    return work / f"{model.resolve().name}-{hashlib.sha256(named.encode()).hexdigest()[:12]}"


def evaluate(work: Path, model: str, n: int) -> Path:
    """Run lm-eval on a model; gives the folder of its samples, made anew only where it is missing."""
    folder = find_base(BaseSettings(path=model)).folder
    out = samples_of(work, folder, n)
    if not list(out.rglob("samples_*.jsonl")):
        command = [sys.executable, "-m", "lm_eval", "--model", "hf"]
        command += ["--model_args", f"pretrained={folder},dtype=float32"]
        command += ["--tasks", TASK, "--include_path", str(work), "--output_path", str(out)]
        command += ["--log_samples", "--device", "cpu", "--batch_size", "64"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return out


def main() -> None:
    """Evaluate both and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--a", default="vitro:arithmetic")
    parser.add_argument("--b", required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/compare_lm_eval"))
    parser.add_argument("--problems", type=int, default=500)
    given = parser.parse_args()
    make_task(given.work, given.problems)
    sides = [evaluate(given.work, model, given.problems) for model in (given.a, given.b)]
    subprocess.run(["titrant", "compare", *map(str, sides)], check=True)
    found = json.loads(
        subprocess.run(
            ["titrant", "compare", *map(str, sides), "--json"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    for one in found["comparisons"]:
        paired, unpaired = one["p"], one["p_unpaired"]
        print(f"{one['benchmark']}: paired p = {paired:.3g}, unpaired z-test p = {unpaired:.3g}")


if __name__ == "__main__":
    main()
