"""Which arms to run next: a first round that can see a hump or a step, then where it tells most.

Round 1 holds the base, the top dose with three seeds, and one arm at each of four log-spaced doses.
Every later round first judges what is known; if that is decided, or nothing more can decide it, the
ladder stops (`dose.ladder.settled`). A narrow interval is believed once it is confirmed (`dose.ladder.confirm`);
until then the next arms are those that confirm it, and where it is wide those that are expected to
shrink it most (`dose.ladder.telling`).

A decision is a pure function of the readings at a round barrier, so the number of workers, timing and
kills cannot change it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from titrant.arms import ArmSpec
from titrant.dose.judge.target import shared_target
from titrant.dose.judge.verdict import Judgement, judge
from titrant.dose.ladder.confirm import unconfirmed
from titrant.dose.ladder.settled import why_stop
from titrant.dose.ladder.telling import most_telling
from titrant.dose.readings import BASE, ReadingTable
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
        to_confirm = unconfirmed(part, found, plan=plan, settings=settings)
        reason = None if to_confirm else why_stop(found, settings)
        reasons.append(reason)
        if reason is None:
            wanted += [
                ArmSpec(strategy=strategy, dose=dose, seed=seed)
                for dose, seed in next_arms(
                    found, part, plan=plan, settings=settings, to_confirm=to_confirm
                )
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


def next_arms(
    found: Judgement,
    table: ReadingTable,
    *,
    plan: LadderPlan,
    settings: LadderSettings,
    to_confirm: Sequence[int] = (),
) -> list[tuple[int, int]]:
    """(dose, seed) of the next arms of one strategy; `to_confirm` are read first."""
    have = Counter(arm.dose for arm in table.arms)
    if to_confirm:
        telling = most_telling(found, plan.doses, settings.arms_per_round)
        fresh = [dose for dose in telling if dose not in to_confirm]
        chosen = [*to_confirm, *fresh][: settings.arms_per_round]
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
