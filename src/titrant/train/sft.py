"""Supervised fine-tuning of one arm through TRL's SFTTrainer, on rows that are already tokenised.

What TRL would do to the rows is switched off: no tokenising, no second stop token, no cut at 1,024
tokens, no packing, no shuffling. The order is ours (`plan_updates`), so every dose sees exactly
updates × rows per update. Master weights are float32; on a GPU the passes run under bfloat16
autocast, on a CPU they do not (measured 15 times slower there).

Losses are read at every update, so that one that runs away stops the arm at once. Left out: several
processes per arm, evaluation during training.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import torch
from datasets import Dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

from titrant.train.checkpoint import fingerprint, last_whole
from titrant.train.course import CHECKPOINTS, Course
from titrant.train.doctor import check_masters
from titrant.train.lend import silence, special_tokens, take_out, without_display
from titrant.train.plan_updates import UpdatePlan, plan_updates
from titrant.train.sft_config import make_lora_config, make_sft_config
from titrant.train.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

    from titrant.settings import RecipeSettings
    from titrant.train.render import Row


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
    watch = Watch(course, fingerprint(rows, passes, recipe, course.lr, course.seeds))
    kept = special_tokens(model)
    trainer = _make_trainer(rows, passes, course, model=model, tokenizer=tokenizer, watch=watch)
    start = last_whole(course.out / CHECKPOINTS, watch.mark)
    trainer.train(resume_from_checkpoint=None if start is None else str(start))
    trained = take_out(cast("PreTrainedModel | PeftModel", trainer.model), kept)
    lengths = torch.tensor([[len(row.input_ids), row.n_loss_tokens] for row in rows])
    tokens = lengths[torch.from_numpy(plan.order)].sum(dim=0).tolist()
    losses = tuple(log["loss"] for log in trainer.state.log_history if "loss" in log)
    return TrainOutcome(trained, trainer.state.global_step, tokens[0], tokens[1], losses)


def has_dropout(model: PreTrainedModel, recipe: RecipeSettings) -> bool:
    """Whether two copies of a row would be trained under different masks."""
    rates = [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    rates += [
        value
        for name, value in model.config.get_text_config().to_dict().items()
        if ("dropout" in name or name.endswith("pdrop")) and isinstance(value, int | float)
    ]
    return any(rates) or (recipe.method == "lora" and recipe.lora.dropout > 0)


def _make_trainer(
    rows: Sequence[Row],
    plan: UpdatePlan,
    course: Course,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    watch: TrainerCallback,
) -> SFTTrainer:
    silence()
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
    return without_display(trainer)


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
