"""Load heavy modules on first use, and say which extra to install when one is missing."""

from __future__ import annotations

import importlib
from typing import Any

from titrant.errors import MissingPackageError

EXTRA_OF = {
    "torch": "train",
    "transformers": "train",
    "trl": "train",
    "peft": "train",
    "datasets": "train",
    "accelerate": "train",
    "safetensors": "train",
    "huggingface_hub": "train",
    "vllm": "vllm",
    "openai": "openai",
    "ray": "ray",
}


def load(path: str) -> Any:  # noqa: ANN401 - the target decides
    """The attribute that `"package.module:attribute"` names.

    Raises:
        MissingPackageError: the module needs an optional package that is not installed.
    """
    module_name, _, attribute = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRA_OF:
            raise
        raise MissingPackageError(
            f"{module_name} needs the package {missing}, which is not installed",
            do=f"pip install 'titrant[{EXTRA_OF[missing]}]'",
        ) from error
    return getattr(module, attribute) if attribute else module
