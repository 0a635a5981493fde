"""Which arms to run next: a first round that can see a hump or a step, then bisection on log dose.

Round 1 holds the base, the top dose with three seeds, and one arm at each of four log-spaced doses.
Every later round first judges what is known; if that is decided, or nothing more can decide it, the
ladder stops. Looking after every round and stopping at the first narrow interval would pick intervals
that are narrow by luck (simulated ladders of a power law that stopped after one or two rounds covered
63 % instead of 90 %). So narrow has to be confirmed: no single arm may carry it, that is, the interval
stays within the precision with the last arm of any one dose left out; and the two allowed doses around
the end point have to be read, since between distant doses a shape decides and not a reading (replayed
on the recorded sweep, ladders that stopped with 128 and 1,024 around an end point of 650 covered 84 %,
all misses on one side). A dose that carries the interval alone is read again, and the rest of the round
goes to the most telling doses. Otherwise the next arms go where they are expected to shrink the
variance of the log end point most: the curves that are still likely are sorted into bins that one more reading at a dose could
tell apart, and the variance left within the bins is what would remain.

A decision is a pure function of the readings at a round barrier, so the number of workers, timing and
kills cannot change it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from titrant.arms import ArmSpec
from titrant.dose.curve.endpoint import end_point
from titrant.dose.curve.fit import fit
from titrant.dose.curve.noise import condense
from titrant.dose.readings import BASE, ReadingTable
from titrant.dose.target import shared_target
from titrant.dose.verdict import OPEN, Judgement, judge
from titrant.errors import ConfigError
from titrant.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.settings import LadderSettings

SWEEP_SEEDS = 5
"""Seeds per dose of the full sweep that a ladder is compared with."""
SHARE_OF_SWEEP = 3
"""A ladder may take a third of the sweep unless the limits say otherwise."""
FEWEST_TRACES = 2
HOPELESS_SHARE = 0.8
"""Stop when the problems alone, with no seed noise left, make up this share of the gain's variance."""


class LadderPlan(Record):
    """What the ladder may do; fixed for a run."""

    pool_size: int
    top_dose: int
    """min(pool, updates × rows per update): what the budget can see at least once."""
    doses: tuple[int, ...]
    """Allowed doses, ascending; the last is the top dose."""
    strategies: tuple[str, ...]
    root: int
    max_arms: int
    """Arms over all strategies, the base not counted."""

    @property
    def shared_dose(self) -> int | None:
        """The dose at which all rankings hold the same traces, if the top is the whole pool."""
        return self.top_dose if self.top_dose == self.pool_size else None


class RoundDecision(Record):
    """The outcome of a round barrier."""

    arms: tuple[ArmSpec, ...]
    stop: str | None
    """Why the ladder ends; `None` while it goes on."""
    by_limit: bool = False
    """Whether it ends only because no more arms are allowed."""


def allowed_doses(top: int) -> tuple[int, ...]:
    """Doublings from 1, and the top dose."""
    doublings = [2**i for i in range(top.bit_length()) if 2**i < top]
    return (*doublings, top)


def full_sweep(plan: LadderPlan) -> int:
    """Arms of every dose × 5 seeds per strategy, the shared top counted once."""
    per_strategy = len(plan.doses) * SWEEP_SEEDS
    shared = SWEEP_SEEDS if plan.shared_dose else 0
    return len(plan.strategies) * (per_strategy - shared) + shared


def make_plan(
    pool_size: int, visits: int, settings: LadderSettings, *, root: int, max_arms: int | None = None
) -> LadderPlan:
    """The plan of a run whose budget visits so many rows per arm.

    Raises:
        ConfigError: the top dose is a single trace, so that there is no smaller dose to find.
    """
    top = min(pool_size, visits)
    if top < FEWEST_TRACES:
        raise ConfigError(
            "one trace alone has no end point",
            expected=f"{FEWEST_TRACES} traces or more in the pool and in an arm's updates",
            came=f"a pool of {pool_size} and {visits} rows per arm",
            do="give a larger pool, or raise recipe.updates or recipe.rows_per_update",
        )
    doses = tuple(sorted({d for d in settings.doses or allowed_doses(top) if d <= top} | {top}))
    plan = LadderPlan(
        pool_size=pool_size,
        top_dose=top,
        doses=doses,
        strategies=settings.strategies,
        root=root,
        max_arms=0,
    )
    default = max(full_sweep(plan) // SHARE_OF_SWEEP, settings.top_seeds + settings.first_doses)
    return plan.model_copy(update={"max_arms": max_arms or default})


def first_round(plan: LadderPlan, settings: LadderSettings) -> tuple[ArmSpec, ...]:
    """Base, top dose × seeds, and log-spaced single arms for each strategy."""
    arms = [ArmSpec(strategy=BASE, dose=0, seed=0, purpose="base")]
    chosen = _log_spaced(plan.doses[:-1], settings.first_doses)
    for i, strategy in enumerate(plan.strategies):
        if i == 0 or plan.shared_dose is None:
            arms += [
                ArmSpec(strategy=strategy, dose=plan.top_dose, seed=s)
                for s in range(settings.top_seeds)
            ]
        arms += [ArmSpec(strategy=strategy, dose=dose, seed=0) for dose in chosen]
    return tuple(arms)


def _log_spaced(inner: Sequence[int], n: int) -> list[int]:
    """`n` of the allowed doses under the top, evenly spread; all of them where there are no more."""
    if len(inner) <= n:
        return list(inner)
    return [inner[round(len(inner) * k / (n + 1))] for k in range(1, n + 1)]


def next_round(
    table: ReadingTable | None,
    *,
    settings: LadderSettings,
    plan: LadderPlan,
    guess: np.ndarray | None = None,
) -> RoundDecision:
    """What to run after the readings at hand; an empty table starts the first round.

    Args:
        table: all clean arms, the base included.
        settings: level, margin, precision, confidence.
        plan: what the ladder may do.
        guess: whether the best constant answer is right, per problem of `table`; [problems].
    """
    if table is None or not table.arms:
        return RoundDecision(arms=first_round(plan, settings), stop=None)
    known = table.paired()
    if guess is not None:
        guess = guess[np.isin(table.qids, known.qids)]
    spent = sum(arm.dose > 0 for arm in known.arms)
    wanted: list[ArmSpec] = []
    reasons = []
    for strategy in plan.strategies:
        part = known.strategy(strategy, shared_dose=plan.shared_dose)
        found = judge_strategy(known, strategy, plan=plan, settings=settings, guess=guess)
        alone = unconfirmed(part, found, plan=plan, settings=settings)
        reason = None if alone else why_stop(found, settings)
        reasons.append(reason)
        if reason is None:
            wanted += [
                ArmSpec(strategy=strategy, dose=dose, seed=seed)
                for dose, seed in next_arms(found, part, plan=plan, settings=settings, again=alone)
            ]
    room = plan.max_arms - spent
    if not wanted:
        return RoundDecision(arms=(), stop="; ".join(sorted({r for r in reasons if r})))
    if room <= 0:
        words = f"the limit of {plan.max_arms} arms is reached"
        return RoundDecision(arms=(), stop=words, by_limit=True)
    return RoundDecision(arms=tuple(wanted[:room]), stop=None)


def judge_strategy(
    known: ReadingTable,
    name: str,
    *,
    plan: LadderPlan,
    settings: LadderSettings,
    guess: np.ndarray | None = None,
) -> Judgement:
    """Judge one strategy by the target that all strategies of the plan share.

    `known` holds all clean arms on the problems that every arm was asked, `guess` one value for each.
    """
    return judge(
        known.strategy(name, shared_dose=plan.shared_dose),
        top=plan.top_dose,
        settings=settings,
        guess=guess,
        target=shared_target(known, name, plan=plan, settings=settings),
    )


def why_stop(found: Judgement, settings: LadderSettings) -> str | None:
    """Why more arms are not needed or would not help; `None` while they would."""
    open_peak = _has_open_peak(found, settings)
    wide = found.ed is not None and found.ed.factor > settings.precision
    if found.verdict != OPEN and not wide and not (open_peak and found.verdict == "enough at N"):
        return f"decided: {found.verdict}"
    return _hopeless(found, settings)


def _hopeless(found: Judgement, settings: LadderSettings) -> str | None:
    """Why more arms of this strategy would not help; `None` where they would."""
    if found.delta is not found.gain and found.delta.low < settings.margin:
        return "the gain that sets the target is open: arms of this strategy would not help"
    if found.beyond >= (1 + settings.confidence) / 2:
        return "decided: the shared target is beyond the pool"
    if found.beaten_by is not None and found.gain.estimate < settings.margin:
        return f"{found.reason}: more arms would not help"
    if found.verdict == OPEN and found.ed is None and _problems_limit(found, settings):
        return "the benchmark is too small to tell: more arms would not help"
    return None


def _has_open_peak(found: Judgement, settings: LadderSettings) -> bool:
    """Whether a smaller dose may beat the top, and is not yet known to."""
    return (1 + settings.confidence) / 2 > found.peak > 0.5


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
        if end_point(again, confidence=settings.confidence).factor > settings.precision:
            alone.append(int(dose))
        if len(alone) == settings.arms_per_round:
            break
    return alone


def _problems_limit(found: Judgement, settings: LadderSettings) -> bool:
    """Whether the gate on Δ would stay open with infinitely many seeds."""
    c = found.means.problem_cov
    problems = c[0, 0] + c[-1, -1] - 2 * c[0, -1]
    seeds = found.seeds_at_top
    half = float(norm.ppf((1 + settings.confidence) / 2)) * np.sqrt(max(problems, 0.0))
    crosses = found.gain.estimate - half < settings.margin < found.gain.estimate + half
    return bool(crosses and problems > HOPELESS_SHARE * (problems + seeds))


def next_arms(
    found: Judgement,
    table: ReadingTable,
    *,
    plan: LadderPlan,
    settings: LadderSettings,
    again: Sequence[int] = (),
) -> list[tuple[int, int]]:
    """(dose, seed) of the next arms of one strategy; `again` are doses to read once more."""
    have = Counter(arm.dose for arm in table.arms)
    if again:
        telling = most_telling(found, plan.doses, settings.arms_per_round)
        fresh = [dose for dose in telling if dose not in again]
        chosen = [*again, *fresh][: settings.arms_per_round]
    elif found.ed is None:
        chosen = [plan.top_dose] * settings.arms_per_round
    elif found.ed.factor <= settings.precision:
        chosen = [int(found.peak_dose), plan.top_dose][: settings.arms_per_round]
    else:
        chosen = most_telling(found, plan.doses, settings.arms_per_round)
    arms = []
    for dose in chosen:
        arms.append((dose, have[dose]))
        have[dose] += 1
    return arms


def most_telling(found: Judgement, doses: Sequence[int], n_arms: int) -> list[int]:
    """Doses whose readings are expected to leave the least variance of the log end point.

    Greedy: the second arm is chosen given the first. Ties go to the smaller dose.
    """
    fit, means = found.fit, found.means
    weights = fit.curve_weights
    use = weights > 1e-6
    weights, log_end = weights[use] / weights[use].sum(), np.log(fit.end_points[use])
    expected = fit.responses(np.array(doses, dtype=float))[use]
    dispersion = fit.dispersion_at(doses)
    width = 2.0 * np.sqrt(_reading_variance(dispersion, expected, weights, means.n_problems))
    cells = np.floor(expected / width).astype(np.int64)
    bins = np.zeros(len(weights), dtype=np.int64)
    chosen: list[int] = []
    for _ in range(n_arms):
        left = [
            _variance_within(_merge(bins, cells[:, i], seen=doses[i] in chosen), weights, log_end)
            for i in range(len(doses))
        ]
        best = int(np.argmin(np.round(left, 9)))
        chosen.append(int(doses[best]))
        bins = _merge(bins, cells[:, best], seen=False)
    return chosen


def _reading_variance(
    dispersion: np.ndarray, expected: np.ndarray, weights: np.ndarray, n_problems: int
) -> np.ndarray:
    mean = np.clip(weights @ expected, 0.02, 0.98)
    return mean * (1 - mean) * (dispersion + 0.5 / n_problems)


def _merge(bins: np.ndarray, cells: np.ndarray, *, seen: bool) -> np.ndarray:
    if seen:  # a second reading at the same dose tells little that the first does not
        return bins
    offset = cells - cells.min()
    return np.unique(bins * (offset.max() + 1) + offset, return_inverse=True)[1].ravel()


def _variance_within(bins: np.ndarray, weights: np.ndarray, values: np.ndarray) -> float:
    mass = np.bincount(bins, weights=weights)
    first = np.bincount(bins, weights=weights * values)
    second = np.bincount(bins, weights=weights * values**2)
    return float((second - first**2 / np.maximum(mass, 1e-300)).sum())
