"""Recipes that put two numbers together, or a number and coverage.

- `deita` (Liu et al., ICLR 2024, arXiv 2312.15685): complexity × quality, then a walk from the top that
  skips what is too like a trace already kept (cosine > 0.9). Its two scores come from fine-tuned
  models that grade 1 to 6; here complexity is 1 − pass rate of the base and quality the percentile of
  the trace's mean confidence, so both lie in [0, 1]. DEITA sums over the turns of a conversation; a
  trace has one.
- `superfiltering-d` (Li et al., arXiv 2402.00530, "Superfiltering.D"): the best 20 % by IFD as a ratio
  of perplexities, inside them facility location. The rest follows by IFD, over 1 at the end. The
  original scores with GPT-2; here with the base.
- `select2reason` (Yang et al., arXiv 2505.17266): w × difficulty + (1 − w) × length. Difficulty is
  1 − pass rate of the base (the original trains a model to predict it), length its percentile in the
  pool. Their w is not known to us, so there is a grid: `-25`, `-75` and the even one; w = 0 is
  `longest` and w = 1 is `hardest`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.select.strategies.cover import within_tiers, without_likes
from titrant.select.strategies.order import by_value, percentiles
from titrant.select.strategies.signal import DIFFICULTY, by_ifd

if TYPE_CHECKING:
    import numpy as np

    from titrant.select.candidates import Candidates
    from titrant.select.strategies.base import Place, Placed

BEST_SHARE = 0.2
"""Share of the pool inside which Superfiltering.D looks for coverage."""

_by_ifd = by_ifd("ifd")


def place_deita(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """Hard and confident first, then what is not too like one before it."""
    hard = 1.0 - candidates.signal(DIFFICULTY)
    sure = percentiles(candidates.signal("confidence"))
    score = hard * sure

    def say(i: int) -> str:
        return f"score {score[i]:.3f} (difficulty {hard[i]:.2f} × confidence {sure[i]:.2f})"

    return without_likes(candidates, by_value(score, say, first="high"))


def place_superfiltering_d(candidates: Candidates, rng: np.random.Generator) -> list[Placed]:
    """Facility location inside the best fifth by IFD, then the rest by IFD."""
    return within_tiers(candidates, _by_ifd(candidates, rng), shares=(BEST_SHARE,))


def select2reason(w: float) -> Place:
    """The strategy with weight `w` on difficulty, in [0, 1]."""

    def place(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
        hard = 1.0 - candidates.signal(DIFFICULTY)
        long = percentiles(candidates.lengths.values)
        score = w * hard + (1.0 - w) * long

        def say(i: int) -> str:
            return f"score {score[i]:.3f} (difficulty {hard[i]:.2f}, length {long[i]:.2f})"

        return by_value(score, say, first="high")

    return place
