"""An engine without a model: texts come from a script, probabilities from hashes.

Everything is a function of the request: same request, same result, in any order and any batch. It
is for tests, examples and documentation, and it fails on demand in the ways that models fail.

Tokens are the bytes of the text (UTF-8) and one stop token. The distribution after a context is a
softmax over hashed logits, in which the next token of the scripted text is made the likeliest, so
probabilities sum to 1, greedy draws are greedy, and `score` agrees with `generate`; a hidden state is
a hash too (`scoring.hashed`). Left out: any
sense in the numbers, and `top_p` (the script decides what is drawn).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np

from titrant.engines.base import EngineInfo, Request, Result, Score, ScoreRequest, StopReason
from titrant.engines.drawing.guards import Guards
from titrant.engines.open import Opened
from titrant.engines.plain import without_tokenizer
from titrant.engines.requests import check_requests, check_scores, pack, utf8_error
from titrant.engines.scoring.ends import byte_ends
from titrant.engines.scoring.hashed import (
    VOCAB,
    Hashed,
    chosen,
    distribution_of,
    hashed,
    score_of,
    top_of,
)
from titrant.errors import ConfigError
from titrant.registry import nearest
from titrant.seeds import derive

if TYPE_CHECKING:
    from pathlib import Path

    from titrant.engines.open import Opening
    from titrant.settings import BaseSettings

Script = Mapping[str, str] | Sequence[str] | Callable[[Request], str]

STOP = 256
FAILURES = ("refusal", "cut_off", "garbage", "unfinished", "error")
REFUSAL = "I'm sorry, but I can't help with that."
GARBAGE = '{"answer": ["'
BATCH_TOKENS = 4096


class _Draw(NamedTuple):
    tokens: tuple[int, ...]
    text: str
    stop_reason: StopReason
    error: str | None = None


class FakeEngine:
    """A scripted, deterministic engine; see the module docstring."""

    capabilities: frozenset[Literal["generate", "score"]] = frozenset({"generate", "score"})

    def __init__(
        self,
        script: Script | None = None,
        *,
        failures: Mapping[str, float] | None = None,
        context_tokens: int | None = 8192,
        model: str = "fake",
    ) -> None:
        """Sets what the engine says and how often it fails.

        Args:
            script: prompt to text; or texts among which a hash of prompt and seed chooses; or a
                function of the request. Default: words from a hash of prompt and seed.
            failures: share of requests per mode of `FAILURES`. `refusal`, `garbage` (broken JSON) and
                `unfinished` (thinking that is never closed) change the text, `cut_off` ends it in
                the middle for reason `length`, `error` gives a result without text.
            context_tokens: longest prompt plus continuation, in bytes; `None`: no limit.
            model: the name that goes to the manifest.

        Raises:
            ConfigError: an unknown mode, or shares that are no shares.
        """
        self._script = script if script is not None else _babble
        self._failures = dict(failures or {})
        self._context_tokens = context_tokens
        self._model = model
        _check_failures(self._failures)

    @classmethod
    def load(
        cls,
        base: BaseSettings,
        *,
        adapter: Path | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> Self:
        """The engine under the name of a base, which is not read; no number depends on a batch."""
        del batch_tokens
        return cls(model=base.path if adapter is None else f"{base.path}+{adapter.name}")

    @classmethod
    def open(cls, opening: Opening) -> Opened:
        """The engine under the name of a base; its prompts are plain."""
        prompts = without_tokenizer(opening.prompt, opening.shots)
        return Opened(
            cls(model=opening.base.path), prompts, opening.base.path, "fake", VOCAB, VOCAB
        )

    @property
    def info(self) -> EngineInfo:
        """What goes to the manifest."""
        return EngineInfo("fake", self._model, "cpu", "float32", (), honours_seed="request")

    @property
    def context_tokens(self) -> int | None:
        """Longest prompt plus continuation, in bytes."""
        return self._context_tokens

    def generate(
        self, requests: Sequence[Request], *, cancelled: Callable[[int], bool] | None = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield (index, result), long prompts first; each index once, and no part of a draw."""
        check_requests(requests, vocab=VOCAB)
        lengths = [len(request.prompt) for request in requests]
        for batch in pack(lengths, budget=BATCH_TOKENS):
            for index in batch:
                is_wanted = cancelled is None or not cancelled(index)
                request = requests[index]
                yield index, self._result(request) if is_wanted else _cancelled(request)

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Score]]:
        """Yield (index, score), long texts first; each index once."""
        check_scores(requests, vocab=VOCAB)
        lengths = [len(request.prefix) + len(request.continuation) for request in requests]
        for batch in pack(lengths, budget=BATCH_TOKENS):
            for index in batch:
                yield index, self._scored(requests[index])

    def _result(self, request: Request) -> Result:
        draw = self._draw(request)
        n_prompt = len(request.prompt.encode(errors="replace"))
        if draw.error is not None:
            return Result("", (), "error", n_prompt, error=draw.error)
        logprobs = self._after(request.prompt, draw.tokens).logprobs
        n = _weak_at(request, logprobs)
        if n is not None and (n < len(draw.tokens) or draw.stop_reason == "length"):
            kept = draw.tokens[:n]
            draw = _Draw(kept, bytes(kept).decode(errors="replace"), "weak")
        logprobs = logprobs[: len(draw.tokens)]
        top_ids, top = top_of(logprobs, request.top_logprobs)
        wide = distribution_of(logprobs) if request.with_distribution else {}
        ends = np.append(byte_ends(draw.text), [len(draw.text)] * len(draw.tokens))
        return Result(
            draw.text,
            draw.tokens,
            draw.stop_reason,
            n_prompt,
            chosen(logprobs, draw.tokens),
            top_ids,
            top,
            token_ends=ends[: len(draw.tokens)].astype(np.int32),
            entropy=wide.get("entropy"),
            variance=wide.get("variance"),
            vocab_mean=wide.get("vocab_mean"),
        )

    def _scored(self, request: ScoreRequest) -> Score:
        texts = (request.prefix, request.continuation, *(b.text for b in request.branches))
        problem = utf8_error(*texts)
        n_tokens = 0 if problem else _n_reached(request)
        if problem is None and self._context_tokens is not None and n_tokens > self._context_tokens:
            problem = self._too_long(n_tokens)
        if problem is not None:
            none = np.zeros(0, np.float32)
            return Score((), none, none, error=problem)
        return score_of(request, self._after)

    def _draw(self, request: Request) -> _Draw:
        """What the script and the failure modes make of a request."""
        problem = utf8_error(request.prompt) or ("" if request.prompt else "the prompt is empty")
        n_prompt = len(request.prompt.encode(errors="replace"))
        limit = request.max_new_tokens
        if self._context_tokens is not None:
            limit = min(limit, self._context_tokens - n_prompt)
            problem = problem or ("" if limit >= 1 else self._too_long(n_prompt))
        mode = self._mode(request)
        problem = problem or ("the engine did not answer in time" if mode == "error" else "")
        text = None if problem else _spoil(self._text(request), mode)
        if text is None:
            return _Draw((), "", "error", problem or "the script has no text for this prompt")
        limit = min(limit, len(text.encode()) // 2) if mode == "cut_off" else limit
        return _cut(text, request.stop, limit)

    def _text(self, request: Request) -> str | None:
        if callable(self._script):
            return self._script(request)
        if isinstance(self._script, Mapping):
            return self._script.get(request.prompt)
        return self._script[derive(_seed(request), "choice", request.prompt) % len(self._script)]

    def _mode(self, request: Request) -> str | None:
        u = derive(_seed(request), "failure", request.prompt) / 2**63
        for mode, share in self._failures.items():
            if u < share:
                return mode
            u -= share
        return None

    def _after(self, prompt: str, tokens: Sequence[int]) -> Hashed:
        """What the model makes of tokens after a prompt."""
        wide = self._context_tokens or 2**31
        scripted = self._draw(Request(prompt, wide)).tokens if prompt else ()
        return hashed(prompt, tokens, scripted=scripted)

    def _too_long(self, n_tokens: int) -> str:
        return f"{n_tokens} tokens do not fit the context of {self._context_tokens}"


def _cancelled(request: Request) -> Result:
    return Result("", (), "cancelled", len(request.prompt.encode(errors="replace")))


def _weak_at(request: Request, logprobs: np.ndarray) -> int | None:
    """Tokens drawn when the guard ends the draw; `None`: it does not."""
    guards = Guards([request.guard])
    _, top = top_of(logprobs, request.top_logprobs)
    if top is None or not guards.is_needed:
        return None
    k = np.array([request.top_logprobs])
    return next((i + 1 for i, row in enumerate(top) if guards.push(row[None], k)[0]), None)


def _n_reached(request: ScoreRequest) -> int:
    """Bytes of the longest text that is passed, a branch's included."""
    before, text = len(request.prefix.encode()), request.continuation
    ends = (len((text[: branch.at] + branch.text).encode()) for branch in request.branches)
    return before + max(len(text.encode()), *ends, 0)


def _seed(request: Request) -> int:
    """Greedy draws do not depend on the seed."""
    return request.seed if request.temperature > 0 else 0


def _babble(request: Request) -> str:
    seed = _seed(request)
    n_words = 3 + derive(seed, "length", request.prompt) % 12
    words = (f"{derive(seed, 'word', request.prompt, i) % 10**6:x}" for i in range(n_words))
    return " ".join(words)


def _spoil(text: str | None, mode: str | None) -> str | None:
    if text is None or mode in (None, "cut_off"):
        return text
    if mode == "unfinished":
        thinking = text.removeprefix("<think>").partition("</think>")[0].strip("\n")
        return f"<think>\n{thinking}"
    return REFUSAL if mode == "refusal" else GARBAGE


def _cut(text: str, stop: tuple[str, ...], limit: int) -> _Draw:
    """The tokens drawn until a stop string, the end of the text or the limit, whichever is first."""
    found = [(at, at + len(mark)) for mark in stop if (at := text.find(mark)) >= 0]
    end = min(found, key=lambda span: span[1], default=None)
    tokens = (*text.encode(), STOP) if end is None else tuple(text[: end[1]].encode())
    if len(tokens) > limit:
        kept = tokens[:limit]
        return _Draw(kept, bytes(kept).decode(errors="replace"), "length")
    return _Draw(tokens, text if end is None else text[: end[0]], "stop")


def _check_failures(failures: Mapping[str, float]) -> None:
    for mode in failures:
        if mode not in FAILURES:
            raise ConfigError(f"unknown failure mode '{mode}'", do=nearest(mode, FAILURES))
    if min(failures.values(), default=0) < 0 or sum(failures.values()) > 1:
        raise ConfigError(
            "the shares of failure modes are no shares",
            expected="numbers from 0 that sum to at most 1",
            came=str(dict(failures)),
            do="lower them",
        )
