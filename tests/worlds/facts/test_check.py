"""The validator of the world of facts: fact steps and reasoning steps, each fault charged once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.seeds import derive_rng
from titrant.worlds.base import Split
from titrant.worlds.facts import FactCheck, check_lines, facts_of
from titrant.worlds.facts.draw import PRESETS, draw
from titrant.worlds.facts.question import follow, parse
from titrant.worlds.facts.styles import misremember, slip, terse, verbose
from titrant.worlds.facts.table import known_facts

A, B, C = (fact.name.text for fact in known_facts()[:3])
a, b, c = (fact.value for fact in known_facts()[:3])
QUESTION = f"{A}+{B}*3="
SUM = (a + b) % 100
LINES = [f"F {A}={a}", f"F {B}={b}", f"R {a}+{b}={SUM} *3", f"R {SUM}*3={SUM * 3 % 100}"]

questions = st.builds(
    lambda seed, preset: draw(derive_rng(0, "test", seed), PRESETS[preset], Split.POOL).text,
    st.integers(0, 2**32),
    st.sampled_from(["middle", "hard", "new"]),
)


def kinds(question: str, lines: list[str]) -> list[str]:
    return [check.kind for check in check_lines(question, "\n".join(lines))]


def faults(question: str, lines: list[str]) -> list[tuple[int, str]]:
    return [(i, kind) for i, kind in enumerate(kinds(question, lines)) if kind != "ok"]


def test_terse_lines_are_one_per_fact_and_one_per_operation():
    assert terse(QUESTION) == LINES
    checks = check_lines(QUESTION, "\n".join(LINES))
    assert [(check.is_fact, check.kind) for check in checks] == [
        (True, "ok"),
        (True, "ok"),
        (False, "ok"),
        (False, "ok"),
    ]


def test_facts_of_a_trace_are_held_against_the_table():
    wrong = (b + 1) % 100
    text = "\n".join(
        [LINES[0], f"F {B}={wrong}", f"R {a}+{wrong}=0 *3", f"check F {C}={c}", "F zz.x=5"]
    )
    found = facts_of(QUESTION, text)
    name_a, name_b, name_c = (fact.name for fact in known_facts()[:3])
    assert found == [
        FactCheck(0, *name_a, a, a, is_needed=True),
        FactCheck(1, *name_b, wrong, b, is_needed=True),
        FactCheck(3, *name_c, c, c, is_needed=False),
        FactCheck(4, "zz", "x", 5, None, is_needed=False),
    ]
    assert [check.is_right for check in found] == [True, False, True, False]


def test_a_trace_without_fact_steps_has_no_fact_checks():
    assert facts_of(QUESTION, "") == []
    assert facts_of(QUESTION, LINES[2]) == []


@settings(max_examples=40)
@given(questions, st.integers(0, 2**32))
def test_both_styles_are_valid_and_say_the_same(question, seed):
    lines = verbose(question, derive_rng(0, "test", seed))
    assert faults(question, lines) == []
    assert faults(question, terse(question)) == []
    said = {line.removeprefix("check ").removeprefix("again ") for line in lines[1:]}
    assert said == set(terse(question))
    assert lines[-1].removeprefix("check ") == terse(question)[-1]


def test_verbose_traces_are_about_twice_as_long():
    rng = derive_rng(0, "test")
    drawn = [draw(rng, PRESETS["middle"], Split.POOL).text for _ in range(200)]
    ratio = sum(len(verbose(q, rng)) for q in drawn) / sum(len(terse(q)) for q in drawn)
    # each claim is stated 1.5 times, the facts (half of the claims) half a time more, and one line
    # names them: (1.5·4.5 + 0.5·2 + 1) / 4.5 ≈ 1.9
    assert 1.7 < ratio < 2.2


@settings(max_examples=40)
@given(questions, st.integers(0, 2**32))
def test_a_wrong_fact_is_charged_once_and_carried_to_another_answer(question, seed):
    faulty = misremember(question, derive_rng(0, "test", seed))
    assert faults(question, faulty.lines) == [(faulty.step, "fact")]
    assert faulty.answer != parse(question).answer
    assert faulty.lines[-1].endswith(f"={faulty.answer}")
    assert [check.is_right for check in facts_of(question, "\n".join(faulty.lines))].count(
        False
    ) == 1


@settings(max_examples=40)
@given(questions, st.integers(0, 2**32))
def test_a_slip_is_charged_once_and_carried_to_another_answer(question, seed):
    faulty = slip(question, derive_rng(0, "test", seed))
    assert faults(question, faulty.lines) == [(faulty.step, "slip")]
    assert faulty.answer != parse(question).answer
    assert all(check.is_right for check in facts_of(question, "\n".join(faulty.lines)))


def test_a_wrong_fact_may_be_taken_back():
    lines = [f"F {A}={(a + 1) % 100}", *LINES[1:]]
    assert faults(QUESTION, lines) == [(0, "fact")]


def test_a_slip_may_be_taken_back():
    lines = [*LINES[:2], f"R {a}+{b}={(SUM + 1) % 100} *3", LINES[3]]
    assert faults(QUESTION, lines) == [(2, "slip")]


def test_a_fact_used_before_it_is_recalled_is_out_of_order_once():
    assert faults(QUESTION, [LINES[0], *LINES[2:]]) == [(1, "order")]
    assert faults(QUESTION, LINES[2:]) == [(0, "order")]


def test_a_true_fact_that_is_not_asked_for_is_out_of_order_and_a_false_one_false():
    assert faults(QUESTION, [f"F {C}={c}", *LINES]) == [(0, "order")]
    assert faults(QUESTION, [f"F {C}={(c + 1) % 100}", *LINES]) == [(0, "fact")]
    assert faults(QUESTION, ["F zz.x=5", *LINES]) == [(0, "fact")]


def test_another_operator_and_another_operand_are_charged_once():
    less, more = (a - b) % 100, (b + 1) % 100
    after = [step.text for step in follow(less, (("*", 3),))]
    assert faults(QUESTION, [*LINES[:2], f"R {a}-{b}={less} *3", *after]) == [(2, "operator")]
    total = (a + more) % 100
    after = [step.text for step in follow(total, (("*", 3),))]
    assert faults(QUESTION, [*LINES[:2], f"R {a}+{more}={total} *3", *after]) == [(2, "operand")]


def test_an_operation_miscopied_into_what_is_left_is_charged_once():
    after = [step.text for step in follow(SUM, (("*", 4),))]
    assert faults(QUESTION, [*LINES[:2], f"R {a}+{b}={SUM} *4", *after]) == [(2, "operand")]


def test_a_skipped_operation_is_charged_once_and_one_too_many_too():
    assert faults(QUESTION, [*LINES[:2], LINES[3]]) == [(2, "order")]
    assert faults(QUESTION, [*LINES, "R 1+1=2"]) == [(4, "order")]


def test_a_line_that_leaves_out_what_is_left_is_charged_once():
    assert faults(QUESTION, [*LINES[:2], f"R {a}+{b}={SUM}", LINES[3]]) == [(2, "order")]


def test_remarks_are_passed_over_and_repeats_are_valid():
    lines = ["let me see", *LINES[:3], f"check {LINES[2]}", f"again {LINES[0]}", f"so {LINES[3]}"]
    assert kinds(QUESTION, lines) == ["ok"] * 6


@settings(max_examples=60)
@given(questions, st.data())
def test_any_changed_digit_of_a_trace_is_a_fault(question, data):
    text = "\n".join(terse(question))
    at = data.draw(st.sampled_from([i for i, sign in enumerate(text) if sign.isdigit()]))
    digit = data.draw(st.sampled_from("0123456789").filter(lambda sign: sign != text[at]))
    changed = text[:at] + digit + text[at + 1 :]
    assert {check.kind for check in check_lines(question, changed)} != {"ok"}


@pytest.mark.parametrize("text", ["R 5+5=10 " + "+1" * 5000, "F ab.e=" + "9" * 5000, "R " * 5000])
def test_hostile_lines_break_nothing(text):
    assert set(kinds(QUESTION, [text])) <= {"order"}
