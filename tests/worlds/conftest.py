"""One thread for whatever a test computes with torch."""

import pytest


@pytest.fixture
def one_thread():
    torch = pytest.importorskip("torch", reason="needs the train extra")
    torch.set_num_threads(1)
