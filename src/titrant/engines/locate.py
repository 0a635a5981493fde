"""Where a base model lies, and what it is: its folder, its commit and its fingerprint.

Needs no tensor library, so that a run can name its base before anything is loaded.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import ConfigError, DataError
from titrant.lazy import load
from titrant.registry import nearest

if TYPE_CHECKING:
    from titrant.settings import BaseSettings

BASES = Path(__file__).parents[1] / "worlds" / "bases"
"""Bases that ship with titrant."""

HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
TOKENIZERS = (
    "tokenizer.json",
    "*.model",
    "vocab.json",
    "vocab.txt",
    "*.tiktoken",
    "tekken.json",
)
"""Files of which one holds the vocabulary. Without any, transformers makes up an empty tokenizer for
some architectures and says nothing."""
DECISIVE = (
    "config.json",
    "generation_config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "chat_template*",
    "adapter_config.json",
)
"""Files that decide what a model does, besides weights and vocabulary."""

WHOLE_BYTES = 2 * 2**30
"""Folders up to this size are hashed whole (about 2 s)."""
SAMPLES, SAMPLE_BYTES = 64, 2**20


class FoundBase(NamedTuple):
    """A base model on this machine."""

    folder: Path
    name: str
    """`vitro:<name>`, the hub id, or the folder's name."""
    revision: str | None
    """Commit hash of a model from the hub."""


def find_base(base: BaseSettings) -> FoundBase:
    """The folder of a base model; one from the hub is fetched first.

    Raises:
        ConfigError: no shipped base has that name.
        DataError: there is no such model, or the folder holds none.
    """
    kind, _, shipped = base.path.partition(":")
    folder = Path(base.path).expanduser()
    if kind == "vitro" and shipped:
        found = FoundBase(_shipped(shipped), base.path, None)
    elif folder.exists() or not HUB_ID.fullmatch(base.path):
        found = FoundBase(folder, folder.resolve().name, None)
    else:
        download = load("titrant.engines.hub:download")
        folder = download(base.path, base.revision, with_code=base.trust_remote_code)
        found = FoundBase(folder, base.path, folder.name)
    _check_folder(found.folder)
    return found


def fingerprint(folder: Path) -> str:
    """SHA-256 over everything that decides what the model of a folder does.

    Goes over names, sizes and contents of weights, configuration and tokenizer files, and not over
    the folder's own name, so a copy has the same fingerprint. Where the files together are over 2 GB,
    the contents of each are sampled: 64 blocks of 1 MiB, evenly spaced, the first and the last among
    them. Training moves every block, so a sample tells two models apart; a single edited weight may
    escape it.

    Returns:
        64 hex digits.
    """
    files = sorted(
        {path for glob in (*WEIGHTS, *TOKENIZERS, *DECISIVE) for path in folder.glob(glob)}
    )
    sizes = [path.stat().st_size for path in files]
    is_sampled = sum(sizes) > WHOLE_BYTES
    total = hashlib.sha256()
    for path, size in zip(files, sizes, strict=True):
        sampled = is_sampled and size > SAMPLES * SAMPLE_BYTES
        content = _sampled_hash(path, size) if sampled else _whole_hash(path)
        total.update(json.dumps([path.name, size, content]).encode())
    return total.hexdigest()


def _shipped(name: str) -> Path:
    folder = BASES / name
    if not (folder / "config.json").is_file():
        known = sorted(path.parent.name for path in BASES.glob("*/config.json"))
        raise ConfigError(
            f"no base with the name vitro:{name} ships with titrant",
            do=nearest(name, known) if known else f"make one: titrant vitro build {name}",
        )
    return folder


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(
            f"there is no model folder {folder}",
            expected="a model folder, a hub id such as owner/name, or vitro:<name>",
            came="a file" if folder.exists() else "nothing of that name",
            do="correct base.path",
        )
    if not (folder / "config.json").is_file():
        is_adapter = (folder / "adapter_config.json").is_file()
        raise DataError(
            f"{folder} is not a model folder",
            expected="config.json, weights and tokenizer files, as save_pretrained writes them",
            came="an adapter without its model" if is_adapter else _listed(folder),
            do="merge the adapter into its base first" if is_adapter else "correct base.path",
        )
    for what, globs in (("weights", WEIGHTS), ("tokenizer", TOKENIZERS)):
        if not any(path for glob in globs for path in folder.glob(glob)):
            raise DataError(
                f"{folder} has no {what}",
                expected=f"one of {', '.join(globs)}",
                came=_listed(folder),
                do=f"save the model's {what} into that folder",
            )


def _listed(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more if names else "an empty folder"


def _whole_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sampled_hash(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for i in range(SAMPLES):
            file.seek(i * (size - SAMPLE_BYTES) // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()
