"""The client of a server: made in one place, tried again in one way, and its errors sorted.

An error is one of three kinds. *Passing*: no connection, a timeout, 429, 5xx; the request is tried again
with growing pauses (tenacity), from its start and with the same seed. *Of the request*: 400, 413, 422; it
becomes a result with `error`, and the others go on. *Of the caller*: no such server, no such model, a wrong
key; nothing would come of going on, so it is an EngineError at once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from titrant.errors import ConfigError, EngineError, MissingPackageError

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from tenacity import AsyncRetrying

    from titrant.settings import ServerSettings

LONGEST_PAUSE = 30.0
"""Seconds between two tries at most."""
OF_THE_REQUEST = (400, 413, 422)
PASSING = (408, 409, 425, 429)
"""Beside 5xx."""
NO_KEY = "none"
"""Sent where no key is set: servers without keys want some text."""


class BrokenStreamError(Exception):
    """A stream ended before it said why."""


def url_of(settings: ServerSettings) -> str:
    """The base address of the server.

    Raises:
        ConfigError: none is given, or it is none.
    """
    url = settings.url or os.environ.get("OPENAI_BASE_URL")
    if not url:
        raise ConfigError(
            "the engine openai needs the address of a server",
            expected="server.url, --url or the environment's OPENAI_BASE_URL",
            came="none of them",
            do="give it, as --url http://localhost:8000/v1",
        )
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(
            f"'{url}' is no address of a server",
            expected="http:// or https://, a host, and mostly a path that ends in /v1",
            came=url,
            do="give it whole, as --url http://localhost:8000/v1",
        )
    return url.rstrip("/")


def make_client(settings: ServerSettings) -> AsyncOpenAI:
    """A client that tries nothing again by itself.

    Raises:
        ConfigError: no address is given.
        MissingPackageError: the package is not installed.
    """
    try:
        import tenacity  # noqa: F401 - `retrying` needs it
        from openai import AsyncOpenAI
    except ImportError as error:
        raise MissingPackageError(
            "the engine openai needs the packages openai and tenacity",
            came=str(error),
            do="pip install 'titrant[openai]'",
        ) from error
    return AsyncOpenAI(
        base_url=url_of(settings),
        api_key=os.environ.get(settings.key_env) or NO_KEY,
        max_retries=0,
        timeout=settings.timeout_s,
    )


def retrying(settings: ServerSettings) -> AsyncRetrying:
    """Tries again what is passing."""
    from tenacity import (
        AsyncRetrying,
        retry_if_exception,
        stop_after_attempt,
        wait_random_exponential,
    )

    return AsyncRetrying(
        stop=stop_after_attempt(settings.retries + 1),
        wait=wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE),
        retry=retry_if_exception(is_passing),
        reraise=True,
    )


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error, or that which a stream named; `None` without one."""
    for found in (getattr(error, "status_code", None), getattr(error, "code", None)):
        if isinstance(found, int) or (isinstance(found, str) and found.isdecimal()):
            return int(found)
    return None


def is_passing(error: BaseException) -> bool:
    """Whether the same request may well succeed a little later."""
    import openai

    status = status_of(error)
    if status is not None:
        return status in PASSING or status >= 500
    passing = (openai.APIConnectionError, BrokenStreamError)
    is_in_stream = type(error) is openai.APIError  # an error event without a status
    return isinstance(error, passing) or is_in_stream or _is_of_transport(error)


def _is_of_transport(error: BaseException) -> bool:
    """Whether a stream broke off; the client's own library is httpx or httpx2, by its version."""
    return any(
        kind.__name__ == "TransportError" and kind.__module__.startswith("httpx")
        for kind in type(error).__mro__
    )


def is_of_the_server(error: BaseException) -> bool:
    """Whether the server or the way to it is to blame, and not a bug of ours."""
    import openai

    ours = (openai.APIError, BrokenStreamError)
    return isinstance(error, ours) or _is_of_transport(error)


def is_answered(error: BaseException) -> bool:
    """Whether a passing failure is one that the server itself told, or took too long over: it is there."""
    import openai

    told = type(error) is openai.APIError or isinstance(error, openai.APITimeoutError)
    return is_passing(error) and (told or status_of(error) is not None)


def is_of_the_request(error: BaseException) -> bool:
    """Whether only this request cannot be served."""
    return status_of(error) in OF_THE_REQUEST


def said_by(error: BaseException) -> str:
    """What the server said, in one line."""
    body: Any = getattr(error, "body", None)
    text = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(text or error).split())[:300]


def as_engine_error(error: BaseException, settings: ServerSettings) -> EngineError:
    """The message for a server that cannot be worked with."""
    status = status_of(error)
    remedy = {
        401: f"set the key in the environment's {settings.key_env}",
        403: f"set a key that may do this in the environment's {settings.key_env}",
        404: "check the address (it ends in /v1 for most servers) and the model's name",
    }.get(
        status or 0,
        "see whether it runs, and run the same command again: what was answered is kept",
    )
    raised = EngineError(
        f"the server at {url_of(settings)} does not answer"
        if status is None
        else f"the server at {url_of(settings)} answers {status}",
        came=said_by(error) or type(error).__name__,
        do=remedy,
    )
    raised.retryable = is_passing(error)
    return raised
