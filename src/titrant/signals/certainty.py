"""Certainty from whole distributions: entropy, and self-certainty.

Entropy of a position is H_i = −Σ_v p_v ln p_v, 0 where one token takes all, ln V at most. Self-certainty
is −(1/(nV)) Σ_i Σ_v ln(V p_iv) = −ln V − (mean logprob over vocabulary and positions): the mean of
KL(uniform ‖ p_i), 0 for uniform distributions and without bound above. It is token confidence with k the
whole vocabulary, less ln V.

The two disagree on purpose: entropy weighs a token by its probability, so the tail hardly counts;
self-certainty weighs all tokens alike, so the tail is nearly all of it.

Source: Kang et al. 2025 (arXiv 2502.18581), with V the tokens that the model knows. Left out: their Borda
vote, which is about draws and not about a pool.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from titrant.signals.base import Signal, TokenScores, Values

if TYPE_CHECKING:
    import numpy as np

    from titrant.settings import SignalSettings
    from titrant.signals.base import Needs
    from titrant.signals.ragged import Ragged


def self_certainty(vocab_mean: Ragged, vocab: int) -> np.ndarray:
    """Mean of KL(uniform ‖ p_i) over positions, in nats, float64 [traces].

    Args:
        vocab_mean: mean logprob over the vocabulary, each token counted once, [tokens].
        vocab: tokens of the vocabulary.

    A token that is ruled out somewhere (logprob −∞) makes it infinite.

    Example:
        >>> import numpy as np
        >>> from titrant.signals.ragged import Ragged
        >>> p = np.array([0.5, 0.25, 0.25])
        >>> kl = (1 / 3 * np.log(1 / 3 / p)).sum()
        >>> found = self_certainty(Ragged.of_rows([np.array([np.log(p).mean()])]), 3)
        >>> print(*found.round(6), kl.round(6))
        0.056633 0.056633
    """
    return -vocab_mean.mean() - math.log(vocab)


def _entropy(scores: TokenScores, _: SignalSettings) -> Values:
    """Mean entropy of the next-token distributions."""
    assert scores.entropy is not None  # compute() has looked
    return Values(scores.entropy.mean())


def _self_certainty(scores: TokenScores, _: SignalSettings) -> Values:
    """Mean distance of the next-token distributions from the uniform one."""
    assert scores.vocab_mean is not None  # compute() has looked
    return Values(self_certainty(scores.vocab_mean, scores.vocab))


_DISTRIBUTION: frozenset[Needs] = frozenset({"distribution"})

ENTROPY = Signal(
    name="entropy",
    version=1,
    unit="nats",
    higher="the model does not know which token comes next",
    prefer="low",
    needs=_DISTRIBUTION,
    compute=_entropy,
)
"""Mean token entropy."""
SELF_CERTAINTY = Signal(
    name="self-certainty",
    version=1,
    unit="nats",
    higher="next-token distributions are far from uniform",
    prefer="high",
    needs=_DISTRIBUTION,
    compute=_self_certainty,
)
"""Mean KL divergence of the uniform distribution from the model's."""
