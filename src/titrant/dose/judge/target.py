"""The target that all strategies share, where their top doses hold different traces.

Δ is one gain for all: that of the whole pool, which is the same for every ranking, or, where the
budget cannot see the pool, that of the top dose of one reference strategy (`random` if it takes part,
else the first). Another strategy's curve h is 1 at its own top, where it gains g; it reaches
base + level × Δ at the smallest dose with h ≥ level × Δ/g, and never where no dose has that.

The ratio Δ/g is not known exactly. Both gains are read over the same base on the same problems, so
they are drawn together: from a normal with the problems' covariance and the variance of the arms'
seeds (at its posterior mean). The draws are taken as independent of the shape of h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from titrant.dose.curve.endpoint import Interval, contrast
from titrant.dose.curve.fit import fit
from titrant.dose.curve.noise import condense
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from titrant.dose.ladder.ladder import LadderPlan
    from titrant.dose.readings import ReadingTable
    from titrant.settings import LadderSettings

PREFERRED = "random"
"""The strategy whose top dose defines Δ, if it takes part."""
DRAWS = 4000
QUANTILES = 41
"""Equally likely values that stand for the ratio's distribution."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a strategy has to reach that is not a share of its own gain."""

    delta: Interval
    """Gain of the reference's top dose."""
    ratios: np.ndarray
    """Equally likely values of that gain over the strategy's own, ascending; ∞ where it has none."""


def reference_of(strategies: tuple[str, ...]) -> str:
    """The strategy whose top dose defines Δ."""
    return PREFERRED if PREFERRED in strategies else strategies[0]


def shared_target(
    table: ReadingTable, name: str, *, plan: LadderPlan, settings: LadderSettings
) -> Target | None:
    """The target of one strategy; `None` where its own top dose is the one that defines Δ.

    Also `None` where the reference's top dose was never read: the strategy then stands on its own.
    """
    reference = reference_of(plan.strategies)
    if plan.shared_dose is not None or name == reference:
        return None
    theirs = condense(table.strategy(reference))
    if theirs.doses[-1] != plan.top_dose or theirs.doses[0] != 0:
        return None
    fitted = fit(theirs, top=plan.top_dose, level=settings.level)
    delta = contrast(theirs, fitted, len(theirs.doses) - 1, 0, confidence=settings.confidence)
    rng = derive_rng(plan.root, "target", name)
    dispersion = float(fitted.dispersion_at([plan.top_dose])[0])
    return Target(delta, _ratios(table, (reference, name), plan.top_dose, dispersion, rng))


def _ratios(
    table: ReadingTable,
    names: tuple[str, str],
    top: int,
    dispersion: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Quantiles of Δ/g: gain of the first name's top dose over that of the second's."""
    base = table.score[[arm.dose == 0 for arm in table.arms]].mean(axis=0)
    gains, seeds = [], []
    for name in names:
        rows = [a.strategy == name and a.dose == top and a.treatment == "clean" for a in table.arms]
        accuracy = float(table.score[rows].mean())
        gains.append(table.score[rows].mean(axis=0) - base)
        seeds.append(dispersion * accuracy * (1 - accuracy) / sum(rows))
    per_problem = np.stack(gains)
    covariance = np.cov(per_problem) / per_problem.shape[1] + np.diag(seeds)
    delta, own = rng.multivariate_normal(per_problem.mean(axis=1), covariance, size=DRAWS).T
    ratio = np.where(own > 0, delta / np.where(own > 0, own, 1.0), np.inf)
    middles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return np.sort(ratio)[(middles * DRAWS).astype(int)]
