"""Difficulty of a pool's questions: the base's answers, drawn, judged and kept; then a score per trace.

    scores/draws/part-*.parquet   every draw, as it was judged
    scores/questions.parquet      per question: draws, verdicts, pass rate, interval, band
    scores/difficulty.parquet     per trace: the pass rate of its question
    scores/difficulty-band.parquet   per trace: its band, 0 the hardest

Draws belong to one fingerprint of base, prompt and settings; those of another are drawn anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from titrant.dose.work.layout import usable_cores
from titrant.files import remove, write_frame, write_table
from titrant.select.strategies.signal import BAND, DIFFICULTY
from titrant.signals.degenerate import variety
from titrant.signals.derive import FORWARD
from titrant.signals.meta import SignalCost
from titrant.signals.sampling import Difficulty, Draw, Sampler, draw_answers, sum_up
from titrant.signals.table import write_scores
from titrant.traces.record import Problem, Verdict
from titrant.traces.verify.verdict import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from titrant.engines.base import Engine
    from titrant.engines.prompt import PromptBuilder
    from titrant.run.scores.job import ScoreJob
    from titrant.traces.record import Trace

VERSION = 1
_FINGERPRINT, _SECONDS = b"titrant.fingerprint", b"titrant.seconds"
SCHEMA = pa.schema(
    [
        pa.field("qid", pa.string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("verdict", pa.string()),  # null: the draw failed
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("error", pa.string()),
    ]
)
QUESTIONS = dict.fromkeys(Difficulty._fields, pl.Int64) | {
    "qid": pl.String,
    **dict.fromkeys(("mean", "low", "high"), pl.Float64),
}
"""Columns of `questions.parquet`; told, since the first hundred bands may all be missing."""
MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Made:
    """What a signal that does not come of the pass took."""

    cost: SignalCost
    warning: str | None


def sample_difficulty(
    job: ScoreJob,
    traces: Sequence[Trace],
    *,
    engine: Engine,
    builder: PromptBuilder,
    fingerprint: str,
    parameters: int,
    tell: Callable[[str, int, int], None],
) -> Made:
    """Draw until every question's band is known, and write the score table."""
    problems = questions_of(traces)
    folder = job.folder / "draws"
    known = read_draws(folder, fingerprint)
    with Verifier(workers=min(usable_cores(), MOST_WORKERS)) as verifier:
        sampler = Sampler(
            engine=engine,
            prompts=builder,
            verifier=verifier,
            decode=job.decode,
            signals=job.signals,
            root=job.seed,
            answer_pattern=job.answer_pattern,
        )
        began = time.monotonic()
        for step in draw_answers(problems, sampler, known=list(known)):
            write_draws(folder, step.draws, fingerprint, time.monotonic() - began)
            known += step.draws
            tell("difficulty", len(problems) - step.n_open, len(problems))
            began = time.monotonic()
    found = sum_up(problems, known, sampler.design)
    write_frame(job.folder / "questions.parquet", questions_table(found))
    warning = _write(job.folder, traces, found, fingerprint)
    prompt = {p.qid: len(builder.encode(builder.prompt(p.question))) for p in problems}
    tokens = sum(prompt[draw.qid] + draw.n_tokens for draw in known)
    cost = SignalCost(
        tokens=tokens, flops=float(FORWARD * parameters * tokens), seconds=_seconds(folder)
    )
    return Made(cost, warning)


def questions_table(found: Sequence[Difficulty]) -> pl.DataFrame:
    """What is known of each question, a row each."""
    return pl.DataFrame(found, schema=QUESTIONS, orient="row")


def questions_of(traces: Sequence[Trace]) -> list[Problem]:
    """The questions of a pool, each once, sorted by qid; gold from a trace that has it."""
    best: dict[str, Trace] = {}
    for trace in sorted(traces, key=lambda trace: (trace.qid, trace.gold is None, trace.uid)):
        best.setdefault(trace.qid, trace)
    return [trace.problem for trace in best.values()]


def _write(
    folder: Path, traces: Sequence[Trace], found: Sequence[Difficulty], fingerprint: str
) -> str | None:
    of = {item.qid: item for item in found}
    uids = [trace.uid for trace in traces]
    rates = np.array([of[trace.qid].mean for trace in traces], dtype=float)
    bands = np.array([of[trace.qid].band for trace in traces], dtype=float)  # None becomes NaN
    for name, values in ((DIFFICULTY, rates), (BAND, bands)):
        write_scores(
            folder, name, version=VERSION, fingerprint=fingerprint, uids=uids, values=values
        )
    return variety(rates, name=DIFFICULTY).warning


def write_draws(folder: Path, draws: Sequence[Draw], fingerprint: str, seconds: float) -> None:
    """Keep some draws as the next part, whole or not at all."""
    number = len(list(folder.glob("part-*.parquet")))
    columns = {
        "qid": [draw.qid for draw in draws],
        "sample": [draw.sample for draw in draws],
        "verdict": [None if draw.verdict is None else str(draw.verdict) for draw in draws],
        "n_tokens": [draw.n_tokens for draw in draws],
        "error": [draw.error for draw in draws],
    }
    metadata = {_FINGERPRINT: fingerprint.encode(), _SECONDS: str(seconds).encode()}
    table = pa.table(columns, schema=SCHEMA).replace_schema_metadata(metadata)
    write_table(folder / f"part-{number:05d}.parquet", table)


def read_draws(folder: Path, fingerprint: str) -> list[Draw]:
    """The draws that are still good; failed ones are left out, so they are drawn again.

    Parts of another fingerprint are removed, all of them together, so that numbers stay free of gaps.
    """
    paths = sorted(folder.glob("part-*.parquet"))
    marks = [(pq.read_schema(path).metadata or {}).get(_FINGERPRINT) for path in paths]
    if any(mark != fingerprint.encode() for mark in marks):
        remove(folder)
        return []
    rows = [row for path in paths for row in pl.read_parquet(path).iter_rows()]
    return [
        Draw(qid, sample, Verdict(verdict), n_tokens)
        for qid, sample, verdict, n_tokens, error in rows
        if error is None and verdict is not None
    ]


def _seconds(folder: Path) -> float:
    metadata = (pq.read_schema(path).metadata or {} for path in folder.glob("part-*.parquet"))
    return sum(float(item[_SECONDS]) for item in metadata)
