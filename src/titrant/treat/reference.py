"""The reference page of treatments, from their table."""

from __future__ import annotations

from titrant.treat.table import TREATMENTS
from titrant.treat.wording import BOUND, FREE

HEAD = """# Treatments

Generated from their table by `make docs`; do not edit.

What is done to the traces of an arm before training, to see what in them the training needs. An arm on
treated traces is set against an arm on the same traces as they are. `NAME@RATIO` sets the share of what is
changed (of the steps, digits or words), from 0 to 1. The reasoning is the thinking and what the answer text
says before the line or sentence that states the final answer; only `wrong-answer` touches that statement.
Where thinking is followed by such a text, steps, words and digits of the two are treated each by itself,
foreign reasoning brings both, and `answer-only` and `format-only` take the second out.

A trace in which there is nothing to change stays as it is, and the audit tells how many did."""


def treatments_reference() -> str:
    """The page as Markdown: every treatment, its default ratio, what a loss under it would show."""
    rows = [
        f"| `{name}` | {'' if one.ratio is None else f'{one.ratio:g}'} | {_cell(one.does)} |"
        f" {_cell(one.asks)} |"
        for name, one in TREATMENTS.items()
    ]
    table = ["| treatment | ratio | what it does | a loss shows |", "|---|---|---|---|", *rows]
    words = [
        "## Words of reflection\n\n`unreflective` takes out what these expressions match, with the "
        "mark that follows. Anywhere:",
        _code(FREE),
        "Only at the start of a clause:",
        _code(BOUND),
    ]
    return "\n\n".join([HEAD, "\n".join(table), *words]) + "\n"


def _code(patterns: tuple[str, ...]) -> str:
    return "\n".join(["```text", *patterns, "```"])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
