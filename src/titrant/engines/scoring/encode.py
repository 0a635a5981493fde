"""Score requests as tokens, or the reason why one cannot be served; no request spoils another.

Prefixes become tokens as every prompt does (`engines.prompt`), continuations and branches without
special tokens. The same text is tokenised once, however many requests have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from titrant.engines.requests import utf8_error
from titrant.engines.scoring.ends import Tokens, encode_with_ends
from titrant.engines.scoring.rows import Forcible, Twig, token_range, tokens_before

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from transformers import PreTrainedTokenizerBase

    from titrant.engines.base import ScoreRequest
    from titrant.engines.prompt import PromptEncoder

T = TypeVar("T")


class EncodedScore(NamedTuple):
    """A request as tokens."""

    row: Forcible
    ends: np.ndarray
    """Of the continuation's tokens; see `ends`."""
    twig_ends: tuple[np.ndarray, ...]
    """Of each branch's."""


class ScoreEncoder:
    """Makes rows of requests with one tokenizer."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        prompts: PromptEncoder,
        *,
        context_tokens: int | None,
    ) -> None:
        """Takes what the engine has.

        Args:
            tokenizer: the model's.
            prompts: how prefixes become tokens.
            context_tokens: longest row, branches included; `None` if unknown.
        """
        self._tokenizer, self._prompts = tokenizer, prompts
        self._context_tokens = context_tokens

    def encode(self, requests: Sequence[ScoreRequest]) -> list[EncodedScore | str]:
        """Each request as tokens, or why not."""
        errors = [
            utf8_error(r.prefix, r.continuation, *(branch.text for branch in r.branches))
            for r in requests
        ]
        fine = [r for r, error in zip(requests, errors, strict=True) if error is None]
        prefixes = _of_each({r.prefix for r in fine}, self._prompts.encode_many)
        texts = {text for r in fine for text in (r.continuation, *(b.text for b in r.branches))}
        tokens = _of_each(texts, lambda some: encode_with_ends(self._tokenizer, some))
        return [
            error or self._fitting(_encoded(request, prefixes, tokens))
            for request, error in zip(requests, errors, strict=True)
        ]

    def _fitting(self, encoded: EncodedScore) -> EncodedScore | str:
        n = encoded.row.n_reached
        if self._context_tokens is None or n <= self._context_tokens:
            return encoded
        return f"{n} tokens do not fit the model's context of {self._context_tokens}"


def _of_each(texts: set[str], encode: Callable[[Sequence[str]], list[T]]) -> dict[str, T]:
    ordered = sorted(texts)
    return dict(zip(ordered, encode(ordered), strict=True))


def _encoded(
    request: ScoreRequest, prefixes: dict[str, list[int]], tokens: dict[str, Tokens]
) -> EncodedScore:
    ids, ends = tokens[request.continuation]
    branches = [tokens[branch.text] for branch in request.branches]
    twigs = tuple(
        Twig(tokens_before(ends, branch.at), encoded.ids)
        for branch, encoded in zip(request.branches, branches, strict=True)
    )
    row = Forcible(
        prefixes[request.prefix],
        ids,
        top_logprobs=request.top_logprobs,
        twigs=twigs,
        spans=tuple(token_range(ends, *span) for span in request.spans),
        with_hidden=request.with_hidden,
        with_prefix=request.with_prefix,
        with_distribution=request.with_distribution,
    )
    return EncodedScore(row, ends, tuple(encoded.ends for encoded in branches))
