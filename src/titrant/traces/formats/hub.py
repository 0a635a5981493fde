"""Rows through `datasets`: hub ids and folders made by `save_to_disk`.

`datasets` belongs to the extra `train` and is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from titrant.errors import DataError
from titrant.lazy import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BATCH_ROWS = 1024


def is_saved_dataset(path: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def open_saved(path: Path, split: str) -> Iterator[Any]:
    """Rows of a data set that was saved to disk; of one split, where it has splits.

    Raises:
        DataError: the folder is damaged, or has no such split.
    """
    load_from_disk = load("datasets:load_from_disk")
    try:
        dataset = load_from_disk(str(path))
    except (OSError, ValueError) as error:
        raise _unusable(str(path), error) from error
    if isinstance(dataset, dict):
        if split not in dataset:
            raise DataError(
                f"{path} has no split '{split}'",
                expected=f"a split among: {', '.join(sorted(dataset))}",
                do="choose one with `split:` (--split)",
            )
        dataset = dataset[split]
    return _arrow_rows(dataset)


def open_hub(
    name: str, *, split: str, config: str | None, revision: str | None, is_part: bool
) -> Iterator[Any]:
    """Rows of a hub data set; `is_part` streams it, so that the whole is not downloaded.

    Raises:
        DataError: there is no such data set, configuration, split or revision, or no network.
    """
    load_dataset = load("datasets:load_dataset")
    try:
        dataset = load_dataset(name, config, split=split, revision=revision, streaming=is_part)
    except Exception as error:  # whatever its network library raises
        raise _unusable(name, error) from error
    return iter(dataset) if is_part else _arrow_rows(dataset)


def _arrow_rows(dataset: Any) -> Iterator[Any]:  # noqa: ANN401 - a Dataset of datasets
    for table in dataset.with_format("arrow").iter(batch_size=BATCH_ROWS):
        yield from table.to_pylist()


def _unusable(name: str, error: Exception) -> DataError:
    return DataError(
        f"the data set {name} cannot be opened",
        expected="a file, a folder, or a hub id owner/name with its split and configuration",
        came=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}",
        do="check the name, `split:`, `config:` and `revision:`, and whether the hub is reachable",
    )
