r"""The formula of LESS, on gradients that are already there.

    Γ  = m′ / √(v′ + 1e-8)        m′ = β₁ m + (1 − β₁) g,   v′ = β₂ v + (1 − β₂) g²
    score = max over subtasks of  mean over its validation rows of  Σ_c (η_c / Σ η) · ⟨Γ̂_c, ĝ_c⟩

with m and v the Adam state of checkpoint c (β₁ = 0.9, β₂ = 0.999), g the gradient of one row's mean loss,
plain for validation rows, and a hat for a projected vector of length 1. So a score lies in [−1, 1].

Source: Xia et al. 2024, LESS (arXiv 2402.04333), and its code: no bias correction, the 1e-8 stands under
the root. Projection comes after the preconditioning. A row's loss is a mean over its tokens, so short
rows have the larger gradients; taking the length 1 cures that.
What it does not say: m is common to all rows, so where it outweighs (1 − β₁) g all scores are high and
alike, and only their order tells anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

EPSILON = 1e-8
_SHORTEST = 1e-30
"""A vector shorter than this has no direction and stays as it is: its products are 0."""


class AdamState(NamedTuple):
    """Running means of Adam; float32 [weights] each, weights in the order of the gradients."""

    first: torch.Tensor
    """Of gradients."""
    second: torch.Tensor
    """Of squared gradients."""
    betas: tuple[float, float] = (0.9, 0.999)


def precondition(gradients: torch.Tensor, adam: AdamState) -> torch.Tensor:
    """Γ: the step that Adam would take on each row alone, [rows, weights]."""
    one, two = adam.betas
    first = one * adam.first + (1 - one) * gradients
    second = two * adam.second + (1 - two) * gradients**2
    return first / torch.sqrt(second + EPSILON)


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Each row at length 1, [rows, dims]."""
    return vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True).clamp_min(_SHORTEST)


def subtask_means(vectors: torch.Tensor, subtasks: Sequence[str]) -> torch.Tensor:
    """Mean of the unit vectors of each subtask, subtasks by name, [subtasks, dims].

    The mean of products with some vectors is the product with their mean.
    """
    names = sorted(set(subtasks))
    of = torch.tensor([names.index(name) for name in subtasks], device=vectors.device)
    sums = torch.zeros(len(names), vectors.shape[1], device=vectors.device)
    sums.index_add_(0, of, unit(vectors))
    return sums / torch.bincount(of, minlength=len(names))[:, None]


def alignment(vectors: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    """Products of unit vectors with the means of subtasks, [rows, subtasks]."""
    return unit(vectors) @ means.T


def weigh(alignments: Sequence[torch.Tensor], rates: Sequence[float]) -> torch.Tensor:
    """Scores from the alignments at each checkpoint and its learning rate, [rows]."""
    total = sum(rates)
    weighted = [rate / total * one for rate, one in zip(rates, alignments, strict=True)]
    return torch.stack(weighted).sum(dim=0).amax(dim=1)
