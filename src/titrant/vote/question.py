"""One question while it is drawn for: what the loop has to remember of its draws, and of what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from titrant.signals.confidence import lowest_confidence, token_confidence
from titrant.signals.ragged import Ragged

if TYPE_CHECKING:
    from titrant.traces.record import Problem
    from titrant.vote.equal import Growing
    from titrant.vote.logs.draws import Draw


class Counted(NamedTuple):
    """What is remembered of a draw; its text and the numbers of its tokens are not."""

    final_answer: str | None
    verdict: str | None
    stop_reason: str
    error: str | None
    n_tokens: int
    low: float
    """Lowest window confidence; NaN where it is not known."""
    bar: float | None
    """Confidence under which it was to be ended; `None`: none."""


def count(draw: Draw, *, window: int, floor: float, has_top: bool) -> Counted:
    """A draw as the loop remembers it.

    Args:
        draw: judged.
        window: tokens of a window of group confidence.
        floor: logprobs count as no less than this, in nats.
        has_top: whether likeliest tokens were asked for, so that confidence is known.
    """
    low = lowest_window(draw, window=window, floor=floor) if has_top else math.nan
    return Counted(
        draw.final_answer, draw.verdict, draw.stop_reason, draw.error, draw.n_tokens, low, draw.bar
    )


def lowest_window(draw: Draw, *, window: int, floor: float) -> float:
    """Lowest group confidence of a draw, its plain mean where it is shorter than a window; else NaN."""
    top = draw.numbers.get("top")
    if top is None or not len(top):
        return math.nan
    rows = token_confidence(top.reshape(draw.n_tokens, -1), floor=floor)
    return float(lowest_confidence(Ragged.of_rows([rows]), window)[0])


@dataclass(slots=True)
class Question:
    """Where drawing for one question stands."""

    problem: Problem
    groups: Growing
    draws: dict[int, Counted] = field(default_factory=dict)
    """By number of the draw; of one that was made twice, the later."""
    verdicts: list[str | None] = field(default_factory=list)
    """Of the first draw of each group."""
    prompt: str = ""
    """Rendered once; empty until the first draw is asked for."""
    tokens: int = 0
    """Of all draws, also of those that were made again."""
    told: int = 0
    """Draws that the rule was told of."""
    asked: int = 0
    """Draws that were asked for."""

    def is_missing(self, sample: int, bar: float) -> bool:
        """Whether the rule cannot be told of a draw yet.

        One that was cancelled tells it nothing, nor does one that was made under another bar: that is so when
        a warm-up had failed then, and has been made since.

        Args:
            sample: number of the draw.
            bar: under which it is to be ended; −∞: none.
        """
        draw = self.draws.get(sample)
        if draw is None or draw.stop_reason == "cancelled":
            return True
        made_under = -math.inf if draw.bar is None else draw.bar
        return not math.isclose(made_under, bar, rel_tol=1e-9)

    def in_order(self) -> list[Counted]:
        """The draws that were made, by number."""
        return [self.draws[k] for k in sorted(self.draws)]
