"""The final answer of an attempt: each rule, their order, their time."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.errors import ConfigError
from titrant.traces.verify.answer import Rule, find_answer, find_answer_with_rule, trim

FOUND = [
    (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}", Rule.BOXED),
    (r"\boxed{\left\{1,2\right\}}", r"\left\{1,2\right\}", Rule.BOXED),
    (r"first \boxed{1}, no, \boxed{2}", "2", Rule.BOXED),
    (r"\boxed{1} and then \boxed{2", "1", Rule.BOXED),
    (r"\boxed{a \boxed{b} c}", "b", Rule.BOXED),
    (r"\boxed{\boxed{5}}", "5", Rule.BOXED),
    (r"\boxed{{1}+{2}}} and a brace too many", "{1}+{2}", Rule.BOXED),
    (r"{ a brace left open, \boxed{3}", "3", Rule.BOXED),
    (r"\fbox{4}", "4", Rule.BOXED),
    (r"\boxed 5$.", "5", Rule.BOXED),
    (r"\!\boxed{6}", "6", Rule.BOXED),
    (r"\\boxed{7}", "7", Rule.BOXED),
    (r"a\\\\boxed{8}", "8", Rule.BOXED),
    ("\\boxed\n{9}", "9", Rule.BOXED),
    ("4+5=9\n#### 9", "9", Rule.HASHES),
    ("#### 1\nmore\n#### -1,234.5\n", "-1,234.5", Rule.HASHES),
    ("#### no solution", "no solution", Rule.HASHES),
    ("#### Step 1\nthat makes 5", "5", Rule.NUMBER),
    ("The final answer is: $\\frac{1}{2}$. I hope it is correct.", r"\frac{1}{2}", Rule.STATED),
    ("**Answer:** 42.", "42", Rule.STATED),
    ("**Answer**: 42", "42", Rule.STATED),
    ("The answer is\n\n**$x=5$**", "x=5", Rule.STATED),
    ("the answer is 18 because 3 + 15 = 18", "18", Rule.STATED),
    ("The answer to the last question is 3.14.", "3.14", Rule.STATED),
    ("The answer is 1. No: the answer is 2.", "2", Rule.STATED),
    ("The answer is 2. Check: 1 + 1 = 2", "2", Rule.STATED),
    ("16 - 7 = 9\n9 * 2 = 18\nA: 18\n", "18", Rule.STATED),
    ("A: 10\nthat was wrong, 12", "12", Rule.NUMBER),
    ("18", "18", Rule.WHOLE),
    ("-$1,234.50.", "-$1,234.50", Rule.WHOLE),
    ("(3, 4)", "(3, 4)", Rule.WHOLE),
    ("$\\frac{\\pi}{2}$.", r"\frac{\pi}{2}", Rule.WHOLE),
    ("east", "east", Rule.WHOLE),
    ("47+3=50", "50", Rule.NUMBER),
    ("it costs $12 in all", "12", Rule.NUMBER),
    ("between 3 and -4.5%", "-4.5%", Rule.NUMBER),
    ("it ends with 1,234,567.", "1,234,567", Rule.NUMBER),
    ("what is left of 7-3", "3", Rule.NUMBER),
    ("so three quarters, that is 3/4.", "3/4", Rule.NUMBER),
]


@pytest.mark.parametrize(("text", "answer", "rule"), FOUND)
def test_each_rule_finds_its_answer(text, answer, rule):
    assert find_answer_with_rule(text) == (answer, rule)
    assert find_answer(text) == answer


@pytest.mark.parametrize(
    "text", ["", "   \n", "I do not know", r"\boxed{never closed", r"\boxed{}"]
)
def test_a_text_without_an_answer_has_none(text):
    assert find_answer(text) is None


def test_the_rules_are_asked_in_the_order_of_the_table():
    text = "\\boxed{1}\n#### 2\nThe answer is 3\nso 4"
    assert find_answer(text) == "1"
    assert find_answer(text.replace(r"\boxed{1}", "")) == "2"
    assert find_answer(text.replace(r"\boxed{1}", "").replace("#### 2", "")) == "3"


def test_a_pattern_decides_alone_and_its_last_match_counts():
    assert find_answer(r"[5] \boxed{6} [7]", pattern=r"\[(\d)\]") == "7"
    assert find_answer_with_rule("[5]", pattern=r"\[(\d)\]") == ("5", Rule.PATTERN)
    assert find_answer(r"\boxed{6}", pattern=r"\[(\d)\]") is None


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"answer: (\d+", "no regular expression"),
        (r"answer: \d+", "which has 0 groups"),
        (r"(answer): (\d+)", "which has 2 groups"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_what_was_expected(pattern, message):
    with pytest.raises(ConfigError, match=message) as caught:
        find_answer("answer: 5", pattern=pattern)
    assert "a regular expression with one group" in str(caught.value)
    assert "correct answer_pattern" in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "trimmed"),
    [
        ("**$5$.**", "5"),
        (r" \( x \) ", "x"),
        ("$5$ and $6$", "$5$ and $6$"),
        ("`a`", "a"),
        ("$", "$"),
    ],
)
def test_trimming_takes_the_wrapping_only(raw, trimmed):
    assert trim(raw) == trimmed


MEGABYTE = 10**6
HOSTILE = {
    "open braces": "{" * MEGABYTE,
    "pairs of braces": "{}" * (MEGABYTE // 2),
    "open boxes": r"\boxed{" * (MEGABYTE // 7),
    "braces in a box": r"\boxed{" + "{" * MEGABYTE,
    "pairs in an open box": r"\boxed{" + "{}" * (MEGABYTE // 4),
    "backslashes": r"\boxed" + "\\" * MEGABYTE,
    "digits": "1" * MEGABYTE,
    "thousands": "123," * (MEGABYTE // 4),
    "digits and commas": "1," * (MEGABYTE // 2),
    "answer is": "answer is " * (MEGABYTE // 10),
    "answer to": "answer to " * (MEGABYTE // 10),
    "answer and blanks": "answer" + " " * MEGABYTE,
    "hashes": "#" * MEGABYTE,
    "lines of hashes": "#### \n" * (MEGABYTE // 6),
    "stops to trim": r"\boxed{" + ",." * (MEGABYTE // 2) + "}",
    "wrappers to trim": r"\boxed{" + "**`" * (MEGABYTE // 6) + "1" + "`**" * (MEGABYTE // 6) + "}",
    "an open formula": "answer is $" + "\\" * MEGABYTE,
    "blanks": " " * MEGABYTE,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_of_anything_takes_linear_time(text):
    # Quadratic time would be minutes; the bound leaves room for a loaded machine.
    started = time.process_time()
    find_answer(text)
    assert time.process_time() - started < 5.0


@given(st.text(alphabet=r"{}\$#.*1a,- " + "\n", max_size=60))
def test_an_answer_is_trimmed_and_never_empty(text):
    found = find_answer(text)
    assert found is None or (found and found == found.strip())


@given(
    st.text(alphabet="abc{}", max_size=30).filter(lambda s: _is_balanced(s) and trim(s) == s != "")
)
def test_any_balanced_content_comes_back_out_of_its_box(content):
    assert find_answer(f"x {{ \\boxed{{{content}}} y") == content


def _is_balanced(text):
    depth = 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth < 0:
            return False
    return depth == 0


def test_every_answer_of_math500_is_found_in_its_solution(shared_data):
    rows = list(map(json.loads, (shared_data / "math500/test.jsonl").read_bytes().splitlines()))
    found = [find_answer_with_rule(row["solution"]) for row in rows]
    assert found == [(row["answer"], Rule.BOXED) for row in rows]
    assert len(rows) == 500
