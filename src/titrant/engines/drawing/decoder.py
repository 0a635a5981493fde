"""Decoding of many rows: left padding, a KV cache, rows that leave when they have ended and others that join.

Why not `model.generate`: it keeps finished rows until the last one ends and keeps the logits of all
positions if any are wanted. On a batch of mixed lengths this loop is 3 to 5 times as fast on a CPU
(`python benchmarks/decoding.py`), with the same greedy tokens.

A row ends by its stop token or string, its limit, its guard (`guards`), or because it is no longer wanted;
whatever ends it, it leaves, so that no more work is done for it, and those that wait take its room once a
quarter is free. Joining costs a pass over the new prompts and a copy of the cache. Where the cache does not
allow it (`caches`), the next rows begin when the last one has ended. Who waits, and for how much room: `line`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from titrant.engines.drawing.choose import choose
from titrant.engines.drawing.crowd import Crowd
from titrant.engines.drawing.rows import Endings, stop_ids
from titrant.engines.drawing.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transformers import PreTrainedTokenizerBase

    from titrant.engines.drawing.choose import Step, Wanted
    from titrant.engines.drawing.line import Line
    from titrant.engines.drawing.rows import Drawn
    from titrant.engines.forward import ForwardPass


class Decoder:
    """Draws the continuations of rows with one model."""

    def __init__(
        self, forward: ForwardPass, tokenizer: PreTrainedTokenizerBase, *, budget: int
    ) -> None:
        self._forward = forward
        self.budget = budget
        """Tokens side by side, rows × longest prompt and new tokens; less once that was too much."""
        self._endings = Endings(tokenizer, stop_ids(forward.model, tokenizer))

    @torch.no_grad()
    def decode(
        self, line: Line, *, cancelled: Callable[[int], bool]
    ) -> Iterator[tuple[int, Drawn]]:
        """Yield (number, what it drew) as rows end.

        Args:
            line: the rows that wait.
            cancelled: asked before each token whether the row of a number is no longer wanted.
        """
        tape = Tape(line.wanted)
        crowd: Crowd | None = None
        while True:
            if crowd is not None:
                yield from self._cancel(crowd, cancelled)
                crowd.drop()
                crowd = crowd if crowd.rows else None
            fresh, unwanted = line.admit(crowd, cancelled)
            yield from unwanted
            if fresh:
                new = Crowd(fresh, tape, self._forward.model.device, is_greedy=line.is_greedy)
                yield from self._step(new, line.wanted)
                if crowd is not None:
                    crowd.join(new)
                crowd = crowd or new
            elif crowd is not None:
                yield from self._step(crowd, line.wanted)
            elif not line.waiting:
                return

    def _cancel(
        self, crowd: Crowd, cancelled: Callable[[int], bool]
    ) -> Iterator[tuple[int, Drawn]]:
        for at in np.nonzero(crowd.is_going)[0].tolist():
            row = crowd.rows[at]
            if cancelled(row.row):
                row.n_tokens = int(crowd.positions[at])
                self._endings.cancel(row, crowd.tape)
                crowd.is_going[at] = False
                yield row.row, row

    def _step(self, crowd: Crowd, wanted: Wanted) -> Iterator[tuple[int, Drawn]]:
        """Pass what is new, and give each row its token; yields the rows that it ends."""
        passed = self._forward(crowd.ids, mask=crowd.mask, cache=crowd.cache, n_new=1, n_logits=1)
        crowd.cache = passed.cache
        step = choose(passed.logits[:, 0], crowd.sampling, crowd.positions, wanted)
        crowd.tape.write(crowd.places, crowd.positions, step)
        ended = list(self._ended(crowd, step))
        crowd.grow(step)
        yield from ended

    def _ended(self, crowd: Crowd, step: Step) -> Iterator[tuple[int, Drawn]]:
        is_weak = crowd.weak(step)
        n_tokens = crowd.positions + 1
        may_end = is_weak | crowd.has_stops | (crowd.limits <= n_tokens)
        is_broken = ~np.isfinite(step.logprobs)
        may_end |= is_broken | np.isin(step.ids, self._endings.stop_ids)
        for at in np.nonzero(may_end & crowd.is_going)[0].tolist():
            row = crowd.rows[at]
            row.n_tokens = int(n_tokens[at])
            self._endings.end(
                row, crowd.tape, is_weak=bool(is_weak[at]), is_broken=bool(is_broken[at])
            )
            if row.stop_reason is not None:
                crowd.is_going[at] = False
                yield row.row, row
