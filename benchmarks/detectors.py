"""Do the audits' detectors fire on planted faults, and stay quiet without? Recall and false-positive rates.

    python benchmarks/detectors.py [--seeds 200] [--problems 100]

Each audit brings evidence in which the truth is known (`titrant.audits.<name>.planted`: what is planted, how strong, is
said there). Per finding: the share of seeds in which planted evidence gives an alarm (recall) and clean evidence gives
one (false positives), with Wilson's 90 % interval; beside them how often clean evidence is called clear, since an
instrument that says *undecided* to everything is quiet too. Where clean evidence lies far from the bar of a test, its
quiet says little: such a module has `level` too, evidence at exactly the bar of the audit's **first** finding (for the
others it is no null, and nothing is printed), where a test of its level fires as often as it ever does.

Written down before the first run: recall at least 80 %, false positives at most 5 % + simulation error, for every
finding, on `clean` and on `level` alike. Models that have really seen their benchmark are in `benchmarks/memory.py`.
"""

from __future__ import annotations

import argparse
import importlib
import os
from collections import Counter, defaultdict

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tables

from titrant.audits.base import audits
from titrant.audits.proportion import wilson
from titrant.report import typeset
from titrant.seeds import derive_rng
from titrant.settings import AuditSettings

LEVEL = 0.90
RECALL, FALSE = 0.80, 0.05
Outcomes = dict[str, Counter[str]]
"""Finding → how often each outcome was given."""


def outcomes(name: str, kind: str, seeds: int, n: int) -> Outcomes | None:
    """What an audit says of evidence of a kind, findings in its order; `None` where there is no such evidence."""
    audit, made = audits.get(name), importlib.import_module(f"titrant.audits.{name}.planted")
    make = getattr(made, kind, None)
    if make is None:
        return None
    found: Outcomes = defaultdict(Counter)
    for seed in range(seeds):
        evidence = make(derive_rng(0, "detectors", name, kind, seed), n)
        for one in audit.judge(evidence, AuditSettings()).findings:
            found[one.name][one.outcome] += 1
    return found


def at_bar(level: Outcomes | None, finding: str) -> int | None:
    """Alarms at the bar of a finding; `None` where `level` is not about it."""
    if level is None or finding != next(iter(level), None):
        return None
    return level[finding]["alarm"]


def is_met(fires: int, false: list[int | None], seeds: int) -> bool:
    """Whether recall and every rate of false positives that was measured meet their bars."""
    quiet = [wilson(n / seeds, seeds, LEVEL).low or 0.0 for n in false if n is not None]
    return fires / seeds >= RECALL and max(quiet) <= FALSE


def cell(count: int | None, of: int) -> str:
    """A share with its interval; a dash where it was not measured."""
    if count is None:
        return typeset.MISSING
    return typeset.with_interval(wilson(count / of, of, LEVEL), typeset.share)


def rows(name: str, seeds: int, n: int) -> int:
    """Print an audit's findings; returns how many miss a bar."""
    planted, clean, level = (outcomes(name, k, seeds, n) for k in ("planted", "clean", "level"))
    assert planted is not None
    assert clean is not None
    missed = 0
    for finding in sorted(planted.keys() | clean.keys()):
        fires, false, bar = (
            planted[finding]["alarm"],
            clean[finding]["alarm"],
            at_bar(level, finding),
        )
        holds = is_met(fires, [false, bar], seeds)
        missed += not holds
        cells = [cell(k, seeds) for k in (fires, false, bar, clean[finding]["clear"])]
        tables.row(name, finding, *cells, "" if holds else "missed")
    return missed


def main() -> None:
    """Print one row per finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--problems", type=int, default=100)
    given = parser.parse_args()
    print(f"n = {given.problems} problems, {given.seeds} seeds, 90 % intervals")
    columns = ("recall", "false positives, clean", "false positives, level", "clean called clear")
    tables.head("audit", "finding", *columns, "")
    missed = sum(rows(name, given.seeds, given.problems) for name in audits.names())
    print(f"\nfindings that miss a bar: {missed}")


if __name__ == "__main__":
    main()
