"""A model in vLLM, and what its files say of ends of turn."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from titrant.engines.drawing.rows import stop_ids
from titrant.errors import DataError, MissingPackageError
from titrant.lazy import load

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from titrant.settings import BaseSettings

CPU_MEMORY = 0.3
"""Share of a machine's memory that vLLM may take on a CPU, where other processes live too."""


def load_llm(folder: Path, base: BaseSettings, batch_tokens: int) -> Any:  # noqa: ANN401
    """The model of a folder in vLLM, in this process; on a CPU in float32 unless told otherwise.

    Raises:
        DataError: vLLM cannot load it.
        MissingPackageError: vLLM is not installed.
    """
    # In this process: steps are taken one by one, and nothing has to be spawned.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    try:
        make = load("vllm:LLM")
    except (ImportError, MissingPackageError) as error:
        raise MissingPackageError(
            "the engine vllm needs the package vllm",
            came=str(error).partition("\n")[0],
            do="install it into an environment of its own (docs/how-to/engines.md); each release pins "
            "a torch",
        ) from error
    try:
        return make(**_settings(folder, base, batch_tokens))
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"vLLM cannot load {folder}",
            came=str(error).strip().partition("\n")[0][:300],
            do="see whether vLLM supports the architecture, or use decode.engine: transformers",
        ) from error


def _settings(folder: Path, base: BaseSettings, batch_tokens: int) -> dict[str, Any]:
    """What vLLM is made with: on a card by its defaults, on a CPU in float32 and as one of several."""
    has_card = load("torch:cuda").is_available()
    return {
        "model": str(folder),
        "dtype": base.dtype if base.dtype != "auto" or has_card else "float32",
        "trust_remote_code": base.trust_remote_code,
        "enforce_eager": not has_card,
        "max_logprobs": -1,
        "max_num_batched_tokens": batch_tokens,
        "disable_log_stats": True,
        "seed": 0,
    } | ({} if has_card else {"gpu_memory_utilization": CPU_MEMORY})


def stop_ids_of(tokenizer: PreTrainedTokenizerBase, config: Any) -> frozenset[int]:  # noqa: ANN401
    """As the engine on transformers: the tokenizer's, the generation settings', the template's."""

    class Known:
        generation_config = type("Settings", (), {"eos_token_id": _eos(config)})

    return stop_ids(Known, tokenizer)


def _eos(config: Any) -> object:  # noqa: ANN401 - vLLM's class
    found = config.try_get_generation_config() or {}
    return found.get("eos_token_id")


def version_of(name: str) -> str:
    """The version of an installed package."""
    try:
        return version(name)
    except ImportError:
        return version(f"{name}-cpu")  # vLLM's builds for CPUs have a name of their own
