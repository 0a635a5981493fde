"""Facility location: rows that stand for all others, picked greedily.

    F(S) = Σ_i w_i max_{j ∈ S} s_ij,    s_ij = max(cosine, 0),    w_i ≥ 0

F is monotone and submodular, so picking the row of the largest gain each time reaches at least 1 − 1/e of
the best F of any k rows (Nemhauser, Wolsey & Fisher 1978). Superfiltering.D (Li et al. 2024, 2402.00530)
takes the best fifth of a pool by IFD and then picks 2 % this way; hand in the embedding of that fifth.

**How.** Lazy greedy (Minoux 1978) evaluates the candidate with the largest known upper bound until its
gain stands. There the bounds are gains of long ago; here they are kept current. A pick lifts the level
of some rows, and only these rows change any gain: all bounds fall by what these rows cost (`drops`), less
the share that float32 may err. A row is lifted about ln k times (measured: 6 for k = 1,000), so k picks
cost so many passes over the pairs, where plain greedy needs k; about one candidate per pick is then
evaluated in full. The picks are those of plain greedy.

**Ties.** Among candidates within 1e-6 · (best gain + largest weight) of the best gain, the first by index
is picked; float32 cannot tell them apart. Candidates sorted by uid so break ties by uid.

**Order.** The first m of k picks are the m picks. Once no candidate gains more than that, the rest
follow by index with gain 0 (copies of picked rows). Rows that are not scored (NaN, infinite, all zero)
represent nothing, count for nothing and come last, by index.

Pools up to √(budget_bytes / 4) rows are exact (16,384 at the default); larger ones see only each row's
nearest neighbours (`NeighbourSimilarity`), so a row far from all picks counts as not covered at all.

Left out: costs per row (knapsack), stochastic greedy, conditional gain over rows that are already picked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.errors import ConfigError, DataError
from titrant.select.coverage.similarity import (
    COPY,
    ROUNDING,
    DenseSimilarity,
    NeighbourSimilarity,
    unit_rows,
)

if TYPE_CHECKING:
    from titrant.select.coverage.similarity import Similarity

BUDGET_BYTES = 2**30
"""What a dense similarity may take."""
NEIGHBOURS = 128
"""Nearest rows that a row of a large pool sees."""
TIE = 1e-6
"""Gains that differ by less than this share of the best one and the largest weight are equal."""
EVALUATED_AT_ONCE = 32
"""Most candidates that are evaluated side by side."""
WHOLE = np.float32(1.00001)
"""Level of a row that a copy of it stands for: over every rounded cosine."""


class Picked(NamedTuple):
    """Rows in the order of picking. The first m are what a call for m rows gives."""

    rows: np.ndarray
    """Positions in the embedding, int64 [picks]."""
    gains: np.ndarray
    """What each pick added to F, float64 [picks], in units of weight; never rises beyond a tie."""


def facility_location(
    embedding: np.ndarray,
    k: int,
    *,
    weight: np.ndarray | None = None,
    candidate: np.ndarray | None = None,
    budget_bytes: int = BUDGET_BYTES,
    neighbours: int = NEIGHBOURS,
) -> Picked:
    """Pick `k` rows that represent all rows best.

    Args:
        embedding: [traces, width]; NaN rows where not scored.
        k: how many to pick; all of them is a ranking.
        weight: how much it counts that a row is represented, [traces], at least 0; default 1 each.
        candidate: rows that may be picked, bool [traces]; default all. The others are only represented.
        budget_bytes: what a dense similarity may take; a pool that needs more sees near rows only.
        neighbours: how many near rows each row then sees.

    Raises:
        ConfigError: `k` is not between 1 and the number of candidates, or `neighbours` is under 1.
        DataError: the embedding is no matrix, or weights or candidates do not fit it.

    Example:
        >>> rows = np.array([[1, 0], [1, 0.1], [0, 1], [1, 0]])
        >>> facility_location(rows, 2).rows.tolist()
        [1, 2]
    """
    search = _search(embedding, weight, candidate, _Held(budget_bytes, neighbours))
    n_candidates = search.n_candidates
    if not 1 <= k <= n_candidates:
        raise ConfigError(
            f"cannot pick {k} rows",
            expected=f"1 to {n_candidates}, the number of candidates",
            came=str(k),
            do="ask for fewer rows, or add traces to the pool",
        )
    return search.pick(k)


def coverage_order(
    embedding: np.ndarray,
    *,
    first: int | None = None,
    weight: np.ndarray | None = None,
    budget_bytes: int = BUDGET_BYTES,
    neighbours: int = NEIGHBOURS,
) -> np.ndarray:
    """Positions of all rows, int64 [traces]: a ranking by coverage.

    The first `first` rows are picked as in `facility_location` (default: all of them). The rest comes
    by decreasing distance from its nearest picked row, least covered first, ties (1e-6) by index; it is
    cheaper and does not see that one of these rows covers the next. Rows not scored come last.

    Raises:
        As `facility_location`.
    """
    n = len(embedding)
    k = n if first is None else min(first, n)
    search = _search(embedding, weight, None, _Held(budget_bytes, neighbours))
    picked = search.pick(k).rows
    left = np.ones(n, dtype=bool)
    left[picked] = False
    # Rows not scored stand at level 2: after every cosine.
    level = np.full(n, 2.0)
    level[search.at] = np.round(np.minimum(search.level, 1), 6)
    rest = np.flatnonzero(left)
    return np.concatenate([picked, rest[np.argsort(level[rest], kind="stable")]])


def coverage(embedding: np.ndarray, rows: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """F of a choice of rows over all pairs, in units of weight; rows not scored count for nothing.

    Divided by the sum of the weights of the scored rows it is a share between 0 and 1. Memory is one
    value per row and picked row, in blocks.

    Raises:
        DataError: the embedding is no matrix, or the weights do not fit it.
    """
    unit = unit_rows(embedding)
    counts = _weights(weight, len(embedding))[unit.at]
    chosen = unit.values[np.isin(unit.at, rows)]
    if not len(chosen):
        return 0.0
    level = np.empty(len(unit.at))
    size = max(1, 2**22 // len(chosen))
    for start in range(0, len(level), size):
        block = unit.values[start : start + size] @ chosen.T
        level[start : start + size] = block.max(axis=1)
    return float(counts @ np.clip(level, 0, 1))


class _Held(NamedTuple):
    """How pairs are held."""

    budget_bytes: int
    neighbours: int

    def make(self, unit: np.ndarray) -> Similarity:
        if 4 * len(unit) ** 2 <= self.budget_bytes:
            return DenseSimilarity(unit)
        return NeighbourSimilarity(unit, self.neighbours)


@dataclass(slots=True)
class _Search:
    """A greedy choice under way, over the scored rows."""

    similarity: Similarity
    at: np.ndarray
    """Position of each scored row in the embedding."""
    weight: np.ndarray
    """float32 [scored], 1 at most."""
    unit_of_weight: float
    """What a weight of 1 stands for."""
    bound: np.ndarray
    """Upper bound of each row's gain, float64 [scored]; -inf where it cannot be picked."""
    stale: np.ndarray
    """Whether the bound may be over the gain, bool [scored]."""
    level: np.ndarray
    """Similarity of each row to its nearest picked row, float32 [scored]."""
    unscored: np.ndarray
    """Candidates without a direction: positions in the embedding."""

    @property
    def n_candidates(self) -> int:
        """Rows that may still be picked."""
        return int(np.isfinite(self.bound).sum()) + len(self.unscored)

    def pick(self, k: int) -> Picked:
        """The next `k` picks."""
        rows, gains = np.empty(k, dtype=np.int64), np.zeros(k)
        for place in range(k):
            best, gain = self._best()
            if gain <= TIE:
                rest = np.concatenate([self.at[np.isfinite(self.bound)], self.unscored])
                rows[place:] = rest[: k - place]
                break
            rows[place], gains[place] = self.at[best], gain * self.unit_of_weight
            self._take(best)
        return Picked(rows, gains)

    def _best(self) -> tuple[int, float]:
        """The candidate that plain greedy picks next, and its gain; (0, 0.0) where none is left."""
        while True:
            top = self.bound.max(initial=-np.inf)
            if top <= TIE:
                return 0, 0.0
            near = self.bound >= top - TIE * (top + 1)
            due = np.flatnonzero(near & self.stale)
            if not len(due):  # the top bound is a gain, and so are those that tie with it
                first = int(np.argmax(near))
                return first, float(self.bound[first])
            if len(due) > EVALUATED_AT_ONCE:
                due = due[np.argpartition(-self.bound[due], EVALUATED_AT_ONCE)[:EVALUATED_AT_ONCE]]
            self.bound[due] = self.similarity.gains(due, self.level, self.weight)
            self.stale[due] = False

    def _take(self, row: int) -> None:
        """Let a row represent others, and let all bounds fall accordingly."""
        reached = self.similarity.row(row)
        reached[reached >= 1 - COPY] = WHOLE
        lifted = np.flatnonzero(reached > self.level)
        old, new = self.level[lifted], reached[lifted]
        drops = self.similarity.drops(lifted, old, new, self.weight[lifted])
        drops *= 1 - ROUNDING
        self.bound -= drops
        self.stale |= drops > 0
        self.bound[row] = -np.inf
        self.level[lifted] = new


def _search(
    embedding: np.ndarray,
    weight: np.ndarray | None,
    candidate: np.ndarray | None,
    held: _Held,
) -> _Search:
    if held.neighbours < 1:
        raise ConfigError(
            "a row must see at least one near row",
            expected="neighbours of 1 or more",
            came=str(held.neighbours),
            do="leave the default, or take some twice the pool's size over the number of picks",
        )
    unit = unit_rows(embedding)
    n = len(embedding)
    counts, may = _weights(weight, n)[unit.at], _candidates(candidate, n)
    largest = float(counts.max(initial=0.0))
    relative = (counts / (largest or 1.0)).astype(np.float32)
    similarity = held.make(unit.values)
    level = np.zeros(len(unit.at), dtype=np.float32)
    bound = similarity.gains(np.arange(len(level)), level, relative)
    bound[~may[unit.at]] = -np.inf
    scored = np.zeros(n, dtype=bool)
    scored[unit.at] = True
    unscored = np.flatnonzero(may & ~scored)
    stale = np.zeros(len(level), dtype=bool)
    return _Search(similarity, unit.at, relative, largest, bound, stale, level, unscored)


def _weights(weight: np.ndarray | None, n: int) -> np.ndarray:
    if weight is None:
        return np.ones(n)
    given = np.asarray(weight, dtype=np.float64)
    if given.shape != (n,) or not np.isfinite(given).all() or (given < 0).any():
        raise DataError(
            "weights do not fit the rows of the embedding",
            expected=f"{n} finite numbers, none under 0",
            came=f"shape {list(given.shape)}, {int((~(given >= 0)).sum())} under 0 or missing",
            do="give one weight per row; 0 for a row that need not be represented",
        )
    return given


def _candidates(candidate: np.ndarray | None, n: int) -> np.ndarray:
    if candidate is None:
        return np.ones(n, dtype=bool)
    given = np.asarray(candidate)
    if given.shape != (n,) or given.dtype != bool:
        raise DataError(
            "the mask of candidates does not fit the rows of the embedding",
            expected=f"{n} booleans",
            came=f"{given.dtype}, shape {list(given.shape)}",
            do="give True for each row that may be picked",
        )
    return given
