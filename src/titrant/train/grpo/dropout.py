"""A model without dropout for as long as it is trained by rewards.

The importance ratio compares the logprobs of two passes, which a mask drawn anew would tell apart. TRL's
`disable_dropout` sets the rate of every `nn.Dropout` to 0. Most models of transformers keep the rate of
attention as a number of the layer (`self.attention_dropout`) and hand it to a function, and some those of
activations and of the residual stream, too: those numbers are set to 0 here.

Left out: rates that a forward pass reads from the config.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Set the rates that modules keep as numbers to 0, and back at the end."""
    kept = [
        (module, name, value)
        for module in model.modules()
        for name, value in vars(module).items()
        if is_rate(name) and isinstance(value, float) and value
    ]
    for module, name, _ in kept:
        setattr(module, name, 0.0)
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)


def is_rate(name: str) -> bool:
    """Whether a module's attribute is a rate of dropout, by its name (`dropout`, `resid_pdrop`)."""
    return "dropout" in name or name.endswith("pdrop")
