"""Contract suites for what outsiders add to titrant: engines, worlds, signals, strategies, treatments, audits."""

from titrant.testing.audits import AUDIT_CHECKS, AuditCheck, check_audit
from titrant.testing.engines import ENGINE_CHECKS, EngineCheck, check_engine
from titrant.testing.signals import SIGNAL_CHECKS, MadeTrace, SignalCheck, check_signal, made_scores
from titrant.testing.strategies import STRATEGY_CHECKS, StrategyCheck, check_strategy
from titrant.testing.treatments import TREATMENT_CHECKS, TreatmentCheck, check_treatment
from titrant.testing.worlds import WORLD_CHECKS, WorldCheck, check_world

__all__ = [
    "AUDIT_CHECKS",
    "ENGINE_CHECKS",
    "SIGNAL_CHECKS",
    "STRATEGY_CHECKS",
    "TREATMENT_CHECKS",
    "WORLD_CHECKS",
    "AuditCheck",
    "EngineCheck",
    "MadeTrace",
    "SignalCheck",
    "StrategyCheck",
    "TreatmentCheck",
    "WorldCheck",
    "check_audit",
    "check_engine",
    "check_signal",
    "check_strategy",
    "check_treatment",
    "check_world",
    "made_scores",
]
