"""Base models and adapters from disk, checked so that nothing is silently made up.

transformers fills gaps without a word: missing weights are drawn at random, an unknown end token is
left out, a saved pre-tokenizer is replaced by the architecture's own. Each of these is answered here
before anything is read or trained.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as transformers_logging

from titrant.engines.locate import find_base, fingerprint
from titrant.errors import DataError
from titrant.lazy import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from titrant.settings import BaseSettings

LOG = logging.getLogger(__name__)

PROBES = (
    "12+30=42",
    "so we add",
    "a\nb",
    "a\n\nb",
    "a\tb",
    "a  b",
    "<think>\nso\n</think>",
    "\\boxed{4}",
)
"""What reasoning text has: digits, blanks, empty lines, tags, a backslash."""

MOST_TOKENS = 64
"""Tokens that are tried beside the probes, spread over the vocabulary."""

UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, ImportError, EOFError, SafetensorError)
"""What transformers and safetensors raise on folders that they cannot read."""


@dataclass(frozen=True, slots=True)
class LoadedBase:
    """A model that is ready to read or to train."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    """`vitro:<name>`, the hub id, or the folder's name; with `+<adapter folder>` for an adapter."""
    fingerprint: str
    """SHA-256 over what decides its output; see `locate.fingerprint`."""
    revision: str | None = None
    """Commit hash of a model from the hub."""


def load_base(base: BaseSettings) -> LoadedBase:
    """The base model and its tokenizer, on the GPU where there is one.

    Raises:
        ConfigError: no shipped base has that name.
        DataError: the model cannot be found or loaded, is incomplete, or has no stop token.
    """
    found = find_base(base)
    model = _load_model(found.folder, base)
    tokenizer = _load_tokenizer(found.folder, base)
    _check_pair(model, tokenizer, found.folder)
    return LoadedBase(model, tokenizer, found.name, fingerprint(found.folder), found.revision)


def load_tokenizer(folder: Path, base: BaseSettings) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder, as it was saved.

    Raises:
        DataError: it cannot be read, or has no stop token.
    """
    return _load_tokenizer(folder, base)


def with_adapter(loaded: LoadedBase, adapter: Path) -> LoadedBase:
    """The base with a LoRA adapter on top; the base's model itself is changed, not copied.

    In float32 the adapter is merged into the weights, which is faster and exact to rounding; in
    bfloat16 it stays beside them, because merging would round it away.

    Raises:
        DataError: the folder holds no adapter, or one for another model.
    """
    if not (adapter / "adapter_config.json").is_file():
        raise DataError(
            f"{adapter} is not an adapter folder",
            expected="adapter_config.json and adapter_model.safetensors",
            came="nothing of that name" if not adapter.exists() else "no adapter_config.json",
            do="give the folder that PEFT or TRL saved",
        )
    try:
        with warnings.catch_warnings():
            # peft 0.21 reads a property that transformers 5.23 calls deprecated.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
            model = load("peft:PeftModel").from_pretrained(loaded.model, adapter)
    except UNREADABLE as error:
        raise _unreadable(adapter, "adapter", error) from error
    if loaded.model.dtype == torch.float32:
        model = model.merge_and_unload()
    model.eval()
    both = hashlib.sha256(f"{loaded.fingerprint} {fingerprint(adapter)}".encode()).hexdigest()
    return replace(loaded, model=model, name=f"{loaded.name}+{adapter.name}", fingerprint=both)


def context_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Longest text in tokens that the model was made for; `None` if neither part says."""
    config = model.config.get_text_config()
    for field in ("max_position_embeddings", "max_sequence_length", "seq_length", "max_seq_len"):
        value = getattr(config, field, None)
        if isinstance(value, int) and value > 0:
            return value
    # Tokenizers that know no limit say 10**30.
    return tokenizer.model_max_length if tokenizer.model_max_length < 10**9 else None


def _load_model(folder: Path, base: BaseSettings) -> PreTrainedModel:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=base.trust_remote_code)
        with _without_bar():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=_dtype(base, stored=config.get_text_config().dtype, device=device),
                trust_remote_code=base.trust_remote_code,
                output_loading_info=True,
            )
    except UNREADABLE as error:
        raise _unreadable(folder, "model", error) from error
    model, report = loaded
    if report["missing_keys"]:
        names = sorted(report["missing_keys"])
        raise DataError(
            f"the weights in {folder} are incomplete",
            expected="all weights of the architecture that config.json names",
            came=f"{len(names)} are missing, such as {names[0]}",
            do="save the model again, or correct config.json",
        )
    return model.to(device).eval()


@contextmanager
def _without_bar() -> Iterator[None]:
    """No progress bar of transformers, which would run through the run's own display."""
    was_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            transformers_logging.enable_progress_bar()


def _dtype(base: BaseSettings, *, stored: object, device: torch.device) -> torch.dtype:
    """The precision to load in; never float16, whose range training leaves in one step."""
    if base.dtype != "auto":
        return torch.float32 if base.dtype == "float32" else torch.bfloat16
    # bfloat16 has 3 bits less than float16, so weights stored as float16 would be rounded.
    return torch.float32 if device.type == "cpu" or stored == torch.float16 else torch.bfloat16


def _load_tokenizer(folder: Path, base: BaseSettings) -> PreTrainedTokenizerBase:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=base.trust_remote_code)
        tokenizer = _as_saved(tokenizer, folder)
    except UNREADABLE as error:
        raise _unreadable(folder, "tokenizer", error) from error
    if tokenizer.eos_token_id is None:
        raise DataError(
            f"the tokenizer in {folder} has no stop token, so no answer could ever end",
            expected="eos_token in tokenizer_config.json",
            came="none",
            do='name the token that ends a text there, such as "eos_token": "<|endoftext|>"',
        )
    if tokenizer.pad_token_id is None:
        # Padding is always masked, so any known token will do; a new one would change the model.
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return tokenizer


def _as_saved(tokenizer: PreTrainedTokenizerBase, folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer as its file says, where transformers has rebuilt it and broken it.

    transformers 5.23 gives some architectures (`qwen2`) their own pre-tokenizer whatever was saved;
    another vocabulary then loses blanks and line ends without a word.
    """
    if not (folder / "tokenizer.json").is_file() or _kept(tokenizer).issuperset(PROBES):
        return tokenizer
    saved = PreTrainedTokenizerFast.from_pretrained(folder)
    if not _kept(saved) > _kept(tokenizer):
        return tokenizer
    LOG.warning("%s: its tokenizer.json is used as saved, not as rebuilt by transformers", folder)
    return saved


def _kept(tokenizer: PreTrainedTokenizerBase) -> set[str | int]:
    """Probes that come back unchanged from encoding and decoding, and tokens from the reverse."""
    rows = _encoded(tokenizer, PROBES)
    texts = (tokenizer.decode(ids, clean_up_tokenization_spaces=False) for ids in rows)
    same = {probe for probe, text in zip(PROBES, texts, strict=True) if text == probe}
    # A vocabulary of few symbols, as of a maze, holds no probe; its own tokens then decide.
    tokens = sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids))
    tokens = tokens[:: 1 + len(tokens) // MOST_TOKENS]
    again = _encoded(tokenizer, [str(tokenizer.decode([token])) for token in tokens])
    return same | {token for token, ids in zip(tokens, again, strict=True) if ids == [token]}


def _encoded(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    rows = tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
    return cast("list[list[int]]", rows)


def _check_pair(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    n_rows = len(model.get_input_embeddings().weight)  # pyright: ignore[reportArgumentType]
    highest = max(tokenizer.get_vocab().values(), default=0)
    if highest >= n_rows:
        raise DataError(
            f"model and tokenizer in {folder} do not belong together",
            expected=f"token ids under {n_rows}, the rows of the model's embedding",
            came=f"a tokenizer with ids up to {highest}",
            do="take the tokenizer that the model was trained with",
        )


def _unreadable(folder: Path, what: str, error: Exception) -> DataError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return DataError(
        f"the {what} in {folder} cannot be loaded: {reason}",
        do=f"check that the {what} was saved whole and that its packages are installed",
    )
