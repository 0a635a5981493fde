"""Many requests through the decoder, batch by batch, whatever fits the memory of the device."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import torch

from titrant.engines.drawing.rows import Drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from titrant.engines.drawing.decoder import Decoder
    from titrant.engines.drawing.rows import Admitted


def halves(batch: list[int]) -> list[list[int]]:
    """A batch cut in two; what is empty is left out."""
    middle = (len(batch) + 1) // 2
    return [half for half in (batch[:middle], batch[middle:]) if half]


def draw_batches(
    decoder: Decoder,
    rows: Sequence[Admitted],
    batches: Sequence[list[int]],
    cancelled: Callable[[int], bool],
) -> Iterator[tuple[int, Drawn | None]]:
    """Yield (row, what it drew) as rows end; `None` where it does not fit the memory even alone.

    After a batch that did not fit, its rows that have not ended begin anew in halves, and so do those of
    all later batches.

    Args:
        decoder: draws one batch.
        rows: what is asked.
        batches: their places, each once.
        cancelled: says whether a row is no longer wanted.
    """
    pending = deque(batches)
    while pending:
        batch = pending.popleft()
        left = dict.fromkeys(batch)
        try:
            for place, drawn in _draw_batch(decoder, rows, batch, cancelled):
                del left[place]
                yield place, drawn
        except torch.OutOfMemoryError:
            pass
        if not left:
            continue
        # Outside the handler, where the exception no longer holds on to the batch's tensors.
        torch.cuda.empty_cache()
        if len(batch) == 1:
            yield batch[0], None
        else:
            pending = deque(half for some in ([*left], *pending) for half in halves(some))


def _draw_batch(
    decoder: Decoder,
    rows: Sequence[Admitted],
    batch: Sequence[int],
    cancelled: Callable[[int], bool],
) -> Iterator[tuple[int, Drawn]]:
    """One batch, without the rows that nobody wants any more when it begins."""
    unwanted = {place for place in batch if cancelled(place)}
    for place in sorted(unwanted):
        yield place, Drawn(rows[place], stop_reason="cancelled")
    wanted = [place for place in batch if place not in unwanted]
    if not wanted:
        return
    some = [rows[place] for place in wanted]
    for at, drawn in decoder.decode(some, cancelled=lambda at: cancelled(wanted[at])):
        yield wanted[at], drawn
