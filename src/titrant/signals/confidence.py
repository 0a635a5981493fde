"""Confidence: how peaked the model's next-token distributions are along a trace.

Token confidence at position i is C_i = −(1/k) Σ_j ln P_i(j) over the k likeliest tokens: high where one
token takes nearly all, ln k where k tokens share it evenly (the least value there is; with k the whole
vocabulary, ln k + KL(uniform ‖ P_i)). A trace has its mean, and *group* confidences: means over all
windows of n neighbouring tokens, of which the lowest, the lowest tenth and the last window tell more
than the mean does.

Source: Fu et al. 2025, "Deep Think with Confidence" (arXiv 2508.15260), §3; settings as there, the window
scaled to the pool's traces where it is `auto`. Where we differ from their code: exactly k entries per token
(vLLM adds the sampled token as a 21st where it is not among the 20, and that very negative entry raised
"confidence" just where an unlikely token was drawn); the tail and bottom windows are the window that was
asked for, not always 2048; no number is rounded; a trace without tokens is NaN, not 0.

All numbers are nats in float64. Positions are those of the completion, tags and answer included. Left out:
online stopping and voting, which are about draws and not about a pool.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.errors import ConfigError
from titrant.signals.base import Signal, TokenScores, Values
from titrant.signals.ragged import Ragged, offsets_of

if TYPE_CHECKING:
    from titrant.settings import SignalSettings
    from titrant.signals.base import Needs

TINY_VOCAB = 1_000
"""A vocabulary below this is a toy's: its 20 likeliest tokens reach so far down that their logprobs are
mostly noise of the tail."""
TINY_FLOOR = -15.0
"""Logprobs of a tiny vocabulary count as no less than this, so that the tail does not decide."""
FLOOR = -100.0
"""Elsewhere the published numbers stand, and only what float32 cannot tell from 0 is floored: ln of its
least positive number is −103. A token that is ruled out (−∞) would else make a trace infinitely sure."""
BOTTOM_SHARE = 0.1
AUTO_SHARE, AUTO_LEAST, AUTO_MOST = 0.15, 8, 2048
"""The paper's window is 0.05 to 0.2 of its traces' length, and never more than 2048."""
CHUNK = 2**16
"""Tokens whose likeliest are floored at a time: a copy of all of them would double the memory."""


class Window(NamedTuple):
    """Sizes in tokens."""

    group: int
    tail: int


def resolve(settings: SignalSettings, mean_length: float) -> SignalSettings:
    """Settings with numbers for `auto`.

    Args:
        settings: as configured.
        mean_length: tokens of a trace, mean over the whole pool (not over the part at hand: the same
            trace would have other values in another part).

    Example:
        >>> from titrant.settings import SignalSettings
        >>> resolve(SignalSettings(), 400.0).window, resolve(SignalSettings(), 20.0).window
        (60, 8)
    """
    auto = AUTO_LEAST
    if math.isfinite(mean_length):
        auto = min(AUTO_MOST, max(AUTO_LEAST, round(AUTO_SHARE * mean_length)))
    window = auto if settings.window == "auto" else settings.window
    tail = window if settings.tail == "auto" else settings.tail
    return settings.model_copy(update={"window": window, "tail": tail})


def window_of(settings: SignalSettings) -> Window:
    """The sizes in resolved settings.

    Raises:
        ConfigError: one of them is still `auto`.
    """
    if settings.window == "auto" or settings.tail == "auto":
        raise ConfigError(
            "the window of group confidence is not known yet",
            expected="signals.window and signals.tail in tokens",
            came=f"window {settings.window}, tail {settings.tail}",
            do="resolve them from the whole pool: titrant.signals.confidence.resolve(settings, mean)",
        )
    return Window(settings.window, settings.tail)


def floor_of(vocab: int) -> float:
    """The least logprob that counts, in nats, for a vocabulary of that many tokens."""
    return TINY_FLOOR if vocab < TINY_VOCAB else FLOOR


def token_confidence(top_logprobs: np.ndarray, *, floor: float = -math.inf) -> np.ndarray:
    """Confidence of each token, float64 [tokens].

    Args:
        top_logprobs: of exactly the k likeliest tokens, [tokens, k]. With k = 1 the sign turns: low is
            then peaked.
        floor: lesser logprobs count as this; without it −∞ gives infinite confidence. The signals of
            this module take `floor_of` the vocabulary.

    Example:
        >>> uniform = np.log(np.full((1, 4), 0.25))
        >>> print(*token_confidence(uniform).round(6), round(math.log(4), 6))
        1.386294 1.386294
        >>> token_confidence(np.array([[-0.5, -np.inf]]), floor=-15.0)
        array([7.75])
    """
    n, k = top_logprobs.shape
    found = np.empty(n)
    for start in range(0, n, CHUNK):
        part = np.maximum(top_logprobs[start : start + CHUNK], floor)
        found[start : start + CHUNK] = np.einsum("ij->i", part, dtype=np.float64)
    return found / -k


def group_confidence(confidence: Ragged, window: int) -> Ragged:
    """Mean confidence of all windows of that many tokens, row by row, float64.

    Full windows only, one token apart; a shorter trace gives one group, its plain mean.
    """
    return confidence.sliding_mean(window)


def bottom_confidence(
    confidence: Ragged, window: int, *, share: float = BOTTOM_SHARE
) -> np.ndarray:
    """Mean of each trace's lowest groups (that share of them, at least one), float64 [traces]."""
    return group_confidence(confidence, window).lowest_mean(share)


def lowest_confidence(confidence: Ragged, window: int) -> np.ndarray:
    """The lowest group of each trace, float64 [traces]."""
    return group_confidence(confidence, window).min()


def tail_confidence(confidence: Ragged, tail: int) -> np.ndarray:
    """Mean over the last tokens of each trace, float64 [traces]; a shorter trace's plain mean."""
    return confidence.last(tail).mean()


def step_means(values: Ragged, step: Ragged, n_steps: np.ndarray) -> Ragged:
    """Mean over the tokens of each step, float64 [steps]; NaN for a step without tokens.

    Args:
        values: per token.
        step: the step of each token, −1 outside.
        n_steps: of each trace.

    Example:
        >>> numbers = Ragged.of_rows([np.array([9.0, 1.0, 2.0, 5.0])])
        >>> step = Ragged.of_rows([np.array([-1, 0, 0, 1])])
        >>> step_means(numbers, step, np.array([2])).values
        array([1.5, 5. ])
    """
    offsets = offsets_of(n_steps)
    is_inside = step.values >= 0
    at = (np.repeat(offsets[:-1], step.lengths) + step.values)[is_inside]
    sums = np.bincount(at, weights=values.values[is_inside], minlength=offsets[-1])
    counts = np.bincount(at, minlength=offsets[-1])
    with np.errstate(invalid="ignore"):
        return Ragged(sums / counts, offsets)


def lowest_step(means: Ragged, step: Ragged) -> np.ndarray:
    """The lowest of each trace's steps that have tokens, float64 [traces]; NaN without any.

    Args:
        means: of the steps.
        step: the step of each token, −1 outside.
    """
    is_inside = step.values >= 0
    at = (np.repeat(means.offsets[:-1], step.lengths) + step.values)[is_inside]
    has_tokens = np.bincount(at, minlength=len(means.values)) > 0
    return means.keep(has_tokens).min()


def confidence_of(scores: TokenScores, settings: SignalSettings) -> Ragged:
    """Confidence of every token of some traces, float64; scores must have `top`."""
    top = scores.top
    assert top is not None  # compute() has looked
    k = min(settings.top_logprobs, top.values.shape[1])
    return top.with_values(token_confidence(top.values[:, :k], floor=floor_of(scores.vocab)))


def _mean(scores: TokenScores, settings: SignalSettings) -> Values:
    """Mean over all tokens."""
    return Values(confidence_of(scores, settings).mean())


def _bottom(scores: TokenScores, settings: SignalSettings) -> Values:
    """Mean of the lowest tenth of groups."""
    window = window_of(settings)
    return Values(bottom_confidence(confidence_of(scores, settings), window.group))


def _lowest(scores: TokenScores, settings: SignalSettings) -> Values:
    """The lowest group."""
    window = window_of(settings)
    return Values(lowest_confidence(confidence_of(scores, settings), window.group))


def _tail(scores: TokenScores, settings: SignalSettings) -> Values:
    """Mean over the last tokens."""
    window = window_of(settings)
    return Values(tail_confidence(confidence_of(scores, settings), window.tail))


def _steps(scores: TokenScores, settings: SignalSettings) -> Values:
    """Mean of each step, and the lowest of them."""
    means = step_means(confidence_of(scores, settings), scores.step, scores.n_steps)
    return Values(lowest_step(means, scores.step), means)


_TOP: frozenset[Needs] = frozenset({"top"})

MEAN = Signal(
    name="confidence",
    version=1,
    unit="nats",
    higher="next tokens are sure, on average over the trace",
    prefer="high",
    needs=_TOP,
    compute=_mean,
)
"""Mean token confidence."""
BOTTOM_10 = Signal(
    name="confidence-bottom10",
    version=1,
    unit="nats",
    higher="even the least sure tenth of windows is sure",
    prefer="high",
    needs=_TOP,
    compute=_bottom,
)
"""Mean of the lowest tenth of group confidences."""
LOWEST = Signal(
    name="confidence-lowest",
    version=1,
    unit="nats",
    higher="even the least sure window is sure",
    prefer="high",
    needs=_TOP,
    compute=_lowest,
)
"""Lowest group confidence."""
TAIL = Signal(
    name="confidence-tail",
    version=1,
    unit="nats",
    higher="next tokens are sure at the end of the trace",
    prefer="high",
    needs=_TOP,
    compute=_tail,
)
"""Mean confidence of the last tokens."""
LOWEST_STEP = Signal(
    name="confidence-step",
    version=1,
    unit="nats",
    higher="even the least sure step is sure",
    prefer="high",
    needs=_TOP,
    compute=_steps,
)
"""Mean confidence of each step; of a trace, its lowest step."""
