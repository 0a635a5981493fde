"""Steps: they give the body back, they respect blocks, and they cost one pass."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.traces.steps import cut_steps, pack_steps, steps_of_pieces


def texts(body: str) -> list[str]:
    return [step.text for step in cut_steps(body)]


BLOCKS = ("```", "$$", "\\[", "\\]", "\\begin{align}", "\\end{align}")
BREAKS = (" ", "\n", "\n\n", "\r\n", "\t", "\u2028", "\x0b", "\u3000", "1. ", "\n2) ", "\nStep 3")
PIECES = st.sampled_from(("a", "B 3.5", ". ", "? ", "。", "é", "🙂", *BLOCKS, *BREAKS))


@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)))
def test_joined_steps_give_the_body_back_with_exact_offsets(body):
    steps = cut_steps(body)
    assert "".join(step.text for step in steps) == body
    assert all(body[step.start : step.end] == step.text for step in steps)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_step_is_blank_unless_the_body_is(body):
    steps = cut_steps(body)
    assert all(step.text.strip() for step in steps) or not body.strip()
    assert len(steps) <= 1 or body.strip()


CUTS = [
    ("", []),
    ("one", ["one"]),
    ("  \n ", ["  \n "]),
    ("a\n\nb\n\nc", ["a\n\n", "b\n\n", "c"]),
    ("\n\na\n\nb\n\n", ["\n\na\n\n", "b\n\n"]),
    ("a\r\n\r\nb\r\nc", ["a\r\n\r\n", "b\r\nc"]),
    ("a\n \t\nb", ["a\n \t\n", "b"]),
    ("47+3=50\n50*5=50\n50-2=48\n", ["47+3=50\n", "50*5=50\n", "50-2=48\n"]),
    ("So:\n1. add\n   two\n2. stop\n\nDone", ["So:\n", "1. add\n   two\n", "2. stop\n\n", "Done"]),
    ("a\n\nb\n## Next\nc", ["a\n\n", "b\n", "## Next\nc"]),
    ("a\n\nb\nStep 2: c", ["a\n\n", "b\n", "Step 2: c"]),
    ("x is\n3.14 or\n\n2.7", ["x is\n3.14 or\n\n", "2.7"]),
    ("a\n\n```py\nb\n\nc\n```\n\nd", ["a\n\n", "```py\nb\n\nc\n```\n\n", "d"]),
    ("a\n\n$$\nb\n\nc\n$$\n\nd", ["a\n\n", "$$\nb\n\nc\n$$\n\n", "d"]),
    ("a\n\n\\[ b\n\nc \\] d", ["a\n\n", "\\[ b\n\nc \\] d"]),
    ("\\begin{align*}\na\n\nb\n\\end{align*}\nc", ["\\begin{align*}\na\n\nb\n\\end{align*}\n", "c"]),
    ("a \\\\[2pt] b\n\nc \\] d", ["a \\\\[2pt] b\n\n", "c \\] d"]),
    ("a ``` b\n\nc", ["a ``` b\n\n", "c"]),
    ("One. Two! \"Three?\" Four... Five.", ["One. ", "Two! ", '"Three?" ', "Four... ", "Five."]),
    ("It is 3.5 m. So e.g. Tom vs. J. Smith. End", ["It is 3.5 m. ", "So e.g. Tom vs. J. Smith. ", "End"]),
    ("Let A be point B. Then no. 5 is no. Go", ["Let A be point B. ", "Then no. 5 is no. ", "Go"]),
    ("1. Add 2. 2. Stop.", ["1. Add 2. ", "2. Stop."]),
    ("See Fig. 3 and Eq. (2). Then go", ["See Fig. 3 and Eq. (2). ", "Then go"]),
    ("三加二。得五。", ["三加二。", "得五。"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), CUTS)
def test_cuts(body, expected):
    assert texts(body) == expected


def test_a_stray_mark_does_not_tie_the_rest_of_the_text_together():
    body = "costs $$5\n\n" + "word " * 800 + "\n\nand $$6\n\nend"  # 4,000 characters between
    assert texts(body)[0] == "costs $$5\n\n"
    assert len(texts(body)) == 4


def test_offsets_at_the_end_of_the_body_make_no_empty_step():
    assert [s.text for s in pack_steps("abcd", [2, 4])] == ["ab", "cd"]


def test_steps_of_a_source_keep_their_empty_ones_so_that_labels_stay_in_place():
    steps = steps_of_pieces(["a\n\n", "", "b"])
    assert [(s.start, s.end) for s in steps] == [(0, 3), (3, 3), (3, 4)]


HOSTILE = {
    "prose": "word word. " * 100_000,
    "paragraphs": "foo bar\n\n" * 120_000,
    "open formulas": "\\[" * 500_000,
    "dollars": "$$ x\n" * 200_000,
    "environments": "\\begin{align}" * 80_000,
    "line ends": "\n" * 1_000_000,
    "a line of blanks": "\n" + " " * 1_000_000 + "x",
    "short lines": "\n a" * 333_000,
    "stops": ". " * 500_000,
    "quotes": '."' * 500_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_megabyte_takes_linear_time(name):
    # Quadratic time would be minutes; the bound leaves room for a loaded machine.
    began = time.process_time()
    cut_steps(HOSTILE[name])
    assert time.process_time() - began < 5.0
