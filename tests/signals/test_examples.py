"""The examples in the docstrings of signals run and give what they say."""

import doctest
import importlib

import pytest

MODULES = (
    "ragged",
    "confidence",
    "difficulty",
    "certainty",
    "likelihood",
    "membership",
    "gain",
    "degenerate",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    found = doctest.testmod(importlib.import_module(f"titrant.signals.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
