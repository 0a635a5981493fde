"""Models from the Hugging Face hub, as local folders of one commit."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from titrant.errors import DataError

TEXT_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken"]
SAFE_WEIGHTS, OLD_WEIGHTS = "*.safetensors", "pytorch_model*.bin"
OTHER_FORMATS = ["original/*", "onnx/*", "consolidated*", "*.gguf"]
"""The same weights again, in layouts that are not read here."""


def download(repo: str, revision: str | None, *, with_code: bool) -> Path:
    """The folder of a model in the local cache, named by its commit hash; fetched where needed.

    Without a network the cached commit is taken, if there is one.

    Args:
        repo: hub id.
        revision: branch, tag or commit; `None`: the default branch.
        with_code: fetch Python files too, for models that bring their own code.

    Raises:
        DataError: no such model or revision, no access, or no network and no copy.
    """
    patterns = TEXT_FILES + (["*.py"] if with_code else [])
    folder = _snapshot(repo, revision, [*patterns, SAFE_WEIGHTS])
    if not any(folder.glob(SAFE_WEIGHTS)):
        folder = _snapshot(repo, folder.name, [*patterns, OLD_WEIGHTS])
    return folder


def _snapshot(repo: str, revision: str | None, patterns: list[str]) -> Path:
    wanted = f"{repo}@{revision}" if revision else repo
    try:
        folder = snapshot_download(
            repo, revision=revision, allow_patterns=patterns, ignore_patterns=OTHER_FORMATS
        )
    except GatedRepoError as error:
        raise DataError(
            f"no access to {repo}, which is gated",
            do="accept its terms on its hub page, then log in with: hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise DataError(
            f"{repo} has no revision {revision}", do="correct base.revision, or leave it out"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise _not_found(wanted, "no such folder, and no such model on the hub") from error
    except (LocalEntryNotFoundError, HfHubHTTPError) as error:
        raise _not_found(wanted, "no such folder, and the hub cannot be reached") from error
    return Path(folder)


def _not_found(wanted: str, came: str) -> DataError:
    return DataError(
        f"there is no model {wanted}",
        expected="a model folder, a hub id such as owner/name, or vitro:<name>",
        came=came,
        do="check the spelling of base.path, or fetch the model first: hf download " + wanted,
    )
