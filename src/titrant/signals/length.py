"""Length: tokens of a trace, as the base's tokenizer counts its completion.

Tags, thinking and answer text count, the stop token does not. A trace that could not be scored has no
tokens here, whatever its text: its length is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.signals.base import Signal, TokenScores, Values

if TYPE_CHECKING:
    from titrant.settings import SignalSettings


def _length(scores: TokenScores, _: SignalSettings) -> Values:
    """Tokens of each trace."""
    lengths = scores.logprob.lengths
    return Values(np.where(lengths > 0, lengths, np.nan))


LENGTH = Signal(
    name="length",
    version=1,
    unit="tokens",
    higher="the trace is long",
    prefer="high",
    needs=frozenset(),
    compute=_length,
)
"""Tokens of the completion; long ones first, as in s1 (Muennighoff et al. 2025)."""
