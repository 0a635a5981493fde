"""Names in a config that stand for code are looked up before anything is read or made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.engines.base import engines
from titrant.select.rank import find_strategy

if TYPE_CHECKING:
    from titrant.settings import Config


def check_names(config: Config) -> None:
    """Refuse an unknown engine or strategy.

    Raises:
        ConfigError: the name is unknown; the nearest one is told.
    """
    engines.check(config.decode.engine)
    for strategy in config.ladder.strategies:
        find_strategy(strategy)
