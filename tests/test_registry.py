"""Registries and lazy loading: names, near names, and the message of a missing package."""

import sys
import types
from importlib.metadata import EntryPoint

import pytest

from titrant import registry as registry_module
from titrant.errors import ConfigError, MissingPackageError
from titrant.lazy import EXTRA_OF, load
from titrant.registry import Registry, nearest


def test_a_name_is_loaded_on_first_use_only(monkeypatch):
    table: Registry[object] = Registry("things", {"path": "os.path:join"})
    loads = []
    monkeypatch.setattr(registry_module, "load", lambda path: loads.append(path) or object())
    assert table.get("path") is table.get("path")
    assert loads == ["os.path:join"]


def test_an_unknown_name_is_answered_with_the_nearest_one():
    table: Registry[object] = Registry("engines", {"transformers": "a:b", "fake": "a:c"})
    with pytest.raises(ConfigError) as caught:
        table.get("transformer")
    assert str(caught.value) == "unknown engine 'transformer'\n  do: did you mean transformers?"


def test_a_name_near_to_none_is_answered_with_all_of_them():
    assert nearest("zzz", ["b", "a"]) == "known: a, b"
    assert nearest("randm", ["random", "longest"]) == "did you mean random?"


def test_an_entry_point_of_another_package_joins(monkeypatch):
    points = [EntryPoint("theirs", "json:loads", "titrant.things")]
    monkeypatch.setattr(registry_module, "entry_points", lambda group: points)
    table: Registry[object] = Registry("things", {"ours": "json:dumps"})
    assert table.names() == ["ours", "theirs"]
    import json

    assert table.get("theirs") is json.loads


def test_an_entry_point_does_not_replace_a_name_of_ours(monkeypatch):
    points = [EntryPoint("ours", "json:loads", "titrant.things")]
    monkeypatch.setattr(registry_module, "entry_points", lambda group: points)
    table: Registry[object] = Registry("things", {"ours": "json:dumps"})
    import json

    assert table.get("ours") is json.dumps


@pytest.mark.parametrize("package", sorted(EXTRA_OF))
def test_a_missing_package_is_answered_with_the_extra_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError) as caught:
        load(f"{package}:thing")
    assert f"needs the package {package}, which is not installed" in str(caught.value)
    assert f"do: pip install 'titrant[{EXTRA_OF[package]}]'" in str(caught.value)


def test_a_module_of_ours_that_is_missing_is_a_bug_and_keeps_its_error():
    with pytest.raises(ModuleNotFoundError, match=r"titrant\.no_such"):
        load("titrant.no_such:thing")


def test_a_path_without_an_attribute_is_the_module_itself():
    assert isinstance(load("json"), types.ModuleType)
