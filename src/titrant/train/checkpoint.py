"""Checkpoints inside a long arm: which one may be gone on from.

The trainer writes a checkpoint file by file, so a killed one leaves a half. A checkpoint counts only
with a seal, which is written last and lists every file with its size, and only if the seal carries
the fingerprint of this very training (rows, order, recipe, seeds).
"""

from __future__ import annotations

import hashlib
import json
from array import array
from typing import TYPE_CHECKING

from titrant.files import remove, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.train.plan_updates import UpdatePlan
    from titrant.train.render import Row

SEAL = "complete.json"


def fingerprint(rows: Sequence[Row], plan: UpdatePlan, *labels: object) -> str:
    """A hash of everything that fixes a training: rows, their order, and labels for the rest."""
    digest = hashlib.sha256(json.dumps([str(label) for label in labels]).encode())
    digest.update(f"{plan.rows_per_update}/{plan.rows_per_device}".encode())
    digest.update(plan.order.tobytes())
    for row in rows:
        digest.update(row.uid.encode())
        digest.update(array("q", row.input_ids + row.labels).tobytes())
    return digest.hexdigest()[:16]


def seal(checkpoint: Path, mark: str) -> None:
    """Declare a checkpoint whole."""
    sizes = {path.name: path.stat().st_size for path in _files(checkpoint)}
    write_text(checkpoint / SEAL, json.dumps({"fingerprint": mark, "sizes": sizes}))


def is_whole(checkpoint: Path, mark: str) -> bool:
    """Whether a checkpoint was finished, is unhurt, and belongs to this training."""
    try:
        stored = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
        sizes = {path.name: path.stat().st_size for path in _files(checkpoint)}
    except (OSError, ValueError):
        return False
    return stored.get("fingerprint") == mark and stored.get("sizes") == sizes


def last_whole(folder: Path, mark: str) -> Path | None:
    """The newest checkpoint to go on from; those that cannot be used are removed."""
    whole = []
    for checkpoint in folder.glob("checkpoint-*"):
        if is_whole(checkpoint, mark):
            whole.append(checkpoint)
        else:
            remove(checkpoint)
    return max(whole, key=_update_of, default=None)


def _update_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _files(checkpoint: Path) -> list[Path]:
    return [path for path in checkpoint.iterdir() if path.is_file() and path.name != SEAL]
