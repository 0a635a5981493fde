"""Fixtures for all tests, and how hypothesis draws."""

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
    parser.addoption("--runslow", action="store_true", help="run tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--runslow"):
        return
    skip = pytest.mark.skip(reason="slow: run with --runslow or make test-slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def shared_data() -> Path:
    """Real data beside the repository; a user's clone has none of it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data sets in {folder}")
    return folder
