"""From an analysis to the parts of the Answer record: a mapping, nothing is computed that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest

from titrant.estimate import Estimate
from titrant.report.answer import AgainstControl, Curve, CurvePoint, Response
from titrant.report.headline import NO_GAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from titrant.dose.curve.endpoint import Interval
    from titrant.dose.judge.analysis import Analysis, StrategyAnalysis
    from titrant.dose.judge.family import Comparison
    from titrant.dose.readings import ReadingTable


def from_analyses(analyses: Mapping[str, Analysis], *, confidence: float) -> dict[str, object]:
    """Fields of the Answer that the analyses fill, the deciding benchmark's first.

    Args:
        analyses: by benchmark.
        confidence: the level of intervals that do not exist.
    """
    analysis = next(iter(analyses.values()))
    head = analysis.headline
    n, top = len(head.table.qids), head.judgement.fit.top
    at_top = sum(arm.dose == top for arm in head.table.arms)
    return {
        "verdict": analysis.verdict,
        "decides": analysis.decides,
        "strategy": analysis.strategy,
        "ed95": estimate(head.ed, confidence, n=n, seeds=_trained(head)),
        "base": estimate(head.base, confidence, n=n, seeds=1),
        "plateau": estimate(head.plateau, confidence, n=n, seeds=at_top),
        "gain": estimate(head.judgement.gain, confidence, n=n, seeds=at_top),
        "guess": None if analysis.guess is None else estimate(analysis.guess, confidence, n=n),
        "responses": tuple(_response(part, confidence) for part in analysis.strategies),
        "curves": tuple(
            _curve(part, name, target=each.target)
            for name, each in analyses.items()
            for part in each.strategies
        ),
        "transfer": {
            name: _transfer(each, analysis.strategy, confidence)
            for name, each in list(analyses.items())[1:]
        },
    }


def unknown(confidence: float) -> Estimate:
    """A number that does not exist or was not measured."""
    return Estimate(estimate=None, low=None, high=None, level=confidence)


def estimate(
    interval: Interval | None, confidence: float, *, n: int | None = None, seeds: int | None = None
) -> Estimate:
    """An interval as it stands in the answer."""
    if interval is None:
        return unknown(confidence)
    return Estimate(
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        level=interval.level,
        n=n,
        seeds=seeds,
    )


def base_alone(table: ReadingTable, confidence: float) -> Estimate:
    """The base alone: Wilson's interval over problems, each counted once."""
    scores = table.score[0][~np.isnan(table.score[0])]
    right, n = round(float(scores.sum())), len(scores)
    found = binomtest(right, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Estimate(
        estimate=float(scores.mean()),
        low=found.low,
        high=found.high,
        level=confidence,
        n=n,
        seeds=1,
    )


def _trained(part: StrategyAnalysis) -> int:
    return sum(arm.dose > 0 for arm in part.table.arms)


def _response(part: StrategyAnalysis, confidence: float) -> Response:
    n = len(part.table.qids)
    return Response(
        strategy=part.strategy,
        ed95=estimate(part.ed, confidence, n=n, seeds=_trained(part)),
        ed_levels={name: estimate(ed, confidence) for name, ed in part.ed_levels.items()},
        isotonic=estimate(part.isotonic, confidence, n=n),
        shapes=part.shapes,
        disagreement=part.disagreement,
        trace_tokens=None,  # of a ranking, which no analysis knows
        beyond_pool=part.beyond_pool,
        versus=None if part.versus is None else part.versus.against,
        ratio=None if part.versus is None else estimate(part.versus.ratio, confidence, n=n),
        p_holm=None if part.versus is None else part.versus.p_holm,
        controls=tuple(_against(one, confidence, n) for one in part.controls),
        area=area_of(part),
    )


def _against(found: Comparison, confidence: float, n: int) -> AgainstControl:
    is_told = found.p_holm <= 1 - confidence
    lead = "better" if found.ratio.estimate < 1 else "worse"
    return AgainstControl(
        control=found.against,
        ratio=estimate(found.ratio, confidence, n=n),
        p_holm=found.p_holm,
        outcome=lead if is_told else "not told apart",
    )


def area_of(part: StrategyAnalysis) -> float | None:
    """Area under the fitted response over the log dose, as a share of the gain that defines the target.

    `None` where no end point exists or the ladder is a single dose.
    """
    points = [point for point in part.band if point.dose >= 1]
    gain = part.judgement.delta.estimate
    if part.judgement.verdict in NO_GAIN or len(points) < 2 or gain <= 0:
        return None
    log_dose = np.log([point.dose for point in points])
    share = (np.array([point.accuracy for point in points]) - part.base.estimate) / gain
    return float(np.trapezoid(share, log_dose) / (log_dose[-1] - log_dose[0]))


def _curve(part: StrategyAnalysis, benchmark: str, *, target: float | None) -> Curve:
    table = part.table
    scores = table.score.mean(axis=1)
    readings = tuple(
        CurvePoint(
            dose=arm.dose,
            seed=arm.seed,
            accuracy=float(scores[i]),
            n=len(table.qids),
            truncated=_known(table.truncated[i]),
            unreadable=_known(table.unreadable[i]),
        )
        for i, arm in enumerate(table.arms)
    )
    band = tuple(
        CurvePoint(
            dose=point.dose, seed=None, accuracy=point.accuracy, low=point.low, high=point.high
        )
        for point in part.band
    )
    return Curve(
        strategy=part.strategy,
        benchmark=benchmark,
        readings=readings,
        band=band,
        target=target,
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _transfer(analysis: Analysis, strategy: str, confidence: float) -> Estimate:
    part = next(part for part in analysis.strategies if part.strategy == strategy)
    return estimate(part.judgement.gain, confidence, n=len(part.table.qids))
