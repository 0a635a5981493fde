"""Training one arm in this process, by `train.algorithm`.

- `sft`: fine-tuning on the traces of its subset, through `sft`;
- `grpo`: reinforcement learning on the questions of its ranking, through `grpo.train`.

A loss that ran away is an outcome, not an error, and has its cost.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, cast

from titrant.arms import ArmCost
from titrant.errors import ConfigError, TrainError
from titrant.train.course import Course, TrainSeeds
from titrant.train.grpo.plan import count_tokens, plan_rollouts
from titrant.train.grpo.rollout import Rules, room_for_answers
from titrant.train.grpo.train import train_grpo
from titrant.train.plan_updates import UpdatePlan, plan_updates
from titrant.train.sft import train_sft
from titrant.train.watch import read_log, updates_logged
from titrant.treat.table import CLEAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    from titrant.settings import RecipeSettings
    from titrant.traces.record import Trace
    from titrant.train.context import ArmContext
    from titrant.train.grpo.plan import Tokens
    from titrant.train.grpo.prompts import Prompt
    from titrant.train.job import ArmJob
    from titrant.train.render import Row


class Trained(NamedTuple):
    """What came of the training half of an arm."""

    model: PreTrainedModel | None
    """Ready for reading (an adapter until it is settled); `None` where the training ran away."""
    cost: ArmCost
    error: str | None = None
    changed: float | None = None
    """Share of its traces that its treatment changed; `None` for clean arms."""

    def timed(self, started: float) -> Trained:
        """The same with the seconds since `started`, of the monotonic clock."""
        seconds = time.monotonic() - started
        return self._replace(cost=self.cost.model_copy(update={"train_s": seconds}))


class Material(NamedTuple):
    """What fine-tuning is given."""

    traces: list[Trace]
    rows: list[Row]
    """Of those traces that are not too long."""
    recipe: RecipeSettings
    """With equal tokens turned into a number of updates."""


def train_here(
    job: ArmJob, context: ArmContext, on_update: Callable[[int, int], None] | None = None
) -> Trained:
    """Train an arm through TRL.

    Args:
        job: the arm.
        context: base, pool and prompts.
        on_update: told (updates done, updates in all).

    Raises:
        TitrantError: something that is not about this arm alone.
    """
    if job.config.train.algorithm == "grpo":
        return _by_reward(job, context, on_update)
    return _on_traces(job, context, on_update)


def _on_traces(
    job: ArmJob, context: ArmContext, on_update: Callable[[int, int], None] | None
) -> Trained:
    _, rows, recipe = material_of(job, context)
    started = time.monotonic()
    course = _course(job, recipe, on_update)
    base = context.fresh_base()
    try:
        ended = train_sft(rows, course, model=base.model, tokenizer=context.tokenizer)
    except TrainError as error:
        plan = plan_updates(recipe, [len(row.input_ids) for row in rows], seed=course.seeds.order)
        cost = planned_cost(rows, plan, updates=updates_logged(course.out))
        return Trained(None, cost, str(error)).timed(started)
    cost = ArmCost(
        train_tokens=ended.train_tokens, loss_tokens=ended.loss_tokens, updates=ended.updates
    )
    return Trained(cast("PreTrainedModel", ended.model), cost).timed(started)


def _by_reward(
    job: ArmJob, context: ArmContext, on_update: Callable[[int, int], None] | None
) -> Trained:
    if job.spec.treatment != CLEAN:
        raise ConfigError(
            "treatments change traces, and train.algorithm: grpo trains none",
            expected=f"the treatment {CLEAN}",
            came=job.spec.treatment,
            do="audit with train.algorithm: sft",
        )
    prompts, recipe = context.prompts(job.spec), job.config.recipe
    started = time.monotonic()
    course = _course(job, recipe, on_update)
    plan = plan_rollouts(recipe, job.config.train.grpo, len(prompts), seed=course.seeds.order)
    rules = _rules(prompts, context)
    base = context.fresh_base()
    try:
        ended = train_grpo(
            prompts, course, model=base.model, tokenizer=context.tokenizer, rules=rules
        )
    except TrainError as error:
        log = read_log(course.out)
        cost = _cost(count_tokens(log, plan), max(log, default=0))
        return Trained(None, cost, str(error)).timed(started)
    cost = _cost(ended.tokens, ended.updates)
    return Trained(cast("PreTrainedModel", ended.model), cost).timed(started)


def _rules(prompts: list[Prompt], context: ArmContext) -> Rules:
    config = context.config
    settings, decode = config.train.grpo, config.decode
    wanted = settings.max_new_tokens or decode.max_new_tokens
    return Rules(
        settings,
        room_for_answers(prompts, wanted, context.context_tokens),
        context.stop_ids,
        stop=decode.stop,
        opens_thinking=context.builder.opens_thinking,
        answer_pattern=config.pool.answer_pattern,
    )


def _cost(tokens: Tokens, updates: int) -> ArmCost:
    return ArmCost(
        train_tokens=tokens.train,
        loss_tokens=tokens.loss,
        generated_tokens=tokens.generated,
        updates=updates,
    )


def _course(
    job: ArmJob, recipe: RecipeSettings, on_update: Callable[[int, int], None] | None
) -> Course:
    out = job.run_dir / "arms" / job.spec.arm_id
    return Course(recipe, job.lr, seeds_of(job), out, on_update)


def material_of(job: ArmJob, context: ArmContext) -> Material:
    """The traces of an arm as its treatment leaves them, and their rows.

    Raises:
        TrainError: no trace is short enough, or the doctor refuses one.
    """
    traces = list(context.treated(job.spec).traces)
    rows = context.rows(traces)
    if not rows:
        raise TrainError(
            f"{job.spec.arm_id}: all its traces are longer than the limit and were dropped",
            expected="one row at least",
            came=f"{len(traces)} traces",
            do="raise recipe.max_tokens, or take a base with a longer context",
        )
    return Material(traces, rows, match_updates(job, context, rows))


def match_updates(job: ArmJob, context: ArmContext, rows: list[Row]) -> RecipeSettings:
    """The recipe with equal tokens turned into a number of updates.

    The budget is what the recipe's updates would train on rows of the pool's mean length, so it is
    the same for all doses and strategies, and exact for the whole pool.
    """
    recipe = job.config.recipe
    if recipe.match != "tokens":
        return recipe
    budget = context.mean_loss_tokens * recipe.updates * recipe.rows_per_update
    plan = plan_updates(
        recipe,
        [len(row.input_ids) for row in rows],
        seed=seeds_of(job).order,
        loss_tokens=[row.n_loss_tokens for row in rows],
        token_budget=budget,
    )
    return recipe.model_copy(update={"match": "updates", "updates": plan.updates})


def planned_cost(rows: list[Row], plan: UpdatePlan, *, updates: int) -> ArmCost:
    """What the first `updates` of a plan cost."""
    trained = plan.order[: updates * plan.rows_per_update]
    return ArmCost(
        train_tokens=sum(len(rows[i].input_ids) for i in trained),
        loss_tokens=sum(rows[i].n_loss_tokens for i in trained),
        updates=updates,
    )


def seeds_of(job: ArmJob) -> TrainSeeds:
    """Where the chance in an arm's training comes from."""
    spec, root = job.spec, job.config.seed
    return TrainSeeds(spec.seed_for(root, "order"), spec.seed_for(root, "weights"))
