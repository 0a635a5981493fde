"""Answers of the base to the questions of a pool, for difficulty: drawn in rounds, stopped by the rule.

A question's answers are one stream: the request of sample k has the seed

    derive(root, "difficulty", qid, k)

so an answer depends neither on the batch, nor on the round, nor on when other questions stopped (as far
as the engine honours the seed of a request: `EngineInfo.honours_seed`). The first round draws
`Design.first` answers per question, every later one draws one more for each question that is still open,
so each round is one big batch for the engine. Between rounds the prior is fitted anew and the rule
decides (`difficulty.still_open`).

Draws are handed out as they come and belong to the caller, who stores them. Given back as `known`, they
are not drawn again; the rounds are gone through from the start, so what follows is what would have
followed without the interruption. Known draws that the rule would not have asked for are passed over.

Each answer is judged as in a reading: the final answer must stand after the thinking. A question without
gold answer, or one that a world has to judge, is not asked and has no difficulty (NaN).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.engines.base import Request, require
from titrant.errors import DataError
from titrant.seeds import derive
from titrant.signals.difficulty import NO_BAND, Design, Tally, rates, still_open
from titrant.traces.record import Verdict
from titrant.traces.verify.assess import WORLD, claim_of
from titrant.traces.verify.verdict import Claim

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from titrant.engines.base import Engine, Result
    from titrant.engines.open import Prompts
    from titrant.settings import DecodeSettings, SignalSettings
    from titrant.traces.record import Problem
    from titrant.traces.verify.verdict import Verifier

LABEL = "difficulty"
"""Of the seeds."""
CHUNK = 256
"""Draws that are judged and handed out together: what a kill can cost."""


class Draw(NamedTuple):
    """One answer to one question, as it is stored."""

    qid: str
    sample: int
    """Its place in the stream of the question, from 0."""
    verdict: Verdict | None
    """`None` where the draw failed."""
    n_tokens: int
    """Generated tokens; 0 where the draw failed."""
    error: str | None = None
    """Why the engine gave no answer. Leave such draws out of what is given back to draw them again."""


class Progress(NamedTuple):
    """New draws, and how far the sampling is."""

    draws: tuple[Draw, ...]
    round: int
    """From 1."""
    n_open: int
    """Questions that this round asks."""
    n_drawn: int
    """Draws so far, known ones that were used among them."""


class Difficulty(NamedTuple):
    """What the draws say of one question."""

    qid: str
    draws: int
    """Answers; truncated and unreadable ones among them, failed draws not."""
    correct: int
    truncated: int
    unreadable: int
    failed: int
    """Draws without an answer, for an engine's error."""
    mean: float
    """Posterior mean of the pass rate; NaN without an answer. Not correct / draws: see `difficulty`."""
    low: float
    """Ends of its credible interval."""
    high: float
    band: int | None
    """0 is the hardest; `None` without an answer."""
    n_tokens: int
    """Generated for it."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """Who answers, who judges, and how."""

    engine: Engine
    prompts: Prompts
    verifier: Verifier
    decode: DecodeSettings
    """Longest answer, share of the probability and stop texts of a draw; its temperature is not used."""
    signals: SignalSettings
    """`samples`, `bands` and `temperature`."""
    root: int
    """Root seed."""
    answer_pattern: str | None = None
    """The pool's pattern of final answers."""

    @property
    def design(self) -> Design:
        """How many answers a question gets."""
        return Design(n=self.signals.samples, cuts=self.signals.bands)


class _Ask(NamedTuple):
    problem: Problem
    sample: int

    @property
    def key(self) -> tuple[str, int]:
        return self.problem.qid, self.sample


def draw_answers(
    problems: Sequence[Problem],
    sampler: Sampler,
    *,
    known: Iterable[Draw] = (),
    design: Design | None = None,
) -> Iterator[Progress]:
    """Draw answers until the rule has closed every question.

    Args:
        problems: questions with different qids.
        sampler: engine, verifier and settings.
        known: draws of an earlier start; those of other questions are passed over.
        design: when to stop; default: that of the sampler's settings.

    Yields:
        New draws, as they are judged; a round whose draws are all known yields nothing.

    Raises:
        ConfigError: the engine cannot generate, or the settings cannot be used.
        DataError: two problems have the same qid.
    """
    design = design or sampler.design
    require(sampler.engine, "generate")
    _check_distinct(problems)
    table = {(draw.qid, draw.sample): draw for draw in known}
    n_drawn = 0
    for number, asks in enumerate(_rounds(problems, design, table), start=1):
        missing = [ask for ask in asks if ask.key not in table]
        n_drawn += len(asks) - len(missing)
        n_open = len({ask.problem.qid for ask in asks})
        for draws in _draw(missing, sampler):
            table.update(((draw.qid, draw.sample), draw) for draw in draws)
            n_drawn += len(draws)
            yield Progress(draws, number, n_open, n_drawn)


def sum_up(
    problems: Sequence[Problem],
    draws: Iterable[Draw],
    design: Design,
    *,
    confidence: float = 0.90,
) -> list[Difficulty]:
    """What all draws say of each question, in the order of the problems.

    The draws are gone through as in `draw_answers`, so those that the rule did not ask for do not
    count, and a sampling that was not brought to its end is summed up as far as it is.

    Args:
        problems: as given to `draw_answers`.
        draws: all draws, those that were known before among them.
        design: as in `draw_answers`.
        confidence: level of the intervals of pass rates.
    """
    table = {(draw.qid, draw.sample): draw for draw in draws}
    used: dict[str, list[Draw]] = {problem.qid: [] for problem in problems}
    for asks in _rounds(problems, design, table):
        for ask in asks:
            used[ask.problem.qid] += [table[ask.key]] if ask.key in table else []
    found = rates(_tally(used.values()), design, confidence=confidence)
    columns = (found.mean, found.low, found.high, found.band)
    return [
        _difficulty(problem.qid, used[problem.qid], *interval, band=band)
        for problem, *interval, band in zip(problems, *(c.tolist() for c in columns), strict=True)
    ]


def can_verify(problem: Problem) -> bool:
    """Whether a verifier can judge answers to it: there is gold, and no world has to look."""
    return problem.gold is not None and not problem.gold_kind.startswith(WORLD)


def _check_distinct(problems: Sequence[Problem]) -> None:
    seen: set[str] = set()
    for problem in problems:
        if problem.qid in seen:
            raise DataError(
                f"the question {problem.qid} stands twice among those to be sampled",
                expected="one problem per question, whatever the number of its traces",
                came=problem.question[:80],
                do="give each question once",
            )
        seen.add(problem.qid)


def _rounds(
    problems: Sequence[Problem], design: Design, table: Mapping[tuple[str, int], Draw]
) -> Iterator[list[_Ask]]:
    """What each round asks, question by question.

    Whoever takes a round puts its draws into `table` before taking the next; there is none after a
    round that was not brought to its end.
    """
    is_open = np.array([can_verify(problem) for problem in problems], dtype=bool)
    drawn: dict[str, list[Draw]] = {problem.qid: [] for problem in problems}
    width = design.first
    while is_open.any():
        asks = [
            _Ask(problem, sample)
            for problem in itertools.compress(problems, is_open)
            for start in [len(drawn[problem.qid])]
            for sample in range(start, min(start + width, design.n))
        ]
        yield asks
        if any(ask.key not in table for ask in asks):
            return
        for ask in asks:
            drawn[ask.problem.qid].append(table[ask.key])
        is_open &= still_open(_tally(drawn.values()), design)
        width = 1


def _tally(drawn: Collection[Sequence[Draw]]) -> Tally:
    """Counts of the draws of each question."""
    verdicts = [[draw.verdict for draw in draws] for draws in drawn]
    failed = [row.count(None) for row in verdicts]
    n_draws = [len(row) for row in verdicts]
    right = np.array([row.count(Verdict.CORRECT) for row in verdicts], dtype=np.int64)
    return Tally(right, np.subtract(n_draws, failed, dtype=np.int64), np.array(failed, np.int64))


def _draw(asks: Sequence[_Ask], sampler: Sampler) -> Iterator[tuple[Draw, ...]]:
    """The draws of a round, chunk by chunk in the order in which the engine finishes them."""
    results = iter(sampler.engine.generate([_request(ask, sampler) for ask in asks]))
    while chunk := list(itertools.islice(results, CHUNK)):
        yield _judge([(asks[i], result) for i, result in chunk], sampler)


def _request(ask: _Ask, sampler: Sampler) -> Request:
    decode = sampler.decode
    return Request(
        prompt=sampler.prompts.prompt(ask.problem.question),
        max_new_tokens=decode.max_new_tokens,
        temperature=sampler.signals.temperature,
        top_p=decode.top_p,
        seed=derive(sampler.root, LABEL, *ask.key),
        stop=decode.stop,
    )


def _judge(pairs: Sequence[tuple[_Ask, Result]], sampler: Sampler) -> tuple[Draw, ...]:
    claims = [_claim(ask.problem, result, sampler) for ask, result in pairs]
    verdicts = sampler.verifier.verify(claims)
    return tuple(
        Draw(*ask.key, verdict, result.n_tokens)
        if result.error is None
        else Draw(*ask.key, None, 0, result.error)
        for (ask, result), verdict in zip(pairs, verdicts, strict=True)
    )


def _claim(problem: Problem, result: Result, sampler: Sampler) -> Claim:
    if result.error is not None:
        return Claim(None, None)
    return claim_of(
        sampler.prompts.opens_thinking + result.text,
        problem,
        is_cut=result.stop_reason == "length",
        pattern=sampler.answer_pattern,
    )


def _difficulty(
    qid: str, draws: Sequence[Draw], mean: float, low: float, high: float, *, band: int
) -> Difficulty:
    verdicts = [draw.verdict for draw in draws]
    return Difficulty(
        qid=qid,
        draws=len(draws) - verdicts.count(None),
        correct=verdicts.count(Verdict.CORRECT),
        truncated=verdicts.count(Verdict.TRUNCATED),
        unreadable=verdicts.count(Verdict.UNREADABLE),
        failed=verdicts.count(None),
        mean=mean,
        low=low,
        high=high,
        band=None if band == NO_BAND else band,
        n_tokens=sum(draw.n_tokens for draw in draws),
    )
