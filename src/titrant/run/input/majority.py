"""Majority labels of a pool's questions, in a worker: what rewards that ask no gold answer are made of.

The base draws `train.grpo.votes` answers to every question of the pool, at the temperature of rollouts; the
commonest is the question's label (`titrant.train.grpo.labels`), whether right or wrong. Draws are kept chunk by
chunk in `majority/`, the labels in `majority.parquet`, written last.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from titrant.engines.base import Request
from titrant.errors import EngineError
from titrant.files import write_frame
from titrant.lazy import load
from titrant.records import Record
from titrant.seeds import derive
from titrant.settings import Config
from titrant.traces.table import load_traces
from titrant.traces.verify.verdict import Verifier
from titrant.train.grpo.labels import FILE, majority_labels, write_labels
from titrant.worlds.verdicts import Written, judge_written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.engines.base import Engine
    from titrant.engines.open import Prompts
    from titrant.traces.record import Problem

CHUNK = 32
"""Questions between two saves."""


class MajorityJob(Record):
    """The pool whose questions are to be labelled."""

    run_dir: Path
    config: Config


class Labelled(Record):
    """What came of it; `majority.json`."""

    version: int = 1
    questions: int
    """With a label."""
    right: int
    """Of them, those whose label is the right answer."""
    unlabelled: int
    """Questions to which no draw gave an answer."""


def label(job: MajorityJob, progress: Callable[[str, int, int], None] | None = None) -> Labelled:
    """Draw what is missing and write the labels.

    Raises:
        TitrantError: the base cannot be loaded or asked.
    """
    problems = _questions(job)
    engine, prompts = _open(job.config)
    answers: dict[str, list[str | None]] = {}
    with Verifier() as verifier:
        for start in range(0, len(problems), CHUNK):
            chunk = problems[start : start + CHUNK]
            path = job.run_dir / "majority" / f"{start // CHUNK:05d}.parquet"
            if not path.exists():
                write_frame(path, _draw(job.config, chunk, engine, prompts, verifier=verifier))
            for qid, answer in pl.read_parquet(path).iter_rows():
                answers.setdefault(qid, []).append(answer)
            if progress is not None:
                progress("majority", start + len(chunk), len(problems))
        labels = majority_labels(answers, problems, verifier=verifier)
    write_labels(job.run_dir / FILE, labels)
    return Labelled(
        questions=len(labels),
        right=sum(one.is_right is True for one in labels.values()),
        unlabelled=len(problems) - len(labels),
    )


def _questions(job: MajorityJob) -> list[Problem]:
    traces = load_traces(job.run_dir / "pool.parquet")
    return list({trace.qid: trace.problem for trace in traces}.values())


def _open(config: Config) -> tuple[Engine, Prompts]:
    opening = load("titrant.run.audit.asking:open_model")
    return opening(load("titrant.run.audit.asking:ModelFiles")(config=config, weights=None))


def _draw(
    config: Config,
    problems: Sequence[Problem],
    engine: Engine,
    prompts: Prompts,
    *,
    verifier: Verifier,
) -> pl.DataFrame:
    """Final answers of all draws, question by question; null where none could be read."""
    grpo, decode = config.train.grpo, config.decode
    asked = [(problem, i) for problem in problems for i in range(grpo.votes)]
    requests = [
        Request(
            prompts.prompt(problem.question),
            grpo.max_new_tokens or decode.max_new_tokens,
            temperature=grpo.temperature,
            top_p=grpo.top_p,
            seed=derive(config.seed, "majority", problem.qid, i),
            stop=decode.stop,
        )
        for problem, i in asked
    ]
    results = dict(engine.generate(requests))
    failed = next((one.error for one in results.values() if one.error is not None), None)
    if failed is not None:
        raise EngineError("the base could not be asked for majority labels", came=failed)
    written = [
        Written(
            problem,
            prompts.opens_thinking + results[i].text,
            results[i].stop_reason == "length",
            config.pool.answer_pattern,
        )
        for i, (problem, _) in enumerate(asked)
    ]
    judged = judge_written(written, verifier)
    rows = {
        "qid": [problem.qid for problem, _ in asked],
        "answer": [
            None if one.is_cut else found.answer for one, found in zip(written, judged, strict=True)
        ],
    }
    return pl.DataFrame(rows, schema={"qid": pl.String, "answer": pl.String})
