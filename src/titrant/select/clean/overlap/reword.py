r"""Ways to disguise a question, by rule: other words and names, another order, other numbers.

These make the planted leaks of `plant`. They share nothing with the detector's tables, so that it is not
tested on copies of itself; still they are milder than what a language model writes when asked to rephrase, and
recall on them is an upper limit for that.

Left out: changes of language, of units, of who does what.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Words that may stand for each other in a word problem, whatever the grammar around them.
_PAIRS = """
buys purchases;bought purchased;buy purchase;sells retails;sold vended;total overall;altogether overall;
gives hands;gave handed;gets receives;got received;makes produces;made produced;wants wishes;needs requires;
needed required;costs sets_one_back;spends pays_out;spent paid_out;earns takes_home;earned took_home;
has owns;have own;had owned;uses consumes;used consumed;eats devours;ate devoured;finds discovers;
found discovered;starts begins;started began;finishes completes;finished completed;left remaining;
remaining left_over;big large;large big;small little;house home;home house;kids children;children kids;
friend pal;friends pals;money cash;cash money;store shop;shop store;job task;car automobile;road street;
trip journey;picture image;pictures images;box carton;boxes cartons;bag sack;bags sacks;each apiece;
every each;day workday;week calendar_week;more additional;also in_addition;then after_that;
if supposing;because since;during throughout;collects gathers;collected gathered;decides chooses;
decided chose;takes requires;puts places;put placed;walks strolls;walked strolled;works labours;
worked laboured;saves puts_aside;saved put_aside;reads goes_through;writes jots_down;calculate work_out;
compute work_out;find determine;evaluate work_out;determine find;value size;integer whole_number;
positive greater-than-zero;number quantity;sum total;how_many what_number_of;how_much what_amount_of;
how_long for_what_length_of_time;how_far over_what_distance
"""
_SYNONYMS = {
    one.replace("_", " "): other.replace("_", " ")
    for one, other in (pair.strip().split(" ") for pair in _PAIRS.split(";"))
}
_KNOWN = re.compile(
    r"\b(?:" + "|".join(sorted(_SYNONYMS, key=len, reverse=True)) + r")\b", re.IGNORECASE
)
_NAME_TEXT = """
Aaliyah Bertil Chidi Dagny Emeka Farida Goran Hanneke Ingo Jorun Kwame Leocadia Mireille Nkechi Odalys Priyanka
Quentin Rosalind Soren Tamsin Ulrike Viggo Wanjiru Xiomara Yevgenia Zebedee
"""
_NO_NAME_TEXT = """
Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August
September October November December Christmas English The There They How What When Each After Before For Find
She His Her Its Then This That These Those And But Let Suppose Express Write Solve Compute Determine Evaluate
"""
_NAMES, _NO_NAMES = _NAME_TEXT.split(), frozenset(_NO_NAME_TEXT.split())
_CAPITAL = re.compile(r"\b[A-Z][a-z]{2,}\b")
_INSIDE = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}\b|\b[A-Z][a-z]{2,}(?=['’]s\b)")
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_DIGITS = re.compile(r"(?<![\d.,])(?:\d{1,3}(?:,\d{3})+|\d+)(?![\d]|[.,]\d)")
_SPELLED_TEXT = "two three four five six seven eight nine ten eleven twelve"
_SPELLED: tuple[str, ...] = tuple(_SPELLED_TEXT.split())
_SPELLED_NUMBER = re.compile(r"\b(?:" + "|".join(_SPELLED) + r")\b", re.IGNORECASE)
SYNONYM_SHARE = 0.8
"""Share of the known words that are exchanged."""


def rephrase(question: str, rng: np.random.Generator) -> str:
    """The same question in other words, with other names, the sentences in another order; numbers stay."""
    sentences = _SENTENCE.split(question)
    if len(sentences) > 2:  # the question is asked first, the rest follows
        sentences = [sentences[-1], *sentences[:-1]]
    text = rename(" ".join(sentences), rng)
    return _KNOWN.sub(lambda m: _synonym(m[0]) if rng.random() < SYNONYM_SHARE else m[0], text)


def _synonym(word: str) -> str:
    other = _SYNONYMS[word.lower()]
    return other.capitalize() if word[0].isupper() else other


def rename(question: str, rng: np.random.Generator) -> str:
    """Every name exchanged for another one: a word with a capital inside a sentence, or that comes twice."""
    capitals, inside = _CAPITAL.findall(question), set(_INSIDE.findall(question))
    names = [
        word
        for word in dict.fromkeys(capitals)
        if word not in _NO_NAMES and (word in inside or capitals.count(word) > 1)
    ]
    others = iter(rng.permutation(_NAMES).tolist())
    for name, other in zip(names, others, strict=False):
        question = re.sub(rf"\b{name}\b", other, question)
    return question


def renumber(question: str, rng: np.random.Generator) -> str:
    """Every whole number, in digits or up to twelve in words, exchanged for another one of its size."""
    text = _DIGITS.sub(lambda m: _other_number(m[0], rng), question)
    return _SPELLED_NUMBER.sub(lambda m: _other_word(m[0], rng), text)


def _other_number(digits: str, rng: np.random.Generator) -> str:
    number = int(digits.replace(",", ""))
    drawn = int(rng.integers(max(2, number // 2), max(number * 3 // 2, 9) + 1))
    drawn += drawn == number
    return f"{drawn:,}" if "," in digits else str(drawn)


def _other_word(word: str, rng: np.random.Generator) -> str:
    at = _SPELLED.index(word.lower())
    other = _SPELLED[(at + int(rng.integers(1, len(_SPELLED)))) % len(_SPELLED)]
    return other.capitalize() if word[0].isupper() else other
