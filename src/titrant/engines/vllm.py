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
import os
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from titrant.engines.base import EngineInfo, Request, Result, Score, ScoreRequest
from titrant.engines.device import device_name
from titrant.engines.drawing.admit import admit
from titrant.engines.drawing.ends import TokenEnds, text_of
from titrant.engines.drawing.guards import Guards
from titrant.engines.drawing.rows import stop_ids
from titrant.engines.load import load_tokenizer
from titrant.engines.locate import find_base, fingerprint
from titrant.engines.open import Opened
from titrant.engines.prompt import PromptBuilder, PromptEncoder
from titrant.engines.requests import check_requests, check_scores
from titrant.engines.scoring.encode import EncodedScore, ScoreEncoder
from titrant.engines.scoring.ranked import ForcedText, likeliest, score_of
from titrant.errors import DataError, MissingPackageError
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
CPU_MEMORY = 0.3
"""Share of a machine's memory that vLLM may take on a CPU, where other processes live too."""
REASONS: dict[str, Literal["stop", "length"]] = {"stop": "stop", "length": "length"}


@dataclass(slots=True)
class _Row:
    """A draw under way."""

    index: int
    admitted: Admitted
    guards: Guards
    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top_ids: list[list[int]] = field(default_factory=list)
    top_logprobs: list[list[float]] = field(default_factory=list)


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
        self._ends = TokenEnds(tokenizer)
        self._stop_ids = _stop_ids(tokenizer, config)
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
        return cls(_load_llm(found.folder, base, batch_tokens), tokenizer, model_name=found.name)

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
            versions=tuple((name, _version(name)) for name in ("torch", "transformers", "vllm")),
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
        engine, waiting, rows = self._llm.llm_engine, iter(admitted), dict[str, _Row]()
        try:
            while True:
                yield from self._fill(rows, waiting, cancelled)
                if not rows:
                    return
                yield from self._step(rows, cancelled)
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
            yield from self._score(fine[at : at + WINDOW])

    def _fill(
        self,
        rows: dict[str, _Row],
        waiting: Iterator[tuple[int, Admitted]],
        cancelled: Callable[[int], bool] | None,
    ) -> Iterator[tuple[int, Result]]:
        """Hand further requests to vLLM; those that nobody wants are over before they began."""
        for index, admitted in itertools.islice(waiting, max(0, WINDOW - len(rows))):
            if cancelled is not None and cancelled(index):
                yield index, Result("", (), "cancelled", len(admitted.prompt_ids))
                continue
            name = str(next(self._names))
            rows[name] = _Row(index, admitted, Guards([admitted.request.guard]))
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
        self, rows: dict[str, _Row], cancelled: Callable[[int], bool] | None
    ) -> Iterator[tuple[int, Result]]:
        """One step of vLLM; yields what ended in it."""
        engine = self._llm.llm_engine
        for output in engine.step():
            row = rows.get(output.request_id)
            if row is None:  # aborted, and on its way when it was
                continue
            (piece,) = output.outputs
            ended = self._take(row, piece)
            if ended is None and cancelled is not None and cancelled(row.index):
                ended = "cancelled"
            if ended is not None:
                del rows[output.request_id]
                if not output.finished:
                    engine.abort_request([output.request_id])
                yield row.index, self._result(row, piece, ended)

    def _take(self, row: _Row, piece: Any) -> Any:  # noqa: ANN401 - vLLM's class; a stop reason
        """Add new tokens; why the draw ended, `None` while it goes on."""
        k = row.admitted.request.top_logprobs
        row.text += piece.text
        found: list[Any] = list(piece.logprobs or [])
        for token, entries in zip(piece.token_ids, found, strict=True):
            row.token_ids.append(token)
            row.logprobs.append(entries[token].logprob)
            best = likeliest(entries, k)
            row.top_ids.append([t for t, _ in best])
            row.top_logprobs.append([logprob for _, logprob in best])
            is_last = len(row.token_ids) == row.admitted.limit or token in self._stop_ids
            if row.guards.is_needed and not (is_last and piece.finish_reason == "stop"):
                top = np.array([row.top_logprobs[-1]])
                if row.guards.push(top, np.array([k]))[0]:
                    return "weak"
        if piece.finish_reason is None:
            return None
        return REASONS.get(piece.finish_reason, "error")

    def _result(self, row: _Row, piece: Any, reason: Any) -> Result:  # noqa: ANN401 - vLLM's class
        request, n, ids = row.admitted.request, len(row.token_ids), row.token_ids
        n_prompt, k = len(row.admitted.prompt_ids), request.top_logprobs
        if reason == "error":
            return Result("", (), "error", n_prompt, error=f"vLLM ended it: {piece.finish_reason}")
        is_told = isinstance(getattr(piece, "stop_reason", None), str)
        own = ids[:-1] if ids and ids[-1] in self._stop_ids and reason == "stop" else ids
        text = row.text if is_told and reason == "stop" else text_of(self._tokenizer, own)
        return Result(
            text=text,
            token_ids=tuple(ids),
            stop_reason=reason,
            n_prompt_tokens=n_prompt,
            logprobs=np.array(row.logprobs, dtype=np.float32),
            top_ids=np.array(row.top_ids, dtype=np.int32).reshape(n, k) if k else None,
            top_logprobs=np.array(row.top_logprobs, np.float32).reshape(n, k) if k else None,
            token_ends=self._ends.of(ids, text),
        )

    def _score(self, some: Sequence[tuple[int, EncodedScore]]) -> Iterator[tuple[int, Score]]:
        """Some texts and their branches, each a prompt of vLLM's."""
        prompts: list[list[int]] = []
        for _, encoded in some:
            row = encoded.row
            before = list(row.prefix_ids)
            prompts.append([*before, *row.ids])
            prompts += [[*before, *row.ids[: twig.at], *twig.ids] for twig in row.twigs]
        most = max((encoded.row.top_logprobs for _, encoded in some), default=0)
        found = iter(self._forced(prompts, most))
        for i, encoded in some:
            main = next(found)
            twigs = [next(found) for _ in encoded.row.twigs]
            row, start = encoded.row, len(encoded.row.prefix_ids)
            yield (
                i,
                score_of(
                    ForcedText(row.prefix_ids, row.ids, encoded.ends, main),
                    [
                        ForcedText((), twig.ids, ends, entries[start + twig.at :])
                        for twig, ends, entries in zip(
                            row.twigs, encoded.twig_ends, twigs, strict=True
                        )
                    ],
                    k=row.top_logprobs,
                    with_prefix=row.with_prefix,
                ),
            )

    def _forced(self, prompts: list[list[int]], k: int) -> list[list[dict[int, Any] | None]]:
        """Entries of each position of each prompt; `None` for the first, which nothing decides."""
        params = load("vllm:SamplingParams")(
            max_tokens=1, temperature=0.0, prompt_logprobs=k, detokenize=False
        )
        asked = [{"prompt_token_ids": ids} for ids in prompts if ids]
        outputs = iter(self._llm.generate(asked, params, use_tqdm=False) if asked else ())
        return [list(next(outputs).prompt_logprobs) if ids else [] for ids in prompts]


def _load_llm(folder: Path, base: BaseSettings, batch_tokens: int) -> Any:  # noqa: ANN401
    # In this process: steps are taken one by one, and nothing has to be spawned.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    try:
        make = load("vllm:LLM")
    except ImportError as error:
        raise MissingPackageError(
            "the engine vllm needs the package vllm",
            came=str(error),
            do="install it into an environment of its own (docs/how-to/engines.md); each release pins "
            "a torch",
        ) from error
    has_card = load("torch:cuda").is_available()
    try:
        return make(
            model=str(folder),
            dtype=base.dtype if base.dtype != "auto" or has_card else "float32",
            trust_remote_code=base.trust_remote_code,
            enforce_eager=not has_card,
            max_logprobs=-1,
            max_num_batched_tokens=batch_tokens,
            disable_log_stats=True,
            seed=0,
            **({} if has_card else {"gpu_memory_utilization": CPU_MEMORY}),
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"vLLM cannot load {folder}",
            came=str(error).strip().partition("\n")[0][:300],
            do="see whether vLLM supports the architecture, or use decode.engine: transformers",
        ) from error


def _stop_ids(tokenizer: PreTrainedTokenizerBase, config: Any) -> frozenset[int]:  # noqa: ANN401
    """As the engine on transformers: the tokenizer's, the generation settings', the template's."""

    class Known:
        generation_config = type("Settings", (), {"eos_token_id": _eos(config)})

    return stop_ids(Known, tokenizer)


def _eos(config: Any) -> object:  # noqa: ANN401 - vLLM's class
    found = config.try_get_generation_config() or {}
    return found.get("eos_token_id")


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return version(f"{name}-cpu")  # vLLM's builds for CPUs have a name of their own
