"""The full sweep: every strategy × allowed dose × many seeds, with no ladder to save arms.

It is what a ladder is measured against: `benchmarks/replay_sweep.py` replays ladders on its readings.
Resumable like any run; arms go seed by seed, so a sweep cut short is balanced over doses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.arms import ArmSpec
from titrant.run.input.inputs import load_benchmarks
from titrant.run.input.prepare import prepared_pool
from titrant.run.input.scale import ladder_plan
from titrant.run.ladder.rounds import Ladder, Round, known_round, run_round, write_round
from titrant.run.scores.stage import scored
from titrant.run.titrate import opened, preliminary, read_inputs

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from titrant.run.store.folder import RunFolder
    from titrant.run.watch import Watcher
    from titrant.settings import Config


def sweep(
    config: Config,
    out: Path,
    *,
    seeds: int,
    skip: Collection[tuple[str, int, int]] = (),
    watcher: Watcher | None = None,
) -> RunFolder:
    """Run every strategy × dose × seed of the config; returns the run folder.

    Args:
        config: what to sweep.
        out: the run folder.
        seeds: seeds per dose.
        skip: (strategy, dose, seed) that are known from elsewhere.
        watcher: is told what happens.
    """
    with opened(config, out, watcher=watcher) as session:
        inputs, prepared = read_inputs(session)
        pool = prepared_pool(session.folder, prepared)
        plan = ladder_plan(session.config, pool)
        scored(session, pool)
        zero, pilot = preliminary(session, inputs, prepared, pool=pool, plan=plan)
        ladder = Ladder(
            plan, pool, tuple(load_benchmarks(session.folder)), None, zero.chosen, pilot.lr
        )
        current = known_round(session.folder, 1)
        if current is None:
            specs = tuple(
                ArmSpec(strategy=strategy, dose=dose, seed=seed)
                for seed in range(seeds)
                for strategy in plan.strategies
                for dose in plan.doses
                if (strategy, dose, seed) not in skip
            )
            current = write_round(
                session, Round(number=1, arms=specs, limits=session.config.limits)
            )
        run_round(session, ladder, current)
        return session.folder
