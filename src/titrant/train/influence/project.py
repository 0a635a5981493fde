"""Random signs: gradients of many weights become vectors of few numbers with about the same angles.

    signs    y = R g / √dims,  R a matrix of independent ±1 [dims, weights]
    sketch   y_k = Σ s_j g_j over the weights j that a hash sends to k, s_j = ±1

Under both E⟨y, y′⟩ = ⟨g, g′⟩, with a standard error of about |g||g′|/√dims. Neither R nor the hash is ever
made as a whole: a block of weights at a time, each from a seed of its own, so the same weights meet the
same signs whatever the batch. Where there are no more weights than `dims` nothing is projected.

`signs` is that of LESS, which projects to 8,192 (by a CUDA package of its own; this one runs anywhere). It
makes weights × dims signs per batch and multiplies as often per row: as long as the gradients themselves
for the shipped base at 512 dims, and out of reach for an adapter of many millions of weights at 8,192. There
take `sketch` (Charikar et al. 2002), whose work does not depend on dims.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["signs", "sketch"]
BLOCK: dict[Kind, int] = {"signs": 4096, "sketch": 1 << 18}
"""Weights at a time: 4,096 × 8,192 signs are 134 MB as float32."""


def project(gradients: torch.Tensor, dims: int, *, root: int, kind: Kind = "signs") -> torch.Tensor:
    """Gradients [rows, weights] as float32 [rows, dims], on their device.

    Args:
        gradients: one row each.
        dims: numbers that are left of each.
        root: seed of the signs.
        kind: see the module docstring.
    """
    n_rows, n_weights = gradients.shape
    if n_weights <= dims:
        return gradients.float()
    add = _ADD[kind]
    projected = torch.zeros(n_rows, dims, device=gradients.device)
    for number, start in enumerate(range(0, n_weights, BLOCK[kind])):
        rng = derive_rng(root, "influence", kind, number)
        add(projected, gradients[:, start : start + BLOCK[kind]].float(), rng)
    return projected


def _add_signs(projected: torch.Tensor, block: torch.Tensor, rng: np.random.Generator) -> None:
    n_weights, dims = block.shape[1], projected.shape[1]
    matrix = _signs(n_weights * dims, rng).view(n_weights, dims).to(block.device)
    projected.addmm_(block, matrix, alpha=dims**-0.5)


def _add_sketch(projected: torch.Tensor, block: torch.Tensor, rng: np.random.Generator) -> None:
    n_weights, dims = block.shape[1], projected.shape[1]
    places = torch.from_numpy(rng.integers(0, dims, n_weights)).to(block.device)
    projected.index_add_(1, places, block * _signs(n_weights, rng).to(block.device))


_ADD: dict[Kind, Callable[[torch.Tensor, torch.Tensor, np.random.Generator], None]] = {
    "signs": _add_signs,
    "sketch": _add_sketch,
}


def _signs(n: int, rng: np.random.Generator) -> torch.Tensor:
    """±1, float32 [n]."""
    bits = np.unpackbits(np.frombuffer(rng.bytes(-(-n // 8)), dtype=np.uint8), count=n)
    return torch.from_numpy(bits).to(torch.float32).mul_(2).sub_(1)
