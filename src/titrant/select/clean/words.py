r"""Texts as words and figures: the one place that says what counts as the same word.

Two rules, both on lowercased text:

| rule | a word is | from |
|---|---|---|
| `letters` | a run of letters and digits; all else parts words | GPT-3's contamination check |
| `blanks` | what white space parts; stops and brackets stay with their word | s1, open-r1 |

Figures are what makes two questions that read alike two questions: their numbers (`1,000` is 1000, `two` is
2, `half` and `twice` are figures too) and the signs of arithmetic between them, in their order. `one` is no
figure, it mostly counts nothing.

Left out: ordinals, and numbers of several words (`twenty one` is the figures 20 and then none).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NamedTuple

Rule = Literal["letters", "blanks"]

_TO_BLANK = bytes(i if chr(i).isalnum() and i < 0x80 else 0x20 for i in range(256))
_WORD = re.compile(r"[^\W_]+")
_UNPARTED = re.compile(r"\S+")

_UNITS = (
    "zero _ two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
)
_TEENS = ("sixteen", "seventeen", "eighteen", "nineteen", "twenty")
_TENS = ("thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred")
NUMBER_WORDS: dict[str, str] = {
    word: str(i) for i, word in enumerate(_UNITS.split()) if word != "_"
}
NUMBER_WORDS |= {word: str(i) for i, word in enumerate(_TEENS, start=16)}
NUMBER_WORDS |= {word: str(10 * i) for i, word in enumerate(_TENS, start=3)}
NUMBER_WORDS |= {"thousand": "1000", "million": "1000000", "dozen": "12", "half": "1/2"}
NUMBER_WORDS |= {"twice": "×2", "double": "×2", "triple": "×3", "thrice": "×3"}
NUMBER_WORDS |= {"third": "1/3", "thirds": "1/3", "quarter": "1/4", "quarters": "1/4"}

_SIGNS = str.maketrans("×·⋅÷⁄−–≤≥", "***//--<>")
_PIECE = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|[-+*/^=<>()\[\]{}\\]")


_ALWAYS, _BETWEEN = frozenset("+^=<>"), frozenset("-/*")
_OPENING, _CLOSING = frozenset("([{\\"), frozenset(")]}")


class Word(NamedTuple):
    """A word and where it stands in the text as it was given."""

    text: str
    start: int
    end: int


def fold(text: str) -> str:
    """Lowercase, compatibility forms unified (NFKC), white space squeezed; the rest as it is."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def plain_signs(text: str) -> str:
    """Arithmetic signs as ASCII writes them."""
    return text if text.isascii() else text.translate(_SIGNS)


def split_words(text: str, rule: Rule = "letters") -> list[str]:
    """The words of a text under a rule, lowercased.

    Example:
        >>> split_words("A $5 bill, x+1?")
        ['a', '5', 'bill', 'x', '1']
        >>> split_words("A $5 bill, x+1?", "blanks")
        ['a', '$5', 'bill,', 'x+1?']
    """
    return [word.decode() for word in word_bytes(text, rule)]


def word_bytes(text: str, rule: Rule) -> list[bytes]:
    """The words of a text as UTF-8; for ASCII at the speed of a byte table."""
    if text.isascii():
        raw = text.lower().encode()
        return (raw.translate(_TO_BLANK) if rule == "letters" else raw).split()
    if rule == "blanks":
        found = text.lower().split()
    else:
        found = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    return " ".join(found).encode(errors="replace").split()


def locate_words(text: str, rule: Rule = "letters") -> list[Word]:
    """The words of a text with their places in the original."""
    if rule == "blanks":
        return [Word(m[0].lower(), m.start(), m.end()) for m in _UNPARTED.finditer(text)]
    return [Word(_folded(m[0]), m.start(), m.end()) for m in _WORD.finditer(text)]


def _folded(word: str) -> str:
    return word.lower() if word.isascii() else unicodedata.normalize("NFKC", word).lower()


def figures(text: str) -> tuple[str, ...]:
    """The numbers and arithmetic signs of a text, in order.

    Example:
        >>> figures("Two of 1,000 well-known birds, 3 - 4")
        ('2', '1000', '3', '-', '4')
    """
    pieces = ["", *_PIECE.findall(plain_signs(fold(text))), ""]
    found = []
    for i, piece in enumerate(pieces):
        if piece in NUMBER_WORDS:
            found.append(NUMBER_WORDS[piece])
        elif piece[:1].isdigit():
            found.append(piece.replace(",", ""))
        elif piece in _ALWAYS or (
            piece in _BETWEEN and _is_sign(piece, pieces[i - 1], pieces[i + 1])
        ):
            found.append(piece)
    return tuple(found)


def _is_sign(piece: str, before: str, after: str) -> bool:
    """Whether a character that has uses outside arithmetic is a sign of it here."""
    starts_operand = after[:1].isdigit() or after in _OPENING
    if piece == "-":  # a hyphen stands after a word
        return (starts_operand or len(after) == 1) and not (len(before) > 1 and before.isalpha())
    if piece == "/":
        return starts_operand and (before[-1:].isdigit() or before in _CLOSING)
    return piece not in {before, after}  # two stars are emphasis
