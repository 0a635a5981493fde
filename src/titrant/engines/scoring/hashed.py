"""Scores made of hashes, for the fake engine: the meaning of every field, without a model.

Tokens are bytes. The distribution after a context is a softmax over hashed logits; a hidden state is a
hash of the context with the token in it. All numbers are exact sums over the whole vocabulary.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.engines.base import BranchScore, Score
from titrant.engines.scoring.ends import byte_ends
from titrant.engines.scoring.rows import token_range

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from titrant.engines.base import ScoreRequest

VOCAB = 257
WIDTH = 8
"""Of hidden states."""
HINT = 8.0
"""Added to the logit of the scripted token; hashed logits lie in [0, 2], so it is always on top."""


class Hashed(NamedTuple):
    """What the fake model makes of tokens after a prompt."""

    logprobs: np.ndarray
    """Of all tokens at each position, float64 [tokens, vocab]."""
    states: np.ndarray
    """After each token, in [0, 1], float32 [tokens, width]."""


def hashed(prompt: str, tokens: Sequence[int], *, scripted: Sequence[int]) -> Hashed:
    """Distributions and states of tokens after a prompt.

    Args:
        prompt: the text before.
        tokens: bytes and the stop token.
        scripted: what the script says after the prompt; likely as long as the tokens follow it.
    """
    state = hashlib.shake_256(prompt.encode())
    logits = np.empty((len(tokens), VOCAB))
    states = np.empty((len(tokens), WIDTH), dtype=np.float32)
    follows = True
    for position, token in enumerate(tokens):
        logits[position] = np.frombuffer(state.copy().digest(VOCAB), np.uint8) / 127.5
        if follows and position < len(scripted):
            logits[position, scripted[position]] += HINT
            follows = token == scripted[position]
        state.update(token.to_bytes(2, "big"))
        states[position] = np.frombuffer(state.copy().digest(WIDTH), np.uint8) / np.float32(255)
    return Hashed(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), states)


def top_of(logprobs: np.ndarray, k: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Ids and logprobs of the k likeliest, int32 and float32 [tokens, k]; `None` for k = 0."""
    if k == 0:
        return None, None
    ids = np.argsort(-logprobs, axis=1, kind="stable")[:, :k]
    return ids.astype(np.int32), np.take_along_axis(logprobs, ids, axis=1).astype(np.float32)


def chosen(logprobs: np.ndarray, tokens: Sequence[int]) -> np.ndarray:
    """Logprob of each token, float32 [tokens]."""
    return logprobs[np.arange(len(tokens)), list(tokens)].astype(np.float32)


def distribution_of(logprobs: np.ndarray) -> dict[str, np.ndarray]:
    """`entropy`, `variance` and `vocab_mean` of each position, float32 [tokens]."""
    p = np.exp(logprobs)
    mean = (p * logprobs).sum(axis=1)
    variance = (p * np.square(logprobs - mean[:, None])).sum(axis=1)
    found = {"entropy": -mean, "variance": variance, "vocab_mean": logprobs.mean(axis=1)}
    return {name: values.astype(np.float32) for name, values in found.items()}


def score_of(request: ScoreRequest, after: Callable[[str, Sequence[int]], Hashed]) -> Score:
    """The score of a request.

    Args:
        request: valid text that fits the context.
        after: what the model makes of tokens after a prompt.
    """
    tokens, ends = tuple(request.continuation.encode()), byte_ends(request.continuation)
    found = after(request.prefix, tokens)
    top_ids, top_logprobs = top_of(found.logprobs, request.top_logprobs)
    per_token = [chosen(found.logprobs, tokens), *distribution_of(found.logprobs).values()]
    if not request.prefix:  # as a model without BOS: nothing comes before the first token
        for values in (*per_token, *([] if top_logprobs is None else [top_logprobs])):
            values[:1] = np.nan
        if top_ids is not None:
            top_ids[:1] = -1
    logprobs, entropy, variance, vocab_mean = per_token
    wanted = request.with_distribution
    return Score(
        tokens,
        logprobs,
        entropy if wanted else None,
        top_ids,
        top_logprobs,
        token_ends=ends,
        variance=variance if wanted else None,
        vocab_mean=vocab_mean if wanted else None,
        n_prefix_tokens=len(request.prefix.encode()),
        prefix_logprobs=_forced("", request.prefix, after) if request.with_prefix else None,
        branches=tuple(
            BranchScore(
                _forced(request.prefix + request.continuation[: branch.at], branch.text, after),
                byte_ends(branch.text),
            )
            for branch in request.branches
        ),
        hidden=_means(found.states, ends, request.spans) if request.with_hidden else None,
    )


def _forced(prompt: str, text: str, after: Callable[[str, Sequence[int]], Hashed]) -> np.ndarray:
    tokens = tuple(text.encode())
    logprobs = chosen(after(prompt, tokens).logprobs, tokens)
    if not prompt:
        logprobs[:1] = np.nan
    return logprobs


def _means(states: np.ndarray, ends: np.ndarray, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Mean states of all tokens and of those that end in each span; NaN where there is none."""
    pieces = [(0, len(states)), *(token_range(ends, *span) for span in spans)]
    means = np.full((len(pieces), WIDTH), np.nan, dtype=np.float32)
    for mean, (first, last) in zip(means, pieces, strict=True):
        if first < last:
            mean[:] = states[first:last].mean(axis=0)
    return means
