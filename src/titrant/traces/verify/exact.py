r"""Exact comparison of two answers: what needs no algebra is decided here, and at once.

Four things are decided, in this order, everything else is `None` (math-verify must look):

1. *Equal text* after `normalise_answer`: Unicode NFC; minus signs and dashes before a digit are
   `-`; math delimiters around the whole, `\left \right \! \, \;` and the like go; `\text{…}`,
   `\mbox{…}` and their kin give their content; `\dfrac`, `\tfrac` are `\frac`; degree signs go;
   `(C)` is `C`; blanks count between letters and digits only; a closing full stop goes.
2. *Two numbers.* Integers, decimals, `a/b`, `\frac{a}{b}`, mixed numbers and `1.5e-3`, with sign,
   currency sign, thousands separators, percent sign and a trailing unit. They are compared as
   rationals: there is no tolerance, so 426 is not 427 and 0.333 is not 1/3. Powers are never
   evaluated and numbers of more than `DIGITS` digits are not read as numbers.
   *Percent*: `50%` equals `50` and `0.5` where only one side writes the sign.
   *Unit*: up to three words after a blank, none of which changes the value ("18 eggs per day", not
   "18 million", "18 x", "18 or 20"). Two different units are left to math-verify if the numbers
   agree, and wrong if they do not.
3. *Two numerals with a base* (`52_8`, `52_{8}`): equal digits and equal base, or wrong.
4. *Gold is a word or a phrase* ("Evelyn", "no solution"): equal text without regard to case is
   right, everything else wrong. Left to algebra, "seat" would equal "east": e·a·s·t.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

DIGITS = 1000
"""Longest run of digits that is read as a number; beyond it only equal text counts."""

_TEXT = re.compile(
    r"\\(?:text|mbox|textbf|textrm|textit|mathrm|mathbf|operatorname)\s*\{([^{}]*)\}"
)
_SPACING = re.compile(r"\\(?:left|right|displaystyle|quad|qquad)(?![a-zA-Z])|\\[,;: ]|~")
_TIGHT = re.compile(r"\\!\s*|\{,\}")
_DEGREES = re.compile(r" ?\^ ?(?:\{ ?\\circ ?\}|\\circ)|°")
_DELIMITERS = ((r"\(", r"\)"), (r"\[", r"\]"), ("$$", "$$"), ("$", "$"))
_LOOSE_BLANK = re.compile(r"(?<![A-Za-z0-9.]) | (?![A-Za-z0-9.])")
_LETTER = re.compile(r"\(([A-Za-z])\)")
_DASH = str.maketrans({"−": "-", "–": "-", "‐": "-", "‑": "-", "\u00a0": " ", "\u202f": " "})

_DECIMAL = r"(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)"
_PART = rf"(?:\{{\s*(-?{_DECIMAL})\s*\}}|(\d))"
_VALUE = re.compile(
    rf"(?P<sign>[-+]?)\s?(?P<currency>\\?[$€£¥₹])?\s?(?P<inner>-?)"
    rf"(?:(?:(?P<whole>\d+)\s?)?\\frac\s*{_PART}\s*{_PART}"
    rf"|(?:(?P<mixed>\d+) )?(?P<over>{_DECIMAL}) ?/ ?(?P<under>{_DECIMAL})"
    rf"|(?P<decimal>{_DECIMAL})(?:[eE](?P<exponent>[-+]?\d{{1,2}}))?)"
    r"(?P<percent>\s?(?:\\?%|per ?cent\b))?(?P<unit> .*)?",
    re.ASCII,
)
_UNIT_WORD = r"(?:[A-Za-zµ]{3,}|cm|mm|km|kg|mg|ml|mL|cL|ft|in|lb|lbs|oz|mi|hr|of|an|°C|°F)"
_UNIT = re.compile(rf" {_UNIT_WORD}(?:[ /]{_UNIT_WORD}){{0,2}}(?: ?\^ ?\{{?[23]\}}?|[²³])?")
_NO_UNIT = re.compile(
    r"\b(?:"
    r"and|or|not|nor|but|minus|plus|times|over|divided|less|more|fewer|short|than|under|"
    r"above|hundred|thousand|million|billion|trillion|dozen|score|pair|pairs|half|halves|"
    r"third|thirds|quarter|quarters|fifth|fifths|tenth|tenths|hundredth|hundredths|"
    r"percent|point|points|one|two|three|four|five|six|seven|eight|nine|ten|sin|cos|tan|"
    r"cot|sec|csc|log|exp|sqrt|mod|squared|cubed|factorial|root|roots|power|base|alpha|"
    r"beta|gamma|delta|theta|lambda|sigma|omega|phi|psi|maybe|else|approximately|about|"
    r"wrong|to"
    r")\b",
    re.IGNORECASE,
)
"""Words after a number that change its value or say that it is not alone."""
_BASED = re.compile(r"([0-9A-Z]+)_\{?(\d+)\}?", re.ASCII)
_PHRASE = re.compile(r"[^\W\d_]+(?:[ '’,-]+[^\W\d_]+)*")
_PHRASE_WORD = re.compile(r"[^\W\d_]{4,}")
_FUNCTIONS = re.compile(r"\b(?:sqrt|sinh|cosh|tanh|arc[a-z]{3}|infinity|theta|alpha|beta)\b")


class Number(NamedTuple):
    """A number as written."""

    value: Fraction
    is_percent: bool
    unit: str
    """Lower case, without plural s and blanks; empty where there is none."""


def normalise_answer(text: str) -> str:
    """The text that two equal answers share; see rule 1 of the module docstring."""
    text = " ".join(unicodedata.normalize("NFC", text).translate(_DASH).split())
    text = strip_delimiters(text)
    text = _TIGHT.sub(lambda match: "," if match[0] == "{,}" else "", text)
    text = _SPACING.sub(" ", text).replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    text = _DEGREES.sub("", _TEXT.sub(r"\1", text))
    text = " ".join(text.split())
    text = text[:-1].rstrip() if text.endswith(".") else text
    letter = _LETTER.fullmatch(text)
    return letter[1] if letter else text


def strip_delimiters(text: str) -> str:
    """A text without the math delimiters around the whole of it."""
    for start, end in _DELIMITERS:
        inner = text[len(start) : -len(end)]
        if text.startswith(start) and text.endswith(end) and inner and end not in inner:
            return inner.strip()
    return text


def tight(text: str) -> str:
    """A normalised answer without the blanks that mean nothing."""
    return _LOOSE_BLANK.sub("", text)


def read_number(text: str) -> Number | None:
    """The number that a normalised answer writes, and nothing else; `None` where it is no number."""
    if len(text) > DIGITS:
        return None
    match = _VALUE.fullmatch(text)
    if match is None:
        return None
    unit = match["unit"] or ""
    value = _value(match)
    if value is None or not _is_unit(unit):
        return None
    is_negative = (match["sign"] == "-") != (match["inner"] == "-")
    return Number(-value if is_negative else value, bool(match["percent"]), _plain_unit(unit))


def _value(match: re.Match[str]) -> Fraction | None:
    """The size without sign; `None` for a zero denominator or two signs in a row."""
    if match["inner"] and (match["sign"] or not match["currency"]):
        return None
    if match["decimal"]:
        return _rational(match["decimal"]) * Fraction(10) ** int(match["exponent"] or 0)
    if match["over"]:
        whole, over, under = match["mixed"], match["over"], match["under"]
    else:
        groups = match.re.groupindex["whole"]
        braced_over, over, braced_under, under = (match[groups + i] for i in range(1, 5))
        whole, over, under = match["whole"], braced_over or over, braced_under or under
    bottom = _rational(under)
    return None if bottom == 0 else _rational(whole or "0") + _rational(over) / bottom


def _rational(digits: str) -> Fraction:
    return Fraction(digits.replace(",", "").rstrip(".") or "0")


def _is_unit(unit: str) -> bool:
    return not unit or (_UNIT.fullmatch(unit) is not None and not _NO_UNIT.search(unit))


def _plain_unit(unit: str) -> str:
    return "".join(word.removesuffix("s") for word in re.split(r"[ /]", unit.lower()))


def numbers_agree(gold: Number, answer: Number) -> bool | None:
    """Whether two numbers are the same; `None` where equal numbers carry different units."""
    same = gold.value == answer.value
    if gold.is_percent != answer.is_percent:
        percent, bare = (gold, answer) if gold.is_percent else (answer, gold)
        same = bare.value in (percent.value, percent.value / 100)
    if same and gold.unit and answer.unit and gold.unit != answer.unit:
        return None
    return same


def read_based(text: str) -> tuple[str, str] | None:
    """Digits and base of a numeral such as `52_8`; `None` where it is none."""
    match = _BASED.fullmatch(text)
    return (match[1].lstrip("0"), match[2]) if match else None


def is_phrase(text: str) -> bool:
    """Whether a normalised answer is words and not algebra: one has four letters or more."""
    has_word = _PHRASE_WORD.search(text) is not None
    return has_word and not _FUNCTIONS.search(text) and _PHRASE.fullmatch(text) is not None
