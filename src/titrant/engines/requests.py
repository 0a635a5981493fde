"""What every engine refuses before it does any work, and how requests are packed into batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.errors import check_setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Request, ScoreRequest


def check_requests(requests: Sequence[Request], *, vocab: int) -> None:
    """Refuse settings that no draw can have.

    Args:
        requests: what is asked.
        vocab: tokens that the model knows; no more top logprobs than that can be given.

    Raises:
        ConfigError: a setting lies outside its range.
    """
    for request in requests:
        _within("max_new_tokens", request.max_new_tokens, "at least 1", request.max_new_tokens >= 1)
        _within("temperature", request.temperature, "at least 0", request.temperature >= 0)
        _within("top_p", request.top_p, "in (0, 1]", 0 < request.top_p <= 1)
        _within("stop", request.stop, "texts that are not empty", "" not in request.stop)
        _check_top(request.top_logprobs, vocab)
        if request.guard is not None:
            _within("guard.window", request.guard.window, "at least 1", request.guard.window >= 1)
            _within("top_logprobs", request.top_logprobs, "for its guard", request.top_logprobs > 0)


def check_scores(requests: Sequence[ScoreRequest], *, vocab: int) -> None:
    """Refuse settings that no score can have.

    Raises:
        ConfigError: more top logprobs are asked for than there are tokens, or a branch or a span lies
            outside its continuation.
    """
    for request in requests:
        _check_top(request.top_logprobs, vocab)
        n = len(request.continuation)
        where = f"within the {n} characters of the continuation"
        for branch in request.branches:
            _within("branches", branch, f"that begin {where}", 0 <= branch.at <= n)
        for start, end in request.spans:
            fits = 0 <= start <= end <= n
            _within("spans", (start, end), f"from, to, {where}", fits)


def pack(lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Indices in batches of similar length, the longest first.

    Each batch costs rows × longest ≤ `budget`; a row that is over the budget alone is a batch alone.
    Equal lengths keep their order, so the same lengths are always packed the same way.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        fits = batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= budget
        if fits:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def halves(batch: list[int]) -> list[list[int]]:
    """A batch cut in two; what is empty is left out."""
    middle = (len(batch) + 1) // 2
    return [half for half in (batch[:middle], batch[middle:]) if half]


def utf8_error(*texts: str) -> str | None:
    """Why a text cannot be tokenised (a half surrogate pair, say), or None where it can."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        return f"the text is not valid Unicode: {error}"
    return None


def _check_top(top_logprobs: int, vocab: int) -> None:
    _within(
        "top_logprobs",
        top_logprobs,
        f"from 0 to {vocab}, the vocabulary",
        0 <= top_logprobs <= vocab,
    )


def _within(name: str, value: object, expected: str, is_fine: bool) -> None:  # noqa: FBT001
    check_setting("a request", name, value, expected, is_fine=is_fine)
