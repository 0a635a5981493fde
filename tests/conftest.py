"""Fixtures for all tests, and how hypothesis draws."""

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# What is compared to the last digit is float32 on a CPU; set the variable to see a card.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

sys.path.append(str(Path(__file__).parent))  # for trace_made

# No deadline: a busy machine is not a fault. Under CI the same examples every time.
settings.register_profile("titrant", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("titrant")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runslow", action="store_true", help="run tests marked slow or e2e")
    parser.addoption("--rune2e", action="store_true", help="run tests marked e2e")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = {"slow": config.getoption("--runslow")}
    wanted["e2e"] = wanted["slow"] or config.getoption("--rune2e")
    for item in items:
        for tier in ("slow", "e2e"):
            if tier in item.keywords and not wanted[tier]:
                item.add_marker(pytest.mark.skip(reason=f"{tier}: run with make test-{tier}"))


def pytest_collection_finish() -> None:
    """What collecting left stays to the end: no collection of garbage looks at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def shared_data() -> Path:
    """Real data beside the repository; a user's clone has none of it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data sets in {folder}")
    return folder
