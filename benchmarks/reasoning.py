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
| arithmetic-rl-noclip, -format, -random, -random-noclip, -inverted, -majority-wrong | same | GRPO without clipping; other rewards |
| arithmetic-rl-random2 | same | as -random, with another root seed |
| facts-terse, -verbose, facts-rl | facts (titrant vitro build facts) | the same on questions that need facts from pretraining |

Written down before the first run:

* the paper's form of information gain falls with the number of steps alone (it telescopes to (PPL_0 − PPL_t) / t):
  expected for verbose traces strongly, for terse traces little; the total in bits is expected to be equal;
* SFT is expected to raise accuracy; RL with correct rewards too; random rewards not, inverted ones to lower it;
* facts: SFT on traces with new facts may raise the knowledge index, RL cannot learn them.

How they are read (verdicts as in `tables`): *raise* and *lower* by the interval of tuned − base; *not* holds where it
ends under the smallest gain of interest, 2 points; *equal* holds where it lies within the faithfulness audit's margin
of 0, 10 % of the base's bits or 0.25; *by steps alone* is that audit's outcome on the paper's form, clear or alarm;
*little* is less than in the verbose case. Where nothing was written of a case, nothing is expected. That SFT *may*
raise the index is no criterion: only its number is printed.

What comes out is printed as it is. A toy: what holds here holds in a 0.2 M-parameter model on these worlds.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import tables

from titrant.audits.arms import CLEAN
from titrant.audits.faithfulness.findings.gain import (
    BITS_NAME,
    LEAST_MARGIN_BITS,
    MARGIN,
    PAPER_NAME,
)
from titrant.audits.faithfulness.findings.knowledge import NAME as KNOWLEDGE_NAME
from titrant.audits.faithfulness.parts.scored import PAPER, TOTAL
from titrant.cli.live import PlainWatcher, show_answer
from titrant.dose.readings import BASE
from titrant.report import typeset
from titrant.run.audit.grid import audit_grid
from titrant.run.store.folder import RunFolder
from titrant.run.titrate import titrate
from titrant.settings import Config
from titrant.traces.record import trace_id
from titrant.traces.steps import cut_steps
from titrant.traces.table import write_traces
from titrant.worlds.pools import make_pool

if TYPE_CHECKING:
    from titrant.audits.base import AuditResult
    from titrant.estimate import Estimate
    from titrant.traces.record import Trace

POOL, DOSE, PROMPTS = 2048, 512, 256


class Case(NamedTuple):
    """What is trained, and what was expected of it."""

    world: str
    wording: str
    """Of the traces."""
    grpo: dict[str, object]
    """Settings of GRPO; none: SFT."""
    accuracy: str | None = None
    """`raise`, `not`, `lower`; `None`: nothing was written."""
    seed: int = 0
    """Root of all seeds."""


CASES = {
    "arithmetic-terse": Case("arithmetic", "terse", {}, "raise"),
    "arithmetic-verbose": Case("arithmetic", "verbose", {}, "raise"),
    "arithmetic-rl": Case("arithmetic", "terse", {"reward": "correct"}, "raise"),
    "arithmetic-rl-noclip": Case(
        "arithmetic", "terse", {"reward": "correct", "clip": False}, "raise"
    ),
    "arithmetic-rl-format": Case("arithmetic", "terse", {"reward": "format"}),
    "arithmetic-rl-random": Case("arithmetic", "terse", {"reward": "random"}, "not"),
    "arithmetic-rl-random2": Case("arithmetic", "terse", {"reward": "random"}, "not", seed=1),
    "arithmetic-rl-random-noclip": Case(
        "arithmetic", "terse", {"reward": "random", "clip": False}, "not"
    ),
    "arithmetic-rl-inverted": Case("arithmetic", "terse", {"reward": "inverted"}, "lower"),
    "arithmetic-rl-majority-wrong": Case("arithmetic", "terse", {"reward": "majority-wrong"}),
    "facts-terse": Case("facts", "terse", {}, "raise"),
    "facts-verbose": Case("facts", "verbose", {}, "raise"),
    "facts-rl": Case("facts", "terse", {"reward": "correct"}, "raise"),
}
BASES = {"arithmetic": "vitro:arithmetic", "facts": "bases/facts"}
SHOWN = {
    "contamination": ("clean share",),
    "faithfulness": (
        BITS_NAME,
        PAPER_NAME,
        "CoT-pass@k",
        "right answers, wrong steps",
        "early answering",
        "added mistakes",
        "filler",
        "harmless edit",
        "post-hoc answers",
        "pass@k",
        KNOWLEDGE_NAME,
    ),
    "budget": ("gain at matched tokens", "share that is only more tokens"),
}
"""Audit → its findings that are printed."""
SMALLEST = 0.02
"""The smallest gain of interest, as `margin` of a config has it."""


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
    world, wording, grpo, _, seed = CASES[case]
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
            "seed": seed,
        }
    )


def run(given: argparse.Namespace) -> None:
    """Train and audit what is missing, case by case."""
    from rich.console import Console

    for case in given.cases or CASES:
        found = config(given.work, case, given.seeds, bases=bases_of(given))
        dose = PROMPTS if CASES[case].grpo else DOSE
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
    """Accuracies, the main claims, findings, and every form of information gain, by case."""
    found = {case: tables.results(given.work / case, SHOWN) for case in CASES}
    tables.check_names(found, SHOWN)
    tables.accuracies(given.work, CASES)
    claims(given.work, found)
    facts_learned(found)
    tables.findings(found, SHOWN)
    tables.all_forms(found)


def claims(work: Path, found: dict[str, list[AuditResult]]) -> None:
    """One line per case: what accuracy and information gain did, and whether that was expected."""
    gains = ("bits", "at equal steps", "expected", "verdict")
    paper = ("the paper's form", "at equal steps", "expected", "verdict", "by steps alone")
    tables.head("case", "accuracy, points", "expected", "verdict", *gains, *paper)
    for case in found:
        folder = RunFolder(work / case)
        name, readings = tables.benchmark_of(folder), tables.arm_readings(folder)
        if name is not None and readings is not None:
            change = tables.contrast(readings, name, {CLEAN: 1.0, BASE: -1.0})
            told = tables.told(change, typeset.points), CASES[case].accuracy or typeset.MISSING
            tables.row(case, *told, accuracy_verdict(case, change), *gain_cells(case, found))


def accuracy_verdict(case: str, change: Estimate | None) -> str:
    """Whether accuracy did what was expected; a dash where nothing was."""
    verdicts = {
        "raise": tables.over(change),
        "not": tables.not_over(change, SMALLEST),
        "lower": tables.under(change),
    }
    return verdicts.get(CASES[case].accuracy or "", typeset.MISSING)


def gain_cells(case: str, found: dict[str, list[AuditResult]]) -> list[str]:
    """Changes of the gain in bits and in the paper's form, at all steps and at equal ones, with verdicts."""
    known = tables.forms(found[case])
    cells = []
    for form, judged in ((TOTAL, bits_verdict), (PAPER, paper_verdict)):
        change, equal = known[form][2:] if form in known else (None, None)
        told = [tables.counted(one) for one in (change, equal)]
        expected = ("—", "—") if CASES[case].grpo else judged(case, found)
        cells += [*told, *expected]
    outcome = next(
        (one.outcome for r in found[case] for one in r.findings if one.name == PAPER_NAME), ""
    )
    alone = {"clear": tables.HOLDS, "alarm": tables.FAILS, "undecided": tables.OPEN}
    return [*cells, "—" if CASES[case].grpo else alone.get(outcome, tables.NOT_READ)]


def bits_verdict(case: str, found: dict[str, list[AuditResult]]) -> tuple[str, str]:
    """Whether the total in bits stayed as it was."""
    known = tables.forms(found[case])
    if TOTAL not in known:
        return "equal", tables.NOT_READ
    base, _, change, _ = known[TOTAL]
    margin = max(LEAST_MARGIN_BITS, MARGIN * abs((base and base.estimate) or 0.0))
    return "equal", tables.within(change, margin)


def paper_verdict(case: str, found: dict[str, list[AuditResult]]) -> tuple[str, str]:
    """Whether the paper's form fell on verbose traces, and on terse ones by less than that."""
    world, wording = CASES[case].world, CASES[case].wording
    change = {
        one: tables.forms(found[f"{world}-{one}"]).get(PAPER, (None,) * 4)[2]
        for one in ("terse", "verbose")
    }
    if wording == "verbose":
        return "falls strongly", tables.under(change["verbose"])
    return "falls little", tables.apart(change["terse"], change["verbose"])


def facts_learned(found: dict[str, list[AuditResult]]) -> None:
    """What the knowledge index did in the cases on facts."""
    print()
    for case in (case for case in CASES if CASES[case].world == "facts"):
        index = next(
            (one for r in found[case] for one in r.findings if one.name == KNOWLEDGE_NAME), None
        )
        value = None if index is None else index.value
        verdict = tables.not_over(value, SMALLEST) if CASES[case].grpo else "may rise"
        print(f"- knowledge index, {case}: {tables.told(value, typeset.points)}; {verdict}")


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
