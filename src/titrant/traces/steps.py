r"""Steps: a body cut into pieces that give it back when joined.

Where a body has blank lines, it is cut at them, and at the numbered items, headings and "Step 3"
lines inside a paragraph. Where it has only single line breaks, each line is a step. Where it has
neither, each sentence is one. White space belongs to the step before it. Nothing is cut inside a
code fence (``` … ```), a display formula (`$$ … $$`, `\[ … \]`) or a LaTeX environment; an opening
mark without a closing one near it is plain text.

The cut is one pass over the text: a megabyte takes a fraction of a second, whatever is in it.
Left out: cutting by meaning, which needs a model.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from titrant.traces.record import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FENCE_CHARS = 50_000
"""A code fence closed further away than this was never opened."""
FORMULA_CHARS = 3_000
"""The same for formulas: a stray `$$` must not tie the rest of a long text together."""

_ITEM = r"[ \t]{0,3}(?:\d{1,3}[.)][ \t]|\#{1,6}[ \t]|(?:\*\*)?Step[ \t]\d)"
_BLANK_LINES = re.compile(r"\n(?:[ \t]*+\r?\n)+")
_PARAGRAPH = re.compile(rf"\n(?:(?:[ \t]*+\r?\n)+|(?={_ITEM}))")
_LINE = re.compile(r"\n")
# It begins with one class of characters, which the matcher looks for fast, and looks back then.
_SENTENCE = re.compile(
    r"""[.!?。！？](?:(?<=[。！？])|(?<=[\w)\]}$%"'”’].)[.!?]{0,3}["'”’)\]*]{0,3}\s++(?![a-z]))"""
)
_OPENER = re.compile(
    r"```|\$\$|(?<!\\)\\(?:\[|begin\{((?:align|equation|gather|multline|array|tabular|cases)\*?)\})"
)
_MAKE_STEP = partial(tuple.__new__, Step)
"""`Step(*values)` at a third of its time; a pool has millions of steps."""
_NUMBER = re.compile(r"[(\[*]*\d{1,3}")
ABBREVIATIONS = frozenset(  # a list of words reads best in a row
    "al approx cf dr e.g eg etc i.e ie jr mr mrs ms prof prop resp st viz vs".split()  # noqa: SIM905
)
"""A full stop after one of these ends no sentence."""
NUMBERED = frozenset(("ch", "eq", "eqs", "ex", "fig", "figs", "no", "nos", "p", "pp", "sec", "vol"))
"""Nor after one of these, where a number follows."""


def cut_steps(body: str) -> tuple[Step, ...]:
    """The steps of a body; `()` for an empty one.

    Example:
        >>> [step.text for step in cut_steps("47+3=50. Then 50*5=50. So 50.")]
        ['47+3=50. ', 'Then 50*5=50. ', 'So 50.']
    """
    return pack_steps(body, _cuts(body))


def pack_steps(body: str, cuts: Iterable[int]) -> tuple[Step, ...]:
    """Steps that end at the given offsets (ascending) and at the end of the body.

    A piece of white space alone is no step: it joins its neighbour.
    """
    ends = list(cuts)
    if not ends:
        return (Step(body, 0, len(body)),) if body else ()
    if ends[-1] != len(body):
        ends.append(len(body))
    starts = [0, *ends[:-1]]
    texts = [body[start:end] for start, end in zip(starts, ends, strict=True)]
    if "" in texts or any(map(str.isspace, texts)):
        return _joined(body, zip(texts, ends, strict=True))
    return tuple(map(_MAKE_STEP, zip(texts, starts, ends, strict=True)))


def _joined(body: str, pieces: Iterable[tuple[str, int]]) -> tuple[Step, ...]:
    """Steps of pieces of which some are blank: those join the next one, the last the one before."""
    steps: list[Step] = []
    start = 0
    for text, end in pieces:
        if text and not text.isspace():
            steps.append(Step(body[start:end], start, end))
            start = end
    if start < len(body):
        start = steps.pop().start if steps else 0
        steps.append(Step(body[start:], start, len(body)))
    return tuple(steps)


def steps_of_pieces(pieces: Iterable[str]) -> tuple[Step, ...]:
    """Steps as the source gives them, empty ones included, so that step labels stay in place."""
    steps, start = [], 0
    for text in pieces:
        steps.append(Step(text, start, start + len(text)))
        start += len(text)
    return tuple(steps)


def _cuts(body: str) -> Iterable[int]:
    if "\n" not in body:
        return _sentence_ends(body) if len(body) > 1 else ()
    blocks = _blocks(body)
    if _has_paragraphs(body, blocks):
        return [m.end() for m in _outside(_PARAGRAPH.finditer(body), blocks)]
    return [m.end() for m in _outside(_LINE.finditer(body), blocks)]


def _has_paragraphs(body: str, blocks: list[tuple[int, int]]) -> bool:
    """Whether a blank line parts two pieces of text, outside the blocks."""
    text = body.strip()
    first = body.find(text)
    blank_lines = _outside(_BLANK_LINES.finditer(body, first, first + len(text)), blocks)
    return next(iter(blank_lines), None) is not None


def _sentence_ends(body: str) -> Iterator[int]:
    for match in _outside(_SENTENCE.finditer(body), _blocks(body)):
        if match[0].rstrip() != "." or not _is_abbreviated(body, match.start()):
            yield match.end()


def _is_abbreviated(body: str, stop: int) -> bool:
    """Whether the full stop at an offset belongs to its word: "e.g.", "J. Smith", an item's "2."."""
    before = body[max(0, stop - 24) : stop]
    if not before[-1:].isalnum():
        return False
    head, _, word = before.rpartition(" ")
    head, word = head.rstrip(), word.lstrip("([{\"'“*")
    if word.lower() in NUMBERED:
        return body[stop + 1 : stop + 4].lstrip(" (")[:1].isdigit()
    if len(word) == 1 and word.isupper():
        # An initial follows another part of a name; after a small word it names a point or a set.
        return not head.rpartition(" ")[2][:1].islower() or head.endswith(".")
    opens_sentence = not head or head[-1] in ".!?:"
    is_item = opens_sentence and _NUMBER.fullmatch(word) is not None
    return is_item or word.lower() in ABBREVIATIONS


def _blocks(body: str) -> list[tuple[int, int]]:
    """Where code fences and display formulas start and end, in order, without overlap."""
    if "`" not in body and "$" not in body and "\\" not in body:
        return []
    blocks: list[tuple[int, int]] = []
    # The next place of each closing mark, found once and used until the scan has passed it: without
    # this memory a text of nothing but opening marks would cost the square of its length.
    next_at: dict[str, int] = {}
    at = 0
    while opener := _OPENER.search(body, at):
        closer, at = _closer(opener), opener.end()
        found = next_at.get(closer, 0)
        if 0 <= found < at:
            found = next_at[closer] = body.find(closer, at)
        limit = FENCE_CHARS if closer == "```" else FORMULA_CHARS
        if found >= 0 and found - at <= limit:
            at = found + len(closer)
            blocks.append((opener.start(), at))
    return blocks


def _closer(opener: re.Match[str]) -> str:
    if opener[1]:
        return f"\\end{{{opener[1]}}}"
    return r"\]" if opener[0] == r"\[" else opener[0]


def _outside(
    matches: Iterable[re.Match[str]], blocks: list[tuple[int, int]]
) -> Iterable[re.Match[str]]:
    """The matches that do not start inside a block."""
    return _between(matches, blocks) if blocks else matches


def _between(
    matches: Iterable[re.Match[str]], blocks: list[tuple[int, int]]
) -> Iterator[re.Match[str]]:
    rest = iter(blocks)
    block = next(rest, None)
    for match in matches:
        while block is not None and block[1] <= match.start():
            block = next(rest, None)
        if block is None or match.start() < block[0]:
            yield match
