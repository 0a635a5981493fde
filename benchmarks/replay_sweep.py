"""Replay the ladder on the recorded sweep from many root seeds (bar a).

The sweep holds every doubling × 20 seeds for both shipped bases (`benchmarks/sweep.py`). A replay
runs the very ladder of `titrant run`; where it asks for arm (dose, seed) it gets one of the recorded
seeds of that dose, drawn without repetition from the root seed. The truth is the shape-free end point
of the whole sweep (isotonic means over 20 seeds, linear in log dose between).

    python benchmarks/replay_sweep.py [--roots 200] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from titrant.dose.curve.endpoint import isotonic_end_point
from titrant.dose.curve.fit import fit
from titrant.dose.curve.noise import condense
from titrant.dose.judge.verdict import Judgement, judge
from titrant.dose.ladder.ladder import allowed_doses, make_plan, next_round
from titrant.dose.readings import BASE, ArmKey, ReadingTable
from titrant.seeds import derive_rng
from titrant.settings import LadderSettings

if TYPE_CHECKING:
    from titrant.arms import ArmSpec

DATA = Path(__file__).parent / "data"
SEEDS = 20


def load_sweep(base: str) -> ReadingTable:
    """The recorded readings of one base."""
    frame = pl.read_parquet(DATA / f"sweep_{base}.parquet")
    n = frame["n_problems"][0]
    score = np.stack(
        [np.unpackbits(np.frombuffer(row, dtype=np.uint8))[:n] for row in frame["correct"]]
    ).astype(float)
    arms = tuple(
        ArmKey(BASE if dose == 0 else "random", dose, seed)
        for dose, seed in zip(frame["dose"], frame["seed"], strict=True)
    )
    qids = tuple(f"{i:05d}" for i in range(n))
    return ReadingTable(
        arms, qids, score, frame["truncated"].to_numpy(), frame["unreadable"].to_numpy()
    )


def truth(sweep: ReadingTable, settings: LadderSettings) -> tuple[float, Judgement]:
    """The sweep's own end point without a shape, and its judgement."""
    means = condense(sweep)
    top = float(means.doses[-1])
    found = judge(sweep, top=top, settings=settings)
    dispersion = fit(means, top=top).dispersion_at(means.doses)
    iso = isotonic_end_point(
        means,
        level=settings.level,
        confidence=settings.confidence,
        dispersion=dispersion,
        rng=derive_rng(0, "replay", "isotonic"),
    )
    return iso.estimate, found


def replay(sweep: ReadingTable, root: int, settings: LadderSettings) -> tuple[Judgement, int]:
    """One ladder on recorded arms; returns its judgement and the number of arms."""
    index = {(arm.dose, arm.seed): i for i, arm in enumerate(sweep.arms)}
    doses = sorted({arm.dose for arm in sweep.arms} - {0})
    order = {d: derive_rng(root, "replay", d).permutation(SEEDS).tolist() for d in doses}
    plan = make_plan(doses[-1], doses[-1], settings, root=root)
    assert plan.doses == allowed_doses(doses[-1])
    arms: list[ArmSpec] = []
    table = None
    while True:
        decision = next_round(table, settings=settings, plan=plan)
        if decision.stop is not None and table is not None:
            return judge(table, top=plan.top_dose, settings=settings), len(arms) - 1
        arms += decision.arms
        rows = [index[(a.dose, 0 if a.dose == 0 else order[a.dose][a.seed])] for a in arms]
        table = sweep.rows(rows)


def summarise(base: str, roots: int) -> dict[str, object]:
    """Coverage, width, arms and verdicts over root seeds."""
    settings = LadderSettings()
    sweep = load_sweep(base)
    end, whole = truth(sweep, settings)
    found = [replay(sweep, root, settings) for root in range(roots)]
    verdicts = Counter(j.verdict for j, _ in found)
    with_end = [j.ed for j, _ in found if j.ed is not None]
    arms = np.array([k for _, k in found])
    responds = whole.ed is not None
    covered = [
        (j.ed is not None and j.ed.low <= end <= j.ed.high)
        if responds
        else j.verdict == whole.verdict
        for j, _ in found
    ]
    return {
        "base": base,
        "roots": roots,
        "sweep_arms": len(sweep.arms) - 1,
        "problems": len(sweep.qids),
        "sweep_verdict": whole.verdict,
        "sweep_ed95_isotonic": round(end, 1) if responds else None,
        "sweep_ed95_fit": None if whole.ed is None else [round(x, 1) for x in whole.ed[:3]],
        "covers": float(np.mean(covered)),
        "median_width_factor": float(np.median([e.factor for e in with_end])) if with_end else None,
        "arms_mean": float(arms.mean()),
        "arms_p90": float(np.quantile(arms, 0.9)),
        "at_most_21_arms": float((arms <= 21).mean()),
        "verdict_right": verdicts[whole.verdict] / roots,
        "verdicts": dict(verdicts),
    }


def main() -> None:
    """Print one line per base."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--roots", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [summarise(base, options.roots) for base in ("arithmetic", "arithmetic-direct")]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("\n".join(f"{key:>22}: {value}" for key, value in row.items()), end="\n\n")


if __name__ == "__main__":
    main()
