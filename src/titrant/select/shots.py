"""Worked examples for few-shot prompts: from the pool, never from a benchmark.

A worked example stands in every prompt, so a trace of the same question would train on an answer that
it can read off. Such traces are in no ranking and so in no subset: `without_shots` leaves them out
before anything is ranked, and the top dose is that of the traces that are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.seeds import derive
from titrant.traces.record import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.settings import Config
    from titrant.traces.record import Trace


def choose_shots(traces: Sequence[Trace], config: Config) -> list[tuple[str, str]]:
    """Question and completion of `prompt.few_shot` traces, the same in every arm of a run.

    Traces verified as correct come first, then those never verified; wrong ones are not shown. Among
    equals a hash of the uid decides, so neither the pool's order nor its size moves the choice much.
    May give fewer than asked for where the pool has not as many different questions.
    """
    return [(trace.question, _completion(trace, config)) for trace in _chosen(traces, config)]


def without_shots(traces: Sequence[Trace], config: Config) -> list[Trace]:
    """The traces that a subset may hold: those of questions that no worked example shows."""
    shown = {trace.qid for trace in _chosen(traces, config)}
    return [trace for trace in traces if trace.qid not in shown]


def _chosen(traces: Sequence[Trace], config: Config) -> list[Trace]:
    wanted = config.prompt.few_shot
    if not wanted:
        return []
    fit = [t for t in traces if t.verdict in (None, Verdict.CORRECT) and not t.unfinished]
    fit.sort(key=lambda t: (t.verdict is None, derive(config.seed, "shots", t.uid)))
    by_question: dict[str, Trace] = {}
    for trace in fit:
        by_question.setdefault(trace.qid, trace)
    return list(by_question.values())[:wanted]


def _completion(trace: Trace, config: Config) -> str:
    if trace.thinking is None:
        return trace.answer_text
    settings = config.prompt
    return settings.think_open + trace.thinking + settings.think_close + trace.answer_text
