"""Likelihood: perplexity of a trace, and how much the question lowers it (IFD).

Perplexity is exp(−mean logprob) of the trace's tokens given the question. Instruction-following
difficulty compares the trace A with and without its question Q, in two forms:

    ifd       PPL(A|Q) / PPL(A)       Superfiltering (Li et al. 2024, arXiv 2402.00530)
    ifd-loss  L(A|Q) / L(A)           Cherry (Li et al. 2023, arXiv 2308.12032), L the mean loss in nats

Near 0 the question says almost all of the trace; near 1 it says nothing, and the trace is hard to follow
from it; above 1 it makes the trace *less* likely. Their rule is to drop ratios above 1, as of traces that
do not belong to their question, and to keep the highest of the rest. A signal has no threshold:
a strategy has to drop them.

Where we differ: both means run over the same tokens, those that have both numbers. The originals take
all tokens of A after Q, but without Q all except the first, which has no prediction there; and a first
token is dear (the whole first sentence is open), so a short trace is thrown up. `..._original` gives
their form. Their code also gives 0 for what fails; here that is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.signals.base import Signal, TokenScores, Values

if TYPE_CHECKING:
    from titrant.settings import SignalSettings
    from titrant.signals.ragged import Ragged


class Losses(NamedTuple):
    """Mean loss of some traces in nats, float64 [traces]."""

    conditional: np.ndarray
    """Given the question."""
    alone: np.ndarray
    """Without it."""

    @property
    def loss_ratio(self) -> np.ndarray:
        """As Cherry; infinite where the trace alone has loss 0, NaN where both have."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.conditional / self.alone

    @property
    def perplexity_ratio(self) -> np.ndarray:
        """As Superfiltering."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.exp(self.conditional - self.alone)


def perplexity(logprob: Ragged) -> np.ndarray:
    """exp(−mean logprob) of each row, float64 [rows]; infinite where a token has probability 0.

    Example:
        >>> from titrant.signals.ragged import Ragged
        >>> print(*perplexity(Ragged.of_rows([np.log([0.5, 0.125])])).round(6))  # √(2 · 8)
        4.0
    """
    with np.errstate(over="ignore"):
        return np.exp(-logprob.mean())


def losses(conditional: Ragged, alone: Ragged) -> Losses:
    """Mean losses with and without the question, over the tokens that have both numbers.

    Args:
        conditional: logprob of each token given the question.
        alone: of the same tokens without it; NaN where there is none.

    Example:
        >>> from titrant.signals.ragged import Ragged
        >>> given = Ragged.of_rows([np.array([-9.0, -1.0, -2.0])])
        >>> alone = Ragged.of_rows([np.array([np.nan, -2.0, -4.0])])
        >>> losses(given, alone).loss_ratio  # (1 + 2) / (2 + 4)
        array([0.5])
        >>> print(*losses(given, alone).perplexity_ratio.round(4))  # exp(1.5 − 3)
        0.2231
    """
    has_both = ~np.isnan(conditional.values) & ~np.isnan(alone.values)
    return Losses(-conditional.keep(has_both).mean(), -alone.keep(has_both).mean())


def losses_original(conditional: Ragged, alone: Ragged) -> Losses:
    """The same over all tokens with the question, and all but the first without it.

    Example:
        >>> from titrant.signals.ragged import Ragged
        >>> given = Ragged.of_rows([np.array([-9.0, -1.0, -2.0])])
        >>> alone = Ragged.of_rows([np.array([np.nan, -2.0, -4.0])])
        >>> print(*losses_original(given, alone).loss_ratio.round(4))  # (9 + 1 + 2)/3 ÷ (2 + 4)/2
        1.3333
    """
    return Losses(-conditional.mean(), -alone.without_first().mean())


def _perplexity(scores: TokenScores, _: SignalSettings) -> Values:
    """Perplexity of each trace given its question."""
    return Values(perplexity(scores.logprob))


def _ifd(scores: TokenScores, _: SignalSettings) -> Values:
    """Perplexity with the question over perplexity without."""
    assert scores.alone is not None  # compute() has looked
    return Values(losses(scores.logprob, scores.alone).perplexity_ratio)


def _ifd_loss(scores: TokenScores, _: SignalSettings) -> Values:
    """Loss with the question over loss without."""
    assert scores.alone is not None  # compute() has looked
    return Values(losses(scores.logprob, scores.alone).loss_ratio)


PERPLEXITY = Signal(
    name="perplexity",
    version=1,
    unit="perplexity",
    higher="the trace surprises the model",
    prefer="low",
    needs=frozenset(),
    compute=_perplexity,
)
"""Perplexity of the trace given its question."""
IFD = Signal(
    name="ifd",
    version=1,
    unit="ratio",
    higher="the question says little of the trace; above 1: it misleads",
    prefer="high",
    needs=frozenset({"alone"}),
    compute=_ifd,
)
"""Perplexity ratio, as in Superfiltering."""
IFD_LOSS = Signal(
    name="ifd-loss",
    version=1,
    unit="ratio",
    higher="the question says little of the trace; above 1: it misleads",
    prefer="high",
    needs=frozenset({"alone"}),
    compute=_ifd_loss,
)
"""Loss ratio, as in Cherry."""
