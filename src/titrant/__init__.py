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
    from titrant.report.html import render_report as render_report
    from titrant.report.load import load_answer as load_answer
    from titrant.run.result.fit import fit_readings as fit_readings
    from titrant.run.titrate import titrate as titrate
    from titrant.seeds import derive as derive
    from titrant.seeds import derive_rng as derive_rng
    from titrant.select.rank import rank as rank
    from titrant.settings import Config as Config
    from titrant.traces.read import read_benchmark as read_benchmark
    from titrant.traces.read import read_pool as read_pool
    from titrant.traces.record import Problem as Problem
    from titrant.traces.record import Step as Step
    from titrant.traces.record import Trace as Trace
    from titrant.traces.record import Verdict as Verdict
    from titrant.traces.steps import cut_steps as cut_steps
    from titrant.traces.thinking import split_thinking as split_thinking
    from titrant.traces.verify.answer import find_answer as find_answer
    from titrant.traces.verify.assess import assess as assess
    from titrant.traces.verify.verdict import Claim as Claim
    from titrant.traces.verify.verdict import Verifier as Verifier

    __version__: str

PUBLIC = {
    "Answer": "titrant.report.answer",
    "ArmSpec": "titrant.arms",
    "Claim": "titrant.traces.verify.verdict",
    "Config": "titrant.settings",
    "Problem": "titrant.traces.record",
    "Reading": "titrant.arms",
    "Step": "titrant.traces.record",
    "TitrantError": "titrant.errors",
    "Trace": "titrant.traces.record",
    "Verdict": "titrant.traces.record",
    "Verifier": "titrant.traces.verify.verdict",
    "assess": "titrant.traces.verify.assess",
    "cut_steps": "titrant.traces.steps",
    "demo_config": "titrant.config",
    "derive": "titrant.seeds",
    "derive_rng": "titrant.seeds",
    "dump_config": "titrant.config",
    "find_answer": "titrant.traces.verify.answer",
    "fit_readings": "titrant.run.result.fit",
    "load_answer": "titrant.report.load",
    "load_config": "titrant.config",
    "rank": "titrant.select.rank",
    "read_benchmark": "titrant.traces.read",
    "read_pool": "titrant.traces.read",
    "render_report": "titrant.report.html",
    "split_thinking": "titrant.traces.thinking",
    "titrate": "titrant.run.titrate",
}
"""Public name → the module it lives in, sorted; `tests/repo/api.txt` holds the same names."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name == "__version__":
        from importlib.metadata import version

        return version("titrant")
    if name in PUBLIC:
        return getattr(import_module(PUBLIC[name]), name)
    message = f"module 'titrant' has no attribute '{name}'"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted([*PUBLIC, "__version__"])
