"""The one pass: every trace of a pool through the base once, all signals from what it leaves.

Traces go to the engine in chunks, those of one question together, so that their prompt is passed once;
inside a chunk the engine sorts by length. A chunk becomes a part on disk, whole or absent. A trace that
cannot be scored (too long for the context, say) has no tokens, is counted, and spoils no other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.engines.base import Score, ScoreRequest, require
from titrant.signals.asking import Asked, Asking, ask, lead_tokens, step_of_tokens
from titrant.signals.store import (
    ALWAYS,
    COLUMNS,
    PassCost,
    PassInfo,
    ScoredTrace,
    kept_needs,
    next_part,
    part_paths,
    read_info,
    usable_uids,
    write_part,
)
from titrant.traces.record import content_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from titrant.engines.base import Engine
    from titrant.traces.record import Trace

VERSION = 1
"""Raised whenever a number of a pass can change."""
CHUNK = 512
"""Traces per part."""


class Passed(NamedTuple):
    """What a pass has left on disk."""

    traces: int
    failed: int
    cost: PassCost


@dataclass(frozen=True, slots=True)
class Scorer:
    """An engine, and how traces are asked about."""

    engine: Engine
    asking: Asking
    vocab: int
    model: str
    """Fingerprint of the model, its precision and the worked examples of its prompts."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides the numbers."""
        asking = self.asking
        return content_hash(
            str(VERSION),
            self.model,
            asking.prompt.model_dump_json(),
            asking.signals.answer,
            str(asking.top_logprobs),
        )


def keeping(scorer: Scorer, folder: Path) -> Scorer:
    """The scorer asking also for what the parts in a folder hold: a new signal costs no old one."""
    held = kept_needs(folder, fingerprint=scorer.fingerprint)
    return replace(scorer, asking=scorer.asking._replace(needs=scorer.asking.needs | held))


def score_pool(
    traces: Sequence[Trace],
    scorer: Scorer,
    folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    chunk: int = CHUNK,
) -> Passed:
    """Pass every trace that no part in `folder` holds yet.

    Args:
        traces: the pool.
        scorer: engine and questions.
        folder: the folder of scores; parts go to its `tokens/`.
        progress: told (traces done, traces in all) after each part.
        chunk: traces per part.

    Raises:
        ConfigError: the engine cannot score.
        DataError: a part is damaged.
        ResourceError: the disk is full.
    """
    require(scorer.engine, "score")
    needs = scorer.asking.needs
    known = usable_uids(folder, fingerprint=scorer.fingerprint, needs=needs)
    left = [trace for trace in traces if trace.uid not in known]
    left.sort(key=lambda trace: (trace.qid, trace.uid))
    done = len(traces) - len(left)
    for start in range(0, len(left), chunk):
        part = left[start : start + chunk]
        _write_chunk(part, scorer, folder)
        done += len(part)
        if progress is not None:
            progress(done, len(traces))
    return passed(folder)


def passed(folder: Path) -> Passed:
    """What the parts in a folder hold together."""
    infos = [read_info(path) for path in part_paths(folder)]
    cost = PassCost()
    for info in infos:
        cost = cost.plus(info.cost)
    return Passed(sum(info.traces for info in infos), sum(info.failed for info in infos), cost)


def _write_chunk(traces: Sequence[Trace], scorer: Scorer, folder: Path) -> None:
    asked = [ask(trace, scorer.asking) for trace in traces]
    began = time.monotonic()
    scores, alone = _scores(scorer.engine, asked)
    seconds = time.monotonic() - began
    needs = tuple(sorted(scorer.asking.needs))
    rows = [
        _scored(trace, question, score, lone, needs=needs)
        for trace, question, score, lone in zip(traces, asked, scores, alone, strict=True)
    ]
    width = next((s.hidden.shape[1] for s in scores if s.hidden is not None), 0)
    info = PassInfo(
        fingerprint=scorer.fingerprint,
        needs=needs,
        vocab=scorer.vocab,
        top=scorer.asking.top_logprobs,
        width=width,
        traces=len(rows),
        failed=sum(score.error is not None for score in scores),
        trace_tokens=sum(len(score.token_ids) for score in scores),
        cost=_cost(scores, alone, seconds),
    )
    write_part(next_part(folder), rows, info)


def _scores(engine: Engine, asked: Sequence[Asked]) -> tuple[list[Score], list[Score | None]]:
    """Scores of the completions after their questions, and alone, in one call."""
    requests: list[ScoreRequest] = [question.main for question in asked]
    lone = [i for i, question in enumerate(asked) if question.alone is not None]
    requests += [request for i in lone if (request := asked[i].alone) is not None]
    found: dict[int, Score] = dict(engine.score(requests))
    n = len(asked)
    alone: list[Score | None] = [None] * n
    for at, i in enumerate(lone):
        alone[i] = found[n + at]
    return [found[i] for i in range(n)], alone


def _scored(
    trace: Trace, asked: Asked, score: Score, alone: Score | None, *, needs: tuple[str, ...]
) -> ScoredTrace:
    """The columns of one trace; empty ones where it could not be scored."""
    if score.error is not None or score.token_ends is None:
        names = [*ALWAYS, *(name for need in needs for name in COLUMNS[need])]  # pyright: ignore[reportArgumentType]
        return ScoredTrace(
            trace.uid, len(trace.steps), 0, {name: np.zeros(0, np.float32) for name in names}
        )
    columns = dict(_columns(score, alone, asked))
    return ScoredTrace(trace.uid, len(trace.steps), lead_tokens(score, asked.lead), columns)


def _columns(score: Score, alone: Score | None, asked: Asked) -> Iterator[tuple[str, np.ndarray]]:
    n = len(score.token_ids)
    none = np.full(n, np.nan, dtype=np.float32)
    assert score.token_ends is not None  # the caller has looked
    yield "logprob", score.logprobs
    yield "step", step_of_tokens(score.token_ends, asked.steps)
    if asked.main.with_distribution:
        yield "entropy", none if score.entropy is None else score.entropy
        yield "variance", none if score.variance is None else score.variance
        yield "vocab_mean", none if score.vocab_mean is None else score.vocab_mean
    if score.top_logprobs is not None:
        yield "top", score.top_logprobs
    if asked.alone is not None:
        is_known = alone is not None and alone.error is None and len(alone.logprobs) == n
        yield "alone", alone.logprobs if alone is not None and is_known else none
    if score.prefix_logprobs is not None:
        yield "question", score.prefix_logprobs
    empty = np.zeros(0, dtype=np.float32)
    branches = [branch.logprobs for branch in score.branches]
    yield "answers", np.concatenate(branches) if branches else empty
    if score.hidden is not None:
        yield "hidden", score.hidden[0]
        yield "step_hidden", score.hidden[1:]


def _cost(scores: Sequence[Score], alone: Sequence[Score | None], seconds: float) -> PassCost:
    return PassCost(
        tokens=sum(score.n_prefix_tokens + len(score.token_ids) for score in scores),
        alone_tokens=sum(len(score.token_ids) for score in alone if score is not None),
        answer_tokens=sum(len(b.logprobs) for score in scores for b in score.branches),
        seconds=seconds,
    )
