"""What a server can and cannot do, found out before any work: a handful of requests of a few tokens.

Servers accept parameters and pass over them: many take `logprobs` and return none, some take a seed and
draw anew. So nothing is believed that was not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from titrant.engines.http.client import is_of_the_request, status_of
from titrant.engines.http.served import TOPS, Served
from titrant.engines.http.tokens import ID, chat_chunk, completion_chunk
from titrant.errors import ConfigError
from titrant.registry import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai import AsyncOpenAI

    from titrant.engines.http.served import Endpoint
    from titrant.engines.http.tokens import Chunk
    from titrant.settings import ServerSettings

PROMPT = "1 + 1 ="
SEEDS, SEED_TOKENS, HOT = (11, 12, 13), 12, 1.8
"""Of the draws that tell whether seeds are honoured: hot, so that they differ though a model is sure."""
ABSENT = (404, 405, 501)
SAID_CHARS = 160
"""Of what a server said, in a message."""
BY_ID = {"return_tokens_as_token_ids": True}
"""vLLM's own parameter."""


async def probe(client: AsyncOpenAI, model: str, settings: ServerSettings) -> Served:
    """Find out what a server can do.

    Args:
        client: of the server.
        model: the name asked for; `auto` where the server has one model only.
        settings: which endpoint is to be asked.

    Raises:
        ConfigError: it has no such model, or no such endpoint.
    """
    listed = await _models(client)
    name = _named(model, listed)
    endpoint = await _endpoint(client, name, settings)
    top, has_logprobs = await _top(client, name, endpoint)
    return Served(
        model=name,
        endpoint=endpoint,
        most_top=top,
        has_logprobs=has_logprobs,
        honours_seed=await _honours_seed(client, name, endpoint),
        scores=endpoint == "completions" and await _scores(client, name),
        names_ids=endpoint == "completions" and top > 0 and await _names_ids(client, name),
        context=_context(listed.get(name)),
        version=await _version(client),
    )


async def _models(client: AsyncOpenAI) -> dict[str, Any]:
    try:
        return {item.id: item async for item in client.models.list()}
    except Exception as error:
        if status_of(error) in ABSENT:  # a server without a list of its models
            return {}
        raise


def _named(model: str, listed: dict[str, Any]) -> str:
    if not listed or model in listed:
        return model
    if model == "auto" and len(listed) == 1:
        return next(iter(listed))
    raise ConfigError(
        f"the server has no model '{model}'",
        expected=", ".join(sorted(listed)),
        came=model,
        do=f"set base.path (--base): {nearest(model, listed)}",
    )


def _context(item: Any) -> int | None:  # noqa: ANN401 - openai's class
    found = None if item is None else (item.model_extra or {}).get("max_model_len")
    return found if isinstance(found, int) else None


async def _endpoint(client: AsyncOpenAI, model: str, settings: ServerSettings) -> Endpoint:
    wanted: tuple[Endpoint, ...] = ("completions", "chat")
    if settings.endpoint != "auto":
        wanted = (settings.endpoint,)
    said: list[str] = []
    for endpoint in wanted:
        try:
            await ask_once(client, model, endpoint, n=1)
        except Exception as error:
            if status_of(error) in ABSENT or is_of_the_request(error):
                said.append(f"{endpoint}: {_in_brief(error)}")
                continue
            raise
        return endpoint
    is_bare = not client.base_url.path.rstrip("/").endswith("/v1")
    raise ConfigError(
        f"the server answers on none of its endpoints for {model}",
        expected=" or ".join(f"/{name}" for name in wanted),
        came="; ".join(said),
        do="end server.url with /v1, as most servers have it"
        if is_bare
        else "check server.url and server.endpoint",
    )


def _in_brief(error: Exception) -> str:
    """What a server said, on one line."""
    return " ".join(str(error).split())[:SAID_CHARS]


async def _top(client: AsyncOpenAI, model: str, endpoint: Endpoint) -> tuple[int, bool]:
    """The largest number of likeliest tokens that really come, and whether logprobs come at all."""
    has_logprobs = False
    for k in TOPS:
        try:
            chunk = await ask_once(client, model, endpoint, n=3, top=k)
        except Exception as error:
            if is_of_the_request(error):
                continue
            raise
        has_logprobs = has_logprobs or bool(chunk.tokens)
        given = max((token.n_given for token in chunk.tokens), default=0)
        if given:
            return min(k, given), True  # some servers give fewer than they were asked for
        if not chunk.tokens:  # taken and passed over: fewer would be passed over too
            return 0, has_logprobs
    return 0, has_logprobs


async def _honours_seed(client: AsyncOpenAI, model: str, endpoint: Endpoint) -> bool:
    """Whether the same seeds give the same draws, and other seeds others."""
    texts: list[list[str]] = []
    for _ in range(2):
        drawn = [await ask_once(client, model, endpoint, n=SEED_TOKENS, seed=s) for s in SEEDS]
        texts.append([chunk.text + chunk.thinking for chunk in drawn])
    return texts[0] == texts[1] and len(set(texts[0])) > 1


async def _scores(client: AsyncOpenAI, model: str) -> bool:
    try:
        found = await client.completions.create(
            model=model, prompt=PROMPT, max_tokens=1, extra_body={"prompt_logprobs": 1}
        )
    except Exception as error:
        if is_of_the_request(error):
            return False
        raise
    return bool((found.choices[0].model_extra or {}).get("prompt_logprobs"))


async def _names_ids(client: AsyncOpenAI, model: str) -> bool:
    try:
        found = await client.completions.create(
            model=model, prompt=PROMPT, max_tokens=1, logprobs=1, extra_body=BY_ID
        )
    except Exception as error:
        if is_of_the_request(error):
            return False
        raise
    logprobs = found.choices[0].logprobs
    return bool(logprobs and logprobs.tokens and logprobs.tokens[0].startswith(ID))


async def _version(client: AsyncOpenAI) -> str:
    """Where the server tells it, as vLLM does; empty otherwise."""
    root = str(client.base_url).rstrip("/").removesuffix("/v1")
    try:
        found = await client.with_options(base_url=root).get("/version", cast_to=object)
    except Exception as error:
        if status_of(error) is None:
            raise
        return ""
    return str(found.get("version", "")) if isinstance(found, dict) else ""


async def count_tokens(client: AsyncOpenAI, model: str, asked: Mapping[str, Any]) -> int | None:
    """Tokens of a `prompt` or of `messages`, where the server counts them (vLLM does); else `None`."""
    root = str(client.base_url).rstrip("/").removesuffix("/v1")
    try:
        found = await client.with_options(base_url=root).post(
            "/tokenize", cast_to=object, body={"model": model, **asked}
        )
    except Exception as error:
        if status_of(error) is None:
            raise
        return None
    count = found.get("count") if isinstance(found, dict) else None
    return count if isinstance(count, int) else None


async def ask_once(
    client: AsyncOpenAI,
    model: str,
    endpoint: Endpoint,
    *,
    n: int,
    top: int = 0,
    seed: int | None = None,
) -> Chunk:
    """A short answer, whole; greedy without a seed."""
    temperature = 0.0 if seed is None else HOT
    if endpoint == "completions":
        found = await client.completions.create(
            model=model,
            prompt=PROMPT,
            max_tokens=n,
            temperature=temperature,
            seed=seed,
            extra_body={"logprobs": top} if top else None,
        )
        return completion_chunk(found, top)
    answer = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": PROMPT}],
        max_tokens=n,
        temperature=temperature,
        seed=seed,
        extra_body={"logprobs": True, "top_logprobs": top} if top else None,
    )
    for choice in answer.choices:  # a whole answer has a message where a chunk has a delta
        object.__setattr__(choice, "delta", choice.message)
    return chat_chunk(answer, top)
