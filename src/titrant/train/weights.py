"""Trained weights on disk and back, and a model made ready for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard, cast

import torch
from peft import PeftModel

from titrant.engines.load import LoadedBase, load_base, with_adapter

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from titrant.settings import BaseSettings

    Model = PreTrainedModel | PeftModel

ADAPTER_CONFIG = "adapter_config.json"


def save_weights(model: Model, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save an adapter, or a whole model with its tokenizer, into a new folder."""
    if isinstance(model, PeftModel):
        # `auto` would ask the hub for the base's configuration.
        model.save_pretrained(str(folder), save_embedding_layers=False)
        return
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and not a whole model."""
    return (folder / ADAPTER_CONFIG).exists()


def load_weights(folder: Path, base: BaseSettings, fresh: LoadedBase) -> PreTrainedModel:
    """What was trained, ready for reading.

    Args:
        folder: an adapter or a whole model.
        base: the base of the run.
        fresh: an untouched copy of it, which an adapter is put on.

    Raises:
        DataError: the folder cannot be loaded, or the adapter belongs to another model.
    """
    if is_adapter(folder):
        return with_adapter(fresh, folder).model
    return load_base(base.model_copy(update={"path": str(folder), "revision": None})).model


def settle(
    model: Model, tokenizer: PreTrainedTokenizerBase, folder: Path, *, dtype: torch.dtype
) -> PreTrainedModel:
    """Save what was trained and give it back ready for reading, equal to what `load_weights` gives.

    A whole model is read (and stored) in the precision in which the base is read. An adapter on
    float32 weights is merged after it was saved, as `with_adapter` does; on bfloat16 weights it stays
    apart, since merging would round it away.
    """
    if not isinstance(model, PeftModel):
        model.to(dtype=dtype)  # pyright: ignore[reportCallIssue] - its signature is wrapped away
        save_weights(model, tokenizer, folder)
        return model
    save_weights(model, tokenizer, folder)
    merged = model.merge_and_unload() if dtype == torch.float32 else model
    return cast("PreTrainedModel", merged)


def merged_copy(folder: Path, fresh: LoadedBase) -> PreTrainedModel:
    """The base with an adapter merged into it, to be kept as a whole model."""
    model = with_adapter(fresh, folder).model
    return cast("PreTrainedModel", model.merge_and_unload()) if _is_wrapped(model) else model


def _is_wrapped(model: object) -> TypeGuard[PeftModel]:
    return isinstance(model, PeftModel)
