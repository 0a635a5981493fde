"""The model's logprob of the tokens that stand there, where it is lowest.

Perplexity is their mean over a trace, and a trace of a hundred sure tokens and one wild guess has a good
one. So the same windows as for confidence, and the same steps: the lowest window, the lowest tenth of
windows, the last window, the lowest step, in nats per token.

Confidence asks how peaked the distribution was and not what was drawn from it; that the least likely token
was drawn from a peaked distribution leaves it as high as ever. These ask just that.

Windows and their settings are those of `confidence`; a trace without tokens is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.signals.base import Signal, TokenScores, Values
from titrant.signals.confidence import (
    bottom_confidence,
    lowest_confidence,
    lowest_step,
    step_means,
    tail_confidence,
    window_of,
)

if TYPE_CHECKING:
    from titrant.settings import SignalSettings


def _lowest(scores: TokenScores, settings: SignalSettings) -> Values:
    """The lowest window's mean logprob."""
    return Values(lowest_confidence(scores.logprob, window_of(settings).group))


def _bottom(scores: TokenScores, settings: SignalSettings) -> Values:
    """Mean of the lowest tenth of windows."""
    return Values(bottom_confidence(scores.logprob, window_of(settings).group))


def _tail(scores: TokenScores, settings: SignalSettings) -> Values:
    """Mean logprob of the last tokens."""
    return Values(tail_confidence(scores.logprob, window_of(settings).tail))


def _steps(scores: TokenScores, _: SignalSettings) -> Values:
    """Mean logprob of each step, and the lowest of them."""
    means = step_means(scores.logprob, scores.step, scores.n_steps)
    return Values(lowest_step(means, scores.step), means)


LOWEST = Signal(
    name="logprob-lowest",
    version=1,
    unit="nats per token",
    higher="even the least likely window is likely",
    prefer="high",
    needs=frozenset(),
    compute=_lowest,
)
"""Mean logprob of the least likely window."""
BOTTOM_10 = Signal(
    name="logprob-bottom10",
    version=1,
    unit="nats per token",
    higher="even the least likely tenth of windows is likely",
    prefer="high",
    needs=frozenset(),
    compute=_bottom,
)
"""Mean logprob of the least likely tenth of windows."""
TAIL = Signal(
    name="logprob-tail",
    version=1,
    unit="nats per token",
    higher="the end of the trace is likely",
    prefer="high",
    needs=frozenset(),
    compute=_tail,
)
"""Mean logprob of the last tokens."""
LOWEST_STEP = Signal(
    name="logprob-step",
    version=1,
    unit="nats per token",
    higher="even the least likely step is likely",
    prefer="high",
    needs=frozenset(),
    compute=_steps,
)
"""Mean logprob of each step; of a trace, its least likely step."""
