"""Membership: whether the base may have been trained on a trace, Min-K% and Min-K%++.

A text that was trained on has few very unlikely tokens. Min-K% is the mean of its lowest k % of token
logprobs. Min-K%++ takes them relative to what was possible at their place,

    z_t = (ln p(x_t) − μ_t) / √(σ_t² + 1e-8),   μ_t = Σ_v p_v ln p_v,   σ_t² = Σ_v p_v (ln p_v)² − μ_t²

so that a token counts as unlikely where others were likelier, not where all were unlikely. Scores of
members are higher; they compare within one kind of text only, and no value alone proves anything.

Source: Shi et al. 2023 (arXiv 2310.16789) and Zhang et al. 2024 (arXiv 2404.02936) with its code. As
there, the first token is left out; and k % is rounded down. Here it is one token at least, where theirs gives
NaN to short texts. Tokens are those of the completion given its question: the question itself is not
tested. Left out: thresholds, and AUROC against planted members (the audits').
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.signals.base import Signal, TokenScores, Values

if TYPE_CHECKING:
    from titrant.settings import SignalSettings
    from titrant.signals.ragged import Ragged

LEAST_VARIANCE = 1e-8
"""Added to σ², nats²: where one token takes all, z is 0 and not 0/0."""


def min_k(values: Ragged, share: float) -> np.ndarray:
    """Mean of the lowest share of each row's values, its first left out; float64 [rows].

    Args:
        values: logprobs for Min-K%, `normalised` ones for Min-K%++.
        share: of the values, rounded down, at least one. A row of one value is NaN.

    Example:
        >>> from titrant.signals.ragged import Ragged
        >>> min_k(Ragged.of_rows([np.array([-9.0, -1.0, -3.0, -2.0, -5.0])]), 0.5)  # −5 and −3
        array([-4.])
    """
    return values.without_first().lowest_mean(share)


def normalised(logprob: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """How many standard deviations each logprob lies above its mean; float64 [tokens].

    Args:
        logprob: of each token, in nats.
        mean: of a token's logprob under the next-token distribution: minus its entropy.
        variance: of it, in nats².

    Example:
        >>> p = np.array([0.7, 0.2, 0.1])
        >>> mean = (p * np.log(p)).sum()
        >>> variance = (p * np.log(p) ** 2).sum() - mean**2
        >>> print(normalised(np.log(0.7), mean, variance).round(3))
        0.633
    """
    spread = np.sqrt(np.maximum(variance, 0.0, dtype=np.float64) + LEAST_VARIANCE)
    return (np.asarray(logprob, dtype=np.float64) - mean) / spread


def _min_k(scores: TokenScores, settings: SignalSettings) -> Values:
    """Mean of the lowest logprobs."""
    return Values(min_k(scores.logprob, settings.min_k))


def _min_k_plus(scores: TokenScores, settings: SignalSettings) -> Values:
    """Mean of the lowest normalised logprobs."""
    assert scores.entropy is not None  # compute() has looked
    assert scores.variance is not None
    z = normalised(scores.logprob.values, -scores.entropy.values, scores.variance.values)
    return Values(min_k(scores.logprob.with_values(z), settings.min_k))


MIN_K = Signal(
    name="min-k",
    version=1,
    unit="nats",
    higher="even the least likely tokens are likely: the base may know the trace",
    prefer="low",
    needs=frozenset(),
    compute=_min_k,
)
"""Min-K%."""
MIN_K_PLUS = Signal(
    name="min-k++",
    version=1,
    unit="standard deviations",
    higher="no token was passed over for likelier ones: the base may know the trace",
    prefer="low",
    needs=frozenset({"distribution"}),
    compute=_min_k_plus,
)
"""Min-K%++."""
