"""What a model can do is tried out, not looked up by its name.

Some ways of passing a batch ask more of a model than others: that a cache can be indexed and continued,
that a mask of four dimensions and positions out of order are honoured. A trial passes made-up text both
ways and compares the logprobs. Prefix sharing is tried once, on a few tokens. Branches over a cache are
tried at the length that is needed, rounded up to a power of two, because attention windows tell only
beyond their length; a longer text brings a longer trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from titrant.engines.scoring.head import FOREIGN
from titrant.engines.scoring.plan import Way
from titrant.engines.scoring.rows import Forcible, Twig
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SAME, SAME_HALF = 1e-3, 0.1
"""Nats within which two ways must agree: in float32, and in half precision, where rounding alone moves
logprobs by hundredths. A wrong mask moves them by more."""
SHORTEST = 32
"""Tokens of the shortest trial of branches."""


class Trials:
    """The trials of one model, each made once and when it is needed."""

    def __init__(
        self,
        logprobs: Callable[[Sequence[Forcible], Way], np.ndarray],
        vocab: int,
        *,
        context_tokens: int | None,
        is_half: bool,
    ) -> None:
        """Nothing is passed yet.

        Args:
            logprobs: all logprobs of a batch that is passed in some way.
            vocab: tokens that the model knows.
            context_tokens: longest row; `None` if unknown.
            is_half: whether the model runs in half precision.
        """
        self._logprobs, self._vocab = logprobs, vocab
        self._context_tokens = context_tokens or 2**62
        self._bound = SAME_HALF if is_half else SAME
        self._shares: bool | None = None
        self._chunks_up_to, self._fails_from = 0, 2**62

    def can_share_prefixes(self) -> bool:
        """Whether the cache of a prefix can serve several rows."""
        if self._shares is None:
            self._shares = self._agree(self._with_shared_prefix(), Way(shares_prefixes=True))
        return self._shares

    def can_chunk_branches(self, n_tokens: int) -> bool:
        """Whether branches of rows of so many tokens can be fed as one chunk."""
        if self._chunks_up_to < n_tokens < self._fails_from:
            rounded = max(SHORTEST, 1 << (n_tokens - 1).bit_length())
            # A window of attention may end between the two.
            for length in {max(n_tokens, min(rounded, self._context_tokens)): 0, n_tokens: 0}:
                if self._agree(self._with_branches(length), Way(chunks_branches=True)):
                    self._chunks_up_to = length
                    break
            else:
                self._fails_from = n_tokens
        return n_tokens <= self._chunks_up_to

    def _agree(self, batch: Sequence[Forcible], way: Way) -> bool:
        try:
            ours, plain = self._logprobs(batch, way), self._logprobs(batch, Way())
        except torch.OutOfMemoryError:
            raise
        except FOREIGN:
            return False
        return bool(np.allclose(ours, plain, rtol=0, atol=self._bound, equal_nan=True))

    def _with_shared_prefix(self) -> list[Forcible]:
        """Three rows with two prefixes of different length; 17 tokens at most."""
        a, b, *rest = (self._some(n, place) for place, n in enumerate((5, 9, 8, 3, 6)))
        return [Forcible(prefix, ids) for prefix, ids in zip((a, b, a), rest, strict=True)]

    def _with_branches(self, length: int) -> list[Forcible]:
        """A row whose last branch ends at a length, and one of half of it.

        Two, because what suits a row alone may not suit rows side by side.
        """
        return [self._branching(length), self._branching(length // 2)]

    def _branching(self, length: int) -> Forcible:
        n_before, n_branch = 4, 4
        n = max(1, length - n_before - n_branch)
        places = enumerate((0, n // 2, n))
        twigs = tuple(Twig(at, self._some(n_branch, place)) for place, at in places)
        return Forcible(self._some(n_before, 3), self._some(n, 4), twigs=twigs)

    def _some(self, n: int, place: int) -> list[int]:
        """Tokens of a place, which those of another place repeat by chance alone."""
        return derive_rng(0, "trial", self._vocab, n, place).integers(0, self._vocab, n).tolist()
