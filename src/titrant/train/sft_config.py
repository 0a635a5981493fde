"""A recipe in the words of TRL and PEFT: `SFTConfig` and `LoraConfig`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from peft import LoraConfig
from trl.trainer.sft_config import SFTConfig

from titrant.errors import ConfigError
from titrant.registry import nearest
from titrant.train.course import CHECKPOINTS, SEED_SPACE, Course

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from transformers import TrainingArguments

    from titrant.settings import RecipeSettings
    from titrant.train.plan_updates import UpdatePlan

C = TypeVar("C", bound="TrainingArguments")


def make_sft_config(course: Course, plan: UpdatePlan) -> SFTConfig:
    """The one place where TRL's configuration of fine-tuning is made.

    Raises:
        ConfigError: `recipe.extra` cannot be used.
    """
    settings = {
        **shared_settings(course, SFTConfig, updates=plan.updates),
        "per_device_train_batch_size": plan.rows_per_device,
        "gradient_accumulation_steps": plan.accumulation,
        "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "train_sampling_strategy": "sequential",
    }
    return make_trl_config(SFTConfig, settings, course.recipe.extra, ours=_OURS)


def shared_settings(
    course: Course, config: type[TrainingArguments], *, updates: int
) -> dict[str, Any]:
    """What every algorithm's configuration says of optimiser, checkpoints and log."""
    recipe, on_gpu = course.recipe, torch.cuda.is_available()
    return {
        "output_dir": str(course.out / CHECKPOINTS),
        "max_steps": updates,
        "learning_rate": course.lr,
        "lr_scheduler_type": _SCHEDULES[recipe.schedule],
        # Rounded down: one warm-up update has a rate of 0, which a training of few updates would feel.
        "warmup_steps": int(recipe.warmup_share * updates),
        "weight_decay": recipe.weight_decay,
        "seed": course.seeds.weights % SEED_SPACE,
        "bf16": on_gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not on_gpu,
        "save_strategy": "steps" if updates > recipe.checkpoint_every else "no",
        "save_steps": recipe.checkpoint_every,
        "save_total_limit": 2,  # the older one stays until the newer one is sealed
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": on_gpu,
        _checkpointing(_names(config)): recipe.gradient_checkpointing,
    }


def make_trl_config(
    config: type[C], settings: Mapping[str, Any], extra: Mapping[str, Any], *, ours: Collection[str]
) -> C:
    """A configuration of TRL from our settings and the user's.

    Args:
        config: a class of TRL.
        settings: ours.
        extra: `recipe.extra`.
        ours: further fields that are not the user's.

    Raises:
        ConfigError: `extra` sets what is ours or what the class has not, or TRL refuses a value.
    """
    _check_extra(extra, config, {*settings, *ours})
    try:
        return config(**settings, **extra)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            "TRL refuses the recipe",
            came=f"{error} (recipe.extra: {dict(extra)})",
            do=f"correct recipe.extra; its names and values are those of trl.{config.__name__}",
        ) from error


def _names(config: type[TrainingArguments]) -> set[str]:
    return {field.name for field in dataclasses.fields(config)}


def _checkpointing(names: set[str]) -> str:
    """Transformers 5.23 has renamed it; drop this when 5.23 is the oldest that is supported."""
    new, old = "activation_checkpointing", "gradient_checkpointing"
    return new if new in names else old


_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
OURS = frozenset(
    {
        "auto_find_batch_size",
        "data_seed",
        "dataloader_drop_last",
        "eval_strategy",
        "fp16",
        "gradient_checkpointing",
        "num_train_epochs",
        "resume_from_checkpoint",
        "shuffle_dataset",
        "warmup_ratio",
    }
)
"""Further settings of any algorithm that would undo what titrant promises of a training."""
_OURS = OURS | {"assistant_only_loss", "completion_only_loss", "packing", "padding_free"}


def _check_extra(extra: Mapping[str, Any], config: type[TrainingArguments], ours: set[str]) -> None:
    names = _names(config)
    for key in extra:
        if key in ours:
            raise ConfigError(
                f"recipe.extra cannot set {key}",
                expected="settings that titrant does not make itself",
                came=f"recipe.extra.{key}: {extra[key]!r}",
                do="use the key of recipe or train for it; see the configuration reference",
            )
        if key not in names:
            raise ConfigError(
                f"recipe.extra has an unknown setting '{key}'",
                expected=f"a field of trl.{config.__name__}",
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
