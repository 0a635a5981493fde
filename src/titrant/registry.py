"""Registries: a name gives "module:attribute", loaded on first use.

Outsiders join through entry points of the group `titrant.<kind>`; ours stand in plain tables and go
through the same door. An unknown name is answered with the nearest known ones.
"""

from __future__ import annotations

import difflib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from titrant.errors import ConfigError
from titrant.lazy import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")


def nearest(name: str, known: Iterable[str]) -> str:
    """A phrase that names the nearest known names, or all of them when none is near; case is ignored."""
    names = {each.lower(): each for each in sorted(known)}
    close = [names[key] for key in difflib.get_close_matches(name.lower(), names, 3, cutoff=0.5)]
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names.values())}"


class Registry(Generic[T]):
    """A table of names of one kind; see the module docstring."""

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)
        self._loaded: dict[str, T] = {}

    def names(self) -> list[str]:
        """All known names, sorted, with those of entry points."""
        return sorted({**self._outside(), **self._table})

    def get(self, name: str) -> T:
        """The thing behind a name, loaded on first use.

        Raises:
            ConfigError: the name is unknown.
        """
        if name not in self._loaded:
            path = self._table.get(name) or self._outside().get(name)
            if path is None:
                raise self.unknown(name)
            self._loaded[name] = load(path)
        return self._loaded[name]

    def check(self, name: str) -> None:
        """Refuse an unknown name without loading anything.

        Raises:
            ConfigError: the name is unknown.
        """
        if name not in self._table and name not in self._outside():
            raise self.unknown(name)

    def unknown(self, name: str) -> ConfigError:
        """The error of a name that is not there."""
        kind = self.kind.removesuffix("s")
        return ConfigError(f"unknown {kind} '{name}'", do=nearest(name, self.names()))

    def _outside(self) -> dict[str, Any]:
        return {point.name: point.value for point in entry_points(group=f"titrant.{self.kind}")}
