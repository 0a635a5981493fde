"""Rearrangements in which nothing gets back what it had, nor anything equal to it.

Places with equal keys are laid side by side, and each takes from the place `most` further on, round
a circle, where `most` is how often the commonest key occurs. No key then meets itself, unless one
holds more than half of the places; then as few as possible do. Random swaps that keep this mix the
result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy as np


def derange(keys: Sequence[Hashable], rng: np.random.Generator) -> list[int]:
    """For each place, the place that it takes from: a permutation that depends on chance.

    Args:
        keys: what may not meet itself, by place.
        rng: chance.

    Example:
        >>> import numpy as np
        >>> derange(["a", "b"], np.random.default_rng(0))
        [1, 0]
    """
    n = len(keys)
    groups: dict[Hashable, list[int]] = {}
    for i in rng.permutation(n).tolist():
        groups.setdefault(keys[i], []).append(i)
    if len(groups) < 2:
        return list(range(n))
    ring = [i for group in groups.values() for i in group]
    most = max(map(len, groups.values()))
    taken = [0] * n
    for j, i in enumerate(ring):
        taken[i] = ring[(j + most) % n]
    for i, j in enumerate(rng.integers(n, size=n).tolist()):
        if keys[taken[j]] != keys[i] and keys[taken[i]] != keys[j]:
            taken[i], taken[j] = taken[j], taken[i]
    return taken
