"""Recipe and GRPO settings in the words of TRL: `GRPOConfig`.

The loss is that of DeepSeekMath (arXiv:2402.03300, eq. 3): advantages are rewards less their group's
mean, over its standard deviation plus 1e-4 (TRL's); each completion counts by the mean over its tokens
(`loss_type: grpo`). TRL's own default normalises over all tokens; `recipe.extra: {loss_type: dapo}` takes
that. The KL term is eq. 4 there, β·(π_base/π − log(π_base/π) − 1) per token; TRL's own default multiplies it
by the importance ratio (arXiv:2512.02556), and `recipe.extra: {use_bias_correction_kl: true}` does.

Left in, of TRL's own: for a mixture of experts its load-balancing loss, times the model's
`router_aux_loss_coef` (`recipe.extra: {router_aux_loss_coef: 0}` takes it out).

Left out: generation by vLLM inside the trainer, several processes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trl.trainer.grpo_config import GRPOConfig

from titrant.train.sft_config import OURS, make_trl_config, shared_settings

if TYPE_CHECKING:
    from titrant.train.course import Course
    from titrant.train.grpo.plan import RolloutPlan
    from titrant.train.grpo.rollout import Rules

DEFAULTS = {
    "loss_type": "grpo",
    "scale_rewards": "group",
    "use_bias_correction_kl": False,
}
"""What `recipe.extra` may change."""


def make_grpo_config(course: Course, plan: RolloutPlan, rules: Rules) -> GRPOConfig:
    """The one place where TRL's configuration of reinforcement learning is made.

    Raises:
        ConfigError: `recipe.extra` cannot be used.
    """
    settings, accumulation = rules.settings, plan.visits.accumulation
    save_every = checkpoint_every(course, plan)
    ours = {
        **shared_settings(course, GRPOConfig, updates=plan.updates),
        "save_strategy": "steps" if plan.updates > save_every else "no",
        "save_steps": save_every,
        "per_device_train_batch_size": plan.visits.rows_per_device,
        "gradient_accumulation_steps": accumulation,
        "steps_per_generation": plan.updates_per_pass * accumulation,
        "num_iterations": plan.passes,
        "num_generations": plan.group,
        "max_completion_length": rules.max_new_tokens,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "top_k": 0,
        "epsilon": settings.epsilon if settings.clip else math.inf,
        "beta": settings.kl,
        "shuffle_dataset": False,
        # The ratio compares logprobs of two passes, which a mask drawn anew would tell apart. This takes
        # care of modules; `dropout.without_dropout` does of rates that a forward pass looks up itself.
        "disable_dropout": True,
        # A model that ran away then still draws something, and its loss says that it did.
        "generation_kwargs": {"remove_invalid_values": True},
    }
    extra = {**DEFAULTS, **course.recipe.extra}
    return make_trl_config(GRPOConfig, ours, extra, ours=OURS | _OURS)


def checkpoint_every(course: Course, plan: RolloutPlan) -> int:
    """Updates between checkpoints: whole rollouts, since TRL does not save one under way."""
    per_rollout = plan.updates_per_rollout
    return max(per_rollout, course.recipe.checkpoint_every // per_rollout * per_rollout)


_OURS = {
    "delta",
    "epsilon_high",
    "generation_batch_size",
    "min_p",
    "num_generations_eval",
    "remove_unused_columns",
    "repetition_penalty",
    "reward_weights",
    "sync_ref_model",
    "use_transformers_continuous_batching",
    "use_vllm",
}
