"""What a dose counts, and how far it reaches: traces, or distinct questions under reinforcement learning.

Under `train.algorithm: grpo` an arm is given questions and no traces, so the pool is as large as it has distinct
questions, and the top dose is what the arm's rollouts can ask at least once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.dose.ladder.ladder import make_plan
from titrant.train.grpo.plan import prompt_visits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.dose.ladder.ladder import LadderPlan
    from titrant.settings import Config
    from titrant.traces.record import Trace


def counts_questions(config: Config) -> bool:
    """Whether a dose is a number of distinct questions."""
    return config.train.algorithm == "grpo"


def ladder_plan(config: Config, pool: Sequence[Trace]) -> LadderPlan:
    """The plan of a run's ladder over its pool.

    Raises:
        ConfigError: there is no smaller dose to find, or the sizes of rollouts do not divide each other.
    """
    size = pool_size(config, pool)
    return make_plan(size, visits(config, size), config.ladder, root=config.seed)


def pool_size(config: Config, pool: Sequence[Trace]) -> int:
    """The largest dose that the pool allows."""
    return len({trace.qid for trace in pool}) if counts_questions(config) else len(pool)


def visits(config: Config, size: int) -> int:
    """What one arm can see at least once: the whole pool under equal epochs."""
    recipe = config.recipe
    if counts_questions(config):
        return prompt_visits(recipe, config.train.grpo)
    return size if recipe.match == "epochs" else recipe.updates * recipe.rows_per_update
