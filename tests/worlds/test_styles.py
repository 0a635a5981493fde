"""Styles change the words and not the operations; faults change one operation and say where."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.worlds.arithmetic import ARITHMETIC, Chain, parse
from titrant.worlds.styles import CHECK_RATE, go_wrong, meander, slip, terse

seeds = st.integers(0, 2**32)
questions = st.builds(
    lambda start, ops: Chain(start, tuple(ops)).text,
    st.integers(0, 99),
    st.lists(st.tuples(st.sampled_from("+-*"), st.integers(2, 9)), min_size=2, max_size=6),
)


def faults(question: str, lines: list[str]) -> list[tuple[int, str]]:
    checks = ARITHMETIC.validate(question, "\n".join(lines))
    return [(check.number, check.kind) for check in checks if not check.is_valid]


def claims_in(lines: list[str]) -> list[str]:
    """The lines without their connectives, repeats left out."""
    bare = [line.removeprefix("so ").removeprefix("check ") for line in lines]
    return list(dict.fromkeys(bare))


@settings(max_examples=40)
@given(questions)
def test_the_terse_style_is_the_oracle(question):
    assert "\n".join(terse(question)) == ARITHMETIC.oracle(question)


@settings(max_examples=40)
@given(questions, seeds)
def test_meandering_says_the_same_and_is_valid(question, seed):
    lines = meander(terse(question), np.random.default_rng(seed))
    assert claims_in(lines) == claims_in(terse(question))
    assert faults(question, lines) == []
    assert not lines[0].startswith("so ")


@settings(max_examples=40)
@given(questions, seeds)
def test_a_style_is_a_pure_function_of_question_and_generator(question, seed):
    for make in (slip, go_wrong):
        assert make(question, np.random.default_rng(seed)) == make(
            question, np.random.default_rng(seed)
        )


def test_a_meandering_trace_checks_the_stated_share_of_its_steps():
    rng = np.random.default_rng(0)
    lines = terse("47+3*5-2+9*2=")  # 5 steps
    checked = sum(len(meander(lines, rng)) - 5 for _ in range(400)) / 2000
    assert abs(checked - CHECK_RATE) < 4 * (CHECK_RATE * (1 - CHECK_RATE) / 2000) ** 0.5


@settings(max_examples=40)
@given(questions, seeds)
def test_a_slip_spoils_one_middle_step_and_not_the_answer(question, seed):
    lines, index = slip(question, np.random.default_rng(seed))
    right = terse(question)
    assert [i for i, line in enumerate(lines) if line != right[i]] == [index]
    assert index < len(lines) - 1  # the last line, which states the answer, is right
    assert faults(question, lines) == [(index, "slip")]


@settings(max_examples=40)
@given(questions, seeds)
def test_going_wrong_is_one_fault_carried_to_a_wrong_answer(question, seed):
    lines, answer = go_wrong(question, np.random.default_rng(seed))
    found = faults(question, lines)
    assert len(found) == 1
    assert found[0][1] == "slip"
    assert lines[-1].endswith(f"={answer}")
    assert answer != parse(question).values[-1]


def test_a_fault_that_two_products_would_undo_is_drawn_again():
    # 1+2 = 3, ·5 = 15, ·4 = 60. With 8 in place of 3: 8·5 = 40, 40·4 = 160 → 60, right again.
    rng = np.random.default_rng(0)
    assert all(go_wrong("1+2*5*4=", rng)[1] != 60 for _ in range(300))
