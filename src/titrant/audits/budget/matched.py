"""The base at the tokens of the arms, and the curve of accuracy against tokens.

The curve shows the base's vote at 1, 2, 4 … times its own tokens up to twice those of the arms; a point needs
draws for all but `MOST_SHORT` of the problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.audits.base import Plot, Point
from titrant.audits.budget.spend import spend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from titrant.audits.budget.ledger import Ledger
    from titrant.audits.budget.spend import Purse
    from titrant.audits.faithfulness.interval import Means

MOST_SHORT = 0.05
"""Share of problems that may run out of draws."""
ENDS = (0.0, 1.0)


class Matched(NamedTuple):
    """The base at the tokens of the arms, mean over arms."""

    is_right: np.ndarray
    """float64 [problems]."""
    tokens: np.ndarray
    """float64 [problems]."""
    short: float
    """Share of problems and arms that ran out of draws; NaN without any."""

    @property
    def is_served(self) -> bool:
        """Whether the base had the draws for the arms' tokens, but for `MOST_SHORT` of the problems."""
        return self.short <= MOST_SHORT


def match_tokens(purse: Purse, budget: np.ndarray) -> Matched:
    """The base's votes for each arm's tokens [arms, problems]."""
    known = np.isfinite(budget)
    spent = [spend(purse, np.where(ok, b, 0.0)) for b, ok in zip(budget, known, strict=True)]
    right = np.where(known, [s.is_right for s in spent], np.nan)
    tokens = np.where(known, [s.tokens for s in spent], np.nan)
    short = np.array([s.is_short for s in spent])[known]
    return Matched(
        mean_over_arms(right), mean_over_arms(tokens), float(short.mean()) if len(short) else np.nan
    )


def mean_over_arms(values: np.ndarray) -> np.ndarray:
    """Mean over arms that are known; NaN where none is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.divide(total, count, where=count > 0, out=np.full(len(total), np.nan))


def curve_plot(ledger: Ledger, matched: Matched, means: Means) -> Plot:
    """Accuracy against tokens: the base's votes, and the tuned arms' single answers."""
    points = list(_curve("base, vote", ledger.plain, ledger.tokens.tuned, means))
    if ledger.thinking is not None:
        points += _curve("base made to think, vote", ledger.thinking, ledger.tokens.tuned, means)
    pairs = (
        ("base, at the arms' tokens", matched.tokens, matched.is_right),
        ("tuned, one answer", ledger.tokens.tuned, ledger.right.tuned),
    )
    for series, tokens, right in pairs:
        x = means.of(tokens).value.estimate
        if x is not None:
            y = means.of(right, ENDS).value
            points.append(Point(label=series, series=series, x=x, y=y))
    return Plot(
        title="Accuracy against tokens",
        x_name="tokens per problem",
        y_name="accuracy",
        unit="share",
        points=tuple(points),
    )


def _curve(series: str, purse: Purse, budget: np.ndarray, means: Means) -> Iterator[Point]:
    """The base's vote at doublings of its own tokens, up to twice the arms'."""
    each, most = purse.mean_tokens, 2 * mean_over_arms(budget)
    known = np.isfinite(each) & np.isfinite(most)
    if not known.any() or not each[known].mean() > 0:
        return
    factor = 1
    while factor * each[known].mean() <= most[known].mean():
        spent = spend(purse, np.where(known, factor * each, 0.0))
        if spent.is_short[known].mean() > MOST_SHORT:
            return
        x, y = float(spent.tokens[known].mean()), means.of(spent.is_right[known], ENDS).value
        yield Point(label=f"{factor}×", series=series, x=x, y=y)
        factor *= 2
