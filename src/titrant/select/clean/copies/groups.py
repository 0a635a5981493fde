"""From pairs that are alike to groups: which rows are copies of which.

Being alike does not carry over: A may be like B and B like C while A is not like C. So groups are not the
connected components of the pairs. Inside each component the units are taken in their order of priority; one
that is like a unit kept before becomes a copy of the most similar such unit, else it is kept itself. Every
copy is therefore as similar to the unit it is a copy of as was asked for, measured and not inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_KEPT = 64
"""A unit is compared with so many kept units of its component, the last ones."""


class Copy(NamedTuple):
    """A unit that repeats another one."""

    unit: int
    similarity: float
    """To the kept unit, in [0, 1]."""


class Group(NamedTuple):
    """A kept unit and its copies."""

    kept: int
    copies: tuple[Copy, ...]


class Compare(Protocol):
    """How similar one unit is to others."""

    def __call__(self, i: int, others: Sequence[int], /) -> np.ndarray:
        """Similarities in [0, 1]; 0 where a unit is no copy whatever its wording."""
        ...


def group_pairs(
    pairs: np.ndarray, priority: Sequence[tuple[bool, str]], compare: Compare, threshold: float
) -> list[Group]:
    """Groups of copies.

    Args:
        pairs: units that are alike, int [pairs, 2].
        priority: of every unit; of two copies the one with the lesser value is kept.
        compare: measures similarity.
        threshold: from which similarity on a unit is a copy.
    """
    groups: list[Group] = []
    for members in _components(pairs):
        kept: list[int] = []
        copies: dict[int, list[Copy]] = {}
        for unit in sorted(members, key=lambda i: priority[i]):
            nearest = _nearest(unit, kept[-MOST_KEPT:], compare)
            if nearest is not None and nearest.similarity >= threshold:
                copies.setdefault(nearest.unit, []).append(Copy(unit, nearest.similarity))
            else:
                kept.append(unit)
        groups += [Group(unit, tuple(copies[unit])) for unit in kept if unit in copies]
    return sorted(groups)


def _nearest(unit: int, kept: Sequence[int], compare: Compare) -> Copy | None:
    if not kept:
        return None
    similarities = compare(unit, kept)
    best = int(np.argmax(similarities))
    return Copy(kept[best], float(similarities[best]))


def _components(pairs: np.ndarray) -> list[list[int]]:
    """Units that pairs connect, component by component."""
    if not len(pairs):
        return []
    units, ends = np.unique(pairs, return_inverse=True)
    ends = ends.reshape(pairs.shape)
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(units),) * 2)
    n, label = connected_components(links, directed=False)
    found: list[list[int]] = [[] for _ in range(n)]
    for unit, component in zip(units.tolist(), label.tolist(), strict=True):
        found[component].append(unit)
    return found
