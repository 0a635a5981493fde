"""Documents say what the code does: links lead somewhere, commands exist, references are current."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

from titrant.cli.common import exit_codes
from titrant.cli.main import COMMANDS
from titrant.config import load_config
from titrant.config.schema import keys
from titrant.errors import TitrantError
from titrant.report.answer import Answer

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GENERATED = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z0-9-]+):.*##", MAKEFILE, flags=re.MULTILINE))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as Markdown renderers make them."""
    headings = re.findall(r"^#+ (.+)$", text(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def commands(page: Path) -> list[str]:
    """Lines that a reader is told to type, continuation lines joined, remarks cut."""
    blocks = re.findall(r"```console\n(.*?)```", text(page), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line[2:].partition(" #")[0].strip() for line in lines]


@pytest.mark.parametrize("path", sorted(GENERATED), ids=name)
def test_golden_a_generated_page_is_current(path):
    assert text(path) == GENERATED[path], "make docs writes it anew"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if re.match(r"https?:|mailto:", link):
            continue
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), link
        if anchor:
            assert anchor in anchors(there), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_that_readers_are_told_to_type_exist(page):
    for command in commands(page):
        words = shlex.split(command)
        if words[0] == "make":
            assert words[1] in TARGETS, command
        if words[0] == "titrant" and not words[1].startswith(("-", "[", "COMMAND")):
            assert words[1] in COMMANDS, command


def test_make_targets_that_the_text_names_exist():
    for page in PAGES:
        named = set(re.findall(r"`make ([a-z0-9-]+)", text(page)))
        assert named <= TARGETS, name(page)


def test_every_page_of_the_documentation_is_reachable_from_its_index():
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in _links(index)}
    assert {p for p in PAGES if p.parent != ROOT} - {index} <= linked


def _links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", text(page))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_config_that_readers_are_shown_is_a_config(page, tmp_path):
    for block in re.findall(r"```yaml\n(.*?)```", text(page), flags=re.DOTALL):
        three = {key: f"{key}: x" for key in ("base", "pool", "benchmark")}
        missing = [line for key, line in three.items() if not re.search(f"^{key}:", block, re.M)]
        path = tmp_path / "c.yaml"
        path.write_text("\n".join([block, *missing]), encoding="utf-8")
        load_config(path)


def test_keys_that_the_text_names_exist():
    known = {re.sub(r"\.\d+", "", key.path) for key in keys()} | {key.path for key in keys()}
    sections = {path.partition(".")[0] for path in known}
    for page in PAGES:
        for key in re.findall(r"`(?:--set )?([a-z]+(?:\.[a-z_0-9]+)+)(?:[:=][^`]*)?`", text(page)):
            if key.partition(".")[0] in sections and not key.endswith((".md", ".json", ".jsonl")):
                assert key in known, f"{name(page)}: {key}"


def test_the_page_of_exit_codes_lists_every_code_with_its_class():
    rows = re.findall(r"^\| (\d+) \| (\w*) ?\| ([^|]+) \|", text(ROOT / "docs/exit-codes.md"), re.M)
    assert {int(code): meaning for code, _, meaning in rows} == exit_codes()
    kinds = {kind.exit_code: kind.__name__ for kind in TitrantError.__subclasses__()}
    assert {int(code): kind for code, kind, _ in rows if kind} == kinds


def test_every_verdict_is_explained():
    verdicts = Answer.model_fields["verdict"].annotation.__args__
    for page in ("docs/concepts.md", "docs/how-to/read-the-report.md"):
        listed = re.findall(r"^\| ([^|]+) \|", text(ROOT / page), flags=re.MULTILINE)
        assert set(verdicts) <= set(listed), page


def test_the_changelog_names_every_command():
    changes = text(ROOT / "CHANGELOG.md")
    assert [command for command in COMMANDS if f"titrant {command}" not in changes] == []


def test_agents_are_told_in_under_80_lines():
    assert len(text(ROOT / "AGENTS.md").splitlines()) < 80


def test_the_lock_pins_torch_and_names_no_host():
    lock = text(ROOT / "constraints.txt")
    pins = [line for line in lock.splitlines() if not line.startswith("#")]
    assert "torch==2.13.0" in pins
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", pin) for pin in pins)
    torch = re.search(r"^TORCH := (.+)$", MAKEFILE, flags=re.MULTILINE)
    assert torch is not None
    assert f"torch=={torch[1]}" in pins


def test_the_lock_pins_every_dependency_but_those_of_vllm():
    from importlib.metadata import requires

    lock = text(ROOT / "constraints.txt")
    for requirement in requires("titrant") or []:
        package = re.match(r"[\w.-]+", requirement)
        assert package is not None
        if "extra == 'vllm'" not in requirement:
            assert f"\n{package[0].lower()}==" in lock, requirement
