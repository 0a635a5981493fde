"""A pool of traces as a log of draws: traces of one question vote, with scores where there are any.

Only what stands in the score table is known, not the numbers of each token, so nothing can be stopped and
replayed: votes and AUROC only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.select.scores import open_scores
from titrant.signals.base import signals
from titrant.signals.ragged import offsets_of
from titrant.traces.record import Verdict
from titrant.vote.equal import Answers, group_answers
from titrant.vote.logs.log import DrawLog
from titrant.vote.logs.turned import turned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from titrant.settings import SignalSettings
    from titrant.traces.record import Trace
    from titrant.traces.verify.verdict import Verifier


def log_of_pool(
    traces: Sequence[Trace],
    settings: SignalSettings,
    verifier: Verifier,
    *,
    scores: Path | None = None,
) -> DrawLog:
    """The log of a pool.

    Args:
        traces: with verdicts, each once.
        settings: of signals; its window is noted, and nothing is made with it.
        verifier: an open verifier.
        scores: the folder that titrant score made of these traces.

    Raises:
        DataError: the scores are damaged, or of another pool.
    """
    by_question: dict[str, list[Trace]] = {}
    for trace in traces:
        by_question.setdefault(trace.qid, []).append(trace)
    rows = [trace for some in by_question.values() for trace in some]
    asked = [
        Answers(tuple(t.final_answer for t in some), some[0].gold_kind)
        for some in by_question.values()
    ]
    grouped = group_answers(asked, verifier)
    # One unit for all: characters where any trace does not say its tokens.
    known = all(t.n_tokens is not None for t in rows)
    lengths = [(t.n_tokens or 0) if known else len(t.body) for t in rows]
    return DrawLog(
        qids=tuple(by_question),
        offsets=offsets_of(np.array([len(some) for some in by_question.values()])),
        group=np.concatenate([one.group for one in grouped]),
        is_right=np.array([t.verdict == Verdict.CORRECT for t in rows]),
        verdict=np.array(["" if t.verdict is None else str(t.verdict) for t in rows]),
        n_tokens=np.array(lengths, dtype=np.int64),
        lows={},
        window=0 if settings.window == "auto" else settings.window,
        signals={} if scores is None else _signals(scores, [t.uid for t in rows]),
    )


def _signals(folder: Path, uids: Sequence[str]) -> dict[str, np.ndarray]:
    """The signals in a folder of scores, turned so that high is better."""
    found = {}
    stored = open_scores(folder)
    for name in signals.names():
        if name in stored.meta.versions:
            found[name] = turned(name, stored.signal(name, uids))
    return found
