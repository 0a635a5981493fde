"""Drawing until the vote is settled: many questions side by side, each stopped by its rule.

Draws come in rounds. In each, every open question asks for a block of draws: first those that the rule
needs before it can decide (the warm-ups), then `width` at a time; the engine gets them all together. A draw
is told to its rule in the order of its number, whatever order draws end in, so what is decided depends
neither on batches nor on timing. When a question is settled, its draws that are still under way are
cancelled. What they cost is counted, and so is every token of a draw that was stopped.

The request of draw k has the seed derive(root, "sample", qid, k). Draws that are given back as `known` are
not drawn again, so what follows an interruption is what would have followed without it (as far as the
engine honours the seed of a request: `EngineInfo.honours_seed`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.engines.base import Guard, Request, require
from titrant.seeds import derive
from titrant.vote.equal import NO_ANSWER, Growing
from titrant.vote.judge import judge
from titrant.vote.question import Counted, Question, count
from titrant.vote.walks import Told, Walks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from titrant.engines.base import Engine
    from titrant.engines.open import Prompts
    from titrant.settings import DecodeSettings
    from titrant.traces.record import Problem
    from titrant.traces.verify.verdict import Verifier
    from titrant.vote.logs.draws import Draw
    from titrant.vote.rules import Rule
    from titrant.vote.walks import Decided

LABEL = "sample"
"""Of the seeds."""


@dataclass(frozen=True, slots=True)
class Drawer:
    """Who draws, who judges, and how."""

    engine: Engine
    prompts: Prompts
    verifier: Verifier
    decode: DecodeSettings
    """Longest answer, temperature, share of the probability, stop texts."""
    rule: Rule
    root: int
    """Root seed."""
    top_logprobs: int
    """Of each token; 0 where nothing needs confidence."""
    window: int
    """Tokens of a window of group confidence."""
    floor: float
    """Logprobs count as no less than this, in nats."""
    width: int = 8
    """Draws of a question that are made side by side, after the first block."""
    answer_pattern: str | None = None
    with_distribution: bool = True
    """Whether entropy and the like are kept, where the engine can say."""


class Progress(NamedTuple):
    """A new draw, and how far it is."""

    draw: Draw
    n_open: int
    """Questions that are not settled yet."""
    n_drawn: int
    """Draws so far, known ones among them."""
    n_tokens: int
    """Generated so far."""


class Outcome(NamedTuple):
    """What was decided of one question, and what it took."""

    answer: str | None
    """As the first draw of the winning group gave it; `None` where no draw has an answer."""
    verdict: str | None
    """Of that draw; `None` without an answer or without gold."""
    share: float | None
    """The answer's part of the votes; `None` where nobody voted."""
    votes: int
    draws: int
    """Made, those that nobody waited for among them."""
    tokens: int
    """Of all draws."""
    is_settled: bool
    """By the rule and not by the budget."""
    fell_back: bool
    """Nobody voted: the majority of complete draws."""


class Online:
    """The loop, and where it stands."""

    def __init__(
        self, problems: Sequence[Problem], drawer: Drawer, *, known: Iterable[Draw] = ()
    ) -> None:
        """Takes questions with different qids, and draws of an earlier start.

        Args:
            problems: what is asked.
            drawer: who draws, and under which rule.
            known: read once, one after the other. A draw that failed has cost what it cost, and is made
                again; one of no question here, or over the rule's budget, counts for nothing.

        Raises:
            ConfigError: the engine cannot generate.
        """
        require(drawer.engine, "generate")
        self.drawer = drawer
        self.walks = Walks(drawer.rule, len(problems))
        self._questions = [Question(p, Growing(p.gold_kind)) for p in problems]
        place = {problem.qid: i for i, problem in enumerate(problems)}
        self._n_drawn = self._n_tokens = 0
        for draw in known:
            if draw.qid in place and draw.sample < drawer.rule.budget:
                self._count(place[draw.qid], draw, is_known=True)

    def run(self) -> Iterator[Progress]:
        """Draw until every question is settled; yields new draws as they are judged."""
        while (asks := self._round()) is not None:
            yield from self._draw(asks)

    def outcomes(self) -> list[Outcome]:
        """What is decided of each question so far."""
        found = self.walks.decided()
        return [self._outcome(question, found, i) for i, question in enumerate(self._questions)]

    def _outcome(self, question: Question, found: Decided, i: int) -> Outcome:
        group, share = int(found.group[i]), float(found.share[i])
        has_answer = group != NO_ANSWER
        return Outcome(
            answer=question.groups.texts[group] if has_answer else None,
            verdict=question.verdicts[group] if has_answer else None,
            share=None if math.isnan(share) else share,
            votes=int(found.n_votes[i]),
            draws=len(question.draws),
            tokens=question.tokens,
            is_settled=bool(found.is_settled[i]),
            fell_back=bool(found.fell_back[i]),
        )

    def draws(self) -> list[list[Counted]]:
        """All draws of each question, in order, those that nobody waited for among them."""
        return [question.in_order() for question in self._questions]

    def _round(self) -> list[tuple[int, int]] | None:
        """(question, sample) that are missing now; `None` when all is settled."""
        while self.walks.is_open.any():
            missing = []
            for q in np.nonzero(self.walks.is_open)[0].tolist():
                question = self._questions[q]
                if question.told == question.asked:
                    block = self.drawer.rule.block(question.told, self.drawer.width)
                    question.asked = min(question.told + block, self.drawer.rule.budget)
                wanted = range(question.told, question.asked)
                missing += [(q, k) for k in wanted if question.is_missing(k, self._bar(q, k))]
            if missing:
                return missing
            self._tell_known()
        return None

    def _tell_known(self) -> None:
        for q in np.nonzero(self.walks.is_open)[0].tolist():
            self._tell(q)

    def _tell(self, q: int) -> None:
        """Tell the rule what is known of a question, in order, until a draw is missing."""
        question = self._questions[q]
        while self.walks.is_open[q] and question.told < question.asked:
            if question.is_missing(question.told, self._bar(q, question.told)):
                return
            draw = question.draws[question.told]
            group = question.groups.add(draw.final_answer, self.drawer.verifier)
            if group == len(question.verdicts):
                question.verdicts.append(draw.verdict)
            is_weak = draw.stop_reason == "weak"
            told = Told(np.array([group]), np.array([draw.low]), np.array([is_weak]))
            self.walks.tell(np.array([q]), told)
            question.told += 1

    def _draw(self, asks: Sequence[tuple[int, int]]) -> Iterator[Progress]:
        requests = [self._request(q, k) for q, k in asks]
        stream = self.drawer.engine.generate(
            requests, cancelled=lambda i: not self.walks.is_open[asks[i][0]]
        )
        for i, result in stream:
            q, k = asks[i]
            draw = judge(
                self._questions[q].problem,
                k,
                (requests[i], result),
                self.drawer.verifier,
                opens=self.drawer.prompts.opens_thinking,
                pattern=self.drawer.answer_pattern,
            )
            self._count(q, draw)
            self._tell(q)
            yield self._progress(draw)

    def _bar(self, q: int, k: int) -> float:
        """Under which draw k of a question is to be ended; −∞ for a warm-up, and while there is none."""
        return float(self.walks.bar[q]) if k >= self.drawer.rule.warmup else -math.inf

    def _request(self, q: int, k: int) -> Request:
        question, drawer = self._questions[q], self.drawer
        bar = self._bar(q, k)
        question.prompt = question.prompt or drawer.prompts.prompt(question.problem.question)
        guard = None if math.isinf(bar) else Guard(bar, drawer.window, drawer.floor)
        return Request(
            prompt=question.prompt,
            max_new_tokens=drawer.decode.max_new_tokens,
            temperature=drawer.decode.temperature,
            top_p=drawer.decode.top_p,
            seed=derive(drawer.root, LABEL, question.problem.qid, k),
            stop=drawer.decode.stop,
            top_logprobs=drawer.top_logprobs,
            with_distribution=drawer.with_distribution,
            guard=guard,
        )

    def _count(self, q: int, draw: Draw, *, is_known: bool = False) -> None:
        """Pay for a draw and remember it, unless it failed in an earlier start and is made again."""
        question, drawer = self._questions[q], self.drawer
        question.tokens += draw.n_tokens
        self._n_tokens += draw.n_tokens
        if is_known and draw.error is not None:
            return
        self._n_drawn += draw.sample not in question.draws
        question.draws[draw.sample] = count(
            draw, window=drawer.window, floor=drawer.floor, has_top=drawer.top_logprobs > 0
        )

    def _progress(self, draw: Draw) -> Progress:
        n_open = int(self.walks.is_open.sum())
        return Progress(draw, n_open, self._n_drawn, self._n_tokens)
