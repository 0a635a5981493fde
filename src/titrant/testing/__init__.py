"""Contract suites for what outsiders add to titrant: run them on your own engine or world."""

from titrant.testing.engines import ENGINE_CHECKS, EngineCheck, check_engine
from titrant.testing.worlds import WORLD_CHECKS, WorldCheck, check_world

__all__ = [
    "ENGINE_CHECKS",
    "WORLD_CHECKS",
    "EngineCheck",
    "WorldCheck",
    "check_engine",
    "check_world",
]
