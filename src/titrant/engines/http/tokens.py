"""Chunks of a stream as tokens: what completions and chat endpoints say, in one form.

The two endpoints write logprobs differently, and servers differ again: k entries or k + 1 (the sampled
token beside the likeliest), a list or a dictionary by text. What comes out has exactly the k likeliest, best
first. A dictionary by text holds one entry for two tokens of the same text (halves of a character, mostly);
where entries are missing for that, the least of those that are there stands for them. vLLM can name tokens by their ids,
and is asked to: then nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Token(NamedTuple):
    """One generated token."""

    data: bytes | None
    """What it writes; may be a part of a character. `None` where the server names its tokens by ids."""
    logprob: float
    top: tuple[float, ...]
    """Of the likeliest, best first; as many as the server gave."""
    token_id: int = -1
    """−1: not told."""
    top_ids: tuple[int, ...] = ()
    """Of the likeliest, where tokens are named by ids."""
    n_given: int = 0
    """Different likeliest tokens that the server named."""


class Chunk(NamedTuple):
    """A piece of a stream."""

    text: str
    thinking: str
    """Text of a reasoning field, which some servers part from the answer."""
    tokens: tuple[Token, ...]
    finish: str | None
    """Why it ended; `None` while it goes on."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def exact_top(entries: Iterable[float], k: int) -> tuple[float, ...]:
    """The k likeliest, best first; the least is repeated where there are fewer.

    Example:
        >>> exact_top([-2.0, -0.1, -9.0], 2)
        (-0.1, -2.0)
        >>> exact_top([-0.1], 2)
        (-0.1, -0.1)
    """
    best = sorted(entries, reverse=True)[:k]
    return tuple(best + best[-1:] * (k - len(best))) if best else ()


ID = "token_id:"
"""Begins a token's name where vLLM names tokens by ids (`return_tokens_as_token_ids`)."""


def named_top(entries: Mapping[str, float], k: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Ids and logprobs of exactly the k likeliest, from a dictionary by `token_id:…`, best first."""
    best = sorted(((-lp, int(name.removeprefix(ID))) for name, lp in entries.items()))[:k]
    return tuple(i for _, i in best), tuple(-lp for lp, _ in best)


def completion_chunk(chunk: Any, k: int) -> Chunk:  # noqa: ANN401 - openai's class, seen by duck
    """A chunk of the completions endpoint."""
    usage = _usage(chunk)
    if not chunk.choices:
        return Chunk("", "", (), None, *usage)
    choice = chunk.choices[0]
    ids = _extra(choice, "token_ids") or ()
    return Chunk(
        choice.text or "",
        "",
        tuple(_completion_tokens(choice.logprobs, ids, k)),
        choice.finish_reason,
        *usage,
    )


def _completion_tokens(logprobs: Any, ids: Sequence[int], k: int) -> Iterable[Token]:  # noqa: ANN401
    if logprobs is None or not logprobs.tokens:
        return
    tops = logprobs.top_logprobs or [None] * len(logprobs.tokens)
    for i, (text, logprob, top) in enumerate(
        zip(logprobs.tokens, logprobs.token_logprobs, tops, strict=True)
    ):
        if text.startswith(ID):
            top_ids, values = named_top(top or {}, k)
            own_id, n_given = int(text.removeprefix(ID)), len(top or {})
            yield Token(None, float(logprob), values, own_id, top_ids, n_given)
            continue
        values = exact_top((top or {}).values(), k) if k else ()
        token_id = ids[i] if len(ids) == len(logprobs.tokens) else -1
        yield Token(text.encode(), float(logprob), values, int(token_id), (), len(top or {}))


def chat_chunk(chunk: Any, k: int) -> Chunk:  # noqa: ANN401 - openai's class, seen by duck
    """A chunk of the chat endpoint."""
    usage = _usage(chunk)
    if not chunk.choices:
        return Chunk("", "", (), None, *usage)
    choice = chunk.choices[0]
    content: list[Any] = [] if choice.logprobs is None else choice.logprobs.content or []
    ids = _extra(choice, "token_ids") or ()
    tokens = tuple(
        Token(
            bytes(one.bytes) if one.bytes is not None else one.token.encode(),
            float(one.logprob),
            exact_top((other.logprob for other in one.top_logprobs or ()), k) if k else (),
            int(ids[i]) if len(ids) == len(content) else -1,
            (),
            len(one.top_logprobs or ()),
        )
        for i, one in enumerate(content)
    )
    delta = choice.delta
    thinking = _extra(delta, "reasoning") or _extra(delta, "reasoning_content") or ""
    return Chunk(delta.content or "", str(thinking), tokens, choice.finish_reason, *usage)


def _usage(chunk: Any) -> tuple[int | None, int | None]:  # noqa: ANN401 - openai's class
    usage = getattr(chunk, "usage", None)
    return (None, None) if usage is None else (usage.prompt_tokens, usage.completion_tokens)


def _extra(record: Any, name: str) -> Any:  # noqa: ANN401 - fields that openai does not know
    found = getattr(record, name, None)
    return found if found is not None else (record.model_extra or {}).get(name)


def ends_of(tokens: Sequence[Token], text: str) -> np.ndarray | None:
    """Characters of the text up to the end of each token, int32; `None` where they do not make it up.

    Tokens behind the text (a stop token that the server leaves out) end with it.
    """
    data = text.encode()
    pieces = [token.data for token in tokens if token.data is not None]
    if len(pieces) < len(tokens) or not b"".join(pieces).startswith(data):
        return None
    starts = np.frombuffer(data, dtype=np.uint8)
    begun = np.concatenate([[0], np.cumsum((starts & 0xC0) != 0x80)])
    sizes = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    return begun[np.minimum(sizes, len(data))].astype(np.int32)
