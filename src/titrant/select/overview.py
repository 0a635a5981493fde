"""What the first rows of a ranking are made of, beside the pool that they come from.

A strategy that takes long traces, wrong ones or copies of one another shows it here, before anything is
trained. Near repeats are found as `titrant inspect` finds them, so with the same bound on the work: their
share may be too low.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.records import Record
from titrant.traces.inspect.likeness import find_repeats
from titrant.traces.record import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace


class Overview(Record):
    """What some traces are made of."""

    version: int = 1
    traces: int
    questions: int
    mean_length: float | None
    """`None` without traces."""
    length_unit: str
    """`tokens` or `characters`."""
    wrong: float | None
    """Share of wrong ones among the traces verified as right or wrong; `None` where none was."""
    unread: float
    """Share without a readable end: truncated or unreadable."""
    near_repeats: float
    """Share that nearly repeats an earlier one of these."""


def overviews(first: Sequence[Trace], pool: Sequence[Trace]) -> tuple[Overview, Overview]:
    """The first rows and the whole pool, both in the unit of length that the pool has throughout."""
    in_tokens = all(trace.n_tokens is not None for trace in pool)
    return overview_of(first, in_tokens=in_tokens), overview_of(pool, in_tokens=in_tokens)


def overview_of(traces: Sequence[Trace], *, in_tokens: bool) -> Overview:
    """What some traces are made of; all shares are of their number, which may be 0."""
    n = len(traces)
    if in_tokens:
        lengths = [trace.n_tokens or 0 for trace in traces]
    else:
        lengths = [len(trace.thinking or "") + len(trace.answer_text) for trace in traces]
    verdicts = [trace.verdict for trace in traces]
    judged = sum(verdict in (Verdict.CORRECT, Verdict.WRONG) for verdict in verdicts)
    unread = sum(verdict in (Verdict.UNREADABLE, Verdict.TRUNCATED) for verdict in verdicts)
    return Overview(
        traces=n,
        questions=len({trace.qid for trace in traces}),
        mean_length=sum(lengths) / n if n else None,
        length_unit="tokens" if in_tokens else "characters",
        wrong=verdicts.count(Verdict.WRONG) / judged if judged else None,
        unread=unread / max(n, 1),
        near_repeats=find_repeats(traces).near / max(n, 1),
    )
