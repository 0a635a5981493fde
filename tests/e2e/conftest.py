"""What the tests of whole runs share: a small model folder, a pool, a benchmark and a config."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

RECIPE = {"method": "full", "updates": 8, "rows_per_update": 8, "lr": 1e-3}
"""A training of a second: what is shown here is not that it learns."""


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    import homemade

    for name, value in homemade.ONE_THREAD.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def small_base(tmp_path_factory):
    """A folder with a Llama of two layers and its own tokenizer; no test may change it."""
    pytest.importorskip("torch", reason="needs the train extra")
    import homemade

    texts = [f"{q}\n{way}\n#### {a}" for q, way, a in homemade.sums(200)]
    return homemade.write_base(tmp_path_factory.mktemp("models") / "base", texts)


@pytest.fixture
def small_config(tmp_path):
    """Writes a config beside a pool of 64 traces and a benchmark of 40 problems; returns its path.

    The base is the one that ships with titrant unless a test names another.
    """
    import homemade

    def write(name="c.yaml", **changes):
        homemade.write_pool(tmp_path / "pool.jsonl")
        homemade.write_benchmark(tmp_path / "problems.jsonl")
        tree = {
            "base": "vitro:arithmetic",
            "pool": "pool.jsonl",
            "benchmark": "problems.jsonl",
            "recipe": RECIPE,
            "decode": {"max_new_tokens": 16},
            "executor": {"workers": 1, "threads": 1},
        }
        return homemade.write_config(tmp_path / name, **(tree | changes))

    return write
