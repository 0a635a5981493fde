"""A share of n with Wilson's interval, as an Estimate; by statsmodels."""

from __future__ import annotations

from typing import Any, cast

from statsmodels.stats.proportion import proportion_confint

from titrant.estimate import Estimate


def wilson(share: float, n: int, level: float) -> Estimate:
    """The interval of a share that was seen in n problems.

    Args:
        share: in [0, 1]; need not be a whole number of n, where each is a mean over arms.
        n: problems, which are independent; 0 gives nothing.
        level: confidence level.

    Example:
        >>> found = wilson(0.5, 100, 0.95)
        >>> round(found.low, 3), round(found.high, 3)
        (0.404, 0.596)
    """
    if n == 0:
        return Estimate(estimate=None, low=None, high=None, level=level, n=0)
    ends = cast("tuple[Any, Any]", proportion_confint(share * n, n, 1 - level, method="wilson"))
    return Estimate(
        estimate=share,
        low=max(0.0, float(ends[0])),
        high=min(1.0, float(ends[1])),
        level=level,
        n=n,
    )
