"""What the checks of engines share: texts, bounds, and assertions that python -O keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Engine, Request, Result, Score, ScoreRequest

BOUND = 1e-4
"""Largest difference of two logprobs that ought to be equal, in nats."""

PROMPTS = (
    "12+30=",
    "a",
    "Is it so?\n",
    "one two three four five six seven eight nine ten",
    "(x",
    "#!",
)
UNICODE = (
    "naïve café",
    "漢字かな交じり文",
    "🙂🙃👩‍👩‍👧",
    "e\u0301 \u202eright to left",
    "\x00\x07 control",
    "ﬁ ﬂ ß",
)


def drawn(engine: Engine, requests: Sequence[Request]) -> list[Result]:
    """Results in the order of their requests."""
    results = dict(engine.generate(requests))
    return [results[i] for i in range(len(requests))]


def scored(engine: Engine, requests: Sequence[ScoreRequest]) -> list[Score]:
    """Scores in the order of their requests."""
    scores = dict(engine.score(requests))
    return [scores[i] for i in range(len(requests))]


def top_of(result: Result | Score, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and logprobs of the likeliest tokens, which must be there."""
    ids, logprobs = result.top_ids, result.top_logprobs
    if ids is None or logprobs is None:
        msg = f"{k} top logprobs were asked for, and none came"
        raise AssertionError(msg)
    return ids, logprobs


def near(left: np.ndarray | None, right: np.ndarray | None, fact: str) -> None:
    """Hold that numbers agree within `BOUND`, and are missing in the same places."""
    if left is None or right is None:
        hold(left is right, f"{fact}: one has numbers and the other none")
        return
    hold(left.shape == right.shape, f"{fact}: {left.shape} and {right.shape} numbers")
    same = np.isclose(left, right, rtol=0, atol=BOUND, equal_nan=True)
    hold(bool(same.all()), f"{fact}: {left[~same][:3]} and {right[~same][:3]}")


def hold(holds: bool, fact: str) -> None:  # noqa: FBT001
    """An assertion that python -O keeps."""
    if not holds:
        raise AssertionError(fact)
