"""Signals as votes read them: turned so that high speaks for a draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.signals.base import signals

if TYPE_CHECKING:
    import numpy as np

SURE_WHEN = {"min-k": "high", "min-k++": "high", "ifd": "low", "ifd-loss": "low"}
"""Signals of which choosing traces prefers the unlikely; a vote prefers what the model is sure of."""


def turned(name: str, values: np.ndarray) -> np.ndarray:
    """The values of a signal, with their sign changed where low speaks for a draw."""
    prefer = SURE_WHEN.get(name, signals.get(name).prefer)
    return values if prefer == "high" else -values
