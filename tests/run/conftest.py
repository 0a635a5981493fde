"""The fake arms of this folder can be imported by tests, and by the workers they start."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture(autouse=True)
def _workers_find_the_fakes(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)


@pytest.fixture
def folder(tmp_path):
    """An empty run folder."""
    from titrant.run.store.folder import make_folder

    return make_folder(tmp_path)


@pytest.fixture
def journal(folder):
    """Its open journal."""
    from titrant.run.store.journal import Journal

    with Journal(folder.journal) as journal:
        yield journal


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """One undisturbed run that all tests may look at, and none may change: folder and answer."""
    import fake_arms

    from titrant.run.titrate import titrate

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
        out = tmp_path_factory.mktemp("finished") / "run"
        answer = titrate(fake_arms.fake_config(), out, entries=fake_arms.entries())
    return out, answer
