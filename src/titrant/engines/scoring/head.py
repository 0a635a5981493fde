"""The output layer of a model apart from the rest: states first, logits later and little by little.

Logits are the memory problem of scoring: tokens × vocabulary in float32 is 10 GB for 16,384 tokens of a
model with 152,000. What goes into the output layer is a few hundred times smaller. So one pass of the
model leaves those states, with the output layer cut down to a single position, and the logits of the
positions that are wanted are made from them block by block, each small enough for the cache of a CPU.

Some models change their logits after the output layer (Gemma 2 caps them, Cohere scales them). Whether
a model does is found out once, by comparing with an ordinary pass, bit by bit:

- `apart`: the logits are those of the output layer;
- `through`: they come out right if the states are handed to the output layer during a pass of one token;
- `whole`: neither; then the logits have to come from the model itself (`windows`).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch

from titrant.engines.forward import Feed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transformers.cache_utils import Cache

    from titrant.engines.forward import ForwardPass

Mode = Literal["apart", "through", "whole"]

PROBE_TOKENS = 5
FOREIGN = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError)
"""What a model of somebody else may raise when it is called in an unusual way."""


class Read(NamedTuple):
    """What a pass without logits gave."""

    states: torch.Tensor
    """What goes into the output layer, in the model's dtype [rows, new, width]."""
    cache: Cache | None


class Head:
    """The output layer of one model; see the module docstring."""

    def __init__(self, forward: ForwardPass) -> None:
        self._forward = forward
        self._layer = forward.model.get_output_embeddings()
        self._mode: Mode | None = None

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self._forward.model.device

    @property
    def dtype(self) -> torch.dtype:
        """Its precision."""
        return self._forward.model.dtype

    @property
    def mode(self) -> Mode:
        """How logits are to be had; found out at the first question."""
        if self._mode is None:
            self._mode = self._find_mode()
        return self._mode

    def read(self, feed: Feed) -> Read:
        """Pass tokens for their states; not where the mode is `whole`."""
        with _tapped(self._layer, lambda states: states[:, -1:]) as seen:
            passed = self._forward.feed(feed)
        return Read(seen[-1], passed.cache)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Logits of states [positions, width], float32 [positions, vocab], the caller's to overwrite."""
        logits = self._apart(states[None]) if self.mode == "apart" else self._through(states[None])
        return logits[0].float()

    @contextmanager
    def watched(self) -> Iterator[list[torch.Tensor]]:
        """What goes into the output layer while the model is passed; nothing where that is unknown."""
        if self._layer is None:
            yield []
            return
        with _tapped(self._layer, lambda states: states) as seen:
            yield seen

    def _apart(self, states: torch.Tensor) -> torch.Tensor:
        return self._layer(states)  # pyright: ignore[reportOptionalCall]

    def _through(self, states: torch.Tensor) -> torch.Tensor:
        with _tapped(self._layer, lambda _: states):
            return self._forward.feed(_some_tokens(1, states.device)).logits

    @torch.no_grad()
    def _find_mode(self) -> Mode:
        if self._layer is None:
            return "whole"
        feed = _some_tokens(PROBE_TOKENS, self._forward.model.device)
        try:
            expected = self._forward.feed(feed).logits.float()
            states = self.read(feed).states
            if _equal(self._apart(states), expected):
                return "apart"
            if _equal(self._through(states), expected):
                return "through"
        except torch.OutOfMemoryError:
            raise
        except FOREIGN:
            pass
        return "whole"


def _equal(logits: torch.Tensor, expected: torch.Tensor) -> bool:
    return logits.shape == expected.shape and torch.equal(logits.float(), expected)


@contextmanager
def _tapped(
    layer: torch.nn.Module | None, replace: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[list[torch.Tensor]]:
    """See what goes into a layer, and put something else in its place."""
    seen: list[torch.Tensor] = []

    def tap(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        seen.append(args[0])
        return (replace(args[0]), *args[1:])

    handle = layer.register_forward_pre_hook(tap)  # pyright: ignore[reportOptionalMemberAccess]
    try:
        yield seen
    finally:
        handle.remove()


def _some_tokens(n: int, device: torch.device) -> Feed:
    ids = torch.arange(n, device=device)[None]
    return Feed(ids, torch.ones_like(ids), ids, use_cache=False)
