"""Planted mistakes, harmless edits and filler."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.audits.faithfulness.parts.change import (
    add_slip,
    filler,
    is_edited,
    reword,
    slip_step,
)
from titrant.worlds.arithmetic import ARITHMETIC
from titrant.worlds.base import Split

LINES = ("47+3=50 *5-2\n", "50*5=50 -2\n", "50-2=48")


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_mistake_is_in_the_result_of_the_step():
    changed = slip_step("47+3=50 *5-2\n", rng())
    assert changed is not None
    head, _, result = changed.partition("=")
    assert head == "47+3"
    assert result.endswith(" *5-2\n")
    first, second = result[0], result[1]
    assert first not in "50"[0] + "0"  # another digit, and no leading zero
    assert second != "0"


def test_without_an_equals_sign_the_last_number_is_changed():
    changed = slip_step("12 apples and 7 pears.", rng())
    assert changed is not None
    assert changed.startswith("12 apples and ")
    assert changed != "12 apples and 7 pears."


def test_where_nothing_follows_the_equals_sign_the_last_number_before_it_is_changed():
    changed = slip_step("x = 4 so y =", rng())
    assert changed is not None
    assert changed.startswith("x = ")
    assert changed != "x = 4 so y ="


@given(st.integers(0, 10**6), st.integers(0, 1000))
def test_every_digit_of_the_result_is_another_one(number, seed):
    changed = slip_step(f"so it is {number}.", rng(seed))
    assert changed is not None
    other = changed.removeprefix("so it is ").removesuffix(".")
    assert len(other) == len(str(number))
    assert all(a != b for a, b in zip(other, str(number), strict=True))
    assert len(other) == 1 or other[0] != "0"


def test_the_mistake_goes_to_the_first_step_with_a_number():
    found = add_slip(["Well then.\n", "2+2=4\n", "2+2=4\n"], 0, rng())
    assert found is not None
    assert found.at == 1
    assert (found.steps[0], found.steps[2]) == ("Well then.\n", "2+2=4\n")
    assert found.steps[1] != "2+2=4\n"


def test_without_numbers_there_is_no_mistake_to_plant():
    assert add_slip(["Well.", "Then."], 0, rng()) is None
    assert add_slip(["1.", "Then."], 1, rng()) is None


@pytest.mark.parametrize("seed", range(20))
def test_an_edit_of_an_arithmetic_trace_is_valid_and_says_the_same(seed):
    problem = ARITHMETIC.problem("hard", Split.TEST, seed)
    steps = [f"{line}\n" for line in ARITHMETIC.oracle(problem.question).splitlines()]
    edited = reword(steps, rng(seed), world="arithmetic")
    assert edited != tuple(steps)
    checks = ARITHMETIC.validate(problem.question, "".join(edited))
    assert all(check.is_valid for check in checks)
    assert len(checks) >= len(steps)


def test_some_lines_are_said_twice():
    edited = reword(LINES * 10, rng(), world="arithmetic")
    assert any("\ncheck " in step for step in edited)
    assert any("\ncheck " not in step for step in edited)


def test_a_line_that_has_its_connective_keeps_it():
    assert reword(["so 1+1=2\n", "check 1+1=2\n"], rng(), world="arithmetic") == (
        "so 1+1=2\n",
        "check 1+1=2\n",
    )


def test_elsewhere_steps_get_connectives_and_other_white_space():
    edited = reword(["We add. ", "$x$ is 3.\n", "Done"], rng(), world=None)
    assert edited[0].endswith("We add.\n")
    assert edited[0].split("We")[0] in ("So, ", "Now, ", "Next, ", "Then, ")
    assert edited[1] == "$x$ is 3.\n\n"
    assert edited[2].endswith("Done")


@given(st.lists(st.sampled_from(["Add 3.", "x=4", "Then so", "- item"]), max_size=6))
def test_an_edit_elsewhere_keeps_every_step(steps):
    edited = reword(steps, rng(), world=None)
    assert all(step in other for step, other in zip(steps, edited, strict=True))


@pytest.mark.parametrize(
    ("steps", "world", "is_changed"),
    [
        (["12+3=15"], None, False),
        (["12+3=15\n"], None, False),  # the empty line behind it is not asked
        (["12+3=15\n", "15-2=13"], None, True),
        (["so 1+1=2\n", "check 1+1=2\n"], "arithmetic", False),
        (["so 1+1=2\n", "2+1=3\n"], "arithmetic", True),
    ],
)
def test_an_edit_that_leaves_the_text_as_it_was_is_none(steps, world, is_changed):
    assert is_edited(steps, reword(steps, rng(), world=world)) is is_changed


@pytest.mark.parametrize(("share", "n"), [(0.0, 0), (0.25, 1), (0.5, 2), (1.0, 4)])
def test_filler_has_its_share_of_the_words(share, n):
    assert filler("one two\nthree four", share).split() == ["..."] * n
