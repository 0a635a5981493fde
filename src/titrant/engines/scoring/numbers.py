"""What is kept of logits: a few numbers per position, in as few passes over the vocabulary as possible.

For the next-token distribution p over V tokens, with log p_j = s_j − ln Σ exp s:

    entropy     −Σ p_j log p_j                       nats
    variance    Σ p_j (log p_j)² − (Σ p_j log p_j)²  nats², the σ² of Min-K%++ (Zhang et al. 2404.02936, eq. 3)
    vocab_mean  (1/V) Σ log p_j                      nats; self-certainty is −vocab_mean − ln V
                                                     (Kang et al. 2502.18581, eq. 6)

s is the logit less the largest one, so that nothing overflows and the variance loses no digits. The
exponential is taken once. The k likeliest are found among the best of groups of tokens: the k largest
values lie in the k groups with the largest maxima, which is exact, and faster on a CPU than a search
through the whole vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

CPU_ELEMENTS, GPU_ELEMENTS = 2**20, 2**27
"""Logits that are worked on at a time: 4 MB and 512 MB. On a CPU smaller blocks stay in a nearer cache, but
the products and the calls cost more than that saves: 256 positions of 4,096 tokens were the fastest."""
FEWEST_ROWS = 128
"""Positions that go through the output layer at a time at least, or its weights are read too often."""
FEWEST_SEARCHED = 192
"""Columns up to which the k likeliest are searched for directly."""


class Piece(NamedTuple):
    """A rectangle of positions, and the wants that they decide."""

    values: torch.Tensor
    """States [rows, columns, width], or logits [rows, columns, vocab]."""
    which: np.ndarray
    """Indices of wants, int64 [wants here]."""
    at: np.ndarray
    """Row × columns + column of the position that decides each, int64 [wants here]."""


class Numbers:
    """Numbers of wants, filled piece by piece; NaN until then."""

    def __init__(
        self, targets: np.ndarray, *, is_wide: np.ndarray, k: int, device: torch.device
    ) -> None:
        """Room for the numbers.

        Args:
            targets: the token of each want, int64 [wants].
            is_wide: whether it wants more than its logprob, bool [wants].
            k: how many of the likeliest tokens to keep per wide want.
            device: where the logits are.
        """
        n, self._is_wide = len(targets), is_wide
        self._targets = torch.from_numpy(targets).to(device)
        self._per_token = torch.full((4 if is_wide.any() else 1, n), torch.nan, device=device)
        self._top_ids = torch.full((n, k), -1, dtype=torch.int32, device=device)
        self._top_logprobs = torch.full((n, k), torch.nan, device=device)
        self._k = k

    def fill(
        self,
        piece: Piece,
        to_logits: Callable[[torch.Tensor], torch.Tensor],
        *,
        vocab: int,
        elements: int = 0,
    ) -> None:
        """Answer the wants of a piece.

        Args:
            piece: the positions.
            to_logits: makes float32 logits of rows of its values; they are overwritten.
            vocab: tokens that the model knows.
            elements: logits that may be worked on at a time; 0: what suits the device.
        """
        # A plain want at the position of a wide one costs nothing more there.
        is_wide = np.isin(piece.at, piece.at[self._is_wide[piece.which]])
        blocks = _block_rows(piece.values.device, vocab, elements)
        for wide in (True, False):
            some = is_wide == wide
            if some.any():
                part = Piece(piece.values, piece.which[some], piece.at[some])
                self._fill_some(part, to_logits, blocks, is_wide=wide)

    def _fill_some(
        self,
        piece: Piece,
        to_logits: Callable[[torch.Tensor], torch.Tensor],
        blocks: tuple[int, int],
        *,
        is_wide: bool,
    ) -> None:
        """Answer wants that are all wide, or all plain, block by block."""
        values, (rows, small) = piece.values.flatten(0, 1), blocks
        at, inverse = np.unique(piece.at, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        inverse = inverse[order]
        ends = np.searchsorted(inverse, np.arange(len(at) + 1))
        which, source, places = (
            torch.from_numpy(values_).to(values.device)
            for values_ in (piece.which[order], inverse, at)
        )
        for start in range(0, len(at), rows):
            logits = to_logits(values[places[start : start + rows]])
            for first in range(0, len(logits), small):
                part = logits[first : first + small]
                begin = start + first
                pairs = slice(ends[begin], ends[begin + len(part)])
                (self._fill_wide if is_wide else self._fill_plain)(
                    part.sub_(part.amax(-1, keepdim=True)), which[pairs], source[pairs] - begin
                )

    def _fill_plain(self, logits: torch.Tensor, which: torch.Tensor, source: torch.Tensor) -> None:
        """Logprobs of wants; `source` says which row each reads of logits whose largest is 0."""
        chosen = logits[source, self._targets[which]]
        self._per_token[0, which] = chosen - logits.exp_().sum(-1).log_()[source]

    def _fill_wide(self, logits: torch.Tensor, which: torch.Tensor, source: torch.Tensor) -> None:
        """All numbers of wants, likewise."""
        chosen = logits[source, self._targets[which]]
        top_ids, top_values = likeliest(logits, self._k) if self._k else (None, None)
        log_total, *moments = _moments(logits)
        self._per_token[0, which] = chosen - log_total[source]
        self._per_token[1:, which] = torch.stack(moments)[:, source]
        if top_ids is not None and top_values is not None:
            self._top_ids[which] = top_ids[source].int()
            self._top_logprobs[which] = (top_values - log_total[:, None])[source]

    def per_token(self) -> np.ndarray:
        """Logprob, and entropy, variance and vocab_mean where any want is wide; float32 [1 or 4, wants]."""
        return self._per_token.cpu().numpy()

    def top(self) -> tuple[np.ndarray, np.ndarray]:
        """Ids and logprobs of the likeliest, int32 and float32 [wants, k]."""
        return self._top_ids.cpu().numpy(), self._top_logprobs.cpu().numpy()


class _Moments(NamedTuple):
    """Per position, float32 [positions]."""

    log_total: torch.Tensor
    entropy: torch.Tensor
    variance: torch.Tensor
    vocab_mean: torch.Tensor


def _moments(shifted: torch.Tensor) -> _Moments:
    """Moments of the next-token distribution; overwrites logits of which the largest is 0."""
    mean_logit = shifted.mean(-1)
    # A token of probability 0 adds nothing, where 0 × -inf would be NaN.
    shifted.clamp_(min=torch.finfo(shifted.dtype).min)
    weights = shifted.exp()
    total = weights.sum(-1)
    first = weights.mul_(shifted).sum(-1) / total
    second = weights.mul_(shifted).sum(-1) / total
    log_total = total.log()
    return _Moments(
        log_total,
        entropy=(log_total - first).clamp_(min=0),
        variance=(second - first.square()).clamp_(min=0),
        vocab_mean=mean_logit - log_total,
    )


def likeliest(logits: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and values of the k largest, best first; ties in any order.

    Args:
        logits: float32 [positions, vocab].
        k: from 1 to the vocabulary.

    Returns:
        int64 and float32 [positions, k].
    """
    n, vocab = logits.shape
    if vocab <= FEWEST_SEARCHED or vocab < 8 * k or logits.device.type != "cpu":
        values, ids = logits.topk(k, dim=-1)
        return ids, values
    size = 8 if vocab >= 64 * k else 4
    groups = vocab // size
    # Group g is made of the columns g, g + groups, g + 2 × groups …, so maxima are taken in long rows.
    grouped = logits[:, : size * groups].view(n, size, groups)
    best, _ = likeliest(grouped.amax(1), k)
    columns = (best[:, None] + groups * torch.arange(size)[:, None]).view(n, -1)
    if size * groups < vocab:
        rest = torch.arange(size * groups, vocab).expand(n, -1)
        columns = torch.cat([columns, rest], dim=1)
    values, at = logits.gather(1, columns).topk(k, dim=-1)
    return columns.gather(1, at), values


def _block_rows(device: torch.device, vocab: int, elements: int) -> tuple[int, int]:
    """Positions that pass the output layer at a time, and of these that are worked on at a time."""
    if elements:
        return max(1, elements // vocab), max(1, elements // vocab)
    if device.type != "cpu":
        return max(1, GPU_ELEMENTS // vocab), max(1, GPU_ELEMENTS // vocab)
    small = max(4, CPU_ELEMENTS // vocab)
    return max(FEWEST_ROWS, small), small
