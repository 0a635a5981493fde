"""The gradient of each row's loss by the weights that train: mean of −log p over its loss tokens.

Rows of like length are padded on the right and go together; under causal attention nothing looks at the
padding, so no mask is needed and a row's gradient does not depend on the rows beside it (to rounding).
Gradients of one batch are taken by `torch.func.vmap` over `grad`, on the shipped base two to three times
as fast as one backward pass per row. Attention runs in its plain form meanwhile, since the fused kernels
cannot be mapped. A model that `vmap` refuses (mixtures of experts, whose routing depends on the values)
gets one backward pass per row instead; `how` says which it was.

Left out: bfloat16 autocast (the passes run in the precision of the weights), packing of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from titrant.engines.requests import pack
from titrant.train.render import IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

    from titrant.train.render import Row

MOST_FLOATS = 64_000_000
"""Rows × weights of one batch of gradients: 256 MB."""


class RowGradients:
    """Gradients of rows under one model, which is not changed."""

    def __init__(self, model: nn.Module, *, batch_tokens: int) -> None:
        """Takes a model as it is now; its weights may change between two calls.

        Args:
            model: a causal language model, with or without an adapter.
            batch_tokens: rows × longest of one batch.
        """
        self._model, self._batch_tokens = model, batch_tokens
        self.how: Literal["vmap", "loop"] = "vmap"
        """How gradients are taken."""

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """What trains, by name, in the order in which gradients are laid out."""
        named = self._model.named_parameters()
        return {name: weight.detach() for name, weight in named if weight.requires_grad}

    @property
    def n_weights(self) -> int:
        """Numbers in one gradient."""
        return sum(weight.numel() for weight in self.weights.values())

    def each(self, rows: Sequence[Row]) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yield indices of rows and their gradients, float32 [rows, weights], long rows first."""
        self._model.eval()
        most = max(1, MOST_FLOATS // self.n_weights)
        for packed in pack([len(row.input_ids) for row in rows], budget=self._batch_tokens):
            for start in range(0, len(packed), most):
                batch = packed[start : start + most]
                yield batch, self._of_batch([rows[i] for i in batch])

    def _of_batch(self, rows: Sequence[Row]) -> torch.Tensor:
        weights = self.weights
        device = next(iter(weights.values())).device
        ids, labels = (side.to(device) for side in _padded(rows))
        if self.how == "vmap":
            try:
                with sdpa_kernel(SDPBackend.MATH):
                    of_rows = vmap(grad(self._loss), in_dims=(None, 0, 0))(weights, ids, labels)
                return _flat(list(of_rows.values()), len(rows))
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, ValueError, NotImplementedError):
                # vmap and the models raise any of these for what depends on values.
                self.how = "loop"
        singles = [grad(self._loss)(weights, *row) for row in zip(ids, labels, strict=True)]
        return torch.cat([_flat(list(one.values()), 1) for one in singles])

    def _loss(
        self, weights: dict[str, torch.Tensor], ids: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Mean loss of one row, in nats per loss token."""
        asked = {"input_ids": ids[None], "use_cache": False}
        logits = functional_call(self._model, weights, args=(), kwargs=asked).logits
        targets = labels[1:]
        has_loss = targets != IGNORED
        logprobs = torch.log_softmax(logits[0, :-1].float(), dim=-1)
        chosen = logprobs.gather(1, torch.where(has_loss, targets, 0)[:, None])[:, 0]
        return -(chosen * has_loss).sum() / has_loss.sum()


def _padded(rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels, int64 [rows, longest]; padding has any id and no loss."""
    longest = max(len(row.input_ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    labels = torch.full((len(rows), longest), IGNORED)
    for i, row in enumerate(rows):
        ids[i, : len(row.input_ids)] = torch.tensor(row.input_ids)
        labels[i, : len(row.labels)] = torch.tensor(row.labels)
    return ids, labels


def _flat(parts: Sequence[torch.Tensor], n_rows: int) -> torch.Tensor:
    return torch.cat([part.reshape(n_rows, -1).float() for part in parts], dim=1)
