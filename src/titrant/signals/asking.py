"""How a trace is asked about: what is teacher-forced, where its steps lie, how its answer is led in.

The text of a trace is its completion as trained, after the prompt of its question. For information
gain the gold answer is forced after 0, 1 … all steps: thinking is closed as in training, then comes
the lead-in of `signals.answer`. A token belongs to the step in which it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from titrant.engines.base import Branch, Score, ScoreRequest

if TYPE_CHECKING:
    from titrant.settings import PromptSettings, SignalSettings
    from titrant.signals.base import Needs
    from titrant.traces.record import Trace

GOLD = "{gold}"


class Prompts(Protocol):
    """What makes prompts and completions; `titrant.engines.prompt.PromptBuilder` does."""

    def prompt(self, question: str) -> str:
        """The text that the model continues."""
        ...

    def completion(self, trace: Trace) -> str:
        """What a model should write after the prompt of the trace's question."""
        ...


class Asking(NamedTuple):
    """How traces are asked about in one pass."""

    prompts: Prompts
    prompt: PromptSettings
    signals: SignalSettings
    needs: frozenset[Needs]
    top_logprobs: int
    """As asked for, or the whole vocabulary where that is smaller."""


class Asked(NamedTuple):
    """What one trace asks of an engine."""

    main: ScoreRequest
    alone: ScoreRequest | None
    """The completion without the question."""
    steps: tuple[tuple[int, int], ...]
    """Characters from and to of each step within the completion."""
    lead: int
    """Characters of a branch before the gold answer."""


def ask(trace: Trace, asking: Asking) -> Asked:
    """The requests of one trace."""
    completion = asking.prompts.completion(trace)
    closing = _closing(trace, asking.prompt)
    start = _body_start(trace, completion, closing)
    steps = tuple((start + step.start, start + step.end) for step in trace.steps)
    branches, lead = _branches(trace, asking, start=start, steps=steps)
    with_hidden = "hidden" in asking.needs
    main = ScoreRequest(
        prefix=asking.prompts.prompt(trace.question),
        continuation=completion,
        top_logprobs=asking.top_logprobs if "top" in asking.needs else 0,
        branches=branches,
        spans=steps if with_hidden else (),
        with_hidden=with_hidden,
        with_prefix="question" in asking.needs,
        with_distribution="distribution" in asking.needs,
    )
    alone = ScoreRequest("", completion, with_distribution=False)
    return Asked(main, alone if "alone" in asking.needs else None, steps, lead)


def _closing(trace: Trace, settings: PromptSettings) -> str:
    return "" if trace.thinking is None else settings.think_close


def _body_start(trace: Trace, completion: str, closing: str) -> int:
    """Characters of a completion before the body that the steps cut."""
    if trace.thinking is None:
        return 0
    after = len(trace.answer_text) + (0 if trace.unfinished else len(closing))
    return len(completion) - after - len(trace.thinking)


def _branches(
    trace: Trace, asking: Asking, *, start: int, steps: tuple[tuple[int, int], ...]
) -> tuple[tuple[Branch, ...], int]:
    if "answers" not in asking.needs or trace.gold is None:
        return (), 0
    lead = _closing(trace, asking.prompt) + asking.signals.answer.partition(GOLD)[0]
    text = lead + trace.gold
    places = (start, *(end for _, end in steps))
    return tuple(Branch(at, text) for at in places), len(lead)


def step_of_tokens(token_ends: np.ndarray, steps: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Index of the step that each token ends in, −1 outside; int32 [tokens].

    Args:
        token_ends: characters up to the end of each token, ascending; [tokens].
        steps: characters from and to of each step, ascending; empty steps get no token.
    """
    if not steps:
        return np.full(len(token_ends), -1, dtype=np.int32)
    starts, ends = np.array(steps, dtype=np.int64).T
    at = np.searchsorted(ends, token_ends, side="left")
    clipped = at.clip(max=len(ends) - 1)
    is_inside = (at < len(ends)) & (token_ends > starts[clipped])
    return np.where(is_inside, clipped, -1).astype(np.int32)


def lead_tokens(score: Score, lead: int) -> int:
    """Tokens of a branch that end before the gold answer begins; 0 without branches."""
    if not score.branches:
        return 0
    return int((score.branches[0].token_ends <= lead).sum())
