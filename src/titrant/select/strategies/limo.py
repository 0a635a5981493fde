"""The recipe of LIMO v2 (Ye et al., COLM 2025, arXiv 2502.03387): hard questions, then a rule score.

1. Out goes what the base finds easy: a pass rate in the easiest band.
2. Each solution is scored by rules: elaboration 30 % (length), self-verification 20 % ("check",
   "verify"), exploration 25 % ("perhaps", "might"), connectives 25 % ("therefore", "since"); words are
   counted per word of the trace.
3. The best solution of every question stands before the second best of any.

Where we depart: LIMO first drops what a 7B maths model solves once in four tries and then keeps what
a stronger one solves one to three times in 32; a base is asked here, and its middle stays in. The
paper names the four kinds of words, not the whole lists: `KINDS` are ours, English, and found in
thinking and answer alike. It does not say how the four numbers are made comparable: here each is its
percentile in the pool, ties sharing one, so that no outlier and no unit decides. LIMO's solutions were
checked to be right; wrong ones stay here unless `pool.keep` is `correct`. Left out: the n-gram check
against benchmarks (that is cleaning).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from titrant.select.strategies.order import by_value, percentiles, ruled_out
from titrant.select.strategies.questions import in_blocks
from titrant.select.strategies.signal import BAND, DIFFICULTY

if TYPE_CHECKING:
    from titrant.select.candidates import Candidates
    from titrant.select.strategies.base import Placed

LENGTH_WEIGHT = 0.30
"""Of elaboration."""


class Kind(NamedTuple):
    """Words that show one way of thinking."""

    weight: float
    """In the rule score."""
    words: frozenset[str]
    """Lower case."""


def _kind(weight: float, words: str) -> Kind:
    return Kind(weight, frozenset(words.split()))


KINDS: dict[str, Kind] = {
    "self-verification": _kind(
        0.20,
        "check checks checked checking verify verifies verified verifying confirm confirms "
        "confirmed validate recheck",
    ),
    "exploration": _kind(
        0.25, "perhaps might maybe possibly could alternatively suppose wonder wait"
    ),
    "connectives": _kind(
        0.25, "therefore since thus hence because so consequently then first next finally"
    ),
}
"""The three kinds that are counted."""

_WORD = re.compile(r"[a-z]+")


class RuleScores(NamedTuple):
    """What the rules say of each trace."""

    total: np.ndarray
    """float64 [candidates], in (0, 1)."""
    parts: dict[str, np.ndarray]
    """Percentile by kind."""


def place_limo(candidates: Candidates, _: np.random.Generator) -> list[Placed]:
    """Easy questions out, then the best solution of each question by the rule score."""
    rates, bands = candidates.signal(DIFFICULTY), candidates.signal(BAND)
    scores = rule_scores(candidates)
    easiest = len(candidates.bands)

    def say(i: int) -> str:
        shown = ", ".join(f"{kind} {part[i]:.2f}" for kind, part in scores.parts.items())
        return f"rule score {scores.total[i]:.3f} ({shown})"

    def why_not(i: int) -> str | None:
        if bands[i] < easiest:
            return None
        return f"out for difficulty: the easiest band, solved at {rates[i]:.3g}"

    known = np.where(np.isnan(rates), np.nan, scores.total)
    placed = ruled_out(by_value(known, say, first="high"), why_not)
    return in_blocks(placed, candidates.question, 1)


def rule_scores(candidates: Candidates) -> RuleScores:
    """The rule score of all candidates."""
    texts = [f"{trace.thinking or ''}\n{trace.answer_text}" for trace in candidates.traces]
    shares = np.array([word_shares(text) for text in texts]).reshape(-1, len(KINDS))
    parts = {"elaboration": percentiles(candidates.lengths.values)}
    total = LENGTH_WEIGHT * parts["elaboration"]
    for column, (name, kind) in enumerate(KINDS.items()):
        parts[name] = percentiles(shares[:, column])
        total = total + kind.weight * parts[name]
    return RuleScores(total, parts)


def word_shares(text: str) -> list[float]:
    """Words of each kind per word of the text, in the order of `KINDS`; 0 for a text without words."""
    words = _WORD.findall(text.lower())
    return [
        sum(word in kind.words for word in words) / max(len(words), 1) for kind in KINDS.values()
    ]
