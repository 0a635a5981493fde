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

Left out: models without thinking in tags (nothing is there to be replaced; they have no rows).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from titrant.audits.asking import Forced, ask_again, own_traces
from titrant.seeds import derive_rng
from titrant.traces.verify.assess import WORLD
from titrant.worlds.base import worlds

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    rows = ask_again(subject, asked, material)
    return pl.DataFrame(
        [
            {
                "qid": ask.problem.qid,
                "condition": ask.kind,
                "thinking": ask.thinking,
                "answer": row.answer,
                "correct": row.correct,
                "same": row.answer == own[ask.problem.qid].answer,
                "question": ask.problem.question,
            }
            for ask, row in zip(asked, rows, strict=True)
        ],
        schema=SCHEMA,
    )


SCHEMA = {
    "qid": pl.String,
    "condition": pl.String,
    "thinking": pl.String,
    "answer": pl.String,
    "correct": pl.Boolean,
    "same": pl.Boolean,
    "question": pl.String,
}


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
    return worlds.get(name).oracle(problem.question)
