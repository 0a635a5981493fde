"""Strategies by one number of each trace: a signal, the base's pass rate, a score made elsewhere.

A signal's own name ranks by it in the direction that the signal itself prefers. Besides these:

- `confidence-low`: the wrong way round, as a control. If it does as well as `confidence`, the
  direction carried nothing.
- `perplexity` (also `perplexity-mid`): nearest to the pool's median first, so that the first half of
  the ranking is the 25th to 75th percentile. Cherry (arXiv 2308.12032) warms its scoring model up on
  that range, and pruning studies of pretraining found the middle best (Marion et al., arXiv
  2309.04564). `perplexity-low` and `perplexity-high` are the two ends.
- `ifd`, `ifd-loss`: high first, but over 1 goes to the end: there the question makes the answer less
  likely, which Cherry takes for a mismatch of both. `ifd` is the ratio of perplexities that
  Superfiltering's code uses, `ifd-loss` Cherry's ratio of losses; both cross 1 at the same traces.
- `difficulty`: the base's pass rate on the trace's question; bands between the hardest and the easiest
  first, in each nearest to the middle of the cuts first. `easiest` and `hardest` are the ends. `hardest` begins
  with questions that the base never solved, and these include questions whose gold answer is wrong.
- `influence` (LESS) and `judge`: high first, read from the score table.

Left out: thresholds. A published recipe that keeps "the top 10 %" is a prefix of a ranking here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.select.strategies.order import by_value, nearest_first, percentiles, ruled_out
from titrant.signals.base import signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from titrant.select.candidates import Candidates
    from titrant.select.strategies.base import Place, Placed
    from titrant.select.strategies.order import End

DIFFICULTY, BAND = "difficulty", "difficulty-band"
"""Pass rate of the base on the trace's question, in [0, 1], and its band, 0 the hardest. The band is that of
right answers / answers; the rate is a posterior mean, so it lies nearer to the pool's than its band says."""
MOST_IFD = 1.0


def by_signal(name: str, *, first: End | None = None) -> Place:
    """The strategy that goes by a registered signal.

    Args:
        name: of the signal.
        first: the end that comes first; default: the one that the signal prefers.
    """

    def place(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
        signal = signals.get(name)
        values = candidates.signal(name)
        say = _saying(name, values, "" if signal.unit in name else f" {signal.unit}")
        return by_value(values, say, first=first or signal.prefer)

    return place


def by_score(name: str, what: str, *, first: End = "high") -> Place:
    """The strategy that goes by a column of the score table which is no registered signal."""

    def place(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
        values = candidates.signal(name)
        return by_value(values, _saying(what, values), first=first)

    return place


def by_ifd(name: str) -> Place:
    """High first, over 1 to the end."""

    def place(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
        values = candidates.signal(name)
        say = _saying(name, values)

        def why_not(i: int) -> str | None:
            over = values[i] > MOST_IFD
            return f"{say(i)}, over 1: the question makes the answer less likely" if over else None

        return ruled_out(by_value(values, say, first="high"), why_not)

    return place


def place_middle_perplexity(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """Nearest to the median first, by percentile."""
    values = candidates.signal("perplexity")
    shares = percentiles(values)
    return nearest_first(
        shares, 0.5, lambda i: f"perplexity {values[i]:.4g}, percentile {100 * shares[i]:.0f}"
    )


def place_middle_difficulty(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """The bands between the outer two first, nearest to the middle of the cuts first."""
    rates, bands = candidates.signal(DIFFICULTY), candidates.signal(BAND)
    cuts, hardest, easiest = candidates.bands, 0, len(candidates.bands)

    def say(i: int) -> str:
        name = {hardest: "the hardest", easiest: "the easiest"}.get(int(bands[i]), "a middle")
        return f"pass rate {rates[i]:.3g}, {name} band"

    # A rate is at most 1 from the middle, so no outer question comes before an inner one.
    is_outer = (bands == hardest) | (bands == easiest)
    return nearest_first(
        np.abs(rates - (cuts[0] + cuts[-1]) / 2)
        + np.where(np.isnan(bands), np.nan, 2.0 * is_outer),
        0.0,
        say,
    )


def by_difficulty(first: End) -> Place:
    """By the base's pass rate; a high one is an easy question."""

    def place(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
        rates = candidates.signal(DIFFICULTY)
        return by_value(rates, lambda i: f"the base solves it at {rates[i]:.3g}", first=first)

    return place


def _saying(what: str, values: np.ndarray, unit: str = "") -> Callable[[int], str]:
    return lambda i: f"{what} {values[i]:.4g}{unit}"
