"""How each row of a batch chooses its next token, and the numbers of that choice.

A sampled row draws by inverting the cumulative distribution at its own stream of uniform numbers, which is
a hash of the request. So its draw does not depend on the rows beside it, up to rounding of the logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn.functional import pad

from titrant.engines.forward import top_k
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.drawing.rows import Admitted


class Sampling(NamedTuple):
    """How the rows of a batch choose."""

    temperature: torch.Tensor
    top_p: torch.Tensor
    uniforms: torch.Tensor
    """In [0, 1), float32 [rows, tokens]; column t decides token t."""
    cuts: bool
    """Whether any row has a `top_p` under 1."""

    def at(self, rows: torch.Tensor) -> Sampling:
        """The same for some of the rows."""
        columns = (self.temperature[rows], self.top_p[rows], self.uniforms[rows])
        return Sampling(*columns, cuts=self.cuts)

    def joined(self, other: Sampling) -> Sampling:
        """These rows, and others behind them."""
        width = max(self.uniforms.shape[1], other.uniforms.shape[1])
        padded = [pad(u, (0, width - u.shape[1])) for u in (self.uniforms, other.uniforms)]
        return Sampling(
            torch.cat([self.temperature, other.temperature]),
            torch.cat([self.top_p, other.top_p]),
            torch.cat(padded),
            cuts=self.cuts or other.cuts,
        )


class Wanted(NamedTuple):
    """Numbers that are wanted beside the logprob of the chosen token."""

    k: int = 0
    """Of the likeliest tokens."""
    with_distribution: bool = False
    """Entropy, variance of the logprob, and mean logprob."""


class Step(NamedTuple):
    """One token of every row."""

    ids: np.ndarray
    """int64 [rows]."""
    logprobs: np.ndarray
    """float32 [rows]."""
    top_ids: np.ndarray | None = None
    """int32 [rows, k]."""
    top_logprobs: np.ndarray | None = None
    """float32 [rows, k]."""
    distribution: np.ndarray | None = None
    """Entropy, variance of the logprob, mean logprob over the vocabulary, float32 [rows, 3]."""


def sampling_of(batch: Sequence[Admitted], device: torch.device) -> Sampling:
    """How some rows choose; those at temperature 0 take the likeliest token."""
    requests = [row.request for row in batch]
    uniforms = np.zeros((len(batch), max(row.limit for row in batch)), dtype=np.float32)
    for i, row in enumerate(batch):
        if row.request.temperature > 0:
            rng = derive_rng(row.request.seed, "draw", row.request.prompt)
            # Below 1 by more than float32 rounds, so that the draw stays inside the distribution.
            uniforms[i, : row.limit] = rng.random(row.limit) * (1 - 1e-6)
    columns = np.array([(r.temperature, r.top_p) for r in requests], dtype=np.float32)
    temperature, top_p = torch.from_numpy(columns).to(device).T
    cuts = any(request.top_p < 1 for request in requests)
    return Sampling(temperature, top_p, torch.from_numpy(uniforms).to(device), cuts)


def choose(
    logits: torch.Tensor, sampling: Sampling | None, positions: np.ndarray, wanted: Wanted
) -> Step:
    """Draw one token per row; its numbers are those of the model as it is (temperature 1, no top_p).

    Args:
        logits: float32 [rows, vocab].
        sampling: `None` where all rows are greedy.
        positions: tokens that each row has drawn before, int64 [rows].
        wanted: numbers beside the logprob.
    """
    ids = greedy = logits.argmax(-1)
    if sampling is not None:
        # Rows that ended may be past their own last number.
        last = sampling.uniforms.shape[1] - 1
        at = torch.from_numpy(positions.clip(max=last)).to(logits.device)[:, None]
        sampled = _sample(logits, sampling, sampling.uniforms.gather(1, at)[:, 0])
        ids = torch.where(sampling.temperature > 0, sampled, ids)
    total = logits.logsumexp(-1, keepdim=True)
    own = (logits.gather(1, ids[:, None]) - total)[:, 0]
    step = Step(ids.cpu().numpy(), own.cpu().numpy())
    if wanted.k:
        best, values = top_k(logits, wanted.k, greedy=greedy[:, None], total=total)
        step = step._replace(top_ids=best.int().cpu().numpy(), top_logprobs=values.cpu().numpy())
    if wanted.with_distribution:
        step = step._replace(distribution=_distribution(logits, total))
    return step


def _distribution(logits: torch.Tensor, total: torch.Tensor) -> np.ndarray:
    """Entropy, variance, mean logprob, in nats; a token that is ruled out adds to the last alone."""
    logprobs = logits - total
    chances = logprobs.exp()
    finite = logprobs.clamp(min=torch.finfo(torch.float32).min)  # 0 · −∞ is nothing, not NaN
    entropy = -(chances * finite).sum(-1, keepdim=True)
    variance = (chances * (finite + entropy).square()).sum(-1, keepdim=True)
    found = torch.cat([entropy, variance, logprobs.mean(-1, keepdim=True)], dim=-1)
    return found.cpu().numpy()


def _sample(logits: torch.Tensor, sampling: Sampling, uniforms: torch.Tensor) -> torch.Tensor:
    """Invert the cumulative distribution, in the order of the vocabulary, after the cut of `top_p`.

    The order is the same whether or not some row of the batch has a `top_p`, so that a row's draw
    does not depend on its neighbours.
    """
    scaled = logits / sampling.temperature.clamp(min=1e-6)[:, None]
    probabilities = scaled.softmax(-1)
    if sampling.cuts:
        ordered, order = probabilities.sort(dim=-1, descending=True)
        before = ordered.cumsum(-1) - ordered  # 0 for the first, so at least one token stays
        is_out = (before >= sampling.top_p[:, None]) & (sampling.top_p[:, None] < 1)
        is_out = torch.zeros_like(is_out).scatter(1, order, is_out)
        probabilities = probabilities.masked_fill(is_out, 0.0)
    cumulative = probabilities.cumsum(-1)
    target = uniforms[:, None] * cumulative[:, -1:]
    at = torch.searchsorted(cumulative, target, right=True)
    return at[:, 0].clamp(max=logits.shape[1] - 1)
