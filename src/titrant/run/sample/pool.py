"""Draws as a pool of traces: what a model gave itself, filtered by gold, by vote, or not at all.

The pool goes where any pool goes: its traces can be cleaned, scored, ranked by step confidence and trained
on, so "filter by confidence" is a strategy like others. A draw that was stopped, cut or failed is no trace.

A trace keeps the source of its problem and all that is known of it but its row, which is one of another
file; the model that drew stands under `DRAWN_BY` in `meta`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import polars as pl

from titrant.errors import ConfigError, DataError
from titrant.registry import nearest
from titrant.run.sample.folder import read_meta
from titrant.select.clean.write import check_kind, write_pool
from titrant.traces.record import Trace, Verdict, trace_id
from titrant.traces.steps import cut_steps
from titrant.traces.table import load_problems
from titrant.traces.thinking import split_thinking
from titrant.traces.verify.verdict import Verifier
from titrant.vote.equal import Growing
from titrant.vote.logs.draws import draw_parts, read_draws, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from titrant.traces.record import Problem
    from titrant.vote.logs.draws import Draw


Keep = Literal["all", "correct", "voted"]
DRAWN_BY = "drawn_by"
"""Key of `meta`: the model that wrote the trace."""


def check_keep(keep: str) -> None:
    """Refuse an unknown filter.

    Raises:
        ConfigError: says which are known.
    """
    if keep not in get_args(Keep):
        raise ConfigError(f"--keep knows no '{keep}'", do=nearest(keep, get_args(Keep)))


def write_kept(folder: Path, path: Path, keep: str) -> int:
    """Write the draws that are kept as a pool; how many.

    Args:
        folder: of draws; those of its budget count.
        path: the pool, .jsonl or .parquet.
        keep: `all` that ran to their end with an answer; `correct` ones; `voted`: those with the answer
            that won their question.

    Raises:
        DataError: nothing is kept.
    """
    check_kind(path)
    problems = {problem.qid: problem for problem in load_problems(folder / "problems.parquet")}
    meta = read_meta(folder)
    winners = _winners(folder)
    traces: dict[str, Trace] = {}
    with Verifier() as verifier:
        for draw in _answered(folder, meta.budget):
            problem = problems.get(draw.qid)
            if problem is not None and _is_kept(draw, problem, keep, winners, verifier):
                trace = _trace(draw, problem, meta.base)
                traces.setdefault(trace.uid, trace)
    if not traces:
        raise DataError(
            f"no draw is kept for {path}",
            expected=f"draws that ran to their end with an answer; of them --keep {keep}",
            came="none",
            do="draw more, or keep all: --keep all",
        )
    write_pool(path, list(traces.values()))
    return len(traces)


def _answered(folder: Path, budget: int) -> Iterator[Draw]:
    """Draws that ended by themselves with an answer; not those of an earlier, larger budget."""
    for part in draw_parts(folder):
        for draw in rows_of(read_draws(part)[1]):
            if draw.sample < budget and draw.stop_reason == "stop" and draw.final_answer:
                yield draw


def _winners(folder: Path) -> dict[str, str]:
    frame = pl.read_parquet(folder / "answers.parquet", columns=["qid", "answer"])
    return {qid: answer for qid, answer in frame.iter_rows() if answer is not None}


def _is_kept(
    draw: Draw, problem: Problem, keep: str, winners: dict[str, str], verifier: Verifier
) -> bool:
    if keep == "correct":
        return draw.verdict == Verdict.CORRECT
    if keep == "all":
        return True
    winner = winners.get(draw.qid)
    if winner is None:
        return False
    groups = Growing(problem.gold_kind)
    groups.add(winner, verifier)
    return groups.add(draw.final_answer, verifier) == 0


def _trace(draw: Draw, problem: Problem, base: str) -> Trace:
    parted = split_thinking(draw.text)
    body = parted.answer_text if parted.thinking is None else parted.thinking
    return Trace(
        uid=trace_id(problem.question, parted.thinking, parted.answer_text),
        qid=problem.qid,
        question=problem.question,
        thinking=parted.thinking,
        answer_text=parted.answer_text,
        final_answer=draw.final_answer,
        gold=problem.gold,
        gold_kind=problem.gold_kind,
        verdict=None if draw.verdict is None else Verdict(draw.verdict),
        source=problem.source,
        domain=problem.domain,
        n_tokens=draw.n_tokens,
        steps=cut_steps(body),
        meta={**_known(problem), DRAWN_BY: base},
    )


def _known(problem: Problem) -> dict[str, Any]:
    return {name: value for name, value in problem.meta.items() if name != "row"}
