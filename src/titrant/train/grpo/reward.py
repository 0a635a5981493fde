"""Rewards by name: what training maximises. One number per attempt, or `None`: skip it, which is not 0.

| reward | 1 for | 0 for | skipped |
|---|---|---|---|
| `correct` | a correct answer | wrong, truncated, unreadable | no gold answer |
| `format` | a readable answer behind thinking that was opened and closed | all else | – |
| `random` | a coin that falls 1 with chance γ, whatever the text | | – |
| `inverted` | all that `correct` gives 0 | a correct answer | no gold answer |
| `majority` | the majority's answer | all else | no label |
| `majority-wrong` | the majority's answer where that is wrong | all else | label right, unknown or none |

An attempt that is skipped has no part in its group's mean and moves nothing.

The coin is `derive(root, "coin", qid, ordinal, update)`: a hash of labels, so that a training that was
interrupted tosses the same coins, and two equal texts may get different ones.

Source: Spurious Rewards (Shao et al., arXiv:2506.10947); `random` and `majority-wrong` as in Reasoning or
Memorization (arXiv:2507.10532). Difference: their format reward asks for a box; ours for any final answer
that a reading finds, and for thinking, since that is the form of a trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from titrant.seeds import derive_rng
from titrant.traces.record import Verdict
from titrant.traces.thinking import MARKS, split_thinking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from titrant.train.grpo.judge import Attempt
    from titrant.train.grpo.labels import Label

Rewards = list[float | None]


class Coin(NamedTuple):
    """Where the chance of a rollout's coins comes from."""

    root: int
    gamma: float
    """Chance of a 1."""
    update: int
    """Updates made before the rollout."""


def correct(attempts: Sequence[Attempt], coin: Coin) -> Rewards:
    """1 for a correct answer."""
    return [
        None if attempt.verdict is None else float(attempt.verdict == Verdict.CORRECT)
        for attempt in attempts
    ]


def inverted(attempts: Sequence[Attempt], coin: Coin) -> Rewards:
    """1 − `correct`: truncated and unreadable attempts get 1."""
    return [None if value is None else 1.0 - value for value in correct(attempts, coin)]


def form(attempts: Sequence[Attempt], coin: Coin) -> Rewards:
    """1 for a final answer behind thinking that was opened and closed; right or wrong is not asked."""
    return [float(attempt.has_answer and closes_thinking(attempt.text)) for attempt in attempts]


def random(attempts: Sequence[Attempt], coin: Coin) -> Rewards:
    """A coin for each attempt, independent of what it says."""
    return [
        float(
            derive_rng(coin.root, "coin", attempt.qid, attempt.ordinal, coin.update).random()
            < coin.gamma
        )
        for attempt in attempts
    ]


def majority(attempts: Sequence[Attempt], coin: Coin) -> Rewards:
    """1 for the majority's answer."""
    return [None if attempt.agrees is None else float(attempt.agrees) for attempt in attempts]


def majority_wrong(attempts: Sequence[Attempt], coin: Coin) -> Rewards:
    """1 for the majority's answer, on questions where it is wrong; others are skipped."""
    return [float(bool(attempt.agrees)) if attempt.label_is_wrong else None for attempt in attempts]


def closes_thinking(text: str) -> bool:
    """Whether a text opens thinking, says something in it, and closes it."""
    parted = split_thinking(text)
    if parted.thinking is None or parted.unfinished:
        return False
    marks = next((marks for marks in MARKS if marks.closer in text), None)
    return marks is None or marks.opener in text  # no marks: channels, which name themselves


REWARDS: dict[str, Callable[[Sequence[Attempt], Coin], Rewards]] = {
    "correct": correct,
    "format": form,
    "random": random,
    "inverted": inverted,
    "majority": majority,
    "majority-wrong": majority_wrong,
}
NEED_LABELS = frozenset({"majority", "majority-wrong"})
"""Rewards that look at majority labels."""
NEED_GOLD = frozenset({"correct", "inverted", "majority-wrong"})
"""Rewards that look at gold answers; the others can be earned where none is known."""


def questions_for(reward: str, labels: Mapping[str, Label]) -> set[str] | None:
    """The qids that a reward can say something about; `None`: all (see `NEED_GOLD`).

    Example:
        >>> from titrant.train.grpo.labels import Label
        >>> labels = {"a": Label("7", True, 5, 8), "b": Label("9", False, 4, 8)}
        >>> questions_for("majority-wrong", labels)
        {'b'}
    """
    if reward not in NEED_LABELS:
        return None
    is_wrong_only = reward == "majority-wrong"
    return {qid for qid, label in labels.items() if not is_wrong_only or label.is_right is False}
