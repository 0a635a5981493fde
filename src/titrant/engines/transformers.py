"""The engine on top of transformers: any causal language model, on CPU or one GPU.

Requests are drawn the longest first, as many side by side as rows × (prompt + new tokens) stays under
`batch_tokens`; a row that ends makes room for the next. When the memory of the device was too small, half
as much is drawn side by side from there on.

What its numbers mean: logprobs are those of the model itself (temperature 1, whole vocabulary),
whatever the draw was made with. Under float32 a row does not depend on the rows beside it, and a
request's seed fixes its draw; under bfloat16 rounding differs with the batch, so the seed fixes the
draw only together with its batch, and greedy text may differ too. `info` says which.

Scoring passes each token once and gives all numbers of it (`forcing`); prefixes that requests share are
passed once per batch where that is cheaper.

Left out: several GPUs for one model, beam search, sharing the work of equal prompts in generation.
"""

from __future__ import annotations

from collections import deque
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, Self, TypeVar

import torch

from titrant.engines.base import EngineInfo, Request, Result, Score, ScoreRequest
from titrant.engines.drawing.admit import admit
from titrant.engines.drawing.batches import draw_all
from titrant.engines.drawing.decoder import Decoder
from titrant.engines.drawing.ends import TokenEnds
from titrant.engines.drawing.results import OUT_OF_MEMORY, result_of
from titrant.engines.forcing import Forcer
from titrant.engines.forward import ForwardPass
from titrant.engines.load import context_of, load_base, with_adapter
from titrant.engines.open import Opened
from titrant.engines.prompt import PromptBuilder, PromptEncoder
from titrant.engines.requests import check_requests, check_scores, halves
from titrant.engines.scoring.encode import EncodedScore, ScoreEncoder
from titrant.engines.scoring.plan import plan
from titrant.engines.scoring.results import score_error, score_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from titrant.engines.open import Opening
    from titrant.engines.scoring.rows import Forced, Forcible
    from titrant.settings import BaseSettings

T = TypeVar("T")
U = TypeVar("U")

CPU_STATES = 2**18
"""Tokens × width of a scored batch on a CPU: 1 MB in float32. Its activations then stay in the cache,
which made batches of 1,000 to 3,000 tokens of models of 5 M and 0.9 M parameters the fastest."""


class TransformersEngine:
    """Generates and scores with one model in this process; see the module docstring."""

    capabilities: frozenset[Literal["generate", "score"]] = frozenset({"generate", "score"})

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        batch_tokens: int = 16_384,
        model_name: str = "",
    ) -> None:
        """Takes a loaded model, in training or not; it is in evaluation mode after each call.

        Args:
            model: a causal language model, on the device where it shall run.
            tokenizer: the one it was trained with.
            batch_tokens: prompt and new tokens side by side; more is faster until memory ends.
            model_name: the name that goes to the manifest.
        """
        self._model, self._tokenizer, self._name = model, tokenizer, model_name
        self._batch_tokens = batch_tokens
        self._context_tokens = context_of(model, tokenizer)
        self._vocab = int(model.config.get_text_config().vocab_size)
        self._encoder = PromptEncoder(tokenizer)
        self._forward = ForwardPass(model)
        self._decoder = Decoder(self._forward, tokenizer, budget=batch_tokens)
        self._ends = TokenEnds(tokenizer)
        self._forcer = Forcer(self._forward, context_tokens=self._context_tokens)
        self._score_encoder = ScoreEncoder(
            tokenizer, self._encoder, context_tokens=self._context_tokens
        )

    @classmethod
    def load(
        cls, base: BaseSettings, *, adapter: Path | None = None, batch_tokens: int = 16_384
    ) -> Self:
        """The engine of a base model, with an adapter on top where one is given.

        Raises:
            DataError: the model or the adapter cannot be loaded.
        """
        loaded = load_base(base)
        if adapter is not None:
            loaded = with_adapter(loaded, adapter)
        return cls(
            loaded.model, loaded.tokenizer, batch_tokens=batch_tokens, model_name=loaded.name
        )

    @classmethod
    def open(cls, opening: Opening) -> Opened:
        """The engine of a base with its prompts.

        Raises:
            ConfigError: the prompt's template cannot be used.
            DataError: the model cannot be loaded.
        """
        loaded = load_base(opening.base)
        prompts = PromptBuilder(loaded.tokenizer, opening.prompt, shots=opening.shots)
        engine = cls(
            loaded.model,
            loaded.tokenizer,
            batch_tokens=opening.decode.batch_tokens,
            model_name=loaded.name,
        )
        vocab = engine._vocab
        return Opened(engine, prompts, loaded.name, loaded.fingerprint, vocab, vocab)

    @property
    def info(self) -> EngineInfo:
        """What goes to the manifest."""
        device = self._model.device
        card = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
        names = ("tokenizers", "torch", "transformers")
        return EngineInfo(
            engine="transformers",
            model=self._name,
            device=f"{device}{card}",
            dtype=str(self._model.dtype).removeprefix("torch."),
            versions=tuple((name, version(name)) for name in names),
            honours_seed="request" if self._model.dtype == torch.float32 else "batch",
        )

    @property
    def context_tokens(self) -> int | None:
        """Longest prompt plus continuation, in tokens; `None` if the model does not say."""
        return self._context_tokens

    def generate(
        self, requests: Sequence[Request], *, cancelled: Callable[[int], bool] | None = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield (index, result) as draws end, refused requests first; each index once.

        Raises:
            ConfigError: a request has settings that no draw can have.
        """
        check_requests(requests, vocab=self._vocab)
        self._model.eval()
        admitted, refused = admit(requests, self._encoder, context_tokens=self._context_tokens)
        yield from refused
        rows, index = [row for _, row in admitted], [i for i, _ in admitted]
        is_cancelled = _never if cancelled is None else lambda at: cancelled(index[at])
        drawing = draw_all(self._decoder, rows, cancelled=is_cancelled)
        for place, drawn in drawing:
            yield index[place], result_of(rows[place], drawn, self._ends)

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Score]]:
        """Yield (index, score) as batches finish, refused requests first; each index once.

        Raises:
            ConfigError: more top logprobs are asked for than there are tokens, or a branch or a span
                lies outside its continuation.
        """
        check_scores(requests, vocab=self._vocab)
        self._model.eval()
        admitted: list[tuple[int, EncodedScore]] = []
        for i, encoded in enumerate(self._score_encoder.encode(requests)):
            # An empty prefix is no error here: only the first token stays without a number.
            if isinstance(encoded, EncodedScore):
                admitted.append((i, encoded))
            else:
                yield i, score_error(encoded)
        rows = [encoded.row for _, encoded in admitted]
        batches = self._score_batches(rows)
        for (i, encoded), forced in self._in_batches(admitted, batches, self._force):
            yield i, score_error(OUT_OF_MEMORY) if forced is None else score_of(encoded, forced)

    def _score_batches(self, rows: Sequence[Forcible]) -> list[list[int]]:
        # What a token costs is found out by trying, which only shared prefixes are worth.
        shares = len({tuple(row.prefix_ids) for row in rows}) < len(rows)
        prices = self._forcer.prices() if shares else None
        return plan(rows, budget=self._score_tokens(), memory=self._batch_tokens, prices=prices)

    def _score_tokens(self) -> int:
        """Tokens of a scored batch; a batch that shares prefixes may have more."""
        width = getattr(self._model.config.get_text_config(), "hidden_size", None)
        if self._model.device.type != "cpu" or not isinstance(width, int):
            return self._batch_tokens
        return min(self._batch_tokens, max(256, CPU_STATES // width))

    def _force(self, batch: Sequence[EncodedScore]) -> list[Forced]:
        return self._forcer.force([encoded.row for encoded in batch])

    def _in_batches(
        self,
        items: Sequence[tuple[int, T]],
        batches: Sequence[list[int]],
        work: Callable[[Sequence[T]], list[U]],
    ) -> Iterator[tuple[tuple[int, T], U | None]]:
        """Yield each item with its outcome; `None` where it does not fit the memory even alone."""
        pending = deque(batches)
        while pending:
            batch = pending.popleft()
            outcomes = _unless_out_of_memory(work, [items[i][1] for i in batch])
            if outcomes is not None:
                yield from ((items[i], out) for i, out in zip(batch, outcomes, strict=True))
            elif len(batch) == 1:
                yield items[batch[0]], None
            else:
                pending = deque(half for b in (batch, *pending) for half in halves(b))


def _unless_out_of_memory(work: Callable[[Sequence[T]], list[U]], batch: list[T]) -> list[U] | None:
    try:
        return work(batch)
    except torch.OutOfMemoryError:
        pass
    # Outside the handler, where the exception no longer holds on to the tensors of the batch.
    torch.cuda.empty_cache()
    return None


def _never(_: int) -> bool:
    return False
