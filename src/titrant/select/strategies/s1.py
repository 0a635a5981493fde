"""The recipe of s1K (Muennighoff et al., arXiv 2501.19393, §2.2), for any pool.

1. Quality: out goes what is broken, which is unfinished, truncated or unreadable. Wrong traces stay,
   as in s1, where 53.6 % were correct.
2. Difficulty: out goes what the base solves, which is a pass rate of 1/2 or more.
3. Diversity: a domain is drawn uniformly, then a trace of it with P ∝ 2^−rank, rank 0 for the longest
   of those left; without replacement, until nothing is left.

Where we depart from s1:
- It calls solved what either of two models (Qwen2.5-7B and 32B) answers rightly in one try, and
  they are not the base that it trains. Here it is the base, over several tries.
- It starts with 384 rows from sets that it trusts (all AIME, all GPQA, long MATH traces), where the
  teacher is right. A general pool has no such list.
- Its code draws from the domains of AIME and GPQA only after 700 rows, which the paper does not say.
- Domains are those of the pool's own column, not the labels of a language model. Traces without one
  are one domain; in a pool without domains the recipe comes down to lengths.
- It stops at 1,000 rows; here the draw goes on, so that every dose is a prefix.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from titrant.select.strategies.base import Placed
from titrant.select.strategies.order import by_value, parted, ruled_out
from titrant.select.strategies.signal import DIFFICULTY
from titrant.traces.record import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from titrant.select.candidates import Candidates
    from titrant.traces.record import Trace

SOLVED = 0.5
"""Pass rate from which a question counts as solved by the base; the rate is a posterior mean (`difficulty`)."""


def place_s1(candidates: Candidates, rng: np.random.Generator) -> list[Placed]:
    """Broken and solved ones out, then domains at random and long traces likely."""
    rates = candidates.signal(DIFFICULTY)
    hardest = by_value(rates, lambda _: "", first="low")
    sound = ruled_out(hardest, lambda i: fault(candidates.traces[i]))
    solved = ruled_out(sound, lambda i: _solved(float(rates[i])))
    left, last = parted(solved)
    return _drawn(candidates, [row.at for row in left], rng) + last


def fault(trace: Trace) -> str | None:
    """Why a trace is broken; `None` for a sound one, be its answer right or wrong."""
    if trace.unfinished or trace.verdict is Verdict.TRUNCATED:
        return "out for quality: truncated"
    if trace.verdict is Verdict.UNREADABLE:
        return "out for quality: no readable answer"
    return None


def _solved(rate: float) -> str | None:
    return f"out for difficulty: the base solves it at {rate:.3g}" if rate >= SOLVED else None


def _drawn(
    candidates: Candidates, positions: Sequence[int], rng: np.random.Generator
) -> list[Placed]:
    values, unit = candidates.lengths
    domains: dict[str, list[int]] = defaultdict(list)
    # Longest at the end of its list, where taking one out is cheap; ties: the lower position is longer.
    for i in sorted(positions, key=lambda i: (values[i], -i)):
        domains[candidates.traces[i].domain].append(i)
    names, rows = sorted(domains), []
    while names:
        name = names[int(rng.integers(len(names)))]
        members = domains[name]
        rank = geometric_rank(float(rng.random()), len(members))
        place = f"number {rank + 1} of {len(members)} by length"
        at = members.pop(-1 - rank)
        shown = f"domain {name} drawn" if name else "drawn"
        rows.append(Placed(at, f"{shown}, {place}: {values[at]:.0f} {unit}"))
        if not members:
            names.remove(name)
    return rows


def geometric_rank(u: float, n: int) -> int:
    """A rank in 0 … n − 1 with P ∝ 2^−rank, from `u` uniform in [0, 1).

    The inverse of the distribution function (1 − 2^−(rank + 1)) / (1 − 2^−n).
    """
    mass = 1.0 - 0.5**n
    return min(int(-math.log2(1.0 - u * mass)), n - 1)
