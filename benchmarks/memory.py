"""Can a benchmark gain be memory? A base that has read the benchmark 0–64 times, beside a clean twin.

    titrant vitro build contaminated --out bases/contaminated
    titrant vitro build contaminated-twin --out bases/contaminated-twin
    python benchmarks/memory.py run [CASE ...] [--bases bases] [--work DIR] [--seeds 3]
    python benchmarks/memory.py table [--bases bases] [--work DIR]

The benchmark is 500 chains of 5–6 operations, of which each fifth stands 0, 1, 4, 16 and 64 times in the base's text,
half of them with their solution; the twin read the same text without them. Fresh problems are of the same making.
Cases, each on both bases: SFT on 256 traces of the pool, and GRPO on 128 prompts of it with correct, random (two roots)
and majority-wrong rewards.

Written down before the first run:

* the twin raises no alarm of completion or membership; the contaminated base does;
* k*, the fewest copies at which the exact rests of a group differ from those of fresh problems (Fisher, one-sided 5 %),
  is printed; exact match by luck is about 24^−2.5, under 0.1 %;
* the contaminated base's SFT gain is smaller on fresh problems than on planted ones: clean share under 1;
* spurious rewards gain on planted problems, if anywhere, and not on fresh ones.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import polars as pl
from scipy.stats import fisher_exact

from titrant.audits.base import AuditResult
from titrant.audits.contamination.compare import auroc
from titrant.audits.proportion import wilson
from titrant.cli.live import PlainWatcher
from titrant.report import typeset
from titrant.report.real import write_number
from titrant.run.audit.folder import AuditFolder, read_part
from titrant.run.audit.grid import audit_grid
from titrant.settings import Config
from titrant.worlds.recipes.planted import read_planted

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVEL = 0.90
CASES = {
    "sft": (None, 0),
    "correct": ("correct", 0),
    "random": ("random", 0),
    "random-2": ("random", 1),
    "majority-wrong": ("majority-wrong", 0),
}
"""Case → reward (none: SFT) and root seed."""
BASES = ("contaminated", "contaminated-twin")
FINDINGS = ("completion", "membership", "clean share")


def config(given: argparse.Namespace, base: str, case: str) -> Config:
    """The config of a case on a base."""
    reward, seed = CASES[case]
    recipe = {"method": "full", "updates": 64, "rows_per_update": 64, "rows_per_device": 8}
    train: dict[str, object] = {"keep": "none"}
    if reward is not None:
        recipe |= {"lr": 1e-4, "rows_per_device": 64}
        train |= {"algorithm": "grpo", "grpo": {"reward": reward, "group": 16}}
    else:
        recipe |= {"lr": 1e-3}
    return Config.model_validate(
        {
            "base": str(given.bases / base),
            "pool": {"path": "world:arithmetic", "limit": 1024},
            "benchmark": {"path": "world:arithmetic/hard", "limit": 500, "name": "planted"},
            "recipe": recipe,
            "train": train,
            "decode": {"max_new_tokens": 192},
            "audit": {"names": ["contamination"], "seeds": given.seeds, "problems": 500},
            "executor": {"workers": 2, "threads": 1},
            "seed": seed,
        }
    )


def run(given: argparse.Namespace) -> None:
    """Train and audit what is missing."""
    from rich.console import Console

    for case in given.cases or CASES:
        for base in BASES:
            dose = 256 if CASES[case][0] is None else 128
            with PlainWatcher(Console(stderr=True)) as watcher:
                watcher.note(f"{base}: {case}")
                folder = given.work / f"{base}-{case}"
                audit_grid(config(given, base, case), folder, dose=dose, watcher=watcher)


def table(given: argparse.Namespace) -> None:
    """Findings by case, and what the probes say by number of copies."""
    print(
        "| base, case | finding | outcome | number | n, arms | statement |\n|---|---|---|---|---|---|"
    )
    for base, case, result in results(given):
        for one in result.findings:
            if one.name in FINDINGS and (case == "sft" or one.name == "clean share"):
                n = "" if one.value is None else f"{one.value.n}, {one.value.seeds}"
                number = write_number(one.value, one.unit)
                print(
                    f"| {base}, {case} | {one.name} | {one.outcome} | {number} | {n} | {one.statement} |"
                )
    for base in BASES:
        by_copies(given, base)


def results(given: argparse.Namespace) -> Iterator[tuple[str, str, AuditResult]]:
    """What has been audited."""
    for case in CASES:
        for base in BASES:
            path = AuditFolder(given.work / f"{base}-{case}" / "audits").result("contamination")
            if path.exists():
                yield base, case, AuditResult.model_validate_json(path.read_text())


def by_copies(given: argparse.Namespace, base: str) -> None:
    """EM, ROUGE-L, answers and AUROC of each group of items, against fresh problems."""
    parts = given.work / f"{base}-sft" / "audits" / "parts"
    probes = next((read_part(path) for path in parts.glob("probes-*")), None)
    scores = next((read_part(path) for path in parts.glob("membership-*")), None)
    if probes is None or scores is None:
        return
    group_of = {item.qid: item.group for item in read_planted(given.bases / base)}
    print(f"\n{base}: by copies, shown 60 %\n")
    print("| copies | n | exact | ROUGE-L | answer right | AUROC | p of exact against fresh |")
    print("|---|---|---|---|---|---|---|")
    shown = probes.filter((pl.col("share") - 0.6).abs() < 0.01)
    fresh = shown.filter(pl.col("set") == "fresh")
    threshold = None
    for group in (None, *sorted(set(group_of.values()))):
        rows = fresh if group is None else of_group(shown, group_of, group)
        exact, n = int(rows["em"].sum()), len(rows)
        p = None if group is None else against(exact, n, fresh)
        threshold = (
            group if threshold is None and p is not None and p <= 0.05 and group else threshold
        )
        cells = [
            typeset.with_interval(wilson(exact / n, n, LEVEL), typeset.share),
            typeset.share(rows["rouge"].mean()),  # pyright: ignore[reportArgumentType]
            typeset.share(rows["correct"].mean()),  # pyright: ignore[reportArgumentType]
            "—" if group is None else area(scores, group_of, group),
            "—" if p is None else f"{p:.2g}",
        ]
        print(f"| {'fresh' if group is None else group} | {n} | {' | '.join(cells)} |")
    print(f"\ndetection threshold k* of {base}: {threshold if threshold is not None else 'none'}")


def of_group(rows: pl.DataFrame, group_of: dict[str, int], group: int) -> pl.DataFrame:
    """The benchmark's rows whose item has so many copies."""
    qids = [qid for qid, copies in group_of.items() if copies == group]
    return rows.filter((pl.col("set") == "benchmark") & pl.col("qid").is_in(qids))


def against(exact: int, n: int, fresh: pl.DataFrame) -> float:
    """One-sided Fisher p-value that a group has more exact rests than fresh problems."""
    other, m = int(fresh["em"].sum()), len(fresh)
    return float(fisher_exact([[exact, n - exact], [other, m - other]], "greater")[1])


def area(scores: pl.DataFrame, group_of: dict[str, int], group: int) -> str:
    """AUROC of the leading membership score of the question, with its interval."""
    leading = scores.filter(pl.col("leads") & (pl.col("text") == "question"))
    mine = of_group(leading, group_of, group)["value"].drop_nulls().to_numpy()
    fresh = leading.filter(pl.col("set") == "fresh")["value"].drop_nulls().to_numpy()
    found = auroc(mine, fresh, LEVEL)
    return typeset.with_interval(found.area, lambda value: f"{value or 0.0:.2f}")


def main() -> None:
    """Run, or print what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--bases", type=Path, default=Path("bases"))
    parser.add_argument("--work", type=Path, default=Path("runs/memory"))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    {"run": run, "table": table}[given.what](given)


if __name__ == "__main__":
    main()
