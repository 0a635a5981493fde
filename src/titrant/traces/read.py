"""A pool of traces, or a benchmark of problems, out of a file; and a report of what was read.

Reading recognises the schema, makes a Trace (or Problem) of each row, and counts what it could not
use, by reason, with the first row of each. It does not verify: see `verify.assess`. Traces that occur twice
stay twice: `distinct_traces` drops them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from titrant.seeds import derive_rng
from titrant.traces.bulk import identify, make_trace, paused_collector
from titrant.traces.files import open_rows
from titrant.traces.formats.draft import (
    NO_ATTEMPT,
    NO_QUESTION,
    gold_in,
    gold_of_completion,
)
from titrant.traces.merge import Merged
from titrant.traces.record import Problem, Trace, question_id
from titrant.traces.row_reader import (
    NO_GOLD,
    Item,
    Progress,
    ReadReport,
    RowReader,
    begin,
    nothing_usable,
)
from titrant.traces.steps import cut_steps, steps_of_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from titrant.settings import BenchmarkSettings, PoolSettings


LATER_TURNS = "conversations have more turns; only the first question and its answer are read"
"""A note of the report, after the number of them."""


class Pool(NamedTuple):
    """The traces of a file, in its order."""

    traces: list[Trace]
    report: ReadReport


class Benchmark(NamedTuple):
    """The problems that a benchmark asks."""

    name: str
    problems: list[Problem]
    report: ReadReport


def read_pool(settings: PoolSettings, *, progress: Progress | None = None) -> Pool:
    """The traces of a file, folder or data set; at most `limit` of them, the first ones.

    Raises:
        ConfigError: `columns` names what is not there.
        DataError: the file cannot be read, is in no known schema, or no row of it can be used.
        MissingPackageError: a hub data set, and `datasets` is not installed.
    """
    source = open_rows(
        settings.path,
        split=settings.split,
        config=settings.config,
        revision=settings.revision,
        limit=settings.limit,
    )
    reading = begin(source, settings.columns, progress)
    traces: list[Trace] = []
    with paused_collector():
        for item in reading.items():
            trace = _trace(reading, item)
            if trace is not None:
                traces.append(trace)
                if len(traces) == settings.limit:
                    break
    if not traces:
        raise nothing_usable(reading, "trace")
    with_gold = sum(trace.gold is not None for trace in traces)
    notes = [] if with_gold else ["no gold answers: the traces can be trained on, not verified"]
    return Pool(
        traces,
        reading.report(
            used=len(traces),
            questions=len({trace.qid for trace in traces}),
            with_gold=with_gold,
            notes=notes,
        ),
    )


def read_benchmark(
    settings: BenchmarkSettings,
    *,
    seed: int,
    needs_gold: bool = True,
    progress: Progress | None = None,
) -> Benchmark:
    """The problems of a file, folder or data set, each question once, in the order of the file.

    A question that comes again is merged with its first occurrence, whose gold answer stays; other
    golds are counted in the report. `limit` draws from all problems with the seed.

    Args:
        settings: where they are.
        seed: of the draw, where there is a limit.
        needs_gold: whether rows without a gold answer are refused, and counted; else they are asked too.
        progress: called now and then with (rows read, rows in all).

    Raises:
        ConfigError: `columns` or `answer_pattern` cannot be used.
        DataError: the file cannot be read, is in no known schema, or gives no gold answers though they are
            needed.
        MissingPackageError: a hub data set, and `datasets` is not installed.
    """
    source = open_rows(
        settings.path,
        split=settings.split,
        config=settings.config,
        revision=settings.revision,
    )
    reading = begin(source, settings.columns, progress, bare=not needs_gold)
    merged = Merged()
    for item in reading.items():
        problem = _problem(reading, item, settings.answer_pattern, needs_gold=needs_gold)
        if problem is not None:
            merged.add(problem)
    if not merged.problems:
        raise nothing_usable(reading, "problem")
    name = settings.name or benchmark_name(settings.path)
    problems = _drawn(list(merged.problems.values()), settings.limit, seed=seed, name=name)
    notes = merged.notes()
    if len(problems) < len(merged.problems):
        notes.append(f"{len(problems)} of {len(merged.problems)} problems drawn (limit)")
    with_gold = sum(problem.gold is not None for problem in problems)
    report = reading.report(
        used=len(problems), questions=len(problems), with_gold=with_gold, notes=notes
    )
    return Benchmark(name, problems, report)


def distinct_traces(traces: Iterable[Trace]) -> list[Trace]:
    """The traces without those that repeat an earlier one (same `uid`), in their order."""
    first: dict[str, Trace] = {}
    for trace in traces:
        first.setdefault(trace.uid, trace)
    return list(first.values())


def row_of(trace: Trace, position: int) -> int:
    """The row of the file that a trace was read from; its position in the pool if unknown."""
    row = trace.meta.get("row")
    return row if isinstance(row, int) else position


def benchmark_name(path: str) -> str:
    """A short name for tables: the file's, with its folder's where the file is named "test"."""
    place = Path(path)
    stem = place.name.partition(".")[0]
    is_bland = stem.lower() in {"test", "train", "data", "validation", "dev", "problems"}
    folder = place.absolute().parent.name
    return f"{folder}-{stem}" if is_bland and folder else stem


def _trace(reading: RowReader, item: Item) -> Trace | None:
    draft, row = item.draft, item.row
    question = draft.question.strip()
    body = draft.answer_text if draft.thinking is None else draft.thinking
    if not question or not body or body.isspace():
        reading.refuse(NO_ATTEMPT if question else NO_QUESTION, item.number)
        return None
    if "turns" in draft.meta:
        reading.remark(LATER_TURNS)
    identity = identify(question, draft.thinking, draft.answer_text)
    return make_trace(
        {
            "uid": identity.uid,
            "qid": identity.qid,
            "question": question,
            "system": draft.system or reading.cell(row, "system"),
            "thinking": draft.thinking,
            "answer_text": draft.answer_text,
            "unfinished": draft.unfinished,
            "gold": gold_in(row, reading.schema.columns) or draft.gold,
            "gold_kind": draft.gold_kind,
            "source": reading.cell(row, "source") or reading.source_name,
            "domain": reading.cell(row, "domain") or "",
            "steps": cut_steps(body) if draft.pieces is None else steps_of_pieces(draft.pieces),
            "meta": _meta(reading, item),
        }
    )


def _meta(reading: RowReader, item: Item) -> dict[str, Any]:
    meta = {**reading.schema.kept(item.row), **item.draft.meta}
    return {"row": item.number} | {name: _plain(value) for name, value in meta.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any cell
    """A cell as JSON can say it: NaN is null, dates and such are texts."""
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)


def _problem(
    reading: RowReader, item: Item, pattern: str | None, *, needs_gold: bool
) -> Problem | None:
    draft, row = item.draft, item.row
    question = draft.question.strip()
    if not question:
        reading.refuse(NO_QUESTION, item.number)
        return None
    gold = gold_in(row, reading.schema.columns) or draft.gold
    if gold is None and reading.schema.schema.answer_is_gold:
        gold = gold_of_completion(draft.answer_text, pattern=pattern)
        if gold is not None:
            reading.remark("gold answers were read out of the answers given")
    if gold is None and needs_gold:
        reading.refuse(NO_GOLD, item.number)
        return None
    return Problem(
        qid=question_id(question),
        question=question,
        gold=gold,
        gold_kind=draft.gold_kind,
        source=reading.cell(row, "source") or reading.source_name,
        domain=reading.cell(row, "domain") or "",
        meta=_meta(reading, item._replace(draft=draft._replace(meta={}))),
    )


def _drawn(problems: list[Problem], limit: int | None, *, seed: int, name: str) -> list[Problem]:
    if limit is None or limit >= len(problems):
        return problems
    rng = derive_rng(seed, "benchmark", name, "limit")
    chosen = rng.choice(len(problems), size=limit, replace=False)
    return [problems[i] for i in sorted(chosen.tolist())]
