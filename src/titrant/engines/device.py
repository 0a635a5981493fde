"""What the engines run on, by name."""

from __future__ import annotations

import torch


def device_name() -> str:
    """`cpu`, or `cuda (NAME)` of the first visible card."""
    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda ({torch.cuda.get_device_name(0)})"
