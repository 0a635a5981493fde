"""From readings to what can be said: per strategy, and of the run as a whole.

The headline is about one strategy: the one with the least end point. With several, choosing happens on
one half of the problems (by `qid`) and the report on the other half; under 400 problems all are used
for both, and the winner's interval is widened for having been chosen (`dose.judge.family`). The others are
compared with a reference, `random` where it takes part, Holm-corrected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest

from titrant.dose.curve.band import BandPoint, band
from titrant.dose.curve.dip import find_dips
from titrant.dose.curve.endpoint import (
    Interval,
    disagreement,
    end_point,
    isotonic_end_point,
    mixture_interval,
)
from titrant.dose.curve.shares import shape_shares
from titrant.dose.judge.decides import what_decides
from titrant.dose.judge.family import (
    Comparison,
    Member,
    choosing_factor,
    compare,
    compare_pairs,
    controlled_pairs,
    resampled_ends,
    stretch,
)
from titrant.dose.judge.target import reference_of
from titrant.dose.judge.verdict import OPEN, Judgement, VerdictName
from titrant.dose.ladder.ladder import judge_strategy
from titrant.errors import DataError
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from titrant.dose.curve.fit import Fit
    from titrant.dose.curve.noise import DoseMeans
    from titrant.dose.ladder.ladder import LadderPlan
    from titrant.dose.readings import ReadingTable
    from titrant.settings import LadderSettings

SPLIT_FROM = 400
"""Problems from which on choosing and reporting use different halves."""
REACHED_BY = 0.5
"""Probability of lying beyond the pool from which on an end point is reported as such."""
OTHER_LEVELS = (0.5, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class StrategyAnalysis:
    """Everything about one strategy."""

    strategy: str
    judgement: Judgement
    table: ReadingTable
    ed: Interval | None
    """The end point, with an interval corrected for choosing where this strategy was chosen on the
    problems it is reported on (the judgement holds the plain one)."""
    ed_levels: dict[str, Interval]
    isotonic: Interval | None
    shapes: dict[str, float]
    """Weight of each shape, the flat one among them."""
    disagreement: float | None
    band: tuple[BandPoint, ...]
    base: Interval
    plateau: Interval
    beyond_pool: bool = False
    """The shared target is more likely than not beyond the top dose: "> pool", ranked last."""
    versus: Comparison | None = None
    """Against the reference; `None` for the reference itself, or where one has no end point."""
    controls: tuple[Comparison, ...] = ()
    """Against each of its matched controls that takes part and has an end point."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the run says; maps onto `report.answer.Answer`."""

    verdict: VerdictName
    decides: str | None
    """What would decide it, where undecided."""
    strategy: str
    strategies: tuple[StrategyAnalysis, ...]
    guess: Interval | None
    """Accuracy of the best constant answer."""
    target: float | None
    """base + level × Δ."""
    warnings: tuple[str, ...]

    @property
    def headline(self) -> StrategyAnalysis:
        """The analysis of the headline's strategy."""
        return next(s for s in self.strategies if s.strategy == self.strategy)


def analyse(
    table: ReadingTable,
    *,
    settings: LadderSettings,
    plan: LadderPlan,
    guess: np.ndarray | None = None,
) -> Analysis:
    """Analyse the readings of one benchmark.

    Args:
        table: all clean arms, the base included.
        settings: level, margin, precision, confidence.
        plan: the ladder's plan: top dose, strategies.
        guess: whether the best constant answer is right, per problem of `table`; [problems].

    Raises:
        DataError: no reading of the base or of the top dose.
    """
    known = table.paired()
    several = len(plan.strategies) > 1
    splits = several and len(known.qids) >= SPLIT_FROM
    reported = known.half(1) if splits else known
    if guess is not None:
        guess = guess[np.isin(table.qids, reported.qids)]
    parts = [_analyse_one(reported, name, settings, plan, guess) for name in plan.strategies]
    warnings = [words for part in parts for words in _dip_words(part, settings)]
    best = _choose(known.half(0) if splits else known, settings, plan)
    ends = _resampled(parts, reported, plan)
    if len(ends) > 1:
        parts = _compared(parts, ends, plan, settings)
        if not splits and best in ends:
            parts, words = _corrected(parts, ends, best, plan)
            warnings.append(words)
    chosen = next(part for part in parts if part.strategy == best)
    judgement = chosen.judgement
    return Analysis(
        verdict=judgement.verdict,
        decides=what_decides(judgement, settings) if judgement.verdict == OPEN else None,
        strategy=chosen.strategy,
        strategies=tuple(parts),
        guess=None if guess is None else _share(guess, settings.confidence),
        target=None if chosen.ed is None else _target(judgement, settings.level),
        warnings=tuple(warnings),
    )


def _analyse_one(
    table: ReadingTable,
    name: str,
    settings: LadderSettings,
    plan: LadderPlan,
    guess: np.ndarray | None,
) -> StrategyAnalysis:
    part = table.strategy(name, shared_dose=plan.shared_dose)
    doses = {arm.dose for arm in part.arms}
    for dose, what in ((0, "the untrained base"), (plan.top_dose, "the top dose")):
        if dose not in doses:
            raise DataError(
                f"no reading of {what} for the strategy '{name}'",
                expected=f"readings at dose {dose}",
                came=f"doses {', '.join(map(str, sorted(doses)))}",
                do="the gain of the top dose over the base defines the target: read both",
            )
    found = judge_strategy(table, name, plan=plan, settings=settings, guess=guess)
    fit, means, confidence = found.fit, found.means, settings.confidence
    has_end = found.ed is not None
    return StrategyAnalysis(
        strategy=name,
        judgement=found,
        table=part,
        ed=found.ed,
        ed_levels={
            f"ed{level * 100:.0f}": end_point(fit, confidence=confidence, level=level)
            for level in (OTHER_LEVELS if has_end else ())
        },
        isotonic=isotonic_end_point(
            means,
            level=settings.level,
            confidence=confidence,
            dispersion=fit.dispersion_at(means.doses),
            rng=derive_rng(plan.root, "isotonic", name),
        )
        if has_end
        else None,
        shapes=shape_shares(fit),
        disagreement=disagreement(fit) if has_end else None,
        band=band(fit, confidence),
        base=_level(means, fit, 0, confidence),
        plateau=_level(means, fit, len(means.doses) - 1, confidence),
        beyond_pool=found.beyond >= REACHED_BY,
    )


def _target(found: Judgement, level: float) -> float:
    return float(found.means.mean[0] + level * found.delta.estimate)


def _dip_words(part: StrategyAnalysis, settings: LadderSettings) -> list[str]:
    """Warnings of small doses under the base; a whole pool that hurts says so itself."""
    if part.judgement.verdict == "hurts":
        return []
    dips = find_dips(part.judgement.means, margin=settings.margin, confidence=settings.confidence)
    return [
        f"{dip.dose:,} traces of '{part.strategy}' read {dip.depth * 100:.1f} points under the base "
        f"(p = {dip.p:.2g}, Holm-corrected): so few may break the answer format; no fitted curve goes "
        "under the base, so look at the readings before trusting the curve there"
        for dip in dips
    ]


def _resampled(
    parts: list[StrategyAnalysis], reported: ReadingTable, plan: LadderPlan
) -> dict[str, np.ndarray]:
    """Log end points under resampling, of the strategies that have one; nothing for one alone."""
    able = [part for part in parts if part.ed is not None]
    if len(able) < 2:
        return {}
    reference = reference_of(plan.strategies)
    tops = tuple(
        arm
        for arm in reported.strategy(reference).arms
        if arm.dose == plan.top_dose and arm.strategy == reference
    )
    members = [
        Member(
            part.strategy,
            part.table,
            part.judgement,
            None if plan.shared_dose is not None or part.strategy == reference else tops,
        )
        for part in able
    ]
    drawn = resampled_ends(members, reported, derive_rng(plan.root, "family"))
    return {part.strategy: row for part, row in zip(able, drawn, strict=True)}


def _compared(
    parts: list[StrategyAnalysis],
    ends: dict[str, np.ndarray],
    plan: LadderPlan,
    settings: LadderSettings,
) -> list[StrategyAnalysis]:
    """The strategies against the reference, if that has an end point, and against their controls."""
    names, reference = list(ends), reference_of(plan.strategies)
    known = {part.strategy: part.ed.estimate for part in parts if part.ed is not None}
    drawn = np.stack([ends[name] for name in names])
    logs, level = np.log([known[name] for name in names]), settings.confidence
    found: dict[str, Comparison] = {}
    if reference in ends:
        found = compare(names, drawn, logs, against=names.index(reference), confidence=level)
    pairs = controlled_pairs(names)
    controls: dict[str, tuple[Comparison, ...]] = {}
    for (i, _), one in zip(
        pairs, compare_pairs(pairs, names, drawn, logs, confidence=level), strict=True
    ):
        controls[names[i]] = (*controls.get(names[i], ()), one)
    return [
        replace(part, versus=found.get(part.strategy), controls=controls.get(part.strategy, ()))
        for part in parts
    ]


def _corrected(
    parts: list[StrategyAnalysis], ends: dict[str, np.ndarray], best: str, plan: LadderPlan
) -> tuple[list[StrategyAnalysis], str]:
    """The winner's interval widened for having been chosen, and the words that say so."""
    chosen = next(part for part in parts if part.strategy == best)
    plain, at = chosen.judgement.ed, list(ends).index(best)
    assert plain is not None  # `ends` holds only strategies that have one
    factor = choosing_factor(np.stack(list(ends.values())), at, confidence=plain.level)
    wide = stretch(plain, factor, top=float(plan.top_dose))
    words = (
        f"the best of {len(parts)} strategies was chosen on the problems it is reported on "
        f"({len(chosen.table.qids)}, under {SPLIT_FROM}): its interval is {factor:.2f} times as wide "
        "on the log axis for that (max-statistic bootstrap), and its estimate still flatters it"
    )
    return [replace(p, ed=wide) if p.strategy == best else p for p in parts], words


def _level(means: DoseMeans, fit: Fit, row: int, confidence: float) -> Interval:
    sd = np.sqrt(means.problem_cov[row, row] + means.seed_variance[:, row] + 1e-12)
    found = mixture_interval(float(means.mean[row]), sd, fit.noise_weights, confidence)
    return found._replace(low=max(0.0, found.low), high=min(1.0, found.high))


def _share(hits: np.ndarray, confidence: float) -> Interval:
    found = binomtest(int(hits.sum()), len(hits)).proportion_ci(confidence, method="wilson")
    return Interval(float(hits.mean()), float(found.low), float(found.high), confidence)


def _choose(table: ReadingTable, settings: LadderSettings, plan: LadderPlan) -> str:
    """The strategy with the smallest end point on these problems; the first where none has one."""
    if len(plan.strategies) == 1:
        return plan.strategies[0]
    scores: dict[str, float] = {}
    for name in plan.strategies:
        found = judge_strategy(table, name, plan=plan, settings=settings)
        if found.ed is not None:
            scores[name] = found.ed.estimate
    return min(scores, key=lambda name: (scores[name], name), default=plan.strategies[0])
