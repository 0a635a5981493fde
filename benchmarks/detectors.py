"""Do the audits' detectors fire on planted faults, and stay quiet without? Recall and false-positive rates.

    python benchmarks/detectors.py [--seeds 200] [--problems 100]

Each audit brings evidence in which the truth is known (`titrant.audits.<name>.planted`: what is planted, how strong, is
said there). Per finding: the share of seeds in which planted evidence gives an alarm (recall) and clean evidence gives
one (false positives), with Wilson's 90 % interval; beside them how often clean evidence is called clear, since an
instrument that says *undecided* to everything is quiet too. Written down before the first run: recall at least 80 %,
false positives at most 5 % + simulation error, for every finding. Models that have really seen their benchmark are in
`benchmarks/memory.py`.
"""

from __future__ import annotations

import argparse
import importlib
import os
from collections import Counter, defaultdict

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from titrant.audits.base import audits
from titrant.audits.proportion import wilson
from titrant.report import typeset
from titrant.settings import AuditSettings

LEVEL = 0.90
RECALL, FALSE = 0.80, 0.05


def outcomes(name: str, kind: str, seeds: int, n: int) -> dict[str, Counter[str]]:
    """Finding → how often each outcome was given."""
    audit, made = audits.get(name), importlib.import_module(f"titrant.audits.{name}.planted")
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for seed in range(seeds):
        evidence = getattr(made, kind)(np.random.default_rng(seed), n)
        for one in audit.judge(evidence, AuditSettings()).findings:
            found[one.name][one.outcome] += 1
    return found


def cell(count: int, of: int) -> str:
    """A share with its interval."""
    return typeset.with_interval(wilson(count / of, of, LEVEL), typeset.share)


def main() -> None:
    """Print one row per finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--problems", type=int, default=100)
    given = parser.parse_args()
    print(f"n = {given.problems} problems, {given.seeds} seeds, 90 % intervals\n")
    print("| audit | finding | recall | false positives | clean called clear | |")
    print("|---|---|---|---|---|---|")
    missed = 0
    for name in audits.names():
        planted = outcomes(name, "planted", given.seeds, given.problems)
        clean = outcomes(name, "clean", given.seeds, given.problems)
        for finding in sorted(planted.keys() | clean.keys()):
            fires, false = planted[finding]["alarm"], clean[finding]["alarm"]
            quiet = wilson(false / given.seeds, given.seeds, LEVEL)
            holds = fires / given.seeds >= RECALL and (quiet.low or 0.0) <= FALSE
            missed += not holds
            cells = [cell(n, given.seeds) for n in (fires, false, clean[finding]["clear"])]
            print(f"| {name} | {finding} | {' | '.join(cells)} | {'' if holds else 'missed'} |")
    print(f"\nfindings that miss a bar: {missed}")


if __name__ == "__main__":
    main()
