"""Whether a narrow interval is to be believed, or which doses have to be read first.

Looking after every round and stopping at the first narrow interval would pick intervals that are narrow
by luck (power laws that `titrant calibrate` stopped after one or two rounds covered 63 % instead of
90 %). So narrow has to be confirmed, in two ways:

* The two allowed doses around the end point have to be read, since between distant doses a shape
  decides and not a reading. (By `benchmarks/replay_sweep.py`, ladders that stopped with 128 and 1,024
  around an end point of 650 covered 84 %, all misses on one side; with this rule 98.5 %.)
* No single arm carries it: the interval stays within the precision with the last arm of any one dose
  between base and top left out. A dose that carries it alone is read again.

The interval is held to this under every verdict that prints one, also where it does not decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.dose.curve.endpoint import end_point, shared_end_point
from titrant.dose.curve.fit import Fit, fit
from titrant.dose.curve.noise import condense

if TYPE_CHECKING:
    from titrant.dose.judge.verdict import Judgement
    from titrant.dose.ladder.ladder import LadderPlan
    from titrant.dose.readings import ReadingTable
    from titrant.settings import LadderSettings


def unconfirmed(
    part: ReadingTable, found: Judgement, *, plan: LadderPlan, settings: LadderSettings
) -> list[int]:
    """Doses that have to be read before a narrow interval is believed; none where it is wide."""
    if found.ed is None or found.ed.factor > settings.precision:
        return []
    read = {arm.dose for arm in part.arms}
    end = found.ed.estimate
    around = (
        max((d for d in plan.doses if d <= end), default=0),
        min(d for d in plan.doses if d >= end),
    )
    fresh = [dose for dose in dict.fromkeys(around) if dose not in read]
    return fresh or carrying_doses(part, found, settings)


def _factor(again: Fit, found: Judgement, settings: LadderSettings) -> float:
    """Width of the interval of the end point by another fit, for the same target."""
    if found.target is None:
        return end_point(again, confidence=settings.confidence).factor
    ed = shared_end_point(again, found.target.ratios, confidence=settings.confidence).ed
    return float("inf") if ed is None else ed.factor


def carrying_doses(part: ReadingTable, found: Judgement, settings: LadderSettings) -> list[int]:
    """Doses of which a single arm carries a narrow interval; nothing where it is wide or absent.

    Such a dose makes the interval wider than the precision when one of its arms is left out. The arms
    of one dose are alike but for luck, so the one with the highest seed stands for them. Doses next to
    the end point are tried first, and no more are looked for than a round has arms.
    """
    if found.ed is None or found.ed.factor > settings.precision:
        return []
    fitted, inner = found.fit, found.means.doses[1:-1]
    alone: list[int] = []
    for dose in inner[np.argsort(np.abs(np.log(inner / found.ed.estimate)), kind="stable")]:
        last = max((a.seed, i) for i, a in enumerate(part.arms) if a.dose == dose)[1]
        rest = condense(part.rows([i for i in range(len(part.arms)) if i != last]))
        again = fit(rest, top=fitted.top, level=fitted.level, shapes=fitted.shapes)
        if _factor(again, found, settings) > settings.precision:
            alone.append(int(dose))
        if len(alone) == settings.arms_per_round:
            break
    return alone
