"""The table of strategies: name → how it places, what it needs, whether it draws, and a line about it.

A signal that an outsider registers (entry point group `titrant.signals`) is a strategy too, under its own
name, and needs no row here.
"""

from __future__ import annotations

from titrant.select.strategies import cover, history, limo, mixed, plain, s1, signal
from titrant.select.strategies.base import Strategy

HIDDEN, HISTORY = "hidden", "history"
"""What a strategy may need that is no signal."""

OF_SIGNALS = {
    "confidence": "high mean token confidence first",
    "confidence-bottom10": "high mean of the least confident tenth of windows first",
    "confidence-lowest": "high confidence of the least confident window first",
    "confidence-tail": "high confidence of the last tokens first",
    "confidence-step": "high confidence of the least confident step first",
    "entropy": "by the mean entropy of the next token",
    "self-certainty": "by self-certainty, the divergence from a uniform guess",
    "logprob-lowest": "high logprob of the least likely window first",
    "logprob-bottom10": "high mean of the least likely tenth of windows first",
    "logprob-tail": "high logprob of the last tokens first",
    "logprob-step": "high logprob of the least likely step first",
    "min-k": "by Min-K%: mean logprob of the least likely tokens",
    "min-k++": "by Min-K%++: Min-K% standardised token by token",
    "length": "by length in tokens, as the signal prefers",
    "gain": "high information gain first: bits about the gold answer",
    "gain-per-step": "high information gain per step first",
    "gain-per-token": "high information gain per token first",
    "gain-share": "high share of steps that make the gold answer likelier first",
    "gain-paper": "information gain as its paper defines it",
    "gain-code": "information gain as its code computes it",
}
"""Signals whose own name is a strategy that ranks in the direction which the signal prefers."""


def _of_signal(name: str, about: str) -> Strategy:
    return Strategy(signal.by_signal(name), about, frozenset({name}))


def of_outside_signal(name: str) -> Strategy:
    """The strategy of a signal that an outsider has registered."""
    return _of_signal(name, f"by the signal {name}, in the direction that it prefers")


_DIFFICULTY = frozenset({signal.DIFFICULTY})
_PERPLEXITY = frozenset({"perplexity"})
_HIDDEN = frozenset({HIDDEN})
_HISTORY = frozenset({HISTORY})

STRATEGIES: dict[str, Strategy] = {
    "random": Strategy(plain.place_random, "drawn at random: the yardstick", draws=True),
    "shortest": Strategy(plain.place_shortest, "short traces first"),
    "longest": Strategy(plain.place_longest, "long traces first"),
    "difficulty": Strategy(
        signal.place_middle_difficulty, "questions of middling pass rate first", _DIFFICULTY
    ),
    "easiest": Strategy(
        signal.by_difficulty("high"), "questions that the base solves first", _DIFFICULTY
    ),
    "hardest": Strategy(
        signal.by_difficulty("low"), "questions that the base does not solve first", _DIFFICULTY
    ),
    **{name: _of_signal(name, about) for name, about in OF_SIGNALS.items()},
    "confidence-low": Strategy(
        signal.by_signal("confidence", first="low"),
        "low confidence first: the control of direction",
        frozenset({"confidence"}),
    ),
    "perplexity": Strategy(
        signal.place_middle_perplexity, "middling perplexity first", _PERPLEXITY
    ),
    "perplexity-mid": Strategy(
        signal.place_middle_perplexity, "the same as perplexity", _PERPLEXITY
    ),
    "perplexity-low": Strategy(
        signal.by_signal("perplexity", first="low"), "low perplexity first", _PERPLEXITY
    ),
    "perplexity-high": Strategy(
        signal.by_signal("perplexity", first="high"), "high perplexity first", _PERPLEXITY
    ),
    "ifd": Strategy(
        signal.by_ifd("ifd"), "high ratio of perplexities first, over 1 last", frozenset({"ifd"})
    ),
    "ifd-loss": Strategy(
        signal.by_ifd("ifd-loss"),
        "high ratio of losses first (Cherry), over 1 last",
        frozenset({"ifd-loss"}),
    ),
    "coverage": Strategy(
        cover.place_coverage, "facility location over mean hidden states", _HIDDEN
    ),
    "center": Strategy(cover.place_center, "k-center over mean hidden states", _HIDDEN),
    "s1": Strategy(
        s1.place_s1, "s1K: sound, unsolved, domains at random, long likely", _DIFFICULTY, draws=True
    ),
    "limo": Strategy(
        limo.place_limo, "LIMO v2: not easy, best rule score per question", _DIFFICULTY
    ),
    "deita": Strategy(
        mixed.place_deita,
        "DEITA: difficulty × confidence, then novelty",
        frozenset({signal.DIFFICULTY, "confidence", HIDDEN}),
    ),
    "superfiltering-d": Strategy(
        mixed.place_superfiltering_d,
        "Superfiltering.D: best fifth by IFD, coverage inside it",
        frozenset({"ifd", HIDDEN}),
    ),
    "select2reason": Strategy(
        mixed.select2reason(0.5), "difficulty and length in equal parts", _DIFFICULTY
    ),
    "select2reason-25": Strategy(
        mixed.select2reason(0.25), "a quarter difficulty, three quarters length", _DIFFICULTY
    ),
    "select2reason-75": Strategy(
        mixed.select2reason(0.75), "three quarters difficulty, a quarter length", _DIFFICULTY
    ),
    "limr": Strategy(history.place_limr, "accuracy over epochs like the mean's first", _HISTORY),
    "history-std": Strategy(
        history.place_history_std, "accuracy that changed most over epochs first", _HISTORY
    ),
    "influence": Strategy(
        signal.by_score("influence", "influence"),
        "high gradient influence first (LESS), read from scores",
        frozenset({"influence"}),
    ),
    "judge": Strategy(
        signal.by_score("judge", "judged"),
        "a high score of a judge first, read from scores",
        frozenset({"judge"}),
    ),
}
"""All strategies of titrant."""
