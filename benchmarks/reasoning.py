"""Does SFT raise accuracy and lower information gain, and does RL not? Arithmetic and facts, side by side.

    python benchmarks/reasoning.py run [CASE ...] [--work DIR] [--seeds 3]     (goes on where it was)
    python benchmarks/reasoning.py table [--work DIR]
    python benchmarks/reasoning.py prompts [--work DIR]      (how many prompts does RL need: its own curve)

Every case trains three arms of one base at the same budget (64 updates of 64 rows; under GRPO rows are completions,
16 to a prompt) and is audited alike: accuracy, information gain in every form before and after under the frozen
base, CoT-pass@k with exact step validity, the share of the gain on fresh problems, and the gain at matched tokens.

| case | base | training |
|---|---|---|
| arithmetic-terse, -verbose | vitro:arithmetic | SFT on 512 traces: one line per step; every step restated and checked |
| arithmetic-rl | same | GRPO, correct answers, 256 prompts |
| arithmetic-rl-noclip, -format, -random, -random2, -inverted | same | GRPO without clipping; other rewards |
| facts-terse, -verbose, facts-rl | facts (titrant vitro build facts) | the same on questions that need facts from pretraining |

Written down before the first run:

* the paper's form of information gain falls with the number of steps alone (it telescopes to (PPL_0 − PPL_t) / t):
  expected for verbose traces strongly, for terse traces little; the total in bits is expected to be equal;
* SFT is expected to raise accuracy; RL with correct rewards too; random rewards not, inverted ones to lower it;
* facts: SFT on traces with new facts may raise the knowledge index, RL cannot learn them.

What comes out is printed as it is. A toy: what holds here holds in a 0.2 M-parameter model on these worlds.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from titrant.audits.base import AuditResult
from titrant.cli.live import PlainWatcher, show_answer
from titrant.report.real import write_number
from titrant.run.audit.folder import AuditFolder
from titrant.run.audit.grid import audit_grid
from titrant.run.titrate import titrate
from titrant.settings import Config
from titrant.traces.record import trace_id
from titrant.traces.steps import cut_steps
from titrant.traces.table import write_traces
from titrant.worlds.pools import make_pool

if TYPE_CHECKING:
    from titrant.traces.record import Trace

POOL, DOSE, PROMPTS = 2048, 512, 256
CASES = {
    "arithmetic-terse": ("arithmetic", "terse", {}),
    "arithmetic-verbose": ("arithmetic", "verbose", {}),
    "arithmetic-rl": ("arithmetic", "terse", {"reward": "correct"}),
    "arithmetic-rl-noclip": ("arithmetic", "terse", {"reward": "correct", "clip": False}),
    "arithmetic-rl-format": ("arithmetic", "terse", {"reward": "format"}),
    "arithmetic-rl-random": ("arithmetic", "terse", {"reward": "random"}),
    "arithmetic-rl-random-noclip": ("arithmetic", "terse", {"reward": "random", "clip": False}),
    "arithmetic-rl-inverted": ("arithmetic", "terse", {"reward": "inverted"}),
    "arithmetic-rl-majority-wrong": ("arithmetic", "terse", {"reward": "majority-wrong"}),
    "facts-terse": ("facts", "terse", {}),
    "facts-verbose": ("facts", "verbose", {}),
    "facts-rl": ("facts", "terse", {"reward": "correct"}),
}
"""Case → world, wording of the traces, and settings of GRPO; none: SFT."""
BASES = {"arithmetic": "vitro:arithmetic", "facts": "bases/facts"}
SHOWN = (
    "clean share",
    "information gain in bits",
    "information gain, the paper’s form",
    "CoT-pass@k",
    "right answers, wrong steps",
    "gain at matched tokens",
    "share that is only more tokens",
)


def verbose_lines(lines: list[str]) -> list[str]:
    """Every line said, said again and checked."""
    return [text for line in lines for text in (line, f"so {line}", f"check {line}")]


def worded(trace: Trace, wording: str) -> Trace:
    """A right trace in one of the two wordings."""
    from titrant.worlds.base import worlds

    world = worlds.get(trace.source.removeprefix("world:").partition("/")[0])
    lines = world.oracle(trace.question).split("\n")
    thinking = "\n".join(lines if wording == "terse" else verbose_lines(lines))
    answer_text = f"#### {trace.gold}"
    update = {
        "uid": trace_id(trace.question, thinking, answer_text),
        "thinking": thinking,
        "answer_text": answer_text,
        "final_answer": trace.gold,
        "verdict": "correct",
        "steps": cut_steps(thinking),
        "meta": {},
    }
    return trace.model_copy(update=update)


def make_pool_file(work: Path, world: str, wording: str) -> Path:
    """A pool of right traces, one per question, in one wording."""
    path = work / f"pool-{world}-{wording}.parquet"
    if not path.exists():
        first = {trace.qid: trace for trace in make_pool(world, 4 * POOL)}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_traces(path, [worded(trace, wording) for trace in list(first.values())[:POOL]])
    return path


def config(work: Path, case: str, seeds: int, *, bases: dict[str, str]) -> Config:
    """The config of a case."""
    world, wording, grpo = CASES[case]
    recipe = {"method": "full", "updates": 64, "rows_per_update": 64, "rows_per_device": 8}
    train = {"keep": "none"}
    if grpo:
        recipe |= {"lr": 1e-4, "rows_per_device": 64}
        train |= {"algorithm": "grpo", "grpo": {"group": 16, "updates_per_rollout": 4, **grpo}}
    else:
        recipe |= {"lr": 1e-3}
    return Config.model_validate(
        {
            "base": bases[world],
            "pool": str(make_pool_file(work, world, wording)),
            "benchmark": {"path": f"world:{world}", "limit": 300},
            "recipe": recipe,
            "train": train,
            "decode": {"max_new_tokens": 256},
            "audit": {
                "names": ["contamination", "faithfulness", "budget"],
                "seeds": seeds,
                "problems": 200,
                "samples": 8,
            },
            "executor": {"workers": 2, "threads": 1},
        }
    )


def run(given: argparse.Namespace) -> None:
    """Train and audit what is missing, case by case."""
    from rich.console import Console

    for case in given.cases or CASES:
        found = config(given.work, case, given.seeds, bases=bases_of(given))
        dose = PROMPTS if CASES[case][2] else DOSE
        with PlainWatcher(Console(stderr=True)) as watcher:
            watcher.note(case)
            audit_grid(found, given.work / case, dose=dose, watcher=watcher)


def prompts(given: argparse.Namespace) -> None:
    """The dose–response curve of reinforcement learning, in distinct prompts."""
    from rich.console import Console

    found = config(given.work, "arithmetic-rl", given.seeds, bases=bases_of(given))
    screen = Console()
    with PlainWatcher(Console(stderr=True)) as watcher:
        answer = titrate(found, given.work / "prompts", watcher=watcher)
    show_answer(screen, answer, given.work / "prompts")


def bases_of(given: argparse.Namespace) -> dict[str, str]:
    """Where the bases lie."""
    return BASES | {"facts": str(given.facts)}


def table(given: argparse.Namespace) -> None:
    """One row per case and finding."""
    print("| case | finding | outcome | number | n, arms |")
    print("|---|---|---|---|---|")
    for case in CASES:
        folder = AuditFolder(given.work / case / "audits")
        for name in ("contamination", "faithfulness", "budget"):
            if not folder.result(name).exists():
                continue
            result = AuditResult.model_validate_json(folder.result(name).read_text())
            for one in result.findings:
                if one.name in SHOWN or "information gain" in one.name:
                    n = "" if one.value is None else f"{one.value.n}, {one.value.seeds}"
                    number = write_number(one.value, one.unit)
                    print(f"| {case} | {one.name} | {one.outcome} | {number} | {n} |")


def main() -> None:
    """Run, or print what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "table", "prompts"))
    parser.add_argument("cases", nargs="*", choices=[*CASES, []])
    parser.add_argument("--work", type=Path, default=Path("runs/reasoning"))
    parser.add_argument("--facts", type=Path, default=Path("bases/facts"))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    {"run": run, "table": table, "prompts": prompts}[given.what](given)


if __name__ == "__main__":
    main()
