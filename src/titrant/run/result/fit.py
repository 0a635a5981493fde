"""The analysis half alone: an answer from readings that came from anywhere, without torch.

The pool is what the readings say it is: the top dose stands for the whole pool unless a larger pool
is named. Cost, subset and provenance are unknown and stay so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.dose.foreign import read_readings
from titrant.dose.judge.analysis import analyse
from titrant.dose.ladder.ladder import LadderPlan, full_sweep
from titrant.dose.readings import BASE, ReadingTable
from titrant.errors import DataError
from titrant.registry import nearest
from titrant.report.answer import Answer, Cost
from titrant.report.sentence import with_sentence
from titrant.run.result.mapping import from_analyses, unknown

if TYPE_CHECKING:
    from pathlib import Path

    from titrant.settings import LadderSettings


def fit_readings(
    path: Path,
    settings: LadderSettings,
    *,
    pool_size: int | None = None,
    benchmark: str | None = None,
) -> Answer:
    """The answer that readings allow.

    Args:
        path: a table or a folder; see `titrant.dose.foreign`.
        settings: level, margin, precision, confidence.
        pool_size: traces in the whole pool, where the top dose is not all of it.
        benchmark: the benchmark that decides; default: the first one.

    Raises:
        DataError: the readings cannot be used.
    """
    frame = read_readings(path)
    names = frame["benchmark"].unique(maintain_order=True).to_list()
    if benchmark is not None and benchmark not in names:
        raise DataError(
            f"no readings on the benchmark '{benchmark}'",
            expected="a benchmark that the readings name",
            came=f"benchmarks {', '.join(names)}",
            do=nearest(benchmark, names),
        )
    first = benchmark or names[0]
    tables = {name: ReadingTable.from_frame(frame, benchmark=name) for name in [first, *names]}
    plan = _plan(tables[first], settings, pool_size)
    analyses = {
        name: analyse(table, settings=settings, plan=plan) for name, table in tables.items()
    }
    trained = sum(arm.dose > 0 for arm in tables[first].arms)
    fields = from_analyses(analyses, confidence=settings.confidence)
    empty = unknown(settings.confidence)
    answer = Answer(
        verdict="undecided",
        sentence="",
        decides=None,
        strategy=plan.strategies[0],
        ed95=empty,
        level=settings.level,
        margin=settings.margin,
        base=empty,
        plateau=empty,
        gain=empty,
        top_dose=plan.top_dose,
        whole_pool=plan.shared_dose is not None,
        guess=None,
        responses=(),
        curves=(),
        cost=Cost(
            arms=trained,
            tokens=None,
            train_tokens=None,
            generated_tokens=None,
            seconds=None,
            share_of_sweep=trained / full_sweep(plan),
        ),
        subset=None,
        warnings=("cost and recipe are unknown: the answer is fitted from readings alone",),
    )
    return with_sentence(answer.model_copy(update=fields))


def _plan(table: ReadingTable, settings: LadderSettings, pool_size: int | None) -> LadderPlan:
    strategies = tuple(sorted({arm.strategy for arm in table.arms} - {BASE}))
    doses = tuple(sorted({arm.dose for arm in table.arms} - {0}))
    if not doses:
        raise DataError(
            "the readings hold the base alone",
            expected="arms at several doses",
            came="dose 0",
            do="add readings of trained arms, log-spaced up to the whole pool",
        )
    if len(doses) < settings.first_doses:
        raise DataError(
            "too few doses for a curve",
            expected=f"{settings.first_doses} doses or more besides the base",
            came=f"{len(doses)}: {', '.join(map(str, doses))}",
            do="add arms at doses between, log-spaced",
        )
    return LadderPlan(
        pool_size=pool_size or doses[-1],
        top_dose=doses[-1],
        doses=doses,
        strategies=strategies,
        root=0,
        max_arms=0,
    )
