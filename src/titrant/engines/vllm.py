"""The engine on top of vLLM, in this process: the same prompts and tokens as the one on transformers.

Prompts go in as the tokens that `prompt.PromptEncoder` makes, and texts come out as our tokenizer decodes
them, so the two engines read and write the same. Requests are fed to vLLM's own scheduler, `WINDOW` at a
time, and its steps are taken one by one: a draw under its guard's bar, or one that nobody wants any more,
is aborted at once and leaves the batch.

vLLM gives k + 1 logprobs where the sampled token is not among the k likeliest; by their ranks exactly k are
kept. Logprobs are the model's own (`raw_logprobs`: temperature 1, whole vocabulary).

Scoring asks for logprobs of the prompt, of which vLLM holds tokens × vocabulary at a time: so long texts
need memory. It says nothing of entropy and hidden states. A branch is a row of its own.

Left out: several GPUs (vLLM's tensor parallelism is a setting away), adapters without merging.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from titrant.engines.base import EngineInfo, Request, Result, Score, ScoreRequest
from titrant.engines.device import device_name
from titrant.engines.drawing.admit import admit
from titrant.engines.drawing.ends import TokenEnds
from titrant.engines.drawing.guards import Guards
from titrant.engines.inprocess.load import load_llm, stop_ids_of, version_of
from titrant.engines.inprocess.row import Row, Texts
from titrant.engines.inprocess.scoring import score_prompts
from titrant.engines.load import load_tokenizer
from titrant.engines.locate import find_base, fingerprint
from titrant.engines.open import Opened
from titrant.engines.prompt import PromptBuilder, PromptEncoder
from titrant.engines.requests import check_requests, check_scores
from titrant.engines.scoring.encode import EncodedScore, ScoreEncoder
from titrant.errors import DataError
from titrant.lazy import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from titrant.engines.drawing.rows import Admitted
    from titrant.engines.open import Opening
    from titrant.settings import BaseSettings

WINDOW = 512
"""Requests that vLLM is given at a time; it runs as many side by side as its memory holds."""


class VllmEngine:
    """Generates and scores with vLLM; see the module docstring."""

    packages = ("vllm",)
    capabilities: frozenset[Literal["generate", "score"]] = frozenset({"generate", "score"})

    def __init__(
        self,
        llm: Any,  # noqa: ANN401 - of an optional package
        tokenizer: PreTrainedTokenizerBase,
        *,
        model_name: str = "",
    ) -> None:
        """Takes a loaded `vllm.LLM` whose `max_logprobs` is −1, and our tokenizer of the same model.

        Args:
            llm: of vLLM, in this process.
            tokenizer: as `engines.load` gives it.
            model_name: the name that goes to the manifest.
        """
        self._llm, self._tokenizer, self._name = llm, tokenizer, model_name
        config = llm.llm_engine.model_config
        self._context_tokens = int(config.max_model_len)
        self._vocab = int(config.get_vocab_size())
        self._dtype = str(config.dtype).removeprefix("torch.")
        self._encoder = PromptEncoder(tokenizer)
        self._texts = Texts(tokenizer, TokenEnds(tokenizer))
        self._stop_ids = stop_ids_of(tokenizer, config)
        # vLLM draws a token after each text it scores, and wants room for it.
        self._score_encoder = ScoreEncoder(
            tokenizer, self._encoder, context_tokens=self._context_tokens - 1
        )
        self._names = itertools.count()

    @classmethod
    def load(
        cls,
        base: BaseSettings,
        *,
        adapter: Path | None = None,
        batch_tokens: int = 16_384,
    ) -> Self:
        """The engine of a base model.

        Raises:
            DataError: the model cannot be loaded, or an adapter is given, which has to be merged first.
            MissingPackageError: vLLM is not installed.
        """
        if adapter is not None:
            raise DataError(
                "the engine vllm takes whole models",
                expected="a model folder, or an adapter that was merged into one",
                came=f"the adapter {adapter}",
                do="read arms with decode.engine: transformers, or set train.keep to merged models",
            )
        found = find_base(base)
        tokenizer = load_tokenizer(found.folder, base)
        return cls(load_llm(found.folder, base, batch_tokens), tokenizer, model_name=found.name)

    @classmethod
    def open(cls, opening: Opening) -> Opened:
        """The engine of a base with its prompts; see `load` for errors."""
        engine = cls.load(opening.base, batch_tokens=opening.decode.batch_tokens)
        prompts = PromptBuilder(engine._tokenizer, opening.prompt, shots=opening.shots)
        known = fingerprint(find_base(opening.base).folder)
        return Opened(engine, prompts, engine._name, known, engine._vocab, engine._vocab)

    @property
    def info(self) -> EngineInfo:
        """What goes to the manifest."""
        return EngineInfo(
            engine="vllm",
            model=self._name,
            device=device_name(),
            dtype=self._dtype,
            versions=tuple((name, version_of(name)) for name in ("torch", "transformers", "vllm")),
            honours_seed="request" if self._dtype == "float32" else "batch",
        )

    @property
    def context_tokens(self) -> int | None:
        """Longest prompt plus continuation, in tokens."""
        return self._context_tokens

    def generate(
        self, requests: Sequence[Request], *, cancelled: Callable[[int], bool] | None = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield (index, result) as draws end, refused requests first; each index once.

        Raises:
            ConfigError: a request has settings that no draw can have.
        """
        check_requests(requests, vocab=self._vocab)
        admitted, refused = admit(requests, self._encoder, context_tokens=self._context_tokens)
        yield from refused
        engine, waiting, rows = self._llm.llm_engine, iter(admitted), dict[str, Row]()
        try:
            while True:
                over = list(self._fill(rows, waiting, cancelled))
                yield from over
                if rows:
                    yield from self._step(rows, cancelled)
                elif not over:
                    return
        finally:  # whoever stops listening stops the work
            if rows:
                engine.abort_request(list(rows))

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Score]]:
        """Yield (index, score), refused requests first; each index once.

        Raises:
            ConfigError: more top logprobs are asked for than there are tokens, or a branch or a span
                lies outside its continuation.
        """
        check_scores(requests, vocab=self._vocab)
        none = np.zeros(0, dtype=np.float32)
        fine: list[tuple[int, EncodedScore]] = []
        for i, encoded in enumerate(self._score_encoder.encode(requests)):
            if isinstance(encoded, EncodedScore):
                fine.append((i, encoded))
            else:
                yield i, Score((), none, None, error=encoded)
        for at in range(0, len(fine), WINDOW):
            yield from score_prompts(self._llm, fine[at : at + WINDOW])

    def _fill(
        self,
        rows: dict[str, Row],
        waiting: Iterator[tuple[int, Admitted]],
        cancelled: Callable[[int], bool] | None,
    ) -> Iterator[tuple[int, Result]]:
        """Hand further requests to vLLM; those that nobody wants are over before they began."""
        for index, admitted in itertools.islice(waiting, max(0, WINDOW - len(rows))):
            if cancelled is not None and cancelled(index):
                yield index, Result("", (), "cancelled", len(admitted.prompt_ids))
                continue
            name = str(next(self._names))
            rows[name] = Row(index, admitted, Guards([admitted.request.guard]), self._stop_ids)
            prompt = {"prompt_token_ids": admitted.prompt_ids}
            self._llm.llm_engine.add_request(name, prompt, self._params(admitted))

    def _params(self, admitted: Admitted) -> Any:  # noqa: ANN401 - vLLM's class
        request = admitted.request
        kinds = load("vllm.sampling_params:RequestOutputKind")
        return load("vllm:SamplingParams")(
            max_tokens=admitted.limit,
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed % 2**63,
            stop=list(request.stop),
            stop_token_ids=sorted(self._stop_ids),
            logprobs=request.top_logprobs,
            skip_special_tokens=False,
            spaces_between_special_tokens=False,
            output_kind=kinds.DELTA,
        )

    def _step(
        self, rows: dict[str, Row], cancelled: Callable[[int], bool] | None
    ) -> Iterator[tuple[int, Result]]:
        """One step of vLLM; yields what ended in it."""
        engine = self._llm.llm_engine
        for output in engine.step():
            row = rows.get(output.request_id)
            if row is None:  # aborted, and on its way when it was
                continue
            (piece,) = output.outputs
            ended = row.take(piece)
            if ended is None and cancelled is not None and cancelled(row.index):
                ended = "cancelled"
            if ended is not None:
                del rows[output.request_id]
                if not output.finished:
                    engine.abort_request([output.request_id])
                yield row.index, row.result(piece, ended, self._texts)
