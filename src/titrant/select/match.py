"""Matched controls: is a clever strategy more than the length, the difficulty or the source it prefers?

`NAME~length` goes through NAME's order rank by rank and puts in each place a trace drawn at random from
those of the same stratum that it has not used. So every prefix has, stratum by stratum, as many traces
as the same prefix of NAME: the same lengths, but not chosen for what NAME goes by. What NAME gains over
random and its control gains as well is a gain of length.

| control | strata |
|---|---|
| `~length` | 20 bins of the pool's lengths with about as many traces each; equal lengths stay together |
| `~difficulty` | ten bins of the base's pass rate, [0, 0.1) … [0.9, 1], and one for traces without |
| `~source`, `~domain` | the value |

No stratum can run out, since NAME orders the whole pool and the control draws from the whole pool: a
prefix of NAME cannot have more traces of a stratum than there are. The other side of it is that a control
leaves nothing out. It may take rows that NAME takes, and the more of the pool a dose is, the more
it does; at the whole pool they are the same set, in another order. It also takes what NAME has ruled out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.select.strategies.base import Placed
from titrant.select.strategies.signal import DIFFICULTY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.select.candidates import Candidates

LENGTH_BINS = 20
RATE_BINS = 10


class Strata(NamedTuple):
    """What a control holds fixed."""

    number: np.ndarray
    """Stratum of each candidate, int64 [candidates]."""
    names: tuple[str, ...]
    """What the traces of a stratum have in common, in words."""


def matched(
    placed: Sequence[Placed], strata: Strata, *, of: str, rng: np.random.Generator
) -> list[Placed]:
    """The control of an order.

    Args:
        placed: the order, of the whole pool.
        strata: of the same pool.
        of: name of the strategy that gave the order.
        rng: draws the traces.
    """
    waiting: list[list[int]] = [[] for _ in strata.names]
    for at in rng.permutation(len(placed)).tolist():
        waiting[strata.number[at]].append(at)
    rows = []
    for row in placed:
        stratum = int(strata.number[row.at])
        reason = f"random: {strata.names[stratum]}, as {of} has here"
        rows.append(Placed(waiting[stratum].pop(), reason))
    return rows


def by_length(candidates: Candidates) -> Strata:
    """Bins of length; fewer than 20 where lengths repeat."""
    values, unit = candidates.lengths
    if not len(values):
        return Strata(np.zeros(0, dtype=np.int64), ())
    shares = np.linspace(0, 1, LENGTH_BINS + 1)[1:-1]
    edges = np.unique(np.quantile(values, shares, method="higher"))
    raw = np.searchsorted(edges, values, side="left")
    used, number = np.unique(raw, return_inverse=True)
    names = []
    for stratum in range(len(used)):
        inside = values[number == stratum]
        names.append(f"{inside.min():.0f} to {inside.max():.0f} {unit}")
    return Strata(number, tuple(names))


def by_difficulty(candidates: Candidates) -> Strata:
    """Bins of the base's pass rate on the question."""
    rates = candidates.signal(DIFFICULTY)
    bins = np.minimum(np.floor(np.nan_to_num(rates) * RATE_BINS + 1e-9), RATE_BINS - 1)
    number = np.where(np.isnan(rates), RATE_BINS, bins).astype(np.int64)
    names = [
        f"pass rate {i / RATE_BINS:.1f} to {(i + 1) / RATE_BINS:.1f}" for i in range(RATE_BINS)
    ]
    return Strata(number, (*names, "pass rate unknown"))


def by_source(candidates: Candidates) -> Strata:
    """The source that each trace came from."""
    return _by_value("source", [trace.source for trace in candidates.traces])


def by_domain(candidates: Candidates) -> Strata:
    """The domain of each trace."""
    return _by_value("domain", [trace.domain for trace in candidates.traces])


def _by_value(what: str, values: Sequence[str]) -> Strata:
    names = sorted(set(values))
    number = {name: i for i, name in enumerate(names)}
    said = tuple(f"{what} {name}" if name else f"no {what}" for name in names)
    return Strata(np.array([number[value] for value in values], dtype=np.int64), said)


CONTROLS: dict[str, Callable[[Candidates], Strata]] = {
    "length": by_length,
    "difficulty": by_difficulty,
    "source": by_source,
    "domain": by_domain,
}
CONTROL_NEEDS: dict[str, frozenset[str]] = {"difficulty": frozenset({DIFFICULTY})}
"""What a control needs beyond the traces."""
