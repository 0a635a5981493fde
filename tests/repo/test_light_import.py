"""`import titrant` and `titrant --help` are quick and touch no heavy package.

Measured is the processor time of a fresh interpreter, start included: on an idle machine it is the
time that a user waits, and other work on the machine does not add to it.
"""

import json
import os
import subprocess
import sys

LIMIT_S = 0.3
HEAVY = (
    *("torch", "transformers", "trl", "peft", "datasets", "vllm", "openai", "ray"),
    *("numpy", "scipy", "pandas", "polars", "pyarrow", "pydantic", "matplotlib", "sklearn"),
)

IMPORT = "import titrant"
HELP = """
from titrant.cli.main import app
try: app(["--help"], prog_name="titrant")
except SystemExit: pass
"""
LISTING = "\nimport json, sys; print(json.dumps([m for m in sys.modules]), file=sys.stderr)"


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code + LISTING], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def seconds(code: str) -> float:
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_importing_titrant_touches_only_the_standard_library():
    outside = loaded_by(IMPORT) - loaded_by("pass")
    tops = {name.partition(".")[0] for name in outside}
    assert tops - sys.stdlib_module_names == {"titrant"}


def test_help_needs_no_heavy_package():
    assert loaded_by(HELP).isdisjoint(HEAVY)


def test_importing_titrant_takes_at_most_300_ms():
    assert min(seconds(IMPORT) for _ in range(3)) <= LIMIT_S


def test_help_takes_at_most_300_ms():
    assert min(seconds(HELP) for _ in range(5)) <= LIMIT_S


def test_the_measure_of_heavy_imports_sees_one():
    assert "numpy" in loaded_by("import numpy")
