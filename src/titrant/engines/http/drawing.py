"""Draws from a server: each a stream that is read token by token and broken off where nobody wants more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from titrant.engines.base import Result
from titrant.engines.http.client import (
    BrokenStreamError,
    is_answered,
    is_of_the_request,
    retrying,
    said_by,
)
from titrant.engines.http.probe import BY_ID, count_tokens
from titrant.engines.http.stream import Incoming
from titrant.engines.http.tokens import chat_chunk, completion_chunk
from titrant.engines.requests import utf8_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from openai import AsyncOpenAI

    from titrant.engines.base import Request
    from titrant.engines.http.served import Served
    from titrant.engines.http.tokens import Chunk
    from titrant.settings import PromptSettings, ServerSettings


MOST_GIVEN_UP = 3
"""Requests in a row after which a server serves none."""
TEMPLATE_TOKENS = 64
"""What a chat template may add to a question, where it fits so amply that nobody counts."""


class Streams:
    """Draws from a server whose abilities are known."""

    def __init__(self, served: Served, settings: ServerSettings, prompt: PromptSettings) -> None:
        """As the engine's own arguments."""
        self._served, self._settings, self._prompt = served, settings, prompt
        self._think = (prompt.think_open, prompt.think_close)
        self._has_drawn, self._given_up = False, 0

    async def draw(self, client: AsyncOpenAI, request: Request, stop: Callable[[], bool]) -> Result:
        """One draw; broken off when its guard's bar is passed, or once `stop` says so.

        Raises:
            EngineError: the server stays away or refuses us.
        """
        problem = utf8_error(request.prompt)
        if problem:
            return Result("", (), "error", -1, error=problem)
        try:
            async for attempt in retrying(self._settings):
                with attempt:
                    fitting = await self._fitting(client, request)
                    result = await self._stream(client, fitting, stop)
                    self._has_drawn, self._given_up = True, 0
                    return result
        except Exception as error:
            if is_of_the_request(error) or self._is_of_this_one(error):
                return Result("", (), "error", -1, error=said_by(error))
            raise
        raise AssertionError  # retrying reraises

    def _is_of_this_one(self, error: Exception) -> bool:
        """Whether to give up a request that the server fails on again and again, and go on with the others.

        A server that answered before, and is there, may be unable to serve one prompt. A few in a row say that
        it can serve none.
        """
        self._given_up += 1
        return self._has_drawn and self._given_up < MOST_GIVEN_UP and is_answered(error)

    async def _fitting(self, client: AsyncOpenAI, request: Request) -> Request:
        """The request with a limit that its prompt leaves room for, which servers insist on.

        A token is a byte at least, so most plain prompts need not be counted; a chat's template adds to
        them what only the server knows.
        """
        context, limit = self._served.context, request.max_new_tokens
        is_chat = self._served.endpoint == "chat"
        margin = TEMPLATE_TOKENS if is_chat else 0
        text = f"{self._prompt.system or ''}{request.prompt}" if is_chat else request.prompt
        if context is None or len(text.encode()) + margin + limit <= context:
            return request
        asked: dict[str, Any] = (
            {"messages": self._messages(request.prompt)} if is_chat else {"prompt": text}
        )
        n_prompt = await count_tokens(client, self._served.model, asked)
        if n_prompt is None or n_prompt >= context:
            return request  # the server says what is wrong
        return replace(request, max_new_tokens=min(limit, context - n_prompt))

    async def _stream(
        self, client: AsyncOpenAI, request: Request, stop: Callable[[], bool]
    ) -> Result:
        draw = Incoming(request, think=self._think)
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
        k, shared = request.top_logprobs, self._shared(request)
        has_logprobs = self._served.has_logprobs
        if self._served.endpoint == "completions":
            more: dict[str, Any] = {"logprobs": k} if has_logprobs else {}
            more |= BY_ID if self._served.names_ids else {}
            stream = await client.completions.create(
                prompt=request.prompt, extra_body=more, **shared
            )
            read = completion_chunk
        else:
            more = {"logprobs": True, "top_logprobs": k} if has_logprobs else {}
            stream = await client.chat.completions.create(
                messages=self._messages(request.prompt), extra_body=more, **shared
            )
            read = chat_chunk
        async with stream:
            async for chunk in stream:
                yield read(chunk, k)

    def _shared(self, request: Request) -> dict[str, Any]:
        """What both endpoints are asked alike."""
        return {
            "model": self._served.model,
            "max_tokens": request.max_new_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed % 2**31,  # servers take 32 bits
            "stop": list(request.stop) or None,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def _messages(self, prompt: str) -> Any:  # noqa: ANN401 - openai's own unions
        system = self._prompt.system
        asked = [{"role": "user", "content": prompt}]
        return [{"role": "system", "content": system}, *asked] if system else asked
