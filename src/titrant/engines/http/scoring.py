"""Logprobs of given text from a server that gives those of a prompt (vLLM: `prompt_logprobs`).

The server's own tokenizer makes the tokens (`/tokenize`), prefix and continuation apart, so that the border
between them is one of tokens, as in generation; then both go in as one prompt of ids, and one token is drawn
that nobody wants. A branch is a prompt of its own. Of entropy and hidden states a server says nothing.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from titrant.engines.base import Score
from titrant.engines.drawing.ends import BYTE_OF
from titrant.engines.http.client import is_of_the_request, said_by
from titrant.engines.requests import utf8_error
from titrant.engines.scoring.ends import byte_ends
from titrant.engines.scoring.ranked import ForcedText, Ranked, score_of
from titrant.engines.scoring.rows import tokens_before
from titrant.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai import AsyncOpenAI

    from titrant.engines.base import ScoreRequest

Entries = list[dict[int, Ranked] | None]
"""By position; `None` for the first."""


class _Text(NamedTuple):
    """A text as the server's tokens."""

    ids: list[int]
    ends: np.ndarray
    """Characters up to the end of each token, int32 [tokens]."""


def failed(error: str) -> Score:
    """The score of a request that cannot be served."""
    return Score((), np.zeros(0, dtype=np.float32), None, error=error)


async def score_one(
    client: AsyncOpenAI, model: str, request: ScoreRequest, *, context: int | None
) -> Score:
    """The score of one request; what the server refuses is a score with `error`."""
    problem = utf8_error(request.prefix, request.continuation, *(b.text for b in request.branches))
    if problem:
        return failed(problem)
    try:
        return await _score(client, model, request, context)
    except Exception as error:
        if is_of_the_request(error):
            return failed(said_by(error))
        raise


async def _score(
    client: AsyncOpenAI, model: str, request: ScoreRequest, context: int | None
) -> Score:
    prefix = await _tokens(client, model, request.prefix, is_start=True)
    text = await _tokens(client, model, request.continuation)
    branches = [await _tokens(client, model, branch.text) for branch in request.branches]
    before = [tokens_before(text.ends, branch.at) for branch in request.branches]
    prompts = [[*prefix.ids, *text.ids]]
    prompts += [
        [*prefix.ids, *text.ids[:n], *branch.ids]
        for n, branch in zip(before, branches, strict=True)
    ]
    longest = max(map(len, prompts))
    if context is not None and longest >= context:  # vLLM draws a token behind each
        return failed(f"{longest} tokens do not fit the model's context of {context}")
    k = request.top_logprobs
    main, *others = [await _entries(client, model, ids, k) for ids in prompts]
    start = len(prefix.ids)
    return score_of(
        ForcedText(prefix.ids, text.ids, text.ends, main),
        [
            ForcedText((), branch.ids, branch.ends, entries[start + n :])
            for n, branch, entries in zip(before, branches, others, strict=True)
        ],
        k=k,
        with_prefix=request.with_prefix,
    )


async def _tokens(client: AsyncOpenAI, model: str, text: str, *, is_start: bool = False) -> _Text:
    """A text as tokens; the special ones of a start only where it is one."""
    if not text and not is_start:
        return _Text([], np.zeros(0, dtype=np.int32))
    found = await _root(client).post(
        "/tokenize",
        cast_to=object,
        body={
            "model": model,
            "prompt": text,
            "add_special_tokens": is_start,
            "return_token_strs": True,
        },
    )
    assert isinstance(found, dict)  # vLLM's own answer
    ids = [int(i) for i in found["tokens"]]
    return _Text(ids, np.zeros(0, np.int32) if is_start else _ends(found["token_strs"], text))


def _ends(names: Sequence[str], text: str) -> np.ndarray:
    """Where tokens end, by what their names write; checked against the text, or what NFC makes of it.

    Raises:
        ConfigError: the names do not make up the text, so that no step could be found.
    """
    composed, places = _composed(text)
    for form, ends in ((text, byte_ends(text)), (composed, places)):
        for way in (_byte_level, _plain):
            pieces = [way(name) for name in names]
            if b"".join(pieces) == form.encode():
                sizes = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
                return ends[sizes - 1].astype(np.int32)
    raise ConfigError(
        "the server's tokens cannot be found in the text",
        expected="a byte-level vocabulary, or tokens that are written as they stand",
        came=repr(list(names[:5])),
        do="score with decode.engine: transformers or vllm",
    )


def _composed(text: str) -> tuple[str, np.ndarray]:
    """The text in NFC, as some tokenizers make it, and where in the text each of its bytes comes from.

    The second has the characters of the text up to the end of what a byte stands for, int64 [bytes].
    """
    pieces: list[str] = []
    for character in text:
        if pieces and unicodedata.combining(character):
            pieces[-1] += character
        else:
            pieces.append(character)
    composed = [unicodedata.normalize("NFC", piece) for piece in pieces]
    until = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    n_bytes = [len(piece.encode()) for piece in composed]
    return "".join(composed), np.repeat(until, n_bytes)


def _byte_level(name: str) -> bytes:
    known = [BYTE_OF.get(char) for char in name]
    return b"" if None in known else bytes(byte for byte in known if byte is not None)


def _plain(name: str) -> bytes:
    return name.replace("\u2581", " ").encode()


def _root(client: AsyncOpenAI) -> AsyncOpenAI:
    return client.with_options(base_url=str(client.base_url).rstrip("/").removesuffix("/v1"))


async def _entries(client: AsyncOpenAI, model: str, ids: Sequence[int], k: int) -> Entries:
    if not ids:
        return []
    found = await client.completions.create(
        model=model,
        prompt=list(ids),
        max_tokens=1,
        temperature=0.0,
        extra_body={"prompt_logprobs": k},
    )
    said: list[Any] = (found.choices[0].model_extra or {})["prompt_logprobs"]
    return [
        None if at is None else {int(t): Ranked(e["logprob"], e["rank"]) for t, e in at.items()}
        for at in said
    ]
