"""Coverage and novelty over mean hidden states, alone or after another strategy.

- `coverage`: facility location (submodular, greedy): each pick is the trace that raises the summed
  similarity of all traces to their nearest pick most.
- `center`: k-center, the farthest point first: each pick is the trace farthest from all picks.
- `NAME+coverage` and `NAME+center`: NAME orders the pool, the order is cut into fifths, and each fifth is
  put in order by coverage in itself. So the best fifth is spread out before the second fifth begins:
  what Superfiltering.D does to its best 20 %.
- `NAME+novelty`: from the top of NAME's order, a trace whose cosine with a kept one is over 0.9 goes
  behind all kept ones (DEITA's filter).

Hidden states of a language model share a common part that lifts all cosines (Ethayarajh 2019, arXiv
1909.00512) by an amount that depends on the model, so the mean over the pool is taken off first. DEITA's
embeddings come from another model and keep their mean.

Late picks say little and cost much: after `MOST_PICKS` of them the rest of their tier follows as it is
least covered by those (facility location) or in the order that it had (k-center), and later tiers keep
their order. Ties break by the order before, which is by uid where there was none. Traces without a hidden
state go to the end, as not scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.select.coverage import coverage_order, k_center, novelty_filter
from titrant.select.strategies.base import Placed
from titrant.select.strategies.order import parted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.select.candidates import Candidates


class Spread(NamedTuple):
    """A way to put rows in order so that the first of them lie all over."""

    name: str
    order: Callable[[np.ndarray, int], np.ndarray]
    """Positions of all rows of an embedding, float32 [rows, width]: k ≥ 1 picks, then the others."""


FIFTHS = (0.2, 0.2, 0.2, 0.2, 0.2)
MOST_PICKS = 4096
"""The default recipe's top dose: 256 updates of 16 rows."""
MOST_ALIKE = 0.9
"""DEITA's threshold on cosine similarity."""
NO_STATE = "not scored: no hidden state, or none that differs from the pool's mean"
ROUNDING = 1e-9
"""Five fifths are the whole, whatever floats say."""


def by_facility(states: np.ndarray, k: int) -> np.ndarray:
    """All rows by facility location, int64 [rows]; the first `k` are picks."""
    return coverage_order(states, first=k)


def by_center(states: np.ndarray, k: int) -> np.ndarray:
    """All rows by k-center, int64 [rows]; the first `k` are picks."""
    picks = k_center(states, k).rows
    return np.concatenate([picks, np.setdiff1d(np.arange(len(states)), picks)])


FACILITY = Spread("facility location", by_facility)
CENTER = Spread("k-center", by_center)


def place_coverage(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """The whole pool by facility location."""
    return within_tiers(candidates, _by_uid(candidates), shares=(1.0,))


def place_center(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """The whole pool by k-center."""
    return within_tiers(candidates, _by_uid(candidates), shares=(1.0,), spread=CENTER)


def then_coverage(candidates: Candidates, placed: list[Placed]) -> list[Placed]:
    """Facility location inside each fifth of an order."""
    return within_tiers(candidates, placed, shares=FIFTHS)


def then_center(candidates: Candidates, placed: list[Placed]) -> list[Placed]:
    """k-center inside each fifth of an order."""
    return within_tiers(candidates, placed, shares=FIFTHS, spread=CENTER)


def within_tiers(
    candidates: Candidates,
    placed: list[Placed],
    *,
    shares: Sequence[float],
    spread: Spread = FACILITY,
) -> list[Placed]:
    """An order cut into tiers, each put in another order; what follows the tiers stays as it is.

    Args:
        candidates: the pool.
        placed: the order; what it ruled out stays behind.
        shares: of the rows that are not ruled out, tier by tier.
        spread: what puts the rows of a tier in order.
    """
    states = centred(candidates)
    kept, last = _with_state(placed, states)
    ends = np.ceil(np.cumsum(shares) * len(kept) - ROUNDING).astype(int).tolist()
    rows: list[Placed] = []
    budget = MOST_PICKS
    for number, end in enumerate(ends, start=1):
        tier = kept[len(rows) : end]
        k = min(len(tier), budget)
        budget -= k
        positions = range(len(tier))
        if k:
            positions = spread.order(states[[row.at for row in tier]], k).tolist()
        for place, i in enumerate(positions, start=1):
            parts = (tier[i].reason, _tier(shares, number), _place(place, k, spread.name))
            rows.append(Placed(tier[i].at, "; ".join(part for part in parts if part)))
    return rows + kept[len(rows) :] + last


def _tier(shares: Sequence[float], number: int) -> str:
    if len(shares) > 1:
        return f"tier {number} of {len(shares)}"
    return "" if shares[0] == 1 else f"best {shares[0]:.0%}"


def _place(place: int, k: int, name: str) -> str:
    if not k:
        return ""
    return f"pick {place} by {name}" if place <= k else f"after {k} picks by {name}"


def without_likes(candidates: Candidates, placed: list[Placed]) -> list[Placed]:
    """An order with the traces that are too like an earlier one behind the others."""
    states = centred(candidates)
    kept, last = _with_state(placed, states)
    walk = np.array([row.at for row in kept], dtype=np.int64)
    novel = set(walk[novelty_filter(states, walk, threshold=MOST_ALIKE)].tolist())
    alike = [
        Placed(row.at, f"{row.reason}; too like one before it", is_last=True)
        for row in kept
        if row.at not in novel
    ]
    return [row for row in kept if row.at in novel] + alike + last


def centred(candidates: Candidates) -> np.ndarray:
    """Mean hidden states less their mean over the pool, float32 [candidates, width]; NaN stays NaN."""
    states = candidates.hidden()
    known = np.asarray(np.isfinite(states).all(axis=1))
    mean = states[known].mean(axis=0, dtype=np.float64) if known.any() else 0.0
    return np.where(known[:, None], states - mean, np.nan).astype(np.float32)


def _with_state(placed: Sequence[Placed], states: np.ndarray) -> tuple[list[Placed], list[Placed]]:
    known = np.asarray(np.isfinite(states).all(axis=1) & states.any(axis=1))
    kept, last = parted(placed)
    without = [Placed(row.at, NO_STATE, is_last=True) for row in kept if not known[row.at]]
    return [row for row in kept if known[row.at]], last + without


def _by_uid(candidates: Candidates) -> list[Placed]:
    return [Placed(i, "") for i in range(len(candidates))]
