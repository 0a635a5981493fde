"""Many requests through the decoder, as many side by side as fit the memory of the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from titrant.engines.drawing.line import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from titrant.engines.drawing.decoder import Decoder
    from titrant.engines.drawing.rows import Admitted, Drawn


def draw_all(
    decoder: Decoder,
    rows: Sequence[Admitted],
    *,
    cancelled: Callable[[int], bool],
) -> Iterator[tuple[int, Drawn | None]]:
    """Yield (row, what it drew) as rows end; `None` where it does not fit the memory even alone.

    When the memory was too small, rows that have not ended begin anew, with half as much side by side,
    and so does all later work of the decoder.

    Args:
        decoder: draws, within its budget.
        rows: what is asked.
        cancelled: says whether a row is no longer wanted.
    """
    left = dict(enumerate(rows))
    while left:
        line = Line(list(left.items()), decoder.budget)
        try:
            for number, drawn in decoder.decode(line, cancelled=cancelled):
                del left[number]
                yield number, drawn
            return
        except torch.OutOfMemoryError:
            pass
        # Outside the handler, where the exception no longer holds on to the tensors.
        torch.cuda.empty_cache()
        decoder.budget = line.fed * line.longest // 2
        if line.fed == 1:  # the first of those that have not ended
            number, _ = Line(list(left.items()), 1).waiting[0]
            del left[number]
            yield number, None
