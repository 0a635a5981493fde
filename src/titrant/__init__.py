"""titrant: how much reasoning data does a base model need, which part of it, is the gain real?

The names below are the public API; each is imported on first use, so `import titrant` touches only
the standard library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from titrant.arms import ArmSpec as ArmSpec
    from titrant.arms import Reading as Reading
    from titrant.config import demo_config as demo_config
    from titrant.config import dump_config as dump_config
    from titrant.config import load_config as load_config
    from titrant.errors import TitrantError as TitrantError
    from titrant.report.answer import Answer as Answer
    from titrant.seeds import derive as derive
    from titrant.seeds import derive_rng as derive_rng
    from titrant.settings import Config as Config
    from titrant.traces.record import Problem as Problem
    from titrant.traces.record import Step as Step
    from titrant.traces.record import Trace as Trace
    from titrant.traces.record import Verdict as Verdict

    __version__: str

_HOME = {
    "Answer": "titrant.report.answer",
    "ArmSpec": "titrant.arms",
    "Config": "titrant.settings",
    "Problem": "titrant.traces.record",
    "Reading": "titrant.arms",
    "Step": "titrant.traces.record",
    "TitrantError": "titrant.errors",
    "Trace": "titrant.traces.record",
    "Verdict": "titrant.traces.record",
    "demo_config": "titrant.config",
    "derive": "titrant.seeds",
    "derive_rng": "titrant.seeds",
    "dump_config": "titrant.config",
    "load_config": "titrant.config",
}
"""Public name → the module it lives in, sorted; `tests/repo/api.txt` holds the same names."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name == "__version__":
        from importlib.metadata import version

        return version("titrant")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    message = f"module 'titrant' has no attribute '{name}'"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted([*_HOME, "__version__"])
