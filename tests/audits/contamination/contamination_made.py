"""Makers that the tests of this folder share."""

import polars as pl

from titrant.audits.base import Material, Subject
from titrant.dose.readings import SCHEMA
from titrant.engines.fake import FakeEngine
from titrant.settings import Config
from titrant.traces.record import Problem, question_id


def problem(question: str, gold: str | None = None, **fields) -> Problem:
    return Problem(qid=question_id(question), question=question, gold=gold, **fields)


def material(benchmark=(), fresh=(), **config) -> Material:
    sections = {"base": "fake", "pool": "pool.jsonl", "benchmark": "benchmark.jsonl", **config}
    return Material(Config.model_validate(sections), tuple(benchmark), tuple(fresh))


def subject(script=None, **engine) -> Subject:
    return Subject("base", 0, FakeEngine(script, **engine), prompts=None)  # type: ignore[arg-type]


def arms(benchmark: str, base, trained, *, treatment: str = "clean") -> list[tuple]:
    """Rows of readings: the base's scores by problem, and those of each trained arm."""
    rows = []
    for name, seed, scores in [
        ("base", 0, base),
        *(("random", i, s) for i, s in enumerate(trained)),
    ]:
        dose, given = (0, "clean") if name == "base" else (64, treatment)
        for i, right in enumerate(scores):
            verdict = "correct" if right else "wrong"
            identity = (f"{name}-{seed}-{given}", name, dose, seed, given, benchmark)
            rows.append((*identity, f"{benchmark}{i:03d}", 0, bool(right), verdict, "7", 5))
    return rows


def readings(*rows: list[tuple]) -> pl.DataFrame:
    return pl.DataFrame([row for some in rows for row in some], schema=SCHEMA, orient="row")


def first(k: int, n: int) -> list[bool]:
    """The first k of n are right."""
    return [i < k for i in range(n)]
