"""Tokens of one arm: what it trains, reads and draws.

Every arm reads the benchmarks, and so does the base. Under reinforcement learning an arm also draws what it
is trained on, and rewards by majority have the base answer every question of the pool once:

    arms · (updates / updates per rollout) · prompts per rollout · group · a  +  questions · votes · a

with a the tokens of an answer: those that a probe has drawn, else those of the pool's traces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.train.grpo.plan import completions_of
from titrant.train.grpo.reward import NEED_LABELS

if TYPE_CHECKING:
    from titrant.dose.ladder.ladder import LadderPlan
    from titrant.dose.plan import Workload
    from titrant.settings import Config


class Tokens(NamedTuple):
    """What one arm trains, reads and draws, and what is drawn once for all of them."""

    train: float
    read: float
    drawn: float
    """In rollouts, each completion counted once."""
    votes: float
    """For majority labels, once in a run."""


def count_tokens(config: Config, plan: LadderPlan, load: Workload) -> Tokens:
    """The tokens of one arm and of a run's labels; see the module docstring."""
    drawn, answer = draws_per_arm(config), min(load.answer_tokens, completion_limit(config))
    grpo = config.train.grpo
    has_votes = drawn > 0 and grpo.reward in NEED_LABELS
    return Tokens(
        train=train_tokens_per_arm(config, plan, load),
        read=read_tokens_per_arm(config, load),
        drawn=drawn * answer,
        votes=plan.pool_size * grpo.votes * answer if has_votes else 0.0,
    )


def draws_per_arm(config: Config) -> int:
    """Completions that an arm draws to be trained on; 0 where it is trained on traces.

    Those of an external trainer are its own, and not counted.
    """
    if config.train.algorithm != "grpo" or config.train.command is not None:
        return 0
    return completions_of(config.recipe, config.train.grpo)


def completion_limit(config: Config) -> int:
    """Most tokens of a rollout's completion."""
    return config.train.grpo.max_new_tokens or config.decode.max_new_tokens


def train_tokens_per_arm(config: Config, plan: LadderPlan, load: Workload) -> float:
    """Mean over doses where they differ (equal epochs), else what every arm trains."""
    recipe = config.recipe
    if recipe.match == "epochs":
        return recipe.epochs * load.row_tokens * float(np.mean(plan.doses))
    return recipe.updates * recipe.rows_per_update * load.row_tokens


def read_tokens_per_arm(config: Config, load: Workload) -> float:
    """Generated tokens of one reading, as long as the pool's traces are on average."""
    answer = min(load.answer_tokens, config.decode.max_new_tokens)
    return load.problems * config.decode.samples_per_problem * answer
