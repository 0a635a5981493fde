"""A share of a gain: the ratio of two estimated differences, with Fieller's interval.

    share = A / B,  with estimates a, b, their variances and covariance

Fieller's interval holds all θ that the test of A − θB = 0 does not refuse:

    (a − θb)² ≤ t² (v_a − 2θ c + θ² v_b)

a quadratic in θ. It is an interval only while b is told apart from 0 (b² > t² v_b); else it is the whole
line or the outside of an interval, and no number can be given. Nothing is clipped: a share may be under
0 or over 1. We ask for more: the share is undefined where b is not over 0, since a loss has no parts that
anything gained, and where b is under two standard errors, since a ratio to a gain that may be nothing says
nothing.

Source: Fieller (1954), *Some problems in interval estimation*, JRSS B 16. The t quantile takes the degrees
of freedom of the noise between arms; with problems alone they are many and it is the normal one.
"""

from __future__ import annotations

import math

from scipy.stats import t as student

from titrant.estimate import Estimate

FEWEST_ERRORS = 2.0
"""Standard errors of the denominator under which there is no share."""


def ratio_interval(
    num: float,
    den: float,
    *,
    var_num: float,
    var_den: float,
    cov: float,
    df: float,
    level: float,
) -> Estimate:
    """The ratio `num / den` with Fieller's interval.

    Args:
        num: estimate of the numerator.
        den: estimate of the denominator, the gain.
        var_num: variance of `num`.
        var_den: variance of `den`.
        cov: their covariance.
        df: degrees of freedom of the variances; `math.inf` for known ones.
        level: confidence level.

    Returns:
        Nothing in it but the level where `den` is not over 0 or under two standard errors, or where an input
        is NaN; no ends where the interval is unbounded at this level.

    Example:
        >>> ratio_interval(5.0, 10.0, var_num=0.0, var_den=0.0, cov=0.0, df=10, level=0.9).estimate
        0.5
    """
    none = Estimate(estimate=None, low=None, high=None, level=level)
    if not all(map(math.isfinite, (num, den, var_num, var_den, cov))):
        return none
    if den <= 0 or den < FEWEST_ERRORS * math.sqrt(max(var_den, 0.0)):
        return none
    quantile = float(student.ppf(0.5 + level / 2, df))
    ends = _ends(num, den, (var_num, var_den, cov), quantile**2)
    low, high = ends or (None, None)
    return Estimate(estimate=num / den, low=low, high=high, level=level)


def _ends(
    num: float, den: float, noise: tuple[float, float, float], bar: float
) -> tuple[float, float] | None:
    """Roots of the quadratic in the module docstring; `None` where it does not bound the share."""
    var_num, var_den, cov = noise
    square = den**2 - bar * var_den
    if square <= 0:
        return None
    middle = num * den - bar * cov
    rest = num**2 - bar * var_num
    root = math.sqrt(max(middle**2 - square * rest, 0.0))
    return (middle - root) / square, (middle + root) / square
