"""The engine for OpenAI-compatible servers: completions and chat, streamed.

Requests run side by side, `server.concurrency` at a time. Each is a stream that is read token by token, so
that a draw under its guard's bar, or one that nobody wants any more, is broken off and the server stops
drawing it. What is passing is tried again with growing pauses; a server that stays away ends the work with
an EngineError, after every result that had come was given out.

What a server can do is found out first (`http.probe`). Logprobs are those that it gives: vLLM and SGLang
give the model's own at temperature 1; another may give those after its sampling settings.

Logprobs of given text (`score`) come from servers that give `prompt_logprobs`, as vLLM does (`http.scoring`).

Left out: several servers, batch endpoints.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, Self

from titrant.engines.base import EngineInfo, Request, Result, require
from titrant.engines.http.client import (
    BrokenStreamError,
    as_engine_error,
    is_of_the_request,
    is_of_the_server,
    make_client,
    retrying,
    said_by,
    url_of,
)
from titrant.engines.http.probe import BY_ID, Served, count_tokens, probe
from titrant.engines.http.scoring import score_one
from titrant.engines.http.serving import serve
from titrant.engines.http.stream import Draw
from titrant.engines.http.tokens import chat_chunk, completion_chunk
from titrant.engines.open import Opened
from titrant.engines.plain import PlainPrompts, without_tokenizer
from titrant.engines.requests import check_requests, check_scores, utf8_error
from titrant.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

    from openai import AsyncOpenAI

    from titrant.engines.base import Score, ScoreRequest
    from titrant.engines.http.tokens import Chunk
    from titrant.engines.open import Opening
    from titrant.settings import PromptSettings, ServerSettings

MOST_VOCAB = 2**31
"""A server does not say how many tokens its model knows."""


class OpenAIEngine:
    """Generates on a server; see the module docstring."""

    packages = ("openai", "tenacity")
    capabilities: frozenset[Literal["generate", "score"]] = frozenset({"generate", "score"})
    """Of the class; an engine that is connected has those of its server."""

    def __init__(self, served: Served, settings: ServerSettings, prompt: PromptSettings) -> None:
        """Takes a server whose abilities are known.

        Args:
            served: as `probe` found out.
            settings: address, concurrency, patience.
            prompt: system prompt of a chat, and what encloses thinking that a server parts off.
        """
        self._served, self._settings, self._prompt = served, settings, prompt
        self._think = (prompt.think_open, prompt.think_close)
        if not served.scores:
            self.capabilities = frozenset({"generate"})

    @classmethod
    def connect(cls, model: str, settings: ServerSettings, prompt: PromptSettings) -> Self:
        """Probe a server.

        Raises:
            ConfigError: no address, no such model, no such endpoint.
            EngineError: it does not answer.
            MissingPackageError: the package openai is not installed.
        """

        async def ask() -> Served:
            async with make_client(settings) as client:
                async for attempt in retrying(settings):
                    with attempt:
                        return await probe(client, model, settings)
            raise AssertionError  # retrying reraises

        try:
            return cls(asyncio.run(ask()), settings, prompt)
        except Exception as error:
            if not is_of_the_server(error):
                raise
            raise as_engine_error(error, settings) from error

    @classmethod
    def open(cls, opening: Opening) -> Opened:
        """The engine of a served model with its prompts; see `connect` for errors."""
        engine = cls.connect(opening.base.path, opening.server, opening.prompt)
        served = engine._served
        if served.endpoint == "chat":
            # The server renders the conversation, so the prompt is the question as it is.
            plain = opening.prompt.model_copy(
                update={"template": "plain", "format": "{question}", "system": None}
            )
            prompts = PlainPrompts(plain, opening.shots)
        else:
            prompts = without_tokenizer(opening.prompt, opening.shots)
        return Opened(
            engine,
            prompts,
            name=served.model,
            # Not its address, which may be another tomorrow: a name is all that a server tells.
            fingerprint=f"{served.model} ({served.endpoint})",
            vocab=0,
            most_top=served.most_top,
            notes=served.notes,
        )

    @property
    def info(self) -> EngineInfo:
        """What goes to the manifest; the server's own version where it tells it."""
        versions = [("openai", version("openai"))]
        if self._served.version:
            versions.append(("server", self._served.version))
        return EngineInfo(
            engine="openai",
            model=self._served.model,
            device=url_of(self._settings),
            dtype="unknown",
            versions=tuple(sorted(versions)),
            # Batches of other people's requests stand beside ours, so a seed may not fix a draw alone.
            honours_seed="batch" if self._served.honours_seed else "no",
        )

    @property
    def context_tokens(self) -> int | None:
        """Longest prompt plus continuation, in tokens; `None` where the server does not say."""
        return self._served.context

    def generate(
        self, requests: Sequence[Request], *, cancelled: Callable[[int], bool] | None = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield (index, result) as draws end; each index once.

        Raises:
            ConfigError: a request has settings that no draw can have, or wants more likeliest tokens
                than the server gives.
            EngineError: the server stays away or refuses us; all results that had come were given out.
        """
        check_requests(requests, vocab=MOST_VOCAB)
        self._check_top(requests)
        is_cancelled = _never if cancelled is None else cancelled

        async def one(client: AsyncOpenAI, i: int) -> Result:
            if is_cancelled(i):
                return Result("", (), "cancelled", -1)
            return await self._draw(client, requests[i], lambda: is_cancelled(i))

        yield from serve(self._settings, len(requests), one)

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Score]]:
        """Yield (index, score) as they come; each index once.

        Raises:
            ConfigError: the server gives no logprobs of prompts; or a branch or a span lies outside its
                continuation, or its tokens cannot be found in the text.
            EngineError: the server stays away or refuses us.
        """
        require(self, "score")
        check_scores(requests, vocab=MOST_VOCAB)

        async def one(client: AsyncOpenAI, i: int) -> Score:
            async for attempt in retrying(self._settings):
                with attempt:
                    return await score_one(
                        client, self._served.model, requests[i], context=self._served.context
                    )
            raise AssertionError  # retrying reraises

        yield from serve(self._settings, len(requests), one)

    def _check_top(self, requests: Sequence[Request]) -> None:
        most = max((request.top_logprobs for request in requests), default=0)
        if most > self._served.most_top:
            raise ConfigError(
                f"the server gives {self._served.most_top} likeliest tokens per position",
                expected=f"at most {self._served.most_top}",
                came=str(most),
                do=f"set signals.top_logprobs: {self._served.most_top or 1}",
            )

    async def _draw(
        self, client: AsyncOpenAI, request: Request, stop: Callable[[], bool]
    ) -> Result:
        problem = utf8_error(request.prompt)
        if problem:
            return Result("", (), "error", -1, error=problem)
        try:
            async for attempt in retrying(self._settings):
                with attempt:
                    fitting = await self._fitting(client, request)
                    return await self._stream(client, fitting, stop)
        except Exception as error:
            if is_of_the_request(error):
                return Result("", (), "error", -1, error=said_by(error))
            raise
        raise AssertionError  # retrying reraises

    async def _fitting(self, client: AsyncOpenAI, request: Request) -> Request:
        """The request with a limit that its prompt leaves room for, which servers insist on.

        A token is a byte at least, so most prompts need not be counted.
        """
        context, limit = self._served.context, request.max_new_tokens
        if context is None or len(request.prompt.encode()) + limit <= context:
            return request
        n_prompt = await count_tokens(client, self._served.model, request.prompt)
        if n_prompt is None or n_prompt >= context:
            return request  # the server says what is wrong
        return replace(request, max_new_tokens=min(limit, context - n_prompt))

    async def _stream(
        self, client: AsyncOpenAI, request: Request, stop: Callable[[], bool]
    ) -> Result:
        draw = Draw(request, think=self._think)
        chunks = self._chunks(client, request)
        try:
            async for chunk in chunks:
                if not draw.add(chunk):
                    break
                if stop():
                    draw.cancel()
                    break
        finally:
            await chunks.aclose()  # closes the connection, at which the server stops drawing
        if draw.reason is None:
            raise BrokenStreamError("the stream ended before it said why")
        return draw.result()

    async def _chunks(self, client: AsyncOpenAI, request: Request) -> AsyncGenerator[Chunk]:
        k = request.top_logprobs
        shared: dict[str, Any] = {
            "model": self._served.model,
            "max_tokens": request.max_new_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed % 2**31,  # servers take 32 bits
            "stop": list(request.stop) or None,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._served.endpoint == "completions":
            more: dict[str, Any] = {"logprobs": k} if self._served.has_logprobs else {}
            more |= BY_ID if self._served.names_ids else {}
            stream = await client.completions.create(
                prompt=request.prompt, extra_body=more, **shared
            )
            read = completion_chunk
        else:
            has_some = self._served.has_logprobs
            more = {"logprobs": True, "top_logprobs": k} if has_some else {}
            stream = await client.chat.completions.create(
                messages=self._messages(request.prompt), extra_body=more, **shared
            )
            read = chat_chunk
        async with stream:
            async for chunk in stream:
                yield read(chunk, k)

    def _messages(self, prompt: str) -> Any:  # noqa: ANN401 - openai's own unions
        system = self._prompt.system
        asked = [{"role": "user", "content": prompt}]
        return [{"role": "system", "content": system}, *asked] if system else asked


def _never(_: int) -> bool:
    return False
