r"""The final answer of an attempt, as the raw text that the attempt gives.

A pattern of the user's decides alone: what it does not match has no answer. Without one these
rules are asked in order, and the first that finds something wins:

| rule | finds | takes |
|---|---|---|
| `boxed` | `\boxed{…}`, `\fbox{…}` with nested braces, `\boxed 5` | the last one that is closed |
| `hashes` | `#### …` | the last line of this kind, unless it is a heading with text under it |
| `stated` | "answer is …", "Answer: …", "A: …" on the last line | the last one, to the end of the sentence |
| `whole` | the whole text, if it is one short token or one short formula without `=` | all of it |
| `number` | the last number, with sign, thousands separators, `a/b` and `%` | that number |

What is found is trimmed of blanks, math delimiters, Markdown stars, quotes and a closing full
stop, and else left as it stands: normalising belongs to the comparison (`exact`). Every built-in
rule passes over the text once, so a megabyte of braces, digits or "answer is" costs a fraction of
a second. Left out: code answers, several answers of several questions, numbers in words.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from titrant.errors import ConfigError

NUMBER_CHARS = 2000
"""A number longer than this is searched for from the start of the text (slower, still linear)."""
STATED_CHARS = 1000
"""A stated answer is looked for in so many characters after "answer is"."""
TRIM_ROUNDS = 4
"""Wrappers within wrappers, as in `**$5$.**`; bounded, so that trimming stays linear."""
WHOLE_CHARS = 50
"""A text longer than this is not a bare answer."""


class Rule(StrEnum):
    """Which rule found the answer; the module docstring says what each one does."""

    PATTERN = "pattern"
    BOXED = "boxed"
    HASHES = "hashes"
    STATED = "stated"
    WHOLE = "whole"
    NUMBER = "number"


class FoundAnswer(NamedTuple):
    """An answer and the rule that found it."""

    text: str
    rule: Rule


_BOX_TOKEN = re.compile(
    r"(?P<box>\\\\?(?:boxed|fbox)(?![a-zA-Z])\s*+\{?)|(?P<opened>\{+)|(?P<closed>\}+)|"
    r"(?:\\(?!\\?(?:boxed|fbox)).)+",
    re.DOTALL,
)
"""Boxes, escapes (skipped, so that `\\{` does not count) and braces; two backslashes before a box
are the mark of text that was JSON-escaped twice."""
_BOX_BARE = re.compile(r"[^\s$\\{}]{1,100}")
_HASHES = "####"
_STATED = re.compile(
    r"\banswer(?:[ \t]+(?:to|of|for)\b(?:[^\n.:=a]|a(?!nswer)){0,80}?)?[*_]{0,3}"
    r"(?:\s{1,3}(?:is|are)\b|\s{0,3}[:=])",
    re.IGNORECASE,
)
"""Between "answer to" and "is" no second "answer" may stand: that keeps the search linear."""
_STATED_LEAD = re.compile(r"[\s*_:=]*")
_STATED_MATH = re.compile(
    r"\$\$(.+?)\$\$|\$((?:\\.|[^$\\])+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL
)
_STATED_END = re.compile(r"\.(?=\s|\*|$)|\n|;|,?\s(?:because|since|as|so|which|where)\b")
_LAST_LINE = re.compile(r"A:\s*(.+)")
_WORD = re.compile(r"(?<!\\)(?<![A-Za-z])[A-Za-z]{2,}")
_NUMBER = re.compile(
    r"(?:(?<![\w)\]}.])[-−–])?"
    r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:/\d+)?(?:\s?\\?%)?",
    re.ASCII,
)
_WRAPPERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("`", "`"))
_WRAPPERS += (('"', '"'), ("“", "”"))


def find_answer(text: str, *, pattern: str | None = None) -> str | None:
    r"""The final answer in a text, trimmed; `None` where there is none.

    Args:
        text: what the attempt says after its thinking.
        pattern: a regular expression with one group, whose last match decides alone. Its running
            time is the user's affair; that of the built-in rules is linear.

    Raises:
        ConfigError: the pattern does not compile or has not exactly one group.

    Example:
        >>> find_answer(r"So $x = \boxed{\frac{1}{2}}$.")
        '\\frac{1}{2}'
    """
    found = find_answer_with_rule(text, pattern=pattern)
    return None if found is None else found.text


def find_answer_with_rule(text: str, *, pattern: str | None = None) -> FoundAnswer | None:
    """The final answer and the rule that found it; see `find_answer`."""
    if pattern is not None:
        return _kept(_by_pattern(text, compile_pattern(pattern)), Rule.PATTERN)
    rules = (
        (_boxed, Rule.BOXED),
        (_hashes, Rule.HASHES),
        (_stated, Rule.STATED),
        (_whole, Rule.WHOLE),
        (_last_number, Rule.NUMBER),
    )
    return next((found for find, rule in rules if (found := _kept(find(text), rule))), None)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A user's answer pattern, checked.

    Raises:
        ConfigError: the pattern does not compile or has not exactly one group.
    """
    expected = r"a regular expression with one group, such as 'Answer:\s*(\S+)'"
    do = "correct answer_pattern, or leave it out to use the built-in rules"
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        came = f"{pattern!r} ({error})"
        raise ConfigError(
            "answer_pattern is no regular expression", expected=expected, came=came, do=do
        ) from error
    if compiled.groups != 1:
        came = f"{pattern!r}, which has {compiled.groups} groups"
        raise ConfigError(
            "answer_pattern needs exactly one group", expected=expected, came=came, do=do
        )
    return compiled


def trim(text: str) -> str:
    """An answer without blanks, delimiters, stars, quotes and a closing full stop around it."""
    for _ in range(TRIM_ROUNDS):
        before = text
        text = _unwrap(text.strip().rstrip(" \n\t.,;:"))
        if text == before:
            break
    return text


def _unwrap(text: str) -> str:
    for start, end in _WRAPPERS:
        inner = text[len(start) : -len(end)]
        if text.startswith(start) and text.endswith(end) and inner and start not in inner:
            return inner
    return text


def _kept(raw: str | None, rule: Rule) -> FoundAnswer | None:
    text = trim(raw) if raw is not None else ""
    return FoundAnswer(text, rule) if text else None


def _by_pattern(text: str, pattern: re.Pattern[str]) -> str | None:
    last = None
    for match in pattern.finditer(text):
        last = match[1] if match[1] is not None else last
    return last


def _boxed(text: str) -> str | None:
    """The content of the last box that is closed, by one pass that counts the open braces."""
    first = min((at for at in (text.find(r"\boxed"), text.find(r"\fbox")) if at >= 0), default=-1)
    if first < 0:
        return None
    depth = 0
    still_open: list[tuple[int, int]] = []  # of each open box: the depth within, the start
    best = (-1, -1)
    for match in _BOX_TOKEN.finditer(text, max(0, first - 1)):
        kind = match.lastgroup
        if kind == "opened":
            depth += match.end() - match.start()
        elif kind == "closed":
            floor = max(0, depth - (match.end() - match.start()))
            while still_open and still_open[-1][0] > floor:
                inside, start = still_open.pop()
                best = max(best, (start, match.start() + depth - inside))
            depth = floor
        elif kind == "box" and match[0].endswith("{"):
            depth += 1
            still_open.append((depth, match.end()))
        elif kind == "box" and (bare := _BOX_BARE.match(text, match.end())):
            best = bare.span()
    return None if best[0] < 0 else text[best[0] : best[1]]


def _hashes(text: str) -> str | None:
    at = text.rfind(_HASHES)
    if at < 0:
        return None
    line, _, rest = text[at + len(_HASHES) :].partition("\n")
    line = line.strip()
    is_heading = line[:1].isalpha() and rest.strip() != ""
    return None if is_heading else line


def _stated(text: str) -> str | None:
    last = _last_match(_STATED, text) if "answer" in text.lower() else None
    stated = None if last is None else _sentence(text[last.end() : last.end() + STATED_CHARS])
    if stated:
        return stated
    closing = _LAST_LINE.fullmatch(text.rstrip()[-STATED_CHARS:].rpartition("\n")[2].strip())
    return closing[1] if closing else None


def _sentence(rest: str) -> str:
    """The answer at the head of what follows "answer is": one formula, or up to the full stop."""
    rest = rest[_STATED_LEAD.match(rest).end() :]  # type: ignore[union-attr] - matches ""
    formula = _STATED_MATH.match(rest)
    if formula:
        return next(group for group in formula.groups() if group is not None)
    end = _STATED_END.search(rest)
    return rest[: end.start()] if end else rest


def _whole(text: str) -> str | None:
    text = text.strip()
    if len(text) > WHOLE_CHARS or any(mark in text for mark in ("\n", "=", r"\boxed", r"\fbox")):
        return None
    is_token = not any(char.isspace() for char in text)
    return text if is_token or not _WORD.search(text) else None


def _last_number(text: str) -> str | None:
    end = max(text.rfind(digit) for digit in "0123456789") + 4
    start = max(0, end - NUMBER_CHARS)
    last = _last_match(_NUMBER, text[start:end])
    if last is not None and start and last.start() < 2:
        last = _last_match(_NUMBER, text)
    return None if last is None else last[0]


def _last_match(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    last = None
    for match in pattern.finditer(text):
        last = match
    return last
