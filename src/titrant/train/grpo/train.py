"""Reinforcement learning of one arm through TRL's GRPOTrainer, unchanged.

Prompts, their tokens and their order are ours (`prompts`, `plan`), stop tokens are the engine's, answers
are judged as in a reading (`judge`), and the weights that are trained are float32. A rollout is trained
in several updates, so that the importance ratio leaves 1 and clipping can act. Completions come from
transformers' `generate` and torch's global generator, seeded with the arm's seed; dropout is off
(`dropout`).

After a kill TRL restores weights, moments, schedule, generators and place in the prompts, but not the
rollout under way: checkpoints are therefore written between rollouts only, and a training that goes on
from one ends with the weights and the log that it would have had (exactly on a CPU; on a GPU as far as
its kernels are deterministic).

What TRL does otherwise than a reading: prompts of one rollout are padded on the left, and the passes
that train take positions from the left end; models with relative positions (RoPE) do not see that.

Left out: vLLM inside the trainer, several processes, a KL term without a base on disk.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from datasets import Dataset
from transformers import GenerationConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from titrant.errors import ConfigError
from titrant.traces.verify.verdict import Verifier
from titrant.train.checkpoint import fingerprint, last_whole
from titrant.train.course import CHECKPOINTS
from titrant.train.doctor import check_masters
from titrant.train.grpo.config import make_grpo_config
from titrant.train.grpo.dropout import without_dropout
from titrant.train.grpo.plan import Tokens, count_tokens, plan_rollouts
from titrant.train.grpo.prompts import check_gold, hand_over
from titrant.train.grpo.rollout import COLUMN, Rewarder
from titrant.train.lend import silence, special_tokens, take_out, without_display
from titrant.train.render import Row
from titrant.train.sft_config import make_lora_config
from titrant.train.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

    from titrant.train.course import Course
    from titrant.train.grpo.plan import RolloutPlan
    from titrant.train.grpo.prompts import Prompt
    from titrant.train.grpo.rollout import Rules

LOGGED = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "entropy": "entropy",
    "clip_ratio/region_mean": "clip_ratio",
    "kl": "kl",
    "reward": "reward",
    "frac_reward_zero_std": "flat_groups",
    "correct": "correct",
    "truncated": "truncated",
    "unreadable": "unreadable",
    "completions/mean_length": "completion_tokens",
    "generated_tokens": "generated_tokens",
    "prompt_tokens": "prompt_tokens",
}
"""TRL's names → those of `log.jsonl`. From `reward` on they are of a rollout and stand in the line of its
first update: mean reward, share of groups whose rewards are all equal, shares of attempts, mean length."""


@dataclass(frozen=True, slots=True)
class GrpoOutcome:
    """A trained model and what it took."""

    model: PreTrainedModel | PeftModel
    updates: int
    tokens: Tokens
    rewards: tuple[float, ...]
    """Mean reward of each rollout; one without any rewarded completion is left out."""


def train_grpo(
    prompts: Sequence[Prompt],
    course: Course,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rules: Rules,
) -> GrpoOutcome:
    """Train `model` in place (or an adapter on it) and return it ready for reading.

    Goes on from the last whole checkpoint in `course.out`, if there is one of this very training.
    The checkpoints stay: the caller removes them when the model is saved.

    Raises:
        DataError: the reward asks what is right, and a question has no gold answer.
        TrainError: loss or gradient are not finite any more, or weights are float16.
        ConfigError: sizes do not divide each other, `recipe.extra` cannot be used, or TRL would feed
            other tokens than readings do.
    """
    recipe = course.recipe
    check_gold(prompts, rules.settings.reward)
    check_masters(model)
    if recipe.method == "full":
        model.float()
        _check_reference(model, rules)
    plan = plan_rollouts(recipe, rules.settings, len(prompts), seed=course.seeds.order)
    watch = Watch(course, _mark(prompts, plan, course, rules), LOGGED)
    kept = special_tokens(model)
    start = last_whole(course.out / CHECKPOINTS, watch.mark)
    with Verifier() as verifier, without_dropout(model), warnings.catch_warnings():
        # TRL 1.16 and peft 0.21 ask for a name that transformers 5.23 has renamed; drop when they don't.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", append=False)
        rewarder = Rewarder(prompts, rules, tokenizer, verifier, course.seeds.weights)
        trainer = _make_trainer(rewarder, plan, course, model=model, watch=watch)
        trainer.train(resume_from_checkpoint=None if start is None else str(start))
    trained = take_out(cast("PreTrainedModel | PeftModel", trainer.model), kept)
    history = {int(line["step"]): line for line in trainer.state.log_history if "loss" in line}
    rewards = (line.get("reward") for line in history.values())
    return GrpoOutcome(
        trained,
        trainer.state.global_step,
        count_tokens(history, plan),
        tuple(reward for reward in rewards if reward is not None),
    )


def _mark(prompts: Sequence[Prompt], plan: RolloutPlan, course: Course, rules: Rules) -> str:
    rows = [Row(prompt.problem.qid, prompt.ids, ()) for prompt in prompts]
    aims = [(p.problem.gold, p.problem.gold_kind, p.label) for p in prompts]
    reading = (sorted(rules.stop_ids), rules.stop, rules.opens_thinking, rules.answer_pattern)
    labels = (rules.settings, rules.max_new_tokens, reading, aims)
    return fingerprint(rows, plan.visits, course.recipe, course.lr, course.seeds, *labels)


def _make_trainer(
    rewarder: Rewarder,
    plan: RolloutPlan,
    course: Course,
    *,
    model: PreTrainedModel,
    watch: TrainerCallback,
) -> GRPOTrainer:
    silence()
    handed = hand_over(rewarder.prompts, rewarder.tokenizer)
    rows = {"prompt": handed.column, COLUMN: list(range(len(handed.column)))}
    _stop_like_readings(model, handed.tokenizer, rewarder.rules)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=rewarder,
        args=make_grpo_config(course, plan, rewarder.rules),
        train_dataset=Dataset.from_dict(rows).select(plan.visits.order),
        processing_class=handed.tokenizer,
        peft_config=make_lora_config(course.recipe) if course.recipe.method == "lora" else None,
        callbacks=[watch],
    )
    return without_display(trainer)


def _stop_like_readings(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rules: Rules
) -> None:
    """End a draw on the engine's stop tokens, and take nothing else from the model's own settings.

    TRL ends completions on the tokens of `generation_config` and on the tokenizer's; `generate` fills up
    what TRL does not set from `generation_config` (a ban on repetition, say), which no reading obeys.

    Raises:
        ConfigError: there is no stop token.
    """
    if not rules.stop_ids:
        raise ConfigError(
            "the base has no token on which an answer ends, so every completion would be cut",
            expected="a stop token that the tokenizer or generation_config.json names",
            came="neither has one",
            do="set eos_token in the base's tokenizer_config.json, or eos_token_id in its "
            "generation_config.json",
        )
    if tokenizer.eos_token_id not in rules.stop_ids:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(min(rules.stop_ids))
    model.generation_config = GenerationConfig(eos_token_id=sorted(rules.stop_ids))


def _check_reference(model: PreTrainedModel, rules: Rules) -> None:
    """TRL loads the reference of a KL term from where the base came from."""
    origin = model.config.name_or_path or ""
    if rules.settings.kl and not (origin and Path(origin).is_dir()):
        raise ConfigError(
            "the KL term needs the base a second time, and it is not on this disk",
            expected="a base that was loaded from a folder",
            came=f"train.grpo.kl: {rules.settings.kl:g}, base from {origin or 'memory'!r}",
            do="set train.grpo.kl: 0, or recipe.method: lora, which has the base inside",
        )
