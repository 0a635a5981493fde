"""How models are asked in these audits: which problems, one call of the engine, judged as readings are.

A request that failed (too long for the context, say) leaves a missing answer, which is counted and not
wrong; where all of a chunk fail, something else is broken and an error says so. Equal requests are made
once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.audits.asking import judge_texts
from titrant.engines.base import Request
from titrant.errors import EngineError
from titrant.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.audits.asking import Answered
    from titrant.audits.base import Material, Subject
    from titrant.engines.base import Result
    from titrant.settings import AuditSettings, Config
    from titrant.traces.record import Problem


class Wish(NamedTuple):
    """One thing that a model is asked."""

    problem: Problem
    prompt: str
    """The text that it continues."""
    head: str = ""
    """What stands in front of the continuation when it is judged."""
    limit: int | None = None
    """Most new tokens; `None`: those of readings."""
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    """Beside the stops of readings."""


class Reply(NamedTuple):
    """What came of it; all `None` where the request failed."""

    text: str | None
    """The head and the continuation."""
    answer: str | None
    """`None` also where no answer could be read."""
    verdict: str | None
    correct: bool | None
    """Truncated and unreadable answers are not correct."""
    n_tokens: int | None
    """Generated."""


FAILED = Reply(None, None, None, None, None)


def chosen_problems(material: Material, settings: AuditSettings) -> list[Problem]:
    """The benchmark problems that these audits ask, at most `settings.problems`.

    By the order of a hash, so that they are no piece of the benchmark; those without a gold answer
    cannot be judged and are left out.
    """
    seed = material.config.seed
    judged = [problem for problem in material.benchmark if problem.gold is not None]
    judged.sort(key=lambda problem: (derive(seed, "audited problems", problem.qid), problem.qid))
    return judged[: settings.problems]


def ask_all(subject: Subject, wishes: Sequence[Wish], material: Material) -> list[Reply]:
    """Ask and judge, in the order of the wishes.

    Raises:
        EngineError: every request failed.
    """
    requests = [_request(wish, material.config) for wish in wishes]
    distinct = list(dict.fromkeys(requests))
    found = dict(subject.engine.generate(distinct))
    result_of = {request: found[i] for i, request in enumerate(distinct)}
    results = [result_of[request] for request in requests]
    _check_some(subject, results)
    texts = [wish.head + result.text for wish, result in zip(wishes, results, strict=True)]
    judged = judge_texts([wish.problem for wish in wishes], texts, results, material)
    return [
        FAILED if result.error is not None else _reply(one)
        for one, result in zip(judged, results, strict=True)
    ]


def _reply(one: Answered) -> Reply:
    return Reply(one.text, one.answer, one.verdict, one.correct, one.n_tokens)


def _request(wish: Wish, config: Config) -> Request:
    decode = config.decode
    return Request(
        prompt=wish.prompt,
        max_new_tokens=decode.max_new_tokens if wish.limit is None else wish.limit,
        temperature=wish.temperature,
        top_p=decode.top_p,
        seed=wish.seed,
        stop=(*decode.stop, *wish.stop),
    )


def _check_some(subject: Subject, results: Sequence[Result]) -> None:
    errors = [result.error for result in results if result.error is not None]
    if errors and len(errors) == len(results):
        raise EngineError(
            f"the {subject.role} model gave no answer to any of {len(results)} requests",
            expected="at least one answer",
            came=errors[0],
            do="correct the cause and run the same command again: what was answered is kept",
        )
