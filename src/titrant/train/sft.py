"""Supervised fine-tuning of one arm through TRL's SFTTrainer, on rows that are already tokenised.

What TRL would do to the rows is switched off: no tokenising, no second stop token, no cut at 1,024
tokens, no packing, no shuffling. The order is ours (`plan_updates`), so every dose sees exactly
updates × rows per update. Master weights are float32; on a GPU the passes run under bfloat16
autocast, on a CPU they do not (measured 15 times slower there).

Losses are read at every update, so that one that runs away stops the arm at once. Left out: several
processes per arm, evaluation during training.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pyarrow as pa
import torch
from datasets import Dataset
from huggingface_hub import constants as hub_constants
from peft import LoraConfig, PeftModel
from transformers import PrinterCallback, ProgressCallback, TrainerCallback
from transformers.utils import logging as transformers_logging
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

from titrant.errors import ConfigError, TrainError
from titrant.registry import nearest
from titrant.train.checkpoint import fingerprint, last_whole, seal
from titrant.train.doctor import check_masters
from titrant.train.plan_updates import UpdatePlan, plan_updates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from transformers import (
        PreTrainedModel,
        PreTrainedTokenizerBase,
        TrainerControl,
        TrainerState,
        TrainingArguments,
    )

    from titrant.settings import RecipeSettings
    from titrant.train.render import Row

CHECKPOINTS = "checkpoints"
LOG = "log.jsonl"
SEED_SPACE = 2**31
"""numpy's global generator takes 32 bits."""


class TrainSeeds(NamedTuple):
    """Where the chance in one training comes from."""

    order: int
    """Of the rows."""
    weights: int
    """Of new adapter weights and dropout."""


@dataclass(frozen=True, slots=True)
class Course:
    """Everything that fixes one training besides the model and the rows."""

    recipe: RecipeSettings
    """`match` is `updates` or `epochs` here; equal tokens are turned into updates before."""
    lr: float
    """Peak learning rate."""
    seeds: TrainSeeds
    out: Path
    """The arm's folder: `log.jsonl` and checkpoints go there."""
    on_update: Callable[[int, int], None] | None = None
    """Told (updates done, updates in all) after each update."""


@dataclass(frozen=True, slots=True)
class TrainOutcome:
    """A trained model and what it took."""

    model: PreTrainedModel | PeftModel
    updates: int
    train_tokens: int
    """Tokens of every visit of every row, prompts included, padding not."""
    loss_tokens: int
    losses: tuple[float, ...]
    """Mean loss per loss token, one for each update, in nats."""


@dataclass(frozen=True, slots=True)
class _SpecialTokens:
    """What a model's configs say of special tokens."""

    NAMES = ("bos_token_id", "eos_token_id", "pad_token_id")
    ids: dict[str, Any]
    generation_config: Any


def train_sft(
    rows: Sequence[Row],
    course: Course,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> TrainOutcome:
    """Train `model` in place (or an adapter on it) and return it ready for reading.

    Goes on from the last whole checkpoint in `course.out`, if there is one of this very training.
    The checkpoints stay: the caller removes them when the model is saved.

    Raises:
        TrainError: the loss or its gradient is not finite any more, or weights are float16.
        ConfigError: `recipe.extra` names a setting that SFTConfig has not, or that is ours.
    """
    recipe = course.recipe
    check_masters(model)
    if recipe.method == "full":
        model.float()
    plan = plan_updates(recipe, [len(row.input_ids) for row in rows], seed=course.seeds.order)
    passes = plan if has_dropout(model, recipe) else plan.once()
    watch = _Watch(course, fingerprint(rows, passes, recipe, course.lr, course.seeds))
    kept = _special_tokens(model)
    trainer = _make_trainer(rows, passes, course, model=model, tokenizer=tokenizer, watch=watch)
    start = last_whole(course.out / CHECKPOINTS, watch.mark)
    trainer.train(resume_from_checkpoint=None if start is None else str(start))
    trained = _take_out(trainer, kept)
    lengths = torch.tensor([[len(row.input_ids), row.n_loss_tokens] for row in rows])
    tokens = lengths[torch.from_numpy(plan.order)].sum(dim=0).tolist()
    losses = tuple(log["loss"] for log in trainer.state.log_history if "loss" in log)
    return TrainOutcome(trained, trainer.state.global_step, tokens[0], tokens[1], losses)


def updates_logged(arm: Path) -> int:
    """Updates that an arm's log tells of, the last one whose loss was finite."""
    path = arm / LOG
    if not path.exists():
        return 0
    return max((json.loads(line)["update"] for line in path.open(encoding="utf-8")), default=0)


def has_dropout(model: PreTrainedModel, recipe: RecipeSettings) -> bool:
    """Whether two copies of a row would be trained under different masks."""
    rates = [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    rates += [
        value
        for name, value in model.config.get_text_config().to_dict().items()
        if ("dropout" in name or name.endswith("pdrop")) and isinstance(value, int | float)
    ]
    return any(rates) or (recipe.method == "lora" and recipe.lora.dropout > 0)


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


def _make_trainer(
    rows: Sequence[Row],
    plan: UpdatePlan,
    course: Course,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    watch: TrainerCallback,
) -> SFTTrainer:
    _silence()
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    with warnings.catch_warnings():
        # peft 0.21 asks for a name that transformers 5.23 has renamed; drop when peft does not.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", append=False)
        trainer = SFTTrainer(
            model=model,
            args=make_sft_config(course, plan),
            train_dataset=_as_dataset(rows).select(plan.order),
            processing_class=tokenizer,
            # Handed in, so that TRL does not give the shared tokenizer a padding token.
            data_collator=DataCollatorForLanguageModeling(pad_token_id=cast("int", pad or 0)),
            peft_config=make_lora_config(course.recipe) if course.recipe.method == "lora" else None,
            callbacks=[watch],
        )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def _silence() -> None:
    """No progress bars, no chatter, and no report to the hub of every trainer that is made."""
    hub_constants.HF_HUB_DISABLE_TELEMETRY = True
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def _as_dataset(rows: Sequence[Row]) -> Dataset:
    column = pa.list_(pa.int32())
    return Dataset(
        pa.table(
            {
                "input_ids": pa.array([row.input_ids for row in rows], type=column),
                "labels": pa.array([row.labels for row in rows], type=column),
            }
        )
    )


def _special_tokens(model: PreTrainedModel) -> _SpecialTokens:
    config = model.config.get_text_config()
    ids = {name: getattr(config, name, None) for name in _SpecialTokens.NAMES}
    return _SpecialTokens(ids, copy.deepcopy(model.generation_config))


def _take_out(trainer: SFTTrainer, kept: _SpecialTokens) -> PreTrainedModel | PeftModel:
    """The trained model as it would be had TRL not prepared it for its own use.

    TRL replaces `forward` and both libraries write the tokenizer's special tokens into the configs;
    a model that stops on more tokens than its tokenizer names would then read differently.
    """
    model = cast("PreTrainedModel | PeftModel", trainer.model)
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    inner = cast("PreTrainedModel", inner)
    for module in (model, inner):
        for name in ("forward", "_original_forward"):  # TRL's, and accelerate's under autocast
            module.__dict__.pop(name, None)
    for name, value in kept.ids.items():
        setattr(inner.config.get_text_config(), name, value)
    inner.generation_config = kept.generation_config
    model.zero_grad(set_to_none=True)
    return model.eval()


class _Watch(TrainerCallback):
    """Logs each update, stops on a loss that ran away, seals checkpoints."""

    def __init__(self, course: Course, mark: str) -> None:
        self.course, self.mark = course, mark
        self._started = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        if logs is None or "loss" not in logs:
            return
        update, lr = state.global_step, self.course.lr
        for name in ("loss", "grad_norm"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise TrainError(
                    f"the training ran away: {name} is {logs[name]} at update {update} of "
                    f"{state.max_steps}",
                    expected="a finite loss",
                    came=f"learning rate {lr:g}",
                    do=f"lower the learning rate: recipe.lr: {lr / 4:.2g}",
                )
        self._write({"update": update, **{k: logs[k] for k in _LOGGED if k in logs}})
        if self.course.on_update is not None:
            self.course.on_update(update, state.max_steps)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        seal(self.course.out / CHECKPOINTS / f"checkpoint-{state.global_step}", self.mark)

    def _write(self, line: dict[str, float]) -> None:
        line["seconds"] = round(time.monotonic() - self._started, 3)
        with (self.course.out / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


_LOGGED = ("loss", "grad_norm", "learning_rate", "mean_token_accuracy", "entropy")
