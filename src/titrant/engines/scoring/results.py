"""What the numbers of a passed row are to whoever asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from titrant.engines.base import BranchScore, Score

if TYPE_CHECKING:
    from titrant.engines.scoring.encode import EncodedScore
    from titrant.engines.scoring.rows import Forced


def score_of(encoded: EncodedScore, forced: Forced) -> Score:
    """The score of a row."""
    has_top = encoded.row.top_logprobs > 0
    return Score(
        token_ids=tuple(encoded.row.ids),
        logprobs=forced.logprobs,
        entropy=forced.entropy,
        top_ids=forced.top_ids if has_top else None,
        top_logprobs=forced.top_logprobs if has_top else None,
        token_ends=encoded.ends,
        variance=forced.variance,
        vocab_mean=forced.vocab_mean,
        n_prefix_tokens=len(encoded.row.prefix_ids),
        prefix_logprobs=forced.prefix_logprobs,
        branches=tuple(map(BranchScore, forced.twigs, encoded.twig_ends)),
        hidden=forced.hidden,
    )


def score_error(error: str) -> Score:
    """The score of a row that could not be passed, and why."""
    none = np.zeros(0, dtype=np.float32)
    return Score((), none, none, error=error)
