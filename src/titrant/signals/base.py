"""What a signal is, and what it is computed from: per-token numbers of one forward pass.

A signal is a formula over arrays. It reads a `TokenScores`, which one pass of the base model over the
pool has filled, and gives one value per trace and, where that makes sense, one per step. What cannot be
computed is NaN, never 0. Nothing here needs a model or torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from titrant.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from titrant.settings import SignalSettings
    from titrant.signals.ragged import Ragged

Needs = Literal["distribution", "top", "alone", "question", "answers", "hidden"]
"""What a signal needs beyond the logprob of each token."""


@dataclass(frozen=True, slots=True)
class TokenScores:
    """Per-token numbers of some traces, row by row; all logs are natural.

    The tokens of a trace are those of its completion, as trained: thinking tags, thinking, answer text,
    no stop token. A trace that could not be scored has no tokens.
    """

    uids: tuple[str, ...]
    vocab: int
    """Tokens that the model knows."""
    logprob: Ragged
    """Of each token given question and earlier tokens, float32 [tokens]."""
    step: Ragged
    """Index of the step that a token belongs to; −1 outside the steps, int32 [tokens]."""
    n_steps: np.ndarray
    """int64 [traces]."""
    entropy: Ragged | None = None
    """Of the next-token distribution, in nats, float32 [tokens]."""
    variance: Ragged | None = None
    """Of a token's logprob under that distribution, in nats², float32 [tokens]."""
    vocab_mean: Ragged | None = None
    """Mean logprob over the vocabulary, float32 [tokens]."""
    top: Ragged | None = None
    """Logprobs of the k likeliest tokens, best first, float32 [tokens, k]."""
    alone: Ragged | None = None
    """Logprob of the same tokens without the question, float32 [tokens]; the first of a row is NaN
    where the tokenizer has no BOS token."""
    question: Ragged | None = None
    """Logprobs of the prompt's tokens, float32 [prompt tokens]; the first of a row is NaN."""
    answers: Ragged | None = None
    """Logprobs of the gold answer, led in, after 0, 1 … all steps: the branches of a trace one after
    the other, each of the same tokens, float32 [branches × answer tokens]. No tokens where the trace
    has no gold answer."""
    n_lead: np.ndarray | None = None
    """Tokens of each branch that lead in the answer and are not part of it, int64 [traces]."""
    hidden: np.ndarray | None = None
    """Mean hidden state of the trace, float32 [traces, width]; NaN where not scored."""
    step_hidden: Ragged | None = None
    """Mean hidden state of each step, float32 [steps, width]."""


class Values(NamedTuple):
    """A signal of some traces."""

    trace: np.ndarray
    """float64 [traces]; NaN where it cannot be computed."""
    steps: Ragged | None = None
    """float64 [steps], row by row; `None` where the signal says nothing about steps."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal and what there is to know of it."""

    name: str
    version: int
    """Raised whenever a value can change; scores of another version are computed again."""
    unit: str
    """`nats`, `bits`, `share`, `tokens`, `ratio` …"""
    higher: str
    """What a high value means, in a few words."""
    prefer: Literal["high", "low"]
    """Which end a ranking by this signal begins with."""
    needs: frozenset[Needs]
    compute: Callable[[TokenScores, SignalSettings], Values]


signals: Registry[Signal] = Registry(
    "signals",
    {
        "confidence": "titrant.signals.confidence:MEAN",
        "confidence-bottom10": "titrant.signals.confidence:BOTTOM_10",
        "confidence-lowest": "titrant.signals.confidence:LOWEST",
        "confidence-tail": "titrant.signals.confidence:TAIL",
        "confidence-step": "titrant.signals.confidence:LOWEST_STEP",
        "entropy": "titrant.signals.certainty:ENTROPY",
        "self-certainty": "titrant.signals.certainty:SELF_CERTAINTY",
        "perplexity": "titrant.signals.likelihood:PERPLEXITY",
        "ifd": "titrant.signals.likelihood:IFD",
        "ifd-loss": "titrant.signals.likelihood:IFD_LOSS",
        "logprob-lowest": "titrant.signals.logprob:LOWEST",
        "logprob-bottom10": "titrant.signals.logprob:BOTTOM_10",
        "logprob-tail": "titrant.signals.logprob:TAIL",
        "logprob-step": "titrant.signals.logprob:LOWEST_STEP",
        "min-k": "titrant.signals.membership:MIN_K",
        "min-k++": "titrant.signals.membership:MIN_K_PLUS",
        "length": "titrant.signals.length:LENGTH",
        "gain": "titrant.signals.gain:BITS",
        "gain-per-step": "titrant.signals.gain:BITS_PER_STEP",
        "gain-per-token": "titrant.signals.gain:BITS_PER_TOKEN",
        "gain-share": "titrant.signals.gain:SHARE",
        "gain-paper": "titrant.signals.gain:PAPER",
        "gain-code": "titrant.signals.gain:CODE",
    },
)
