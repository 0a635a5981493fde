"""One forward pass of a causal language model, whatever its architecture takes and gives.

Decoding and scoring both feed a model piece by piece. Models differ in whether they take positions,
whether they can leave out logits that nobody reads, and whether they have a cache. One that gives no
cache is fed its whole input each time: right, and slow.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.cache_utils import Cache


class Passed(NamedTuple):
    """What a pass gave."""

    logits: torch.Tensor
    """Of the last positions that were asked for, float32 [rows, n_logits, vocab]."""
    cache: Cache | None


class Feed(NamedTuple):
    """New tokens, and what they need to know of the ones before."""

    ids: torch.Tensor
    """int64 [rows, new]."""
    mask: torch.Tensor
    """int64 [rows, all], 1 for tokens and 0 for padding; or, to be added to attention, in the model's
    own dtype [rows, 1, new, all]."""
    positions: torch.Tensor
    """int64 [rows, new]."""
    cache: Cache | None = None
    """What the last pass gave; `None` at the start. It grows by the new tokens."""
    use_cache: bool = True
    """Whether a cache shall come back."""


class ForwardPass:
    """Calls a model with what its `forward` takes."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        # A PEFT wrapper takes anything and hands it on; its base says what is really taken.
        inner = getattr(model, "get_base_model", lambda: model)()
        taken = inspect.signature(inner.forward).parameters
        self.takes_positions = "position_ids" in taken
        self.can_skip_logits = "logits_to_keep" in taken
        """Whether logits of positions that are not asked for are never computed."""
        self.can_resume = not getattr(inner, "_is_stateful", False)
        """Whether a cache can be continued by several tokens at once. Recurrent layers cannot in
        some architectures of transformers 5.23: Jamba's scores were off by 0.006 nats."""

    def __call__(
        self,
        ids: torch.Tensor,
        *,
        mask: torch.Tensor,
        cache: Cache | None,
        n_new: int,
        n_logits: int,
    ) -> Passed:
        """Feed the last `n_new` columns, or all of them where there is no cache yet.

        Args:
            ids: all tokens so far, int64 [rows, tokens].
            mask: 1 for tokens, 0 for padding, int64 [rows, tokens].
            cache: what the last pass gave; `None` at the start.
            n_new: columns that the cache has not seen.
            n_logits: last positions whose logits are wanted.
        """
        fed = ids.shape[1] if cache is None else n_new
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -fed:]
        passed = self.feed(Feed(ids[:, -fed:], mask, positions, cache), n_logits=n_logits)
        return Passed(passed.logits[:, -n_logits:].float(), passed.cache)

    def feed(self, feed: Feed, *, n_logits: int = 0) -> Passed:
        """Pass new tokens; logits come as the model gives them.

        Args:
            feed: the tokens.
            n_logits: last positions whose logits are wanted; 0: all of them. More may come.
        """
        more: dict[str, object] = {}
        if self.takes_positions:
            more["position_ids"] = feed.positions
        if self.can_skip_logits and n_logits:
            more["logits_to_keep"] = n_logits
        out = self.model(
            input_ids=feed.ids,
            attention_mask=feed.mask,
            past_key_values=feed.cache,
            use_cache=feed.use_cache,
            **more,
        )
        return Passed(out.logits, out.get("past_key_values"))


def top_k(
    logits: torch.Tensor,
    k: int,
    *,
    greedy: torch.Tensor | None = None,
    total: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and logprobs of the `k` likeliest tokens, best first, the greedy token at the head.

    Half-precision logits tie often, and `topk` may break a tie differently from `argmax`: then the
    greedy token could be missing. Ties have equal values, so swapping ids among them is exact.

    Args:
        logits: float32 [..., vocab].
        k: from 1 to the vocabulary.
        greedy: `logits.argmax(-1, keepdim=True)`, where it is known.
        total: `logits.logsumexp(-1, keepdim=True)`, where it is known.

    Returns:
        int64 [..., k] and float32 [..., k].
    """
    values, ids = logits.topk(k, dim=-1)
    greedy = logits.argmax(-1, keepdim=True) if greedy is None else greedy
    total = logits.logsumexp(-1, keepdim=True) if total is None else total
    if bool((ids[..., :1] == greedy).all()):  # no tie, as nearly always
        return ids, values - total
    is_missing = (ids != greedy).all(-1, keepdim=True)
    ids[..., -1:] = torch.where(is_missing, greedy, ids[..., -1:])
    order = (ids != greedy).int().argsort(dim=-1, stable=True)
    return ids.gather(-1, order), values - total
