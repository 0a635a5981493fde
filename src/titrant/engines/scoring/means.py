"""Mean hidden states of continuations and of pieces of them, added up stretch by stretch.

The state of a token is the one at its own position, that is after the model has read it: what goes into
the output layer there decides the next token. Sums are float32, whatever the model's precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.scoring.rows import Forcible
    from titrant.engines.scoring.trunk import Stretch


class HiddenMeans:
    """Means of the rows that ask for them."""

    def __init__(self, batch: Sequence[Forcible]) -> None:
        self._pieces = {i: _pieces(row) for i, row in enumerate(batch) if row.with_hidden}
        self._sums: dict[int, torch.Tensor] = {}

    def add(self, stretch: Stretch) -> None:
        """Take in the positions of a stretch that lie in wanted pieces."""
        if stretch.states is None or stretch.first is None:
            return
        states = stretch.states
        for i, pieces in self._pieces.items():
            columns = int(stretch.first[i]) + np.arange(states.shape[1])
            weights = ((columns >= pieces[:, :1]) & (columns < pieces[:, 1:])).astype(np.float32)
            added = torch.from_numpy(weights).to(states.device) @ states[i].float()
            self._sums[i] = self._sums[i] + added if i in self._sums else added

    def of(self, row: int) -> np.ndarray | None:
        """Float32 [1 + spans, width]; NaN where a piece has no token, `None` where nothing is known."""
        if row not in self._sums:
            return None
        pieces = self._pieces[row]
        counts = (pieces[:, 1:] - pieces[:, :1]).astype(np.float32)
        counts[counts == 0] = np.nan
        return self._sums[row].cpu().numpy() / counts


def _pieces(row: Forcible) -> np.ndarray:
    """Positions (from, to) of the continuation and of each span, int64 [1 + spans, 2]."""
    pieces = np.array([(0, len(row.ids)), *row.spans], dtype=np.int64)
    return pieces + len(row.prefix_ids)
