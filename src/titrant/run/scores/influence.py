"""Gradient influence of a pool's traces: LESS on questions held out of the pool, then a score per trace.

The questions that influence is measured on come from the pool itself, never from a benchmark; their own
traces get no score and rank last. Gradients are those of an adapter, however the arms are trained: of all
weights they would be too long to project. They are projected by `sketch`: of 39,424 weights to 8,192
numbers it takes a hundredth of the time of LESS's signs, and scatters no more (`train.influence.project`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.dose.payoff import TRAIN
from titrant.files import remove
from titrant.lazy import load
from titrant.run.scores.difficulty import Made
from titrant.signals.degenerate import variety
from titrant.signals.meta import SignalCost
from titrant.signals.table import write_scores
from titrant.train.influence.choose import InfluenceSettings, hold_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.engines.prompt import PromptBuilder
    from titrant.run.scores.job import ScoreJob
    from titrant.traces.record import Trace

NAME, VERSION = "influence", 2
HELD_OUT = 64
"""Questions that influence is measured on; a tenth of the pool's where that is less."""


def measure_influence(
    job: ScoreJob,
    traces: Sequence[Trace],
    *,
    builder: PromptBuilder,
    fingerprint: str,
    parameters: int,
    tell: Callable[[str, int, int], None],
) -> Made:
    """Warm up on a share of the pool, take gradients, write the score table.

    Raises:
        DataError: too few questions have a right trace to be held out.
        TrainError: the warm-up failed.
    """
    n_questions = len({trace.qid for trace in traces})
    parted = hold_out(traces, max(1, min(HELD_OUT, n_questions // 10)), root=job.seed)
    found = load("titrant.train.influence.measure:influence")(
        parted.pool,
        load("titrant.train.influence.measure:Validation")(parted.validation),
        base=load("titrant.engines.load:load_base")(job.base),  # the warm-up changes its weights
        builder=builder,
        settings=InfluenceSettings(
            lr=job.lr,
            root=job.seed,
            recipe=job.recipe.model_copy(update={"method": "lora"}),
            projection="sketch",
        ),
        out=job.folder / NAME,
        tell=tell,
    )
    remove(job.folder / NAME)
    known = dict(zip((trace.uid for trace in parted.pool), found.scores.tolist(), strict=True))
    values = np.array([known.get(trace.uid, np.nan) for trace in traces], dtype=float)
    uids = [trace.uid for trace in traces]
    write_scores(
        job.folder, NAME, version=VERSION, fingerprint=fingerprint, uids=uids, values=values
    )
    tokens = found.warmup_tokens + found.gradient_tokens
    cost = SignalCost(
        tokens=tokens, flops=float(TRAIN * parameters * tokens), seconds=found.seconds
    )
    return Made(cost, variety(values, name=NAME).warning)
