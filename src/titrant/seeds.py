"""Seeds are hashes of labels: no two streams meet, and the order of use does not matter.

`derive(root, "arm", "random", 64, 3)` is the first 63 bits of the SHA-256 of the labels' JSON.
Adding numbers to a root seed is never done: seed 1 item 0 would be seed 0 item 1.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Label = str | int | float | bool | None


def derive(root: int, *labels: Label) -> int:
    """A seed in [0, 2**63) that depends on the root seed and every label, and on nothing else."""
    text = json.dumps([root, *labels], separators=(",", ":"), ensure_ascii=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def derive_rng(root: int, *labels: Label) -> np.random.Generator:
    """A numpy generator seeded with `derive(root, *labels)`."""
    import numpy as np

    return np.random.default_rng(derive(root, *labels))
