"""A draft: what a row says about one attempt, before it becomes a Trace or a Problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from titrant.traces.thinking import clean_answer, split_thinking
from titrant.traces.verify.answer import Rule, find_answer_with_rule

Row = dict[str, Any]
Columns = Mapping[str, str]
"""Our field → the column of the file that holds it."""

SHORT_CHARS, SHORT_WORDS = 80, 8
"""A reference solution of one line up to this long is an answer, not a solution."""


class Draft(NamedTuple):
    """One attempt at a question, as texts."""

    question: str
    answer_text: str
    thinking: str | None = None
    unfinished: bool = False
    system: str | None = None
    gold: str | None = None
    """Only where the row's gold is not in a column of its own."""
    gold_kind: str = "auto"
    pieces: tuple[str, ...] | None = None
    """The steps of the source; joined, they are the body."""
    meta: Mapping[str, Any] = {}
    """What the source says about this attempt alone."""


class Unusable(NamedTuple):
    """Why a row, or one attempt of it, cannot be used."""

    reason: str


NO_QUESTION = Unusable("no question")
NO_ATTEMPT = Unusable("neither thinking nor answer")
Drafts = list[Draft | Unusable]


def attempt(
    question: str, answer_text: str, *, thinking: str | None = None, system: str | None = None
) -> Draft:
    """A draft whose thinking is in a column of its own, or between marks in the answer."""
    if thinking is not None and (thinking := thinking.strip()):
        if "think" in thinking:
            # Some sources keep the marks in the column.
            inner = split_thinking(thinking)
            thinking = "\n\n".join(part for part in (inner.thinking, inner.answer_text) if part)
        answer = split_thinking(answer_text).answer_text
        return Draft(question, answer, thinking or None, system=system)
    thinking, answer, is_unfinished = split_thinking(answer_text)
    return Draft(question, answer, thinking, is_unfinished, system)


def stepwise(question: str, steps: list[str], *, joint: str) -> Draft:
    """A draft whose steps the source has cut; the joint belongs to the step before it."""
    pieces = (*(step + joint for step in steps[:-1]), *steps[-1:])
    return Draft(question, "".join(pieces), pieces=pieces)


def text_in(row: Row, column: str | None) -> str | None:
    """A cell as text: lists of texts are joined by blank lines; `None` where there is nothing."""
    value = row.get(column) if column is not None else None
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = [item for item in value if isinstance(item, str) and item.strip()]
        return "\n\n".join(texts) or None
    return None if value is None or isinstance(value, dict) else scalar_text(value)


def scalar_text(value: object) -> str:
    """A scalar as people write it: 18.0 is "18"."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value)) if is_whole else str(value)  # type: ignore[arg-type] - a float here


def gold_in(row: Row, columns: Columns) -> str | None:
    """The gold answer of a row, from its `gold` column or out of its `reference` solution."""
    if "gold" not in columns and "reference" not in columns:
        return None
    direct = row.get(columns.get("gold", ""))
    if isinstance(direct, list):
        direct = ", ".join(scalar_text(item) for item in direct)
    direct = None if direct is None or isinstance(direct, dict) else scalar_text(direct)
    if direct is not None and direct.strip():
        return _marked(direct) or direct.strip()
    reference = text_in(row, columns.get("reference"))
    if reference is None or not reference.strip():
        return None
    return gold_of_reference(reference)


def gold_of_reference(text: str) -> str | None:
    r"""The answer of a reference solution: `\boxed{…}`, `####`, "answer is", or a short line.

    A number that merely stands last is not taken: a wrong gold answer is worse than none.
    """
    found = find_answer_with_rule(text)
    if found is not None and found.rule in {Rule.BOXED, Rule.HASHES, Rule.STATED}:
        return found.text
    return _short(text)


def gold_of_completion(text: str, *, pattern: str | None = None) -> str | None:
    """The answer that a benchmark's completion ends with, where it has no gold column.

    Raises:
        ConfigError: the pattern cannot be used.
    """
    found = find_answer_with_rule(text, pattern=pattern)
    if found is None:
        return _short(text) if pattern is None else None
    return (_short(text) or found.text) if found.rule is Rule.NUMBER else found.text


def _short(text: str) -> str | None:
    text = clean_answer(text)
    is_short = len(text) <= SHORT_CHARS and "\n" not in text and len(text.split()) <= SHORT_WORDS
    return text if text and is_short else None


def _marked(text: str) -> str | None:
    if "####" not in text and r"\boxed" not in text:
        return None
    found = find_answer_with_rule(text)
    return found.text if found is not None and found.rule in {Rule.BOXED, Rule.HASHES} else None
