"""Calibration: does the interval cover the true end point as often as it says?

Simulated titrations of every shape (`simulate`, settings in `calibration.yaml`) are run by the
very ladder and judge of a real run. A ladder with an interval covers if the true end point lies in it;
one without covers only if its verdict is true. Beside it stand a fit that knows the shape and the
usual single power law with a normal interval on the same readings.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from titrant.dose.calibration.powerlaw import power_law_end_point
from titrant.dose.calibration.simulate import SHAPES, Bench, Scenario, draw_scenario, load_settings
from titrant.dose.judge.verdict import Judgement, judge
from titrant.dose.ladder.ladder import make_plan, next_round
from titrant.records import Record
from titrant.settings import LadderSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from titrant.arms import ArmSpec
    from titrant.dose.readings import ReadingTable

CHUNK = 10


class Outcome(NamedTuple):
    """What came of one simulated ladder."""

    shape: str
    verdict: str
    is_true: bool
    """Whether the verdict holds in the scenario; `undecided` claims nothing and is not true."""
    covers: bool
    has_interval: bool
    log_width: float
    """log(high / low); NaN without an interval."""
    known_log_width: float
    """The same of the fit that knows the shape."""
    log_ratio: float
    """log(estimate / truth)."""
    arms: int
    baseline_covers: bool
    baseline_log_ratio: float
    baseline_log_width: float


class Calibration(Record):
    """Summary over all ladders; the schema of `titrant calibrate --json`."""

    version: int = 1
    settings: dict[str, Any]
    overall: dict[str, float]
    """`ladders`, `coverage`, `bias` (median log ratio), `log_width` (median), `known_log_width`,
    `log_width_ratio`, `arms` (mean), `arms_p90`, `verdict_true` (share)."""
    shapes: dict[str, dict[str, Any]]
    """The same per shape, with the share of each verdict."""
    baseline: dict[str, float]
    """A single power law with a normal interval on the same readings."""
    flat_false_enough: float
    """Share of flat ladders that end with an end point."""


def true_verdict(scenario: Scenario, settings: LadderSettings) -> str:
    """The verdict that infinite data would give."""
    doses = np.exp(np.linspace(0.0, np.log(scenario.top), 2000))
    response = scenario.response(doses)
    top = scenario.base + scenario.gain
    if scenario.gain < settings.margin:
        return "no response"
    if response.max() - top > settings.margin:
        return "a smaller dose beats the pool"
    half = float(scenario.response(np.array([scenario.top / 2]))[0])
    return "still rising" if top - half > settings.margin else "enough at N"


def run_ladder(
    scenario: Scenario, settings: LadderSettings, *, max_arms: int
) -> tuple[Judgement, ReadingTable]:
    """Titrate a simulated bench to the end."""
    bench = Bench(scenario)
    plan = make_plan(scenario.top, scenario.top, settings, root=scenario.root, max_arms=max_arms)
    arms: list[ArmSpec] = []
    known: dict[str, np.ndarray] = {}
    table = None
    while True:
        decision = next_round(table, settings=settings, plan=plan)
        if decision.stop is not None and table is not None:
            return judge(table, top=plan.top_dose, settings=settings), table
        arms += decision.arms
        table = bench.table(arms, known)


def simulate_one(settings: dict[str, Any], shape: str, index: int) -> Outcome:
    """One ladder of the calibration."""
    ladder = LadderSettings()
    scenario = draw_scenario(settings, shape, index)
    found, table = run_ladder(scenario, ladder, max_arms=settings["max_arms"])
    truth = scenario.end_point(ladder.level)
    is_true = found.verdict == true_verdict(scenario, ladder)
    width = known = ratio = float("nan")
    if found.ed is not None:
        width, ratio = np.log(found.ed.factor), np.log(found.ed.estimate / truth)
        if shape != "flat":
            own = judge(table, top=scenario.top, settings=ladder, shapes=(shape,))
            known = float("nan") if own.ed is None else np.log(own.ed.factor)
    inside = found.ed is not None and found.ed.low <= truth <= found.ed.high
    base = power_law_end_point(
        found.means, top=scenario.top, level=ladder.level, confidence=ladder.confidence
    )
    return Outcome(
        shape=shape,
        verdict=found.verdict,
        is_true=is_true,
        covers=inside if found.ed is not None else is_true,
        has_interval=found.ed is not None,
        log_width=float(width),
        known_log_width=float(known),
        log_ratio=float(ratio),
        arms=len(table.arms) - 1,
        baseline_covers=base is not None and base.low <= truth <= base.high,
        baseline_log_ratio=float("nan") if base is None else float(np.log(base.estimate / truth)),
        baseline_log_width=float("nan") if base is None else float(np.log(base.factor)),
    )


def _chunk(settings: dict[str, Any], shape: str, start: int, stop: int) -> list[Outcome]:
    return [simulate_one(settings, shape, i) for i in range(start, stop)]


def calibrate(
    *,
    ladders_per_shape: int | None = None,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Run all ladders, in worker processes; the result does not depend on their number."""
    settings = load_settings()
    n = ladders_per_shape or settings["ladders_per_shape"]
    jobs = [(s, i, min(i + CHUNK, n)) for s in SHAPES for i in range(0, n, CHUNK)]
    outcomes: list[Outcome] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_chunk, settings, *job) for job in jobs]
        for future in futures:
            outcomes += future.result()
            if progress is not None:
                progress(len(outcomes), n * len(SHAPES))
    return summarise(settings, outcomes)


def summarise(settings: dict[str, Any], outcomes: list[Outcome]) -> Calibration:
    """Coverage, bias and width over ladders; medians ignore ladders without an interval."""
    responding = [o for o in outcomes if o.shape != "flat"]
    flat = [o for o in outcomes if o.shape == "flat"]
    shapes = {}
    for shape in SHAPES:
        mine = [o for o in outcomes if o.shape == shape]
        counts = Counter(o.verdict for o in mine)
        shares = {name: round(k / len(mine), 4) for name, k in sorted(counts.items())}
        shapes[shape] = {**_summary(mine), "verdicts": shares}
    return Calibration(
        settings=settings,
        overall=_summary(outcomes),
        shapes=shapes,
        baseline={
            "coverage": _mean([o.baseline_covers for o in responding]),
            "bias": _median([o.baseline_log_ratio for o in responding]),
            "log_width": _median([o.baseline_log_width for o in responding]),
            "no_interval": _mean([np.isnan(o.baseline_log_width) for o in responding]),
        },
        flat_false_enough=_mean([o.has_interval for o in flat]),
    )


def _summary(outcomes: list[Outcome]) -> dict[str, float]:
    width = _median([o.log_width for o in outcomes])
    known = _median([o.known_log_width for o in outcomes])
    return {
        "ladders": len(outcomes),
        "coverage": _mean([o.covers for o in outcomes]),
        "bias": _median([o.log_ratio for o in outcomes]),
        "log_width": width,
        "known_log_width": known,
        "log_width_ratio": round(width / known, 4) if known else float("nan"),
        "verdict_true": _mean([o.is_true for o in outcomes]),
        "arms": _mean([o.arms for o in outcomes]),
        "arms_p90": float(np.quantile([o.arms for o in outcomes], 0.9)),
    }


def _mean(values: list[Any]) -> float:
    return round(float(np.mean(values)), 4) if values else float("nan")


def _median(values: list[float]) -> float:
    known = [v for v in values if np.isfinite(v)]
    return round(float(np.median(known)), 4) if known else float("nan")
