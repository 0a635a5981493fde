"""The public names are the recorded ones, so that a change of the API shows in the diff."""

import importlib
import os
from pathlib import Path

import pytest

import titrant

RECORD = Path(__file__).with_name("api.txt")


def test_golden_public_names_are_the_recorded_ones():
    names = "\n".join(titrant.PUBLIC) + "\n"
    if os.environ.get("TITRANT_GOLDEN"):
        RECORD.write_text(names, encoding="utf-8")
    assert names == RECORD.read_text(encoding="utf-8"), "TITRANT_GOLDEN=1 records it anew"


def test_the_public_names_are_few_and_sorted():
    assert len(titrant.PUBLIC) <= 30
    assert list(titrant.PUBLIC) == sorted(titrant.PUBLIC)


@pytest.mark.parametrize("name", sorted(titrant.PUBLIC))
def test_a_public_name_is_what_its_module_has(name):
    assert getattr(titrant, name) is getattr(importlib.import_module(titrant.PUBLIC[name]), name)
    assert name in dir(titrant)


def test_type_checkers_are_told_the_same_names():
    source = Path(titrant.__file__).read_text(encoding="utf-8")
    block = source.partition("if TYPE_CHECKING:")[2].partition("PUBLIC =")[0]
    told = [line.split()[-1] for line in block.splitlines() if " import " in line]
    assert told == sorted(told, key=lambda name: (titrant.PUBLIC[name], name))
    assert sorted(told) == sorted(titrant.PUBLIC)


def test_a_name_that_is_not_public_is_refused():
    with pytest.raises(AttributeError, match="module 'titrant' has no attribute 'nothing'"):
        _ = titrant.nothing
