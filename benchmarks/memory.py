"""Can a benchmark gain be memory? A base that has read the benchmark 0–64 times, beside a clean twin.

    titrant vitro build contaminated --out bases/contaminated
    titrant vitro build contaminated-twin --out bases/contaminated-twin
    python benchmarks/memory.py run [CASE ...] [--bases bases] [--work DIR] [--seeds 3]
    python benchmarks/memory.py table [--bases bases] [--work DIR]

The benchmark is 500 chains of 5–6 operations, of which each fifth stands 0, 1, 4, 16 and 64 times in the base's text,
half of them with their solution; the twin read the same text without them. The recipe reads its text four times
(`epochs: 4`), so an item of k copies is met 4·k times. Fresh problems are of the same making. *Planted* are the items
of 16 copies and more, told by `planted.parquet` beside the base; a fifth of the benchmark was never planted.
Cases, each on both bases: SFT on 256 traces of the pool, and GRPO on 128 prompts of it with correct, random (two roots)
and majority-wrong rewards.

Written down before the first run:

* the twin raises no alarm of completion or membership; the contaminated base does;
* k*, the fewest copies at which the exact rests of a group differ from those of fresh problems (Fisher, one-sided 5 %),
  is printed; exact match by luck is about 24^−2.5, under 0.1 %;
* the contaminated base's SFT gain is smaller on fresh problems than on planted ones: clean share under 1;
* spurious rewards gain on planted problems, if anywhere, and not on fresh ones.

Verdicts as in `tables`; *not on fresh ones* holds where the gain's interval ends under 2 points, the smallest gain of
interest. Gains are those of the arms over the base, paired by problem, with the noise of problems and arms; planted −
fresh is of the same arms on different problems (`titrant.audits.contamination.split`).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import polars as pl
import tables
from scipy.stats import fisher_exact
from tables import LEVEL

from titrant.audits.arms import CLEAN, groups_of
from titrant.audits.contamination.compare import auroc
from titrant.audits.contamination.probe import FRESH
from titrant.audits.contamination.split import gains_of
from titrant.audits.faithfulness.interval import Means
from titrant.audits.proportion import wilson
from titrant.cli.live import PlainWatcher
from titrant.dose.readings import BASE
from titrant.report import typeset
from titrant.report.real import write_number
from titrant.run.audit.folder import read_part
from titrant.run.audit.grid import audit_grid
from titrant.run.store.folder import RunFolder
from titrant.settings import Config
from titrant.worlds.recipes.planted import read_planted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from titrant.audits.base import Finding
    from titrant.estimate import Estimate
    from titrant.worlds.recipes.planted import Planted

CASES = {
    "sft": (None, 0),
    "correct": ("correct", 0),
    "random": ("random", 0),
    "random-2": ("random", 1),
    "majority-wrong": ("majority-wrong", 0),
}
"""Case → reward (none: SFT) and root seed."""
BASES = ("contaminated", "contaminated-twin")
SEEN, TWIN = BASES
SPURIOUS = ("random", "random-2", "majority-wrong")
FINDINGS = ("completion", "membership", "clean share")
NAME = "planted"
"""Of the benchmark."""
PLANTED = 16
"""Copies from which an item counts as planted."""
SHOWN = 0.6
"""Share of a question that the probes of the table show."""
LUCK, SMALLEST = 0.001, 0.02
GAIN = {CLEAN: 1.0, BASE: -1.0}
FORMS: dict[str, Callable[[Planted], bool]] = {
    "all": lambda _: True,
    "with solution": lambda item: item.with_answer,
    "question alone": lambda item: not item.with_answer,
}
"""Items by how they were planted."""


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
            "benchmark": {"path": "world:arithmetic/hard", "limit": 500, "name": NAME},
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
    """Findings by case, gains and probes by number of copies, and what was expected."""
    tables.head("base, case", "finding", "outcome", "number", "n, arms", "statement")
    for (base, case, name), one in found_in(given).items():
        if case == "sft" or name == "clean share":
            n = "" if one.value is None else f"{one.value.n}, {one.value.seeds}"
            number = write_number(one.value, one.unit)
            tables.row(f"{base}, {case}", name, one.outcome, number, n, one.statement)
    for base in BASES:
        gains(given, base)
    luck = {base: by_copies(given, base) for base in BASES}
    tables.criteria(expected(given, luck))


def found_in(given: argparse.Namespace) -> dict[tuple[str, str, str], Finding]:
    """(base, case, finding) → what has been found."""
    return {
        (base, case, one.name): one
        for case in CASES
        for base in BASES
        for result in tables.results(given.work / f"{base}-{case}", ["contamination"])
        for one in result.findings
        if one.name in FINDINGS
    }


def read_gain(readings: pl.DataFrame | None, qids: Collection[str] | None) -> Estimate | None:
    """What the arms gain over the base on some items; on fresh problems where no items are named."""
    if readings is None or qids is None:
        return tables.contrast(readings, FRESH, GAIN)
    return tables.contrast(readings.filter(pl.col("qid").is_in(list(qids))), NAME, GAIN)


def planted_less_fresh(readings: pl.DataFrame | None, qids: Collection[str]) -> Estimate | None:
    """The gain on planted items less that on fresh problems."""
    if readings is None:
        return None
    mine = readings.filter(pl.col("qid").is_in(list(qids)))
    one, other = groups_of(mine, NAME), groups_of(readings, FRESH)
    return None if one is None or other is None else gains_of(one, other).difference(LEVEL)


def chosen(items: Collection[Planted], form: str, copies: Callable[[int], bool]) -> list[str]:
    """The items of a form, of so many copies."""
    return [item.qid for item in items if FORMS[form](item) and copies(item.group)]


def gains(given: argparse.Namespace, base: str) -> None:
    """The gain of each case by copies, on fresh problems, and planted less fresh."""
    if not (given.bases / base).exists():
        return
    items = read_planted(given.bases / base)
    groups = sorted({item.group for item in items}, reverse=True)
    print(f"\n{base}: gain in points, by copies")
    tables.head("case", "items", *map(str, groups), "fresh", f"planted (≥ {PLANTED}) − fresh")
    for case in CASES:
        readings = tables.arm_readings(RunFolder(given.work / f"{base}-{case}"))
        for form in FORMS if readings is not None else ():
            sets = [chosen(items, form, lambda k, group=group: k == group) for group in groups]
            cells = [read_gain(readings, one) for one in (*sets, None)]
            cells.append(planted_less_fresh(readings, planted(items, form)))
            tables.row(case, form, *(tables.told(one, typeset.points) for one in cells))


def planted(items: Collection[Planted], form: str = "all") -> list[str]:
    """The items that count as planted."""
    return chosen(items, form, lambda copies: copies >= PLANTED)


def expected(
    given: argparse.Namespace, luck: dict[str, Estimate | None]
) -> Iterator[tuple[str, str, str]]:
    """Every criterion of the module docstring, with its number and verdict."""
    found = found_in(given)
    for name in ("completion", "membership"):
        for base, text in ((TWIN, "the twin raises no alarm of"), (SEEN, "contaminated: alarm of")):
            one = found.get((base, "sft", name))
            number = typeset.MISSING if one is None else write_number(one.value, one.unit)
            verdict = raised(one)
            yield f"{text} {name}", number, tables.turned(verdict) if base == TWIN else verdict
    for base, share in luck.items():
        yield f"{base}: exact by luck under 0.1 %", told_share(share), tables.under(share, LUCK)
    for case in ("sft", *SPURIOUS):
        readings = tables.arm_readings(RunFolder(given.work / f"{SEEN}-{case}"))
        items = read_planted(given.bases / SEEN) if readings is not None else []
        more = planted_less_fresh(readings, planted(items))
        text = f"contaminated, {case}: gains more on planted than on fresh"
        yield text, tables.told(more, typeset.points), tables.over(more)
        if case in SPURIOUS:
            fresh = read_gain(readings, None)
            text = f"contaminated, {case}: no gain on fresh"
            yield text, tables.told(fresh, typeset.points), tables.not_over(fresh, SMALLEST)


def raised(one: Finding | None) -> str:
    """Whether a finding is an alarm."""
    if one is None or one.outcome == "not looked at":
        return tables.NOT_READ
    return tables.HOLDS if one.outcome == "alarm" else tables.FAILS


def told_share(share: Estimate | None) -> str:
    """A share with its interval."""
    return tables.told(share, typeset.share)


def newest(given: argparse.Namespace, base: str, part: str) -> pl.DataFrame | None:
    """What the base answered in a part, as last asked."""
    parts = (given.work / f"{base}-sft" / "audits" / "parts").glob(f"{part}-*")
    folder = max(parts, key=lambda path: path.stat().st_mtime, default=None)
    found = None if folder is None else read_part(folder)
    return None if found is None else found.filter(pl.col("role") == "base")


def by_copies(given: argparse.Namespace, base: str) -> Estimate | None:
    """EM, ROUGE-L, answers and AUROC of each group of items, against fresh problems.

    Returns:
        The share of exact rests on fresh problems; `None` where the probes were not asked.
    """
    probes, scores = (newest(given, base, part) for part in ("probes", "membership"))
    if probes is None or scores is None:
        return None
    items = read_planted(given.bases / base)
    print(f"\n{base}: by copies, shown {typeset.level(SHOWN)}")
    measures = ("exact", "ROUGE-L", "answer right", "AUROC", "p of exact against fresh")
    tables.head("copies", "items", "n", *measures)
    shown = probes.filter((pl.col("share") - SHOWN).abs() < 0.01)
    fresh = shown.filter(pl.col("set") == FRESH)
    luck = exact(fresh)
    tables.row("fresh", "", len(fresh), *probe_cells(fresh), typeset.MISSING, typeset.MISSING)
    least = None
    for group in sorted({item.group for item in items}):
        for form in FORMS if group else ("all",):
            qids = chosen(items, form, lambda k, group=group: k == group)
            rows = of_items(shown, qids)
            p = against(int(rows["em"].sum()), len(rows), fresh)
            if least is None and group and form == "all" and p <= (1 - LEVEL) / 2:
                least = group
            cells = (*probe_cells(rows), area(scores, qids), f"{p:.2g}")
            tables.row(group, form, len(rows), *cells)
    print(f"\ndetection threshold k* of {base}: {least if least is not None else 'none'}")
    return luck


def exact(rows: pl.DataFrame) -> Estimate:
    """The share of exact rests."""
    return wilson(int(rows["em"].sum()) / max(len(rows), 1), len(rows), LEVEL)


def probe_cells(rows: pl.DataFrame) -> tuple[str, str, str]:
    """Exact rests, ROUGE-L and right answers, with intervals."""
    values = (rows[name].cast(pl.Float64).to_numpy() for name in ("rouge", "correct"))
    found = (Means(LEVEL).of(one, ends=(0.0, 1.0)).value for one in values)
    rouge, right = map(told_share, found)
    return told_share(exact(rows)), rouge, right


def of_items(rows: pl.DataFrame, qids: Collection[str]) -> pl.DataFrame:
    """The benchmark's rows of some items."""
    return rows.filter((pl.col("set") == "benchmark") & pl.col("qid").is_in(list(qids)))


def against(exact: int, n: int, fresh: pl.DataFrame) -> float:
    """One-sided Fisher p-value that a group has more exact rests than fresh problems."""
    other, m = int(fresh["em"].sum()), len(fresh)
    table = [[exact, n - exact], [other, m - other]]
    return float(cast("Any", fisher_exact(table, "greater")).pvalue)


def area(scores: pl.DataFrame, qids: Collection[str]) -> str:
    """AUROC of the leading membership score of the question, with its interval."""
    leading = scores.filter(pl.col("leads") & (pl.col("text") == "question"))
    mine = of_items(leading, qids)["value"].drop_nulls().to_numpy()
    fresh = leading.filter(pl.col("set") == FRESH)["value"].drop_nulls().to_numpy()
    return tables.told(auroc(mine, fresh, LEVEL).area, number)


def number(value: float | None) -> str:
    """An area with two places."""
    return typeset.MISSING if value is None else f"{value:.2f}"


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
