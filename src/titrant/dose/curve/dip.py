"""Small doses that lie under the base: a dip that no shape of the fit can follow.

Every curve starts at the base. A few traces can break the answer format before more of them teach
it, and then small doses read under the base; the fit averages floor and dip. What is done about it is
to say so: a dose under the base by more than the margin, tested one-sided with the problems paired
and the seed noise integrated (known from the seeds alone), Holm-corrected over the doses between base and top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import norm

from titrant.dose.curve.evidence import seed_weights
from titrant.dose.judge.holm import holm

if TYPE_CHECKING:
    from titrant.dose.curve.noise import DoseMeans


class Dip(NamedTuple):
    """A dose that reads under the base by more than the margin."""

    dose: int
    depth: float
    """Base less dose, in accuracy; positive."""
    p: float
    """Adjusted for the number of doses."""


def find_dips(means: DoseMeans, *, margin: float, confidence: float) -> tuple[Dip, ...]:
    """The doses between base and top that dip, ascending; the tail is that of the intervals."""
    inner = range(1, len(means.doses) - 1)
    p = holm([_p_value(means, row, margin) for row in inner])
    return tuple(
        Dip(int(means.doses[row]), float(means.mean[0] - means.mean[row]), float(value))
        for row, value in zip(inner, p, strict=True)
        if value <= (1 - confidence) / 2
    )


def _p_value(means: DoseMeans, row: int, margin: float) -> float:
    """Chance of a reading this low where the dose were at base − margin."""
    sd = np.sqrt(means.problem_variance(row, 0) + means.seed_variance[:, row] + 1e-12)
    shift = float(means.mean[row] - means.mean[0]) + margin
    return float(seed_weights(means) @ norm.cdf(shift / sd))
