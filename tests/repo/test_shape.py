"""Sizes, docstrings and tolerances: house rules that a reader feels, as checks that fail."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_FILE_LINES = 500
MOST_FUNCTION_LINES = 70


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[tuple[str, int]]:
    """Functions of a file with their lengths in lines."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            found.append((f"{name(path)}:{node.lineno} {node.name}", lines))
    return found


def loose_tolerances(text: str) -> list[str]:
    """Relative tolerances of 1 or more, with which nothing can fail."""
    numbers = re.findall(r"\br(?:el_?)?tol\s*=\s*([0-9.]+(?:e[-+]?\d+)?)", text)
    numbers += re.findall(r"approx\([^()]*\brel\s*=\s*([0-9.]+(?:e[-+]?\d+)?)", text)
    return [number for number in numbers if float(number) >= 1]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_fits_in_the_head(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_FILE_LINES


def test_no_function_is_over_the_hard_stop():
    long = [(f, n) for path in SOURCES for f, n in functions(path) if n > MOST_FUNCTION_LINES]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_there_is_no_drawer_for_odds_and_ends():
    assert [name(p) for p in SOURCES if p.stem in {"utils", "util", "helpers", "misc"}] == []


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_no_tolerance_lets_everything_pass(path):
    assert loose_tolerances(path.read_text(encoding="utf-8")) == []


def test_the_measure_of_tolerances_sees_a_loose_one():
    text = "assert_allclose(a, b, r" + "tol=1e6)\napprox(3, r" + "el=2)\nrtol=1e-6, rtol=0.5"
    assert loose_tolerances(text) == ["1e6", "2"]
