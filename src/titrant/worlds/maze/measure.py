"""What a model's text says about its maze: is the plan right, is the trace a run of A*, and do they go together?

    P(plan valid)    P(trace valid)    P(trace valid | plan valid)    and the table of both

A text whose plan comes from its trace should have a valid trace whenever its plan is valid. Trace validity
is given at two levels (`validate`): rules 1–5, and with complete expansions. Truncated and unreadable texts
count as not valid; texts without any thinking have no trace to judge, so they are left out of what is said
about traces, and their number is given.

The first fault of a swapped trace is nearly always its first event, since its start is another, so an
invalid trace says little by itself; where the faults are says more.

Source: Stechly et al., "Beyond Semantics" (arXiv 2505.13775), its figures. Intervals are Wilson's.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from statsmodels.stats.proportion import proportion_confint

from titrant.estimate import Estimate
from titrant.records import Record
from titrant.traces.thinking import split_thinking
from titrant.worlds.maze.astar import search
from titrant.worlds.maze.form import read_plan, read_question, read_thinking
from titrant.worlds.maze.plan import check_plan
from titrant.worlds.maze.validate import check_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEVEL = 0.95
"""Confidence level of intervals."""


class Measured(Record):
    """What one text says about its maze."""

    plan_valid: bool
    """The plan is a path from start to goal; `False` for truncated and unreadable texts."""
    plan_optimal: bool
    """The plan is a shortest path."""
    plan_fault: str | None
    """What is wrong with the plan, or `truncated`; `None`: nothing."""
    trace_valid: bool | None
    """Rules 1–5 hold; `None`: the text has no thinking."""
    trace_strictly_valid: bool | None
    """All rules hold; `None`: the text has no thinking."""
    first_error_index: int | None
    """Event of the first fault under rules 1–5, from 0; `None`: valid, or no thinking."""
    first_error_type: str | None
    """Its fault (`validate.Fault`)."""
    trace_events: int | None
    """Lines of the thinking; `None`: no thinking."""
    gold_events: int
    """Events of A*'s own trace, ties by insertion."""


class Table(Record):
    """Texts with a trace, by validity of plan and trace."""

    both: int
    plan_only: int
    trace_only: int
    neither: int


class Summary(Record):
    """What many texts say; see the module docstring."""

    version: int = 1
    n: int
    """Texts."""
    n_without_trace: int
    """Texts without thinking, left out of everything below `plan_optimal`."""
    n_truncated: int
    plan_valid: Estimate
    plan_optimal: Estimate
    trace_valid: Estimate
    trace_strictly_valid: Estimate
    trace_valid_given_plan: Estimate
    """Among texts with a valid plan."""
    strictly_valid_given_plan: Estimate
    """The same with all rules."""
    table: Table
    """Under rules 1–5."""
    first_error_types: dict[str, int]
    """Fault → texts whose first it is, most frequent first."""
    first_error_indices: dict[int, int]
    """Event, from 0 → texts whose first fault is there."""


class Span(Record):
    """Texts whose gold traces have a length in a range."""

    least: int
    """Events of the gold trace."""
    below: int | None
    """End of the range, itself not in it; `None`: there is none."""
    trace_valid_given_plan: Estimate


def measure(question: str, text: str, *, is_cut: bool = False) -> Measured:
    """Measure one text.

    Args:
        question: of the maze world.
        text: all that the model wrote, what the prompt had written of it in front.
        is_cut: a limit cut it, so its plan is truncated whatever it says.

    Raises:
        DataError: the question is none of this world.
    """
    maze, parted = read_question(question), split_thinking(text)
    answer = None if is_cut else read_plan(parted.answer_text)
    plan = check_plan(maze, answer)
    events = None if parted.thinking is None else read_thinking(parted.thinking)
    trace = None if events is None else check_trace(maze, events)
    first = trace and trace.first
    return Measured(
        plan_valid=plan.is_valid,
        plan_optimal=plan.is_optimal,
        plan_fault="truncated" if is_cut else plan.fault,
        trace_valid=trace and trace.is_valid,
        trace_strictly_valid=trace and trace.is_strictly_valid,
        first_error_index=first.at if first else None,
        first_error_type=first.fault if first else None,
        trace_events=None if events is None else len(events),
        gold_events=len(search(maze).events),
    )


def summarise(measured: Sequence[Measured], *, level: float = LEVEL) -> Summary:
    """Shares with intervals, the table of plan and trace, and where traces fail first."""
    traced = [one for one in measured if one.trace_valid is not None]
    solved = [one for one in traced if one.plan_valid]
    cells = Counter((one.plan_valid, bool(one.trace_valid)) for one in traced)
    kinds = Counter(one.first_error_type for one in traced if one.first_error_type is not None)
    places = Counter(one.first_error_index for one in traced if one.first_error_index is not None)
    return Summary(
        n=len(measured),
        n_without_trace=len(measured) - len(traced),
        n_truncated=sum(one.plan_fault == "truncated" for one in measured),
        plan_valid=_share((one.plan_valid for one in measured), level),
        plan_optimal=_share((one.plan_optimal for one in measured), level),
        trace_valid=_share((one.trace_valid for one in traced), level),
        trace_strictly_valid=_share((one.trace_strictly_valid for one in traced), level),
        trace_valid_given_plan=_share((one.trace_valid for one in solved), level),
        strictly_valid_given_plan=_share((one.trace_strictly_valid for one in solved), level),
        table=Table(
            both=cells[True, True],
            plan_only=cells[True, False],
            trace_only=cells[False, True],
            neither=cells[False, False],
        ),
        first_error_types=dict(kinds.most_common()),
        first_error_indices=dict(sorted(places.items())),
    )


def by_gold_length(
    measured: Iterable[Measured], edges: Sequence[int], *, level: float = LEVEL
) -> list[Span]:
    """P(trace valid | plan valid) where gold traces are short and where they are long.

    Args:
        measured: any number.
        edges: ascending numbers of events; each begins a range, and the last one has no end.
        level: confidence level.
    """
    solved = [one for one in measured if one.plan_valid and one.trace_valid is not None]
    ends: list[int | None] = [*edges[1:], None]
    return [
        Span(
            least=least,
            below=below,
            trace_valid_given_plan=_share(
                (
                    one.trace_valid
                    for one in solved
                    if one.gold_events >= least and (below is None or one.gold_events < below)
                ),
                level,
            ),
        )
        for least, below in zip(edges, ends, strict=True)
    ]


def _share(claims: Iterable[bool | None], level: float) -> Estimate:
    """The share of true claims with Wilson's interval; nothing where there are no claims."""
    held = [bool(claim) for claim in claims]
    if not held:
        return Estimate(estimate=None, low=None, high=None, level=level, n=0)
    ends = proportion_confint(sum(held), len(held), 1 - level, method="wilson")
    low, high = cast("tuple[Any, Any]", ends)
    return Estimate(
        estimate=sum(held) / len(held),
        low=max(0.0, float(low)),
        high=min(1.0, float(high)),
        level=level,
        n=len(held),
    )
