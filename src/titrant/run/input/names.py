"""Names in a config that stand for code are looked up before anything is read or made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.engines.base import engines
from titrant.errors import ConfigError
from titrant.select.rank import find_strategy

if TYPE_CHECKING:
    from titrant.settings import Config


def check_names(config: Config) -> None:
    """Refuse an unknown engine or strategy, and a strategy that needs a file which is not given.

    Raises:
        ConfigError: the name is unknown, and the nearest one is told; or what is missing.
    """
    engines.check(config.decode.engine)
    for strategy in config.ladder.strategies:
        needs = find_strategy(strategy).needs
        if "history" in needs and config.select.history is None:
            raise ConfigError(
                f"the strategy {strategy} needs a history",
                expected="select.history: the accuracy of each question over the epochs of an earlier "
                "training run",
                came="none",
                do="name the JSON file (select: {history: FILE}), or take another strategy",
            )
