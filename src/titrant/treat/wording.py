"""Treatments of words and digits: `tokens-shuffled`, `digits`, `unreflective`.

Source: Li et al. 2025, *LLMs can easily learn to reason from demonstrations* (arXiv 2502.07374),
content operators: 70 % of the digits replaced cost 4.3 points, reflection words removed 3.3. Their
list of words is not published; ours is `FREE` and `BOUND`.

Choices are nested: what is changed at one ratio is changed at every larger one. What the answer text
says before its statement, after thinking (the lead), is treated by itself at the same ratio: its
words change places among themselves.

Digits in traces of the maze world, where a word is a token, make words that its grids have (`3,5`
and no `3,9` where there are 8 columns) wherever one fits, since others would be unknown tokens.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from titrant.treat.derange import derange
from titrant.treat.rewrite import Edit, part_of
from titrant.worlds.maze.pool import words_of

if TYPE_CHECKING:
    import numpy as np

    from titrant.traces.record import Trace
    from titrant.treat.reasoning import Reasoning

_VERB = (
    r"(?:check|re-?check|double[- ]?check|verify|re-?consider|re-?think|re-?calculate|re-?compute|"
    r"re-?examine|re-?read|review|think again|look again|try again|start over|go back)"
)
FREE = (
    r"hm+",
    r"alternatively",
    r"hold on",
    r"on second thoughts?",
    r"(?:but |no,? |oh,? )?wait,? (?:a|one) (?:minute|second|moment|sec)",
    rf"let(?: me|'s|’s| us)(?: just| quickly| now)? {_VERB}(?: (?:this|that|it))?(?: again)?",
)
"""Reflection wherever they stand; regular expressions, upper or lower case."""
BOUND = (
    r"(?:but |no,? |oh,? )?wait(?! for\b| until\b| till\b)",
    r"however",
    r"actually",
    r"(?:double[- ]?)?check(?=[:,]?[ \t])",
)
"""Reflection only where they open a clause: at the start of a line or after a mark. "So" is not
one."""

_REFLECTION = re.compile(
    rf"(?:(?:(?<!\w)(?:{'|'.join(FREE)}))|(?P<bound>(?<!\w)(?:{'|'.join(BOUND)})))(?!\w)"
    r"(?:[ \t]*(?:[,.:;!?…]|[—–]|-(?=\s)))*[ \t]*",
    re.IGNORECASE,
)
_CLAUSE_ENDS = frozenset("\n.!?,;:…—–-(*\"'”’>")
_WORD = re.compile(r"\S+")
_DIGIT = re.compile(r"[0-9]")
_HEAD = re.compile(r"(?<![0-9])(?<![0-9][.,])[1-9](?=[0-9])")
"""The first digit of a number of several; after a decimal or thousands mark a number goes on."""


def shuffle_words(
    _trace: Trace, reasoning: Reasoning, _ratio: float, rng: np.random.Generator
) -> list[Edit]:
    """All words in a random order; the white space between them stays."""
    matches = list(_WORD.finditer(reasoning.text, 0, reasoning.end))
    words = [match[0] for match in matches]
    order = rng.permutation(len(words)).tolist()
    if all(words[i] == word for i, word in zip(order, words, strict=True)):
        order = derange(words, rng)
    return [
        Edit(match.start(), match.end(), words[i]) for i, match in zip(order, matches, strict=True)
    ]


def corrupt_digits(
    trace: Trace, reasoning: Reasoning, ratio: float, rng: np.random.Generator
) -> list[Edit]:
    """A share of the digits, each replaced by another one.

    The first digit of a number of several becomes no 0 where it was none. In a maze, where a word
    comes out that no such grid has, it is drawn again, alike from all that it has and that differ
    in just the chosen digits; it stays where there is none.
    """
    text = reasoning.text[: reasoning.end]
    places = [match.start() for match in _DIGIT.finditer(text)]
    # All draws are made whatever the ratio is, so that choices are nested.
    order = rng.permutation(len(places)).tolist()
    draws = rng.integers(9 * 8, size=len(places)).tolist()
    chosen = sorted(order[: part_of(ratio, len(places))])
    heads = {match.start() for match in _HEAD.finditer(text)}
    new = {
        places[i]: _other_digit(int(text[places[i]]), draws[i], may_be_zero=places[i] not in heads)
        for i in chosen
    }
    words = words_of(trace.source)
    return _runs(new if words is None else _known(text, new, words, rng))


def _runs(new: dict[int, str]) -> list[Edit]:
    """Edits of single characters, by place in order, touching ones joined."""
    runs: list[Edit] = []
    for at, digit in new.items():
        if runs and runs[-1].end == at:
            runs[-1] = Edit(runs[-1].start, at + 1, runs[-1].text + digit)
        else:
            runs.append(Edit(at, at + 1, digit))
    return runs


def _known(
    text: str, new: dict[int, str], words: frozenset[str], rng: np.random.Generator
) -> dict[int, str]:
    """New digits by place, in words that are known wherever one fits."""
    matches = list(_WORD.finditer(text))
    draws = rng.random(len(matches)).tolist()
    known = dict(new)
    for match, draw in zip(matches, draws, strict=True):
        places = range(*match.span())
        if not any(at in new for at in places):
            continue
        if "".join(new.get(at, text[at]) for at in places) in words:
            continue
        is_new = tuple(at in new for at in places)
        fitting = _fitting(match[0], is_new, words)
        if fitting:
            word = fitting[int(draw * len(fitting))]
            known |= {at: word[at - match.start()] for at in places if at in new}
    return known


@lru_cache(maxsize=10_000)
def _fitting(old: str, is_new: tuple[bool, ...], words: frozenset[str]) -> tuple[str, ...]:
    """The words, sorted, that differ from an old one in just the digits that are to be new."""
    return tuple(
        word
        for word in sorted(words)
        if len(word) == len(old)
        and all((a != b) == differs for a, b, differs in zip(old, word, is_new, strict=True))
    )


def _other_digit(old: int, draw: int, *, may_be_zero: bool) -> str:
    """Another digit, each alike; `draw` is uniform below 72."""
    if may_be_zero or old == 0:
        return str((old + 1 + draw % 9) % 10)
    return str((old + draw % 8) % 9 + 1)


def drop_reflection(
    _trace: Trace, reasoning: Reasoning, ratio: float, rng: np.random.Generator
) -> list[Edit]:
    """A share of the reflection words taken out, each with the mark and blanks that follow it."""
    text = reasoning.text[: reasoning.end]
    found = [match for match in _REFLECTION.finditer(text) if _is_reflection(text, match)]
    chosen = sorted(rng.permutation(len(found))[: part_of(ratio, len(found))].tolist())
    return [Edit(found[i].start(), found[i].end(), "") for i in chosen]


def _is_reflection(text: str, match: re.Match[str]) -> bool:
    if match["bound"] is None:
        return True
    before = match.start() - 1
    while before >= 0 and text[before] in " \t":
        before -= 1
    return before < 0 or text[before] in _CLAUSE_ENDS
