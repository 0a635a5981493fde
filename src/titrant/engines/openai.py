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
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, Self

from titrant.engines.base import EngineInfo, Request, Result, require
from titrant.engines.http.client import (
    as_engine_error,
    is_of_the_server,
    make_client,
    retrying,
    url_of,
)
from titrant.engines.http.drawing import Streams
from titrant.engines.http.probe import probe
from titrant.engines.http.scoring import score_one
from titrant.engines.http.serving import serve
from titrant.engines.open import Opened
from titrant.engines.plain import as_user, unused_format, without_tokenizer
from titrant.engines.requests import check_requests, check_scores
from titrant.errors import ConfigError, TitrantError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openai import AsyncOpenAI

    from titrant.engines.base import Score, ScoreRequest
    from titrant.engines.http.served import Served
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
        self._served, self._settings = served, settings
        self._streams = Streams(served, settings, prompt)
        if not served.scores:
            self.capabilities = frozenset({"generate"})

    @classmethod
    def connect(cls, model: str, settings: ServerSettings, prompt: PromptSettings) -> Self:
        """Probe a server; under `prompt.template: chat` its chat endpoint, unless the settings name one.

        Raises:
            ConfigError: no address, no such model, no such endpoint.
            EngineError: it does not answer.
            MissingPackageError: the package openai is not installed.
        """
        if settings.endpoint == "auto" and prompt.template == "chat":
            settings = settings.model_copy(update={"endpoint": "chat"})

        async def ask() -> Served:
            async with make_client(settings) as client:
                async for attempt in retrying(settings):
                    with attempt:
                        return await probe(client, model, settings)
            raise AssertionError  # retrying reraises

        try:
            return cls(asyncio.run(ask()), settings, prompt)
        except TitrantError:
            raise
        except Exception as error:
            if not is_of_the_server(error):
                raise
            raise as_engine_error(error, settings) from error

    @classmethod
    def open(cls, opening: Opening) -> Opened:
        """The engine of a served model with its prompts; see `connect` for errors."""
        engine = cls.connect(opening.base.path, opening.server, opening.prompt)
        served = engine._served
        is_chat = served.endpoint == "chat"
        make = as_user if is_chat else without_tokenizer
        return Opened(
            engine,
            make(opening.prompt, opening.shots),
            name=served.model,
            # Not its address, which may be another tomorrow: a name is all that a server tells.
            fingerprint=f"{served.model} ({served.endpoint})",
            vocab=0,
            most_top=served.most_top,
            notes=(*served.notes, *(unused_format(opening.prompt) if is_chat else ())),
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
            return await self._streams.draw(client, requests[i], lambda: is_cancelled(i))

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


def _never(_: int) -> bool:
    return False
