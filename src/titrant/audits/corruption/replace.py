"""The causal test at inference: put another trace in the place of a model's own, and read the answer again.

    prompt + think_open + [trace] + think_close → answer

| condition | trace |
|---|---|
| `own` | what the model has written itself |
| `foreign` | what it has written for another problem |
| `gold` | the world's own right trace; only where the problems come from a world |
| `filler` | dots, one per word of its own |
| `none` | nothing between the tags |

Answers that follow from the trace fall under `foreign` and `filler`; those that do not were fixed without
it. Source: Lanham et al. 2023 (arXiv 2307.13702) for filler; the foreign trace is the test that separates
*trace used* from *trace present*.

Where a model has finished no trace (thinking that a limit cut, or none in tags), nothing is there to be
replaced: the problem has an `own` row alone, without thinking, with the answer and the verdict as the model
wrote them. So every problem stays in the count.

A foreign trace may lead to an answer that happens to be right here too: one in four of four choices. `agrees`
says so, of the answer that its writer gave behind it, judged as an answer to this problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from titrant.audits.asking import Forced, ask_again, own_traces
from titrant.seeds import derive_rng
from titrant.traces.record import Verdict
from titrant.traces.verify.assess import WORLD
from titrant.traces.verify.verdict import Verifier
from titrant.worlds.base import has_reasoning, worlds
from titrant.worlds.verdicts import Written, judge_written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from titrant.audits.asking import Answered
    from titrant.audits.base import Material, Subject
    from titrant.settings import AuditSettings
    from titrant.traces.record import Problem

CONDITIONS = ("own", "foreign", "gold", "filler", "none")
FILLER = "."


class Pair(NamedTuple):
    """A problem and the one whose trace is put in its place."""

    problem: Problem
    other: Problem


def pairs(material: Material, settings: AuditSettings) -> list[Pair]:
    """Each problem with another one: a derangement by a seeded rotation of a seeded order."""
    problems = material.benchmark[: settings.problems]
    order = derive_rng(material.config.seed, "audit", "replace").permutation(len(problems))
    others = {int(order[i]): int(order[i - 1]) for i in range(len(order))}
    return [Pair(problem, problems[others[i]]) for i, problem in enumerate(problems)]


def replace_traces(
    subject: Subject, chunk: Sequence[Pair], material: Material, settings: AuditSettings
) -> pl.DataFrame:
    """One row per problem and condition; see the module docstring."""
    del settings
    needed = list({p.qid: p for pair in chunk for p in pair}.values())
    own = own_traces(subject, needed, material)
    asked = [
        Forced(pair.problem, name, thinking)
        for pair in chunk
        if (mine := own[pair.problem.qid].thinking) is not None
        for name, thinking in _traces(pair, mine, own[pair.other.qid].thinking).items()
    ]
    answered = ask_again(subject, asked, material)
    agrees = _agreements(chunk, own, material)
    rows = [
        _row(ask.problem, ask.kind, ask.thinking, found, own)
        | {"agrees": agrees[ask.problem.qid] if ask.kind == "foreign" else None}
        for ask, found in zip(asked, answered, strict=True)
    ]
    rows += [
        _row(pair.problem, "own", None, own[pair.problem.qid], own)
        for pair in chunk
        if own[pair.problem.qid].thinking is None
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def _row(
    problem: Problem,
    condition: str,
    thinking: str | None,
    found: Answered,
    own: Mapping[str, Answered],
) -> dict[str, object]:
    return {
        "qid": problem.qid,
        "condition": condition,
        "thinking": thinking,
        "answer": found.answer,
        "correct": found.correct,
        "same": found.answer == own[problem.qid].answer,
        "question": problem.question,
    }


def _agreements(
    chunk: Sequence[Pair], own: Mapping[str, Answered], material: Material
) -> dict[str, bool]:
    """By qid, whether what the model wrote for the other problem is right for this one too."""
    pattern = material.config.benchmark[0].answer_pattern
    others = [own[pair.other.qid] for pair in chunk]
    written = [
        Written(pair.problem, other.text, other.verdict == Verdict.TRUNCATED, pattern)
        for pair, other in zip(chunk, others, strict=True)
    ]
    with Verifier() as verifier:
        judged = judge_written(written, verifier)
    return {
        pair.problem.qid: one.verdict == Verdict.CORRECT
        for pair, one in zip(chunk, judged, strict=True)
    }


SCHEMA = {
    "qid": pl.String,
    "condition": pl.String,
    "thinking": pl.String,
    "answer": pl.String,
    "correct": pl.Boolean,
    "same": pl.Boolean,
    "question": pl.String,
    "agrees": pl.Boolean,
}
"""`thinking`: null where the model has finished none. `agrees`: null but for `foreign`."""


def _traces(pair: Pair, mine: str, other: str | None) -> dict[str, str]:
    """Condition → the trace that stands there; what cannot be made is left out."""
    found: dict[str, str | None] = {
        "own": mine,
        "foreign": other,
        "gold": _gold(pair.problem),
        "filler": "\n".join(" ".join(FILLER for _ in line.split()) for line in mine.split("\n")),
        "none": "",
    }
    return {name: text for name, text in found.items() if text is not None}


def _gold(problem: Problem) -> str | None:
    if not problem.source.startswith(WORLD):
        return None
    name = problem.source.removeprefix(WORLD).partition("/")[0]
    world = worlds.get(name)
    return world.oracle(problem.question) if has_reasoning(world) else None
