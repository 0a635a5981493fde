"""Contract suites for what outsiders add to titrant: engines, worlds, signals, strategies."""

from titrant.testing.engines import ENGINE_CHECKS, EngineCheck, check_engine
from titrant.testing.signals import SIGNAL_CHECKS, MadeTrace, SignalCheck, check_signal, made_scores
from titrant.testing.strategies import STRATEGY_CHECKS, StrategyCheck, check_strategy
from titrant.testing.worlds import WORLD_CHECKS, WorldCheck, check_world

__all__ = [
    "ENGINE_CHECKS",
    "SIGNAL_CHECKS",
    "STRATEGY_CHECKS",
    "WORLD_CHECKS",
    "EngineCheck",
    "MadeTrace",
    "SignalCheck",
    "StrategyCheck",
    "WorldCheck",
    "check_engine",
    "check_signal",
    "check_strategy",
    "check_world",
    "made_scores",
]
