"""The grammar of a strategy's name: `NAME[+coverage|+center|+novelty][@K|@all][~CONTROL]`.

    confidence                      a strategy of the table
    confidence+coverage             coverage inside each fifth of that order
    confidence+coverage@1           one row per question before any has two
    confidence+coverage@1~length    random traces of the same lengths: the control of all before the ~

A name has one spelling, so it can stand for itself in tables, and every character in it may stand in a
file's name. `min-k++` is a name of the table: what is known as a whole is not cut at its plus signs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import ConfigError
from titrant.registry import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

FORM = "NAME[+coverage|+center|+novelty][@K|@all][~CONTROL]"
ALL = "all"
THENS = ("coverage", "center", "novelty")
CONTROLS = ("length", "difficulty", "source", "domain")
_COUNT = re.compile(r"[1-9][0-9]*")


class StrategyName(NamedTuple):
    """The parts of a strategy's name."""

    first: str
    """A strategy of the table."""
    then: str | None = None
    """What rearranges its order: one of `THENS`."""
    per_question: str | None = None
    """A number of rows per question, or `all`."""
    control: str | None = None
    """What the control holds fixed: one of `CONTROLS`."""

    @property
    def text(self) -> str:
        """The name as it is written."""
        signs = (("+", self.then), ("@", self.per_question), ("~", self.control))
        return self.first + "".join(f"{sign}{part}" for sign, part in signs if part is not None)

    @property
    def controlled(self) -> StrategyName:
        """The name of what a control is the control of; itself without a control."""
        return self._replace(control=None)


def parse_name(
    text: str, known: Collection[str], *, also: Callable[[], Collection[str]]
) -> StrategyName:
    """The parts of a name.

    Args:
        text: the name.
        known: names of the table.
        also: further names, asked for only where the table does not know one.

    Raises:
        ConfigError: a part is unknown or in the wrong place; the nearest name is told.
    """
    rest, tilde, control = text.partition("~")
    if tilde and control not in CONTROLS:
        raise _wrong(text, f"~{control}", [f"~{name}" for name in CONTROLS])
    rest, at, count = rest.partition("@")
    if at and count != ALL and not _COUNT.fullmatch(count):
        raise _wrong(text, f"@{count}", hint="give rows per question as @1, @2 … or @all")
    first, then = _cut(text, rest, known, also)
    return StrategyName(first, then, count if at else None, control if tilde else None)


def _cut(
    text: str, rest: str, known: Collection[str], also: Callable[[], Collection[str]]
) -> tuple[str, str | None]:
    if rest in known:
        return rest, None
    first, _, then = rest.rpartition("+")
    if first in known and then in THENS:
        return first, then
    others = {*known, *also()}
    if rest in others:
        return rest, None
    if first in others and then in THENS:
        return first, then
    begun = max((name for name in others if rest.startswith(f"{name}+")), key=len, default=None)
    if begun is not None:
        raise _wrong(text, rest.removeprefix(begun), [f"+{name}" for name in THENS])
    asked = first if then in THENS else rest
    raise ConfigError(f"unknown strategy '{asked}'", do=nearest(asked, others))


def _wrong(
    text: str, part: str, known: Collection[str] = (), hint: str | None = None
) -> ConfigError:
    return ConfigError(
        f"the strategy '{text}' cannot be read",
        expected=FORM,
        came=part,
        do=hint or nearest(part, known),
    )
