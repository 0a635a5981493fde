"""Do swapped traces train as well as A*'s own, in the maze world? Plans, traces, and the link between them.

    python benchmarks/maze.py run [--work DIR] [--size 8] [--seeds 3]     (hours; goes on where it was)
    python benchmarks/maze.py table [--work DIR]

A 0.86 M-parameter Llama is trained from nothing, as in Stechly et al. (arXiv 2505.13775), on 20,000 Wilson mazes of
8 × 8, 5 epochs of 32 rows per update; seven arms at the same updates and rows, three seeds each:

| arm | treatment |
|---|---|
| normal | `clean` |
| solution only | `answer-only` |
| swapped | `foreign` (another maze's trace) |
| swapped, matched endpoints | `foreign-question` (another maze's trace with the same start and goal, where the pool has one) |
| filler | `filler` (as many full stops) |
| shuffled | `tokens-shuffled` (own words in another order), `shuffled` (own events in another order) |

Read on 500 Wilson mazes (in distribution) and 300 by a drunkard's walk (out of it), greedily, none of them in the
pool. Written down before the first run:

* solution only must stay under 60 % of valid plans, or the comparison is void;
* expected from the paper: swapped ≥ normal − 5 points in distribution and ≥ normal out of it; solution only below
  both; P(trace valid | plan valid) of the normal arm under 1;
* if filler does as well as swapped, the benefit is compute and not a trace.

The toy shows the direction in a 0.86 M-parameter model on mazes of 8 × 8, nothing more.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import polars as pl

from titrant.cli.live import PlainWatcher
from titrant.report import typeset
from titrant.run.audit.grid import audit_grid
from titrant.run.input.inputs import load_sets
from titrant.run.ladder.readings import read_samples
from titrant.run.store.folder import RunFolder
from titrant.settings import AuditSettings, Config
from titrant.worlds.maze.measure import Summary, measure, summarise
from titrant.worlds.maze.vitro import make_base

if TYPE_CHECKING:
    from titrant.audits.base import AuditResult

TREATMENTS = (
    "answer-only",
    "foreign",
    "foreign-question",
    "filler",
    "tokens-shuffled",
    "shuffled",
)
POOL, EPOCHS, ROWS = 20_000, 5, 32


def config(work: Path, size: int, seeds: int, workers: int) -> Config:
    """The recipe of all arms; the base is made where it is missing."""
    base = work / f"base-{size}"
    if not (base / "config.json").exists():
        make_base(base, size)
    return Config.model_validate(
        {
            "base": str(base),
            "pool": {"path": "world:maze", "limit": POOL},
            "benchmark": {"path": f"world:maze/wilson-{size}", "limit": 500},
            "recipe": {
                "method": "full",
                "updates": POOL * EPOCHS // ROWS,
                "rows_per_update": ROWS,
                "rows_per_device": 8,
                "lr": 1e-3,
                "weight_decay": 0.1,
            },
            "decode": {"max_new_tokens": 420},
            "train": {"keep": "none"},
            "executor": {"workers": workers, "threads": 1},
            "audit": AuditSettings(
                names=("corruption",),
                treatments=TREATMENTS,
                seeds=seeds,
                out=f"world:maze/drunkard-{size}",
                problems=300,
            ).model_dump(),
        }
    )


def run(given: argparse.Namespace) -> AuditResult:
    """Train, read and judge what is missing."""
    from rich.console import Console

    found = config(given.work, given.size, given.seeds, given.workers)
    with PlainWatcher(Console(stderr=True)) as watcher:
        (result,) = audit_grid(found, given.work / f"maze-{given.size}", dose=POOL, watcher=watcher)
    return result


def summaries(folder: RunFolder) -> dict[tuple[str, str], tuple[Summary, int]]:
    """(treatment, set) → what its arms wrote, and how many arms there are."""
    questions = {
        problem.qid: problem.question
        for problems in load_sets(folder.audit_problems).values()
        for problem in problems
    }
    frames = [
        read_samples(folder, done.parent.name, with_text=True)
        for done in sorted(folder.arms.glob("*-audit/done.json"))
    ]
    frame = pl.concat(frames).filter(pl.col("dose") > 0)
    found = {}
    for (treatment, name), rows in frame.group_by(["treatment", "benchmark"]):
        measured = [
            measure(questions[row["qid"]], row["text"] or "", is_cut=row["verdict"] == "truncated")
            for row in rows.iter_rows(named=True)
        ]
        found[str(treatment), str(name)] = summarise(measured), rows["arm_id"].n_unique()
    return found


def table(folder: RunFolder) -> None:
    """Plans and traces by arm and set; intervals are over texts of all arms, seeds not counted."""
    print(
        "| arm | set | n, arms | plan valid | optimal | trace valid | strict | valid given plan |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for (treatment, name), (found, arms) in sorted(summaries(folder).items()):
        cells = [
            typeset.with_interval(one, typeset.share)
            for one in (
                found.plan_valid,
                found.plan_optimal,
                found.trace_valid,
                found.trace_strictly_valid,
                found.trace_valid_given_plan,
            )
        ]
        print(f"| {treatment} | {name} | {found.n}, {arms} | {' | '.join(cells)} |")
    print()
    for (treatment, name), (found, _) in sorted(summaries(folder).items()):
        if found.first_error_types:
            kinds = ", ".join(f"{k} {v}" for k, v in list(found.first_error_types.items())[:4])
            print(f"- first faults of {treatment} on {name}: {kinds}")


def main() -> None:
    """Run, or print what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--work", type=Path, default=Path("runs/maze"))
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if given.what == "run":
        from corruption import show

        show(run(given))
    table(RunFolder(given.work / f"maze-{given.size}"))


if __name__ == "__main__":
    main()
