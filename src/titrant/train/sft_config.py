"""A recipe in the words of TRL and PEFT: `SFTConfig` and `LoraConfig`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig
from trl.trainer.sft_config import SFTConfig

from titrant.errors import ConfigError
from titrant.registry import nearest
from titrant.train.course import CHECKPOINTS, SEED_SPACE, Course

if TYPE_CHECKING:
    from titrant.settings import RecipeSettings
    from titrant.train.plan_updates import UpdatePlan


def make_sft_config(course: Course, plan: UpdatePlan) -> SFTConfig:
    """The one place where TRL's configuration is made.

    Raises:
        ConfigError: `recipe.extra` cannot be used.
    """
    recipe, on_gpu = course.recipe, torch.cuda.is_available()
    names = {field.name for field in dataclasses.fields(SFTConfig)}
    settings: dict[str, Any] = {
        "output_dir": str(course.out / CHECKPOINTS),
        "max_steps": plan.updates,
        "per_device_train_batch_size": plan.rows_per_device,
        "gradient_accumulation_steps": plan.accumulation,
        "learning_rate": course.lr,
        "lr_scheduler_type": _SCHEDULES[recipe.schedule],
        # Rounded down: one warm-up update has a rate of 0, which a training of few updates would feel.
        "warmup_steps": int(recipe.warmup_share * plan.updates),
        "weight_decay": recipe.weight_decay,
        "seed": course.seeds.weights % SEED_SPACE,
        "bf16": on_gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not on_gpu,
        "save_strategy": "steps" if plan.updates > recipe.checkpoint_every else "no",
        "save_steps": recipe.checkpoint_every,
        "save_total_limit": 2,  # the older one stays until the newer one is sealed
        "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "train_sampling_strategy": "sequential",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": on_gpu,
        _checkpointing(names): recipe.gradient_checkpointing,
    }
    _check_extra(recipe.extra, names, set(settings) | _OURS)
    try:
        return SFTConfig(**settings, **recipe.extra)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            "TRL refuses the recipe",
            came=f"{error} (recipe.extra: {recipe.extra})",
            do="correct recipe.extra; its names and values are those of trl.SFTConfig",
        ) from error


def _checkpointing(names: set[str]) -> str:
    """Transformers 5.23 has renamed it; drop this when 5.23 is the oldest that is supported."""
    new, old = "activation_checkpointing", "gradient_checkpointing"
    return new if new in names else old


_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
_OURS = {
    "assistant_only_loss",
    "auto_find_batch_size",
    "completion_only_loss",
    "data_seed",
    "dataloader_drop_last",
    "eval_strategy",
    "fp16",
    "gradient_checkpointing",
    "num_train_epochs",
    "packing",
    "padding_free",
    "resume_from_checkpoint",
    "shuffle_dataset",
    "warmup_ratio",
}
"""Further settings that would undo what titrant promises of a training."""


def _check_extra(extra: dict[str, Any], names: set[str], ours: set[str]) -> None:
    for key in extra:
        if key in ours:
            raise ConfigError(
                f"recipe.extra cannot set {key}",
                expected="settings that titrant does not make itself",
                came=f"recipe.extra.{key}: {extra[key]!r}",
                do="use the key of recipe for it; see the configuration reference",
            )
        if key not in names:
            raise ConfigError(
                f"recipe.extra has an unknown setting '{key}'",
                expected="a field of trl.SFTConfig",
                do=nearest(key, names - ours),
            )


def make_lora_config(recipe: RecipeSettings) -> LoraConfig:
    """The one place where PEFT's configuration is made."""
    targets = recipe.lora.targets
    return LoraConfig(
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        bias="none",
        task_type="CAUSAL_LM",
    )
