"""A model lent to TRL and taken back as it was, but for its weights; TRL kept silent meanwhile."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from huggingface_hub import constants as hub_constants
from peft import PeftModel
from transformers import PrinterCallback, ProgressCallback
from transformers.utils import logging as transformers_logging

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Trainer

T = TypeVar("T", bound="Trainer")


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """What a model's configs say of special tokens."""

    ids: dict[str, Any]
    generation_config: Any


_NAMES = ("bos_token_id", "eos_token_id", "pad_token_id")


def special_tokens(model: PreTrainedModel) -> SpecialTokens:
    """What is to be put back by `take_out`."""
    config = model.config.get_text_config()
    ids = {name: getattr(config, name, None) for name in _NAMES}
    return SpecialTokens(ids, copy.deepcopy(model.generation_config))


def take_out(
    model: PreTrainedModel | PeftModel, kept: SpecialTokens
) -> PreTrainedModel | PeftModel:
    """The trained model as it would be had TRL not prepared it for its own use.

    TRL replaces `forward` and both libraries write the tokenizer's special tokens into the configs;
    a model that stops on more tokens than its tokenizer names would then read differently.
    """
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


def silence() -> None:
    """No progress bars, no chatter, and no report to the hub of every trainer that is made."""
    hub_constants.HF_HUB_DISABLE_TELEMETRY = True
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def without_display(trainer: T) -> T:
    """The trainer without the callbacks that print."""
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer
