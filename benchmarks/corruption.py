"""Do corrupted traces train as well as clean ones? All treatments, in and out of distribution.

    python benchmarks/corruption.py arithmetic [--work DIR] [--seeds 3]

Arithmetic: the demo's recipe on `vitro:arithmetic`, 512 random traces, 500 problems in distribution (2–6
operations) and 200 out of it (7–9). Maze: see `benchmarks/maze.py`, which trains from nothing.

Written down before the first run:

* The instrument must be able to say both things. Content share under 50 % with its whole interval is
  *trains as well*, over 50 % *needs the content*, else undecided.
* Expected in arithmetic, from a sketch of the world (64 traces, one seed): every treatment that touches what
  the steps say (foreign, shuffled, digits, deleted, wrong answer, filler) has a content share over 50 %.
* `answer-only` must stay under 60 % accuracy, or the comparison is void: then the steps are not needed.

Resumable; the table goes to standard output as Markdown.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from typing import TYPE_CHECKING

import tables

from titrant.cli.live import PlainWatcher
from titrant.config import demo_config
from titrant.estimate import Estimate
from titrant.report import typeset
from titrant.run.audit.grid import audit_grid
from titrant.settings import AuditSettings

if TYPE_CHECKING:
    from titrant.audits.base import AuditResult

DOSE = 512
TREATMENTS = (
    "answer-only",
    "format-only",
    "filler",
    "foreign",
    "foreign-length",
    "foreign-question",
    "shuffled@0.33",
    "shuffled",
    "tokens-shuffled",
    "deleted@0.33",
    "deleted",
    "inserted",
    "replaced",
    "digits@0.2",
    "digits@0.5",
    "digits@1.0",
    "wrong-answer",
    "unreflective",
)
VOID = 0.60


def settings(seeds: int) -> AuditSettings:
    """All treatments; nothing else is asked."""
    return AuditSettings(names=("corruption",), treatments=TREATMENTS, seeds=seeds, problems=200)


def arithmetic(work: Path, seeds: int) -> AuditResult:
    """The arms in the arithmetic world."""
    from rich.console import Console

    config = demo_config(["executor.workers=2"]).model_copy(update={"audit": settings(seeds)})
    with PlainWatcher(Console(stderr=True)) as watcher:
        (result,) = audit_grid(config, work / "arithmetic", dose=DOSE, watcher=watcher)
    return result


def show(result: AuditResult) -> None:
    """The table of treatments and the sentences."""
    rows = [row for found in result.tables for row in found.rows]
    for found in result.tables:
        tables.head(*found.columns)
        for row in found.rows:
            tables.row(*(_cell(v, unit) for v, unit in zip(row, found.units, strict=True)))
    only = next((row[1] for row in rows if row[0] == "answer-only"), None)
    assert only is None or isinstance(only, Estimate)
    print(f"\nanswer-only {tables.told(only, typeset.share)}: {tables.void(only, VOID)}\n")
    for finding in result.findings:
        print(f"- {finding.outcome}: {finding.statement}")


def _cell(value: Estimate | float | str | None, unit: str) -> str:
    write = {"share": typeset.share, "tokens": typeset.short}.get(unit, lambda v: f"{v:.3g}")
    if isinstance(value, str):
        return value
    if isinstance(value, Estimate):
        return typeset.with_interval(value, write) if value.estimate is not None else "—"
    return "—" if value is None else write(value)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("world", choices=("arithmetic",))
    parser.add_argument("--work", type=Path, default=Path("runs/corruption"))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    show(arithmetic(given.work, given.seeds))


if __name__ == "__main__":
    main()
