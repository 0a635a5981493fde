"""Do swapped traces train as well as A*'s own, in the maze world? Plans, traces, and the link between them.

    python benchmarks/maze.py run [--work DIR] [--size 8] [--seeds 3]     (hours; goes on where it was)
    python benchmarks/maze.py table [--work DIR] [--size 8]

A 0.86 M-parameter Llama is trained from nothing, as in Stechly et al. (arXiv 2505.13775), on 20,000 Wilson mazes of
8 × 8 (or 10 × 10), 5 epochs of 32 rows per update; seven arms at the same updates and rows, three seeds each:

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

Verdicts as in `tables`. Differences are paired by problem; in every interval an arm counts as one arm, and its texts
are not independent. The toy shows the direction in a 0.86 M-parameter model on mazes, nothing more.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import polars as pl
import tables
from tables import LEVEL

from titrant.audits.arms import CLEAN
from titrant.audits.corruption.audit import OUT
from titrant.audits.faithfulness.interval import Means
from titrant.cli.live import PlainWatcher
from titrant.dose.readings import BASE
from titrant.estimate import Estimate
from titrant.report import typeset
from titrant.run.audit.grid import audit_grid
from titrant.run.input.inputs import load_sets
from titrant.run.store.folder import RunFolder
from titrant.settings import AuditSettings, Config
from titrant.worlds.maze.measure import Measured, measure
from titrant.worlds.maze.vitro import make_base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from titrant.audits.base import AuditResult

ONLY, SWAPPED, FILLER = "answer-only", "foreign", "filler"
TREATMENTS = (ONLY, SWAPPED, "foreign-question", FILLER, "tokens-shuffled", "shuffled")
POOL, EPOCHS, ROWS = 20_000, 5, 32
MOST_TOKENS = {8: 420, 10: 640}
"""Cells per side → new tokens; the longest of 1,200 gold texts have 276 and 430."""
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": 1 << 30,
    "MALLOC_TRIM_THRESHOLD_": 4 << 30,
    "MALLOC_TOP_PAD_": 1 << 28,
}
"""Bytes, for the workers: glibc keeps what it has. With 4 rows per device 6,300 tokens/s per core; with 8 rows and
without this 5,300."""
VOID = 0.60
"""Valid plans of solution only at which the comparison is void."""
AS_WELL = 0.05
"""Points that swapped may be under normal in distribution."""
SHARES: dict[str, Callable[[Measured], bool | None]] = {
    "plan valid": lambda one: one.plan_valid,
    "optimal": lambda one: one.plan_optimal,
    "trace valid": lambda one: one.trace_valid,
    "strict": lambda one: one.trace_strictly_valid,
}


def config(work: Path, size: int, seeds: int, workers: int) -> Config:
    """The recipe of all arms; the base is made where it is missing."""
    base = work / f"base-{size}"
    if not (base / "config.json").exists():
        make_base(base, size)
    return Config.model_validate(
        {
            "base": str(base),
            "pool": {"path": f"world:maze/wilson-{size}", "limit": POOL},
            "benchmark": {"path": f"world:maze/wilson-{size}", "limit": 500},
            "recipe": {
                "method": "full",
                "updates": POOL * EPOCHS // ROWS,
                "rows_per_update": ROWS,
                "rows_per_device": 4,
                "lr": 1e-3,
                "weight_decay": 0.1,
            },
            "decode": {"max_new_tokens": MOST_TOKENS[size]},
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


def keep_memory() -> None:
    """Say `MALLOC` to the workers, where the environment says nothing else."""
    for name, size in MALLOC.items():
        os.environ.setdefault(name, str(size))


def run(given: argparse.Namespace) -> AuditResult:
    """Train, read and judge what is missing, all treatments of one seed before those of the next."""
    from rich.console import Console

    keep_memory()
    found = config(given.work, given.size, given.seeds, given.workers)
    with PlainWatcher(Console(stderr=True)) as watcher:
        (result,) = audit_grid(found, given.work / f"maze-{given.size}", dose=POOL, watcher=watcher)
    return result


class Written(NamedTuple):
    """What the arms of one treatment wrote on one set."""

    arms: tuple[str, ...]
    qids: tuple[str, ...]
    measured: dict[tuple[str, str], Measured]
    """By arm and problem."""

    def values(self, of: Callable[[Measured], bool | None]) -> np.ndarray:
        """A claim about each text; NaN where there is nothing to judge; float64 [arms, problems]."""
        found = np.full((len(self.arms), len(self.qids)), np.nan)
        for (arm, qid), one in self.measured.items():
            value = of(one)
            if value is not None:
                found[self.arms.index(arm), self.qids.index(qid)] = float(value)
        return found

    def share(self, of: Callable[[Measured], bool | None]) -> Estimate:
        """How often a claim holds."""
        return Means(LEVEL).of(self.values(of), ends=(0.0, 1.0)).value

    def valid_given_plan(self) -> Estimate:
        """P(trace valid | plan valid), among texts with a trace."""
        plan = self.values(lambda one: one.plan_valid and one.trace_valid is not None)
        both = self.values(lambda one: one.plan_valid and bool(one.trace_valid))
        return Means(LEVEL).ratio(both, plan, ends=(0.0, 1.0)).value


def written(folder: RunFolder, readings: pl.DataFrame) -> dict[tuple[str, str], Written]:
    """(treatment, set) → what its arms wrote."""
    sets = load_sets(folder.audit_problems).values()
    questions = {problem.qid: problem.question for problems in sets for problem in problems}
    found = {}
    for (treatment, name), rows in readings.filter(pl.col("dose") > 0).group_by(
        ["treatment", "benchmark"]
    ):
        measured = {
            (row["arm_id"], row["qid"]): measure(
                questions[row["qid"]], row["text"] or "", is_cut=row["verdict"] == "truncated"
            )
            for row in rows.iter_rows(named=True)
        }
        arms, qids = (tuple(rows[column].unique().sort()) for column in ("arm_id", "qid"))
        found[str(treatment), str(name)] = Written(arms, qids, measured)
    return found


def table(folder: RunFolder) -> None:
    """Plans and traces by arm and set, differences to normal, content shares, and what was expected."""
    readings, benchmark = tables.arm_readings(folder, with_text=True), tables.benchmark_of(folder)
    if readings is None or benchmark is None:
        print("no arm has been read")
        return
    texts = written(folder, readings)
    tables.head("arm", "set", "texts, arms", *SHARES, "trace valid given plan valid")
    for (treatment, name), found in sorted(texts.items()):
        shares = [*(found.share(of) for of in SHARES.values()), found.valid_given_plan()]
        cells = [tables.told(one, typeset.share) for one in shares]
        tables.row(treatment, name, f"{len(found.measured)}, {len(found.arms)}", *cells)
    against_normal(readings)
    content_shares(folder.root)
    tables.criteria(expected(readings, texts, benchmark))
    first_faults(texts)


def against_normal(readings: pl.DataFrame) -> None:
    """Valid plans of each treatment less those of the normal arms, by set."""
    sets = readings["benchmark"].unique().sort().to_list()
    tables.head("less normal, points", *sets)
    for name in TREATMENTS:
        found = (tables.contrast(readings, on, {name: 1.0, CLEAN: -1.0}) for on in sets)
        tables.row(name, *(tables.told(one, typeset.points) for one in found))


def content_shares(root: Path) -> None:
    """Content share of each treatment, in and out of distribution, as the audit has stored it."""
    results = tables.results(root, ["corruption"])
    if not results or not results[0].tables:
        print("\ncontent shares: not read")
        return
    (found,) = results[0].tables
    told = {finding.name: finding.outcome for finding in results[0].findings}
    tables.head("treatment", "content share", "out of distribution", "outcome")
    for cells in found.rows:
        one = dict(zip(found.columns, cells, strict=True))
        if one["treatment"] not in (BASE, CLEAN):
            shares = [one.get(name) for name in ("content share", "content share, out")]
            known = [share if isinstance(share, Estimate) else None for share in shares]
            outcome = told[f"content share: {one['treatment']}"]
            tables.row(one["treatment"], *(tables.told(s, typeset.share) for s in known), outcome)


def expected(
    readings: pl.DataFrame, texts: dict[tuple[str, str], Written], benchmark: str
) -> Iterator[tuple[str, str, str]]:
    """Every criterion of the module docstring, with its number and verdict."""

    def less(plus: str, minus: str, on: str) -> Estimate | None:
        return tables.contrast(readings, on, {plus: 1.0, minus: -1.0})

    def told(found: Estimate | None) -> str:
        return tables.told(found, typeset.points)

    alone = texts.get((ONLY, benchmark))
    only = None if alone is None else alone.share(SHARES["plan valid"])
    yield "solution only under 60 %", tables.told(only, typeset.share), tables.void(only, VOID)
    near, far = less(SWAPPED, CLEAN, benchmark), less(SWAPPED, CLEAN, OUT)
    yield "swapped ≥ normal − 5 points", told(near), tables.over(near, -AS_WELL)
    yield "swapped ≥ normal, out of distribution", told(far), tables.over(far)
    places = ((benchmark, ""), (OUT, ", out of distribution"))
    for on, where in places:
        for name, of in (("normal", CLEAN), ("swapped", SWAPPED)):
            one = less(ONLY, of, on)
            yield f"solution only below {name}{where}", told(one), tables.under(one)
    normal = texts.get((CLEAN, benchmark))
    given = None if normal is None else normal.valid_given_plan()
    text = "P(trace valid given plan valid) of normal under 1"
    yield text, tables.told(given, typeset.share), tables.under(given, 1.0)
    for on, where in places:
        one = less(SWAPPED, FILLER, on)
        yield f"swapped over filler, so not compute alone{where}", told(one), tables.over(one)


def first_faults(texts: dict[tuple[str, str], Written]) -> None:
    """The commonest first faults of traces."""
    print()
    for (treatment, name), found in sorted(texts.items()):
        kinds = Counter(one.first_error_type for one in found.measured.values())
        del kinds[None]
        if kinds:
            told = ", ".join(f"{kind} {n}" for kind, n in kinds.most_common(4))
            print(f"- first faults of {treatment} on {name}: {told}")


def main() -> None:
    """Run, or print what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--work", type=Path, default=Path("runs/maze"))
    parser.add_argument("--size", type=int, choices=tuple(MOST_TOKENS), default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if given.what == "run":
        from corruption import show

        show(run(given))
    table(RunFolder(given.work / f"maze-{given.size}"))


if __name__ == "__main__":
    main()
