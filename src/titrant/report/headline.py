"""What the headline is about: its benchmark, its curves, its response, its best dose.

An Answer holds every strategy on every benchmark; the first benchmark decides, and one strategy is
named in `Answer.strategy`. Everything that prints the headline asks here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from titrant.report.answer import Answer, Curve, Response

NO_GAIN = frozenset({"no response", "no response (guessing)", "hurts"})
"""Verdicts under which no end point exists."""


class Peak(NamedTuple):
    """The highest place of a fitted band inside the ladder."""

    dose: int
    accuracy: float


def first_benchmark(answer: Answer) -> str | None:
    """The benchmark that decides; `None` where the answer has neither provenance nor curves."""
    if answer.provenance is not None and answer.provenance.benchmarks:
        return next(iter(answer.provenance.benchmarks))
    return answer.curves[0].benchmark if answer.curves else None


def curves_on(answer: Answer, benchmark: str | None) -> list[Curve]:
    """The curves on one benchmark, the headline's strategy first, the others in their order.

    The base belongs to every strategy; its readings are kept in the first curve alone.
    """
    curves = [curve for curve in answer.curves if curve.benchmark == benchmark]
    curves.sort(key=lambda curve: curve.strategy != answer.strategy)
    return curves[:1] + [_trained(curve) for curve in curves[1:]]


def _trained(curve: Curve) -> Curve:
    readings = tuple(point for point in curve.readings if point.dose > 0)
    return curve.model_copy(update={"readings": readings})


def response_of(answer: Answer, strategy: str) -> Response | None:
    """The response of one strategy, if it was fitted."""
    return next((item for item in answer.responses if item.strategy == strategy), None)


def ordered_responses(answer: Answer) -> list[Response]:
    """All responses: the headline's first, then by end point; those that have none come last."""

    def place(item: Response) -> tuple[bool, float]:
        end = item.ed95.estimate
        return item.strategy != answer.strategy, float("inf") if end is None else end

    return sorted(answer.responses, key=place)


def end_point_name(level: float) -> str:
    """The name of the end point: 0.95 → "ED95"."""
    return f"ED{round(level * 100, 4):g}"


def best_dose(answer: Answer) -> Peak | None:
    """The dose below the top one that the answer recommends, or else the top of the fitted band.

    `None` where the band does not lie above the plateau there.
    """
    curve = next(iter(curves_on(answer, first_benchmark(answer))), None)
    if curve is None or curve.strategy != answer.strategy:
        return None
    points = [p for p in curve.band if 0 < p.dose < answer.top_dose]
    if not points:
        return None
    best = max(points, key=lambda point: point.accuracy)
    dose = round(best.dose)
    if answer.subset is not None and answer.subset.strategy == answer.strategy:
        dose = answer.subset.dose
        best = min(points, key=lambda point: max(point.dose / dose, dose / point.dose))
    plateau = answer.plateau.estimate
    if plateau is None or best.accuracy <= plateau:
        return None
    return Peak(dose, best.accuracy)
