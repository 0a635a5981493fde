"""What a pool is made of, as one plain record: `titrant inspect`.

Counts, spreads, verdicts, duplicates and the oddest rows of traces that were read and, where they
have gold answers, assessed. Nothing is judged here and nothing is changed.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from titrant.records import Record
from titrant.traces.inspect.likeness import Repeats, find_repeats
from titrant.traces.inspect.oddity import Measured, Odd, oddest
from titrant.traces.row_reader import ReadReport

if TYPE_CHECKING:
    from titrant.traces.read import Pool
    from titrant.traces.record import Trace

VERDICTS = ("correct", "wrong", "unreadable", "truncated", "unverified")
ANSWER_WORDS = 5
"""Traces with a median length up to this are bare answers."""

CountTokens = Callable[[list[str]], list[int]]
Progress = Callable[[int, int], None]
CHUNK_ROWS = 500


class Spread(Record):
    """How a whole number is spread over the traces (or questions)."""

    minimum: int
    median: float
    p90: float
    """Nine of ten are not above it."""
    maximum: int
    total: int


class Inspection(Record):
    """What a pool is made of."""

    version: int = 1
    report: ReadReport
    n_traces: int
    n_questions: int
    n_thinking: int
    """Traces with thinking apart from the answer."""
    n_unfinished: int
    per_question: Spread
    """Traces per question."""
    per_question_counts: dict[int, int]
    """Traces per question → how many questions have so many."""
    characters: Spread
    """Of thinking and answer together."""
    words: Spread
    """Of thinking and answer together, parted by white space."""
    tokens: Spread | None
    """Of thinking and answer together under the base's tokenizer; `None` without one."""
    steps: Spread
    verdicts: dict[str, int]
    """Correct, wrong, unreadable, truncated, unverified; every trace is one of them."""
    repeats: Repeats
    oddest: tuple[Odd, ...]
    benchmark_hint: str | None
    """Why the file looks like a benchmark rather than a pool; `None` if it does not."""


def inspect_pool(
    pool: Pool,
    *,
    count_tokens: CountTokens | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """What a pool is made of.

    Args:
        pool: at least one trace; verdicts are counted as they are.
        count_tokens: numbers of tokens of texts, under the tokenizer of the base.
        progress: called with (traces measured, all traces).
    """
    traces = pool.traces
    measured = _measured(traces, progress)
    per_question = Counter(trace.qid for trace in traces)
    counts = Counter(per_question.values())
    words = spread([m.words for m in measured])
    verdicts = Counter("unverified" if t.verdict is None else t.verdict.value for t in traces)
    return Inspection(
        report=pool.report,
        n_traces=len(traces),
        n_questions=len(per_question),
        n_thinking=sum(trace.thinking is not None for trace in traces),
        n_unfinished=sum(trace.unfinished for trace in traces),
        per_question=spread(list(per_question.values())),
        per_question_counts=dict(sorted(counts.items())),
        characters=spread([m.characters for m in measured]),
        words=words,
        tokens=None if count_tokens is None else spread(_tokens(traces, count_tokens)),
        steps=spread([m.steps for m in measured]),
        verdicts={name: verdicts.get(name, 0) for name in VERDICTS},
        repeats=find_repeats(traces),
        oddest=oddest(traces, measured),
        benchmark_hint=_benchmark_hint(pool, words),
    )


def spread(values: Sequence[int]) -> Spread:
    """The spread of whole numbers; the 90th percentile is the nearest rank (no interpolation).

    Example:
        >>> spread([1, 2, 3, 4, 10]).p90
        10.0
    """
    ordered = sorted(values)
    at = -(-9 * len(ordered) // 10) - 1
    return Spread(
        minimum=ordered[0],
        median=float(statistics.median(ordered)),
        p90=float(ordered[at]),
        maximum=ordered[-1],
        total=sum(ordered),
    )


def _measured(traces: Sequence[Trace], progress: Progress | None) -> list[Measured]:
    measured: list[Measured] = []
    for trace in traces:
        if progress is not None and len(measured) % CHUNK_ROWS == 0:
            progress(len(measured), len(traces))
        thinking, answer = trace.thinking or "", trace.answer_text
        measured.append(
            Measured(
                characters=len(thinking) + len(answer),
                words=len(thinking.split()) + len(answer.split()),
                steps=len(trace.steps),
            )
        )
    return measured


def _tokens(traces: Sequence[Trace], count_tokens: CountTokens) -> list[int]:
    counts: list[int] = []
    for at in range(0, len(traces), CHUNK_ROWS):
        part = traces[at : at + CHUNK_ROWS]
        texts = [text for trace in part for text in (trace.thinking or "", trace.answer_text)]
        n_tokens = count_tokens(texts)
        counts += [a + b for a, b in zip(n_tokens[::2], n_tokens[1::2], strict=True)]
    return counts


def _benchmark_hint(pool: Pool, words: Spread) -> str | None:
    if pool.report.has_traces and words.median > ANSWER_WORDS:
        return None
    return (
        f"answers without the way to them (median {words.median:g} words): "
        "this looks like a benchmark"
    )
