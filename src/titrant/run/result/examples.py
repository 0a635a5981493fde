"""Examples for the eyes: traces of the subset, and what base and a trained arm wrote before and after.

Nothing is picked by hand: traces are the first of the subset, problems stand in the order of a hash,
and each kind of change (gained, lost, both right, both wrong) has its fixed number of places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.report.answer import BeforeAfter, TraceSample
from titrant.run.ladder.readings import read_samples
from titrant.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from titrant.arms import ArmSpec
    from titrant.run.store.folder import RunFolder
    from titrant.traces.record import Problem, Trace

SHOWN_TRACES = 6
PLACES = {(False, True): 3, (True, False): 1, (True, True): 1, (False, False): 1}
"""(right before, right after) → how many problems of that kind are shown."""


def show_traces(traces: Sequence[Trace]) -> tuple[TraceSample, ...]:
    """The first traces."""
    return tuple(
        TraceSample(
            question=trace.question,
            thinking=trace.thinking,
            answer_text=trace.answer_text,
            final_answer=trace.final_answer,
            gold=trace.gold,
            verdict=trace.verdict,
        )
        for trace in traces[:SHOWN_TRACES]
    )


def shown_arm(specs: Sequence[ArmSpec], dose: float) -> ArmSpec | None:
    """The trained arm whose dose is nearest to `dose` on the log scale; the first seed of it."""
    trained = [spec for spec in specs if spec.dose > 0]

    def distance(spec: ArmSpec) -> float:
        return max(spec.dose / dose, dose / spec.dose)

    return min(trained, key=lambda spec: (distance(spec), spec.dose, spec.seed), default=None)


def before_after(
    folder: RunFolder, problems: Sequence[Problem], *, zero: str, arm_id: str, benchmark: str
) -> tuple[BeforeAfter, ...]:
    """The first sample of base and arm on a few problems of a benchmark."""
    before, after = (_first_samples(folder, name, benchmark) for name in (zero, arm_id))
    places = dict(PLACES)
    pairs = []
    for problem in sorted(problems, key=lambda p: derive(0, "examples", p.qid)):
        one, other = before.get(problem.qid), after.get(problem.qid)
        if one is None or other is None:
            continue
        kind = (one["correct"] is True, other["correct"] is True)
        if places[kind] > 0:
            places[kind] -= 1
            pairs.append((list(PLACES).index(kind), _pair(problem, one, other, arm_id)))
    return tuple(pair for _, pair in sorted(pairs, key=lambda item: item[0]))


def _first_samples(
    folder: RunFolder, arm_id: str, benchmark: str
) -> dict[str, dict[str, str | bool | None]]:
    samples: pl.DataFrame = read_samples(folder, arm_id, with_text=True)
    samples = samples.filter((samples["benchmark"] == benchmark) & (samples["sample"] == 0))
    return {row["qid"]: row for row in samples.iter_rows(named=True)}


def _pair(
    problem: Problem,
    before: dict[str, str | bool | None],
    after: dict[str, str | bool | None],
    arm_id: str,
) -> BeforeAfter:
    return BeforeAfter(
        question=problem.question,
        gold=problem.gold,
        before=str(before["text"] or ""),
        before_verdict=_text(before["verdict"]),
        after=str(after["text"] or ""),
        after_verdict=_text(after["verdict"]),
        after_arm=arm_id,
    )


def _text(value: str | bool | None) -> str | None:  # noqa: FBT001 - a cell
    return None if value is None else str(value)
