"""Content share: which share of the gain is lost when traces are corrupted.

    content share = (clean − corrupted) / (clean − base)

over mean accuracies of arms at one dose, paired by problem, with Fieller's interval; not clipped (a
corrupted arm under the base gives more than 1, one over the clean arm less than 0), and undefined where
clean − base is under two standard errors. In distribution on the benchmark, out of it where there are such
problems.

What is said of a treatment, fixed before any of it was run:

| share, whole interval | outcome |
|---|---|
| under 0.5 | alarm: most of the gain comes without what the treatment destroys |
| over 0.5 | clear: most of the gain needs it |
| else, or undefined | undecided |

Source: Stechly et al. (arXiv 2505.13775) for the swap, Li et al. (arXiv 2502.07374) for the operators; neither
divides by the gain nor gives intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from titrant.audits.arms import CLEAN, contrasts
from titrant.audits.share import ratio_interval
from titrant.dose.judge.holm import holm
from titrant.dose.readings import BASE

if TYPE_CHECKING:
    from titrant.audits.arms import Contrasts, Groups
    from titrant.audits.base import Outcome
    from titrant.estimate import Estimate

HALF = 0.5


@dataclass(frozen=True, slots=True)
class Shares:
    """What one set of problems says of each treatment."""

    base: Estimate
    """Accuracy."""
    clean: Estimate
    gain: Estimate
    """clean − base."""
    accuracy: dict[str, Estimate]
    """Of the arms of each treatment."""
    loss: dict[str, Estimate]
    """clean − corrupted."""
    share: dict[str, Estimate]
    """Content share; `None` in `estimate` where it is undefined."""
    p: dict[str, float]
    """That clean and corrupted arms are equally good, Holm-corrected over the treatments."""


def shares_of(groups: Groups, level: float) -> Shares:
    """Accuracies, losses and content shares of all treatments."""
    names = groups.treatments
    gain = {CLEAN: 1.0, BASE: -1.0}
    found = contrasts(
        groups,
        [
            {BASE: 1.0},
            {CLEAN: 1.0},
            gain,
            *({name: 1.0} for name in names),
            *({CLEAN: 1.0, name: -1.0} for name in names),
        ],
    )
    k = len(names)
    loss_at = {name: 3 + k + i for i, name in enumerate(names)}
    p_values = holm([found.p_value(i) for i in loss_at.values()])
    return Shares(
        base=found.accuracy(0, level),
        clean=found.accuracy(1, level),
        gain=found.estimate(2, level),
        accuracy={name: found.accuracy(3 + i, level) for i, name in enumerate(names)},
        loss={name: found.estimate(i, level) for name, i in loss_at.items()},
        share={name: _share(found, i, level) for name, i in loss_at.items()},
        p={name: float(p) for name, p in zip(names, p_values, strict=True)},
    )


def _share(found: Contrasts, i: int, level: float) -> Estimate:
    """Contrast `i`, a loss, over the gain, which is contrast 2."""
    share = ratio_interval(
        float(found.value[i]),
        float(found.value[2]),
        var_num=float(found.cov[i, i]),
        var_den=float(found.cov[2, 2]),
        cov=float(found.cov[i, 2]),
        df=float(min(found.df[i], found.df[2])),
        level=level,
    )
    return share.model_copy(update={"n": found.n, "seeds": int(found.seeds[i])})


def outcome_of(share: Estimate) -> Outcome:
    """The table of the module docstring."""
    if share.low is None or share.high is None:
        return "undecided"
    if share.high < HALF:
        return "alarm"
    return "clear" if share.low > HALF else "undecided"
