"""Numbers of a question: where they stand, what they are worth, and how another one is written there.

A number is written in digits (with thousands separators, decimals, a percent sign) or as one English word up
to ninety. Left alone are fractions (`3/4`), one (`1`, `one`) and the word `two`, which more often point at
things than count them. A question with a clock time, an ordinal in digits, a year, a fraction in one character,
or a small number that points back (`the three`, `all 4`) has no numbers that could be exchanged safely, and
none are given.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from titrant.select.clean.words import NUMBER_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_AS_WORD = 20
"""Exchanged numbers up to this stay words where they were words."""
_SPOILERS = re.compile(
    r"\d\s?:\s?\d|\d\s*[ap]\.?\s?m\b|\d(?:st|nd|rd|th)\b|[¼½¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘⅙⅚]|\b(?:1[5-9]|20)\d\d\b(?!,)|o'clock",
    re.IGNORECASE,
)
_POINTS_BACK = r"\b(?:the|these|those|all|other)\s+(?:\d\b(?![.,/]\d|\s?%)|(?:{})\b)"
_VALUES = {word: int(value) for word, value in NUMBER_WORDS.items() if value.isdigit()}
_WORDS = {word: value for word, value in _VALUES.items() if value <= 90}
_BACK = re.compile(_POINTS_BACK.format("|".join(_WORDS)), re.IGNORECASE)
_SPELLED = {value: word for word, value in reversed(_WORDS.items()) if value <= MOST_AS_WORD}
_BIG = "hundred|thousand|million|billion|dozen|score"
_NUMBER = re.compile(
    r"(?P<fraction>\d+\s?/\s?\d+)"
    r"|(?P<digits>(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?P<percent>\s?(?:%|percent\b))?"
    rf"|\b(?P<word>{'|'.join(sorted(_WORDS, key=len, reverse=True))})\b(?:[ -](?:{_BIG})s?\b)?",
    re.IGNORECASE,
)
_COMPOUND = re.compile(
    r"\b(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[ -](?:one|two|three|four|five|six|seven"
    rf"|eight|nine)\b|\b(?:{_BIG})s?\b|[a-z][ -](?:thirds|fourths|quarters|fifths|sixths|eighths|tenths)\b",
    re.IGNORECASE,
)


class Number(NamedTuple):
    """One number of a question."""

    start: int
    end: int
    value: Fraction
    """As written: 150 for `150%`."""
    decimals: int
    is_percent: bool
    is_word: bool
    has_commas: bool


class Numbers(NamedTuple):
    """What a question has of numbers."""

    given: tuple[Number, ...]
    """Those that may be exchanged, in order, no two of the same value."""
    fractions: tuple[Fraction, ...]
    """Those that stay."""
    has_two: bool
    """Whether the word stands in it, and stays."""


def numbers_in(question: str) -> Numbers | None:
    """The numbers of a question; `None` where they cannot be exchanged safely.

    Two equal numbers cannot be told apart in a solution, and numbers of several words are not read.

    Example:
        >>> [str(n.value) for n in numbers_in("She has 1,200 eggs and eats three of 1 kind.").given]
        ['1200', '3']
    """
    if any(pattern.search(question) for pattern in (_SPOILERS, _COMPOUND, _BACK)):
        return None
    given, fixed, fractions = [], [], []
    for match in _NUMBER.finditer(question):
        if match["fraction"]:
            above, below = map(int, match["fraction"].split("/"))
            if not below:
                return None
            fractions.append(Fraction(above, below))
        else:
            number = _number(match)
            (fixed if _is_fixed(number) else given).append(number)
    values = [number.value for number in given]
    if not given or len(set(values)) < len(values) or min(values) <= 0:
        return None
    return Numbers(tuple(given), tuple(fractions), any(number.value == 2 for number in fixed))


def _is_fixed(number: Number) -> bool:
    return (number.value == 1 and not number.is_percent) or (number.value == 2 and number.is_word)


def _number(match: re.Match[str]) -> Number:
    word, digits = match["word"], match["digits"] or ""
    kind = "word" if word else "digits"
    return Number(
        start=match.start(kind),
        end=match.end(kind),
        value=Fraction(_WORDS[word.lower()]) if word else Fraction(digits.replace(",", "")),
        decimals=len(digits.partition(".")[2]),
        is_percent=bool(match["percent"]),
        is_word=bool(word),
        has_commas="," in digits,
    )


def rewrite(question: str, numbers: Sequence[Number], values: Sequence[Fraction]) -> str:
    """The question with other values in the places of its numbers."""
    for number, value in reversed(list(zip(numbers, values, strict=True))):
        old = question[number.start : number.end]
        question = question[: number.start] + _written(number, value, old) + question[number.end :]
    return question


def _written(number: Number, value: Fraction, old: str) -> str:
    if number.is_word and value in _SPELLED:
        word = _SPELLED[int(value)]
        return word.capitalize() if old[0].isupper() else word
    decimals = 0 if number.decimals == 1 and value.denominator == 1 else number.decimals
    separator = "," if number.has_commas or (value >= 10_000 and number.value >= 1000) else ""
    return f"{float(value):{separator}.{decimals}f}"
