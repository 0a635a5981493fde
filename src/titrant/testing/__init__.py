"""Contract suites for what outsiders add to titrant: run them on your own engine."""

from titrant.testing.engines import ENGINE_CHECKS, EngineCheck, check_engine

__all__ = ["ENGINE_CHECKS", "EngineCheck", "check_engine"]
