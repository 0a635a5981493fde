"""The oddest traces of a pool, each with the reason in words.

Each trace is measured in a few ways; how odd a value is among the others is told in bits of surprise:
−log2(share) for a mark that few traces have, z²/2 · log2(e) for a number, with z from median and
median absolute deviation of its logarithm. The oddest trace comes first, then the oddest in another
way, so that three rows tell more than that long traces are long.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.records import Record
from titrant.traces.read import row_of
from titrant.traces.record import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.traces.record import Trace

SHOWN = 3
EXCERPT_CHARS = 66
TAIL_CHARS = 2000
"""Loops of a model stand at the end."""
MARKS = ("<|", "</think>", "<think>", "\ufffd", "\x00")
MOST_BITS = 500.0
NOTABLE_BITS = 3.0
"""One in eight."""


class Measured(NamedTuple):
    """Numbers about one trace."""

    characters: int
    words: int
    steps: int


class Odd(Record):
    """One odd trace."""

    row: int
    """Its row in the file, from 1; its position among the traces where the row is unknown."""
    uid: str
    reason: str
    excerpt: str
    """The beginning of what it says."""


class _Surprise(NamedTuple):
    bits: float
    at: int
    way: str
    reason: str


def oddest(traces: Sequence[Trace], measured: Sequence[Measured]) -> tuple[Odd, ...]:
    """The three oddest traces (fewer in a smaller pool), the oddest first."""
    surprises = [
        *_numbers("length", [m.words for m in measured], "{} words (median {})"),
        *_numbers("steps", [m.steps for m in measured], "{} steps (median {})"),
        *_numbers("loop", [_packing(trace) for trace in traces], _LOOP),
        *_numbers("question", [len(trace.question) for trace in traces], _QUESTION),
        *_marks("mark", traces, _mark),
        *_marks("verdict", traces, _verdict),
    ]
    surprises.sort(key=lambda s: (-s.bits, s.at, s.way))
    chosen: dict[int, _Surprise] = {}
    ways: set[str] = set()
    for is_second_round in (False, True):
        for surprise in surprises:
            is_new = surprise.at not in chosen and (is_second_round or surprise.way not in ways)
            if is_new and len(chosen) < SHOWN:
                chosen[surprise.at] = surprise
                ways.add(surprise.way)
    ordered = sorted(chosen.values(), key=lambda s: (-s.bits, s.at))
    return tuple(_odd(traces[s.at], s.at, _reasons(s, surprises)) for s in ordered)


def _reasons(first: _Surprise, surprises: Sequence[_Surprise]) -> str:
    """Why a trace was chosen, and what else is odd about it."""
    others = (s.reason for s in surprises if s.at == first.at and s.bits >= NOTABLE_BITS)
    return "; ".join(dict.fromkeys((first.reason, *others)))


_LOOP = "its end packs to one part in {} (median {}): it may repeat itself"
_QUESTION = "a question of {} characters (median {})"


def _numbers(way: str, values: Sequence[float], words: str) -> list[_Surprise]:
    """The three values furthest from the median, by the logarithm."""
    logs = np.log(np.maximum(np.asarray(values, dtype=float), 0.5))
    middle = float(np.median(logs))
    off = np.abs(logs - middle)
    # With half of the values equal the deviation is 0, and the plain one takes its place.
    scale = 1.4826 * float(np.median(off)) or float(np.std(logs))
    if scale == 0:
        return []
    bits = np.minimum((off / scale) ** 2 / 2 * math.log2(math.e), MOST_BITS)
    median = float(np.median(values))
    far = np.argsort(-bits, kind="stable")[:SHOWN].tolist()
    return [
        _Surprise(float(bits[i]), i, way, words.format(_short(values[i]), _short(median)))
        for i in far
        if bits[i] > 0
    ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _packing(trace: Trace) -> float:
    """How many times zlib shrinks the end of the body; 1 for short ones, which tell nothing."""
    tail = trace.body[-TAIL_CHARS:].encode(errors="replace")
    return len(tail) / len(zlib.compress(tail, 1)) if len(tail) >= 200 else 1.0


def _marks(
    way: str, traces: Sequence[Trace], reason_of: Callable[[Trace], str | None]
) -> list[_Surprise]:
    """The first traces with a rare mark; a mark that most have is no surprise."""
    found = [(i, reason) for i, trace in enumerate(traces) if (reason := reason_of(trace))]
    share = len(found) / len(traces)
    if not found or share > 0.5:
        return []
    return [_Surprise(-math.log2(share), i, way, reason) for i, reason in found[:SHOWN]]


def _mark(trace: Trace) -> str | None:
    for mark in MARKS:
        if mark in trace.answer_text or (trace.thinking is not None and mark in trace.thinking):
            return f"holds {mark!r}, a mark that should not be in the text"
    return None


def _verdict(trace: Trace) -> str | None:
    if trace.unfinished:
        return "unfinished: the thinking is never closed"
    return "no final answer can be read" if trace.verdict is Verdict.UNREADABLE else None


def _odd(trace: Trace, at: int, reason: str) -> Odd:
    text = " ".join(trace.body[: 4 * EXCERPT_CHARS].split())
    excerpt = f"{text[:EXCERPT_CHARS]}…" if len(text) > EXCERPT_CHARS else text
    return Odd(
        row=row_of(trace, at + 1),
        uid=trace.uid,
        reason=reason,
        excerpt=excerpt,
    )
