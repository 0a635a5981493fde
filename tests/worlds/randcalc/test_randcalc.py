"""RandomCalculation as a World: gold and reward, lines of a calculation, fresh problems of the same kind."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden_world import check_golden
from titrant.errors import ConfigError, DataError
from titrant.traces.record import Verdict
from titrant.worlds.base import Split
from titrant.worlds.expressions import canonical, leaves_of, nodes_of
from titrant.worlds.randcalc import (
    LISTED,
    PREFIX,
    RANDCALC,
    Calculation,
    as_decimal,
    closeness,
    fresh_like,
    parse,
    read_answer,
    reward,
    split_of,
)

NESTED = PREFIX + r"\left(\frac{3}{8}+7^{2}\right)\div 2^{3}"
"""395/64 = 6.171875."""
MOD = "((7-90)*5)+(7-90)="
"""7−90 → 14; 14·5 = 70; 70+14 = 84."""


def faults(question: str, lines: list[str]) -> list[tuple[int, str]]:
    checks = RANDCALC.validate(question, "\n".join(lines))
    return [(check.number, check.kind) for check in checks if not check.is_valid]


def test_golden_instances_are_the_recorded_ones():
    check_golden(RANDCALC, Path(__file__).with_name("randcalc.json"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(395, 64), "6.17188"),  # 6.171875, half to even
        (Fraction(649042220471333, 10**11), "6490.42"),
        (Fraction(1, 3), "0.333333"),
        (Fraction(-2, 30000), "-0.0000666667"),
        (Fraction(123456789, 2), "61728394.5"),  # two decimals at least
        (Fraction(100_000_001, 3), "33333333.67"),
        (Fraction(-40), "-40"),
        (Fraction(1500), "1500"),
        (Fraction(0), "0"),
        (Fraction(1, 2), "0.5"),
    ],
)
def test_gold_has_six_digits_and_two_decimals_at_least(value, text):
    assert as_decimal(value) == text


@pytest.mark.parametrize(
    ("answer", "truth", "expected"),
    [
        (6490.42220471333, 6490.42220471333, 1.0),
        # off .4222: 1 − .5·.4222 − .5·(.4222/6490.42) = .78886
        (6490, 6490.42220471333, 0.78886),
        # off 490.4: 1 − .5 − .5·(490.42/6490.42) = .46222
        (6000, 6490.42220471333, 0.46222),
        (1.5, 1, 0.5),  # 1 − .25 − .25
        (0.5, 0, 0.25),  # 1 − .25 − .5·1
        (-6490.4, 6490.4, 0.0),
        (float("inf"), 3, 0.0),
        (float("nan"), 3, 0.0),
    ],
)
def test_the_reward_is_that_of_the_paper(answer, truth, expected):
    assert closeness(answer, truth) == pytest.approx(expected, abs=1e-5)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_the_reward_lies_between_0_and_1_and_is_1_for_the_truth(answer, truth):
    assert 0 <= closeness(answer, truth) <= 1
    assert closeness(truth, truth) == 1


def test_the_reward_is_taken_against_the_exact_value():
    assert reward(NESTED, "6.171875") == 1.0
    assert reward(NESTED, r"so it is \boxed{6.671875}") == pytest.approx(
        1 - 0.25 - 0.5 * 0.5 / 6.171876
    )
    assert reward(NESTED, "no idea") == 0.0
    assert reward(NESTED, "") == 0.0
    assert reward(NESTED, "1" + "0" * 900) == 0.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("6.17", Fraction(617, 100)),
        ("#### -3", Fraction(-3)),
        (r"first \boxed{1}, then \boxed{1,234.5}", Fraction(2469, 2)),
        (r"\boxed{\frac{1}{4}}", Fraction(1, 4)),
        ("about 6", None),
        ("6 apples", None),
        ("6%", None),
        (r"\boxed{}", None),
        ("6" * 1001, None),
        ("", None),
    ],
)
def test_an_answer_is_one_number_or_the_last_boxed_one(text, value):
    assert read_answer(text) == value


@pytest.mark.parametrize(
    ("question", "text", "verdict"),
    [
        (NESTED, "6.17188", Verdict.CORRECT),
        (NESTED, "6.171875", Verdict.CORRECT),
        (NESTED, r"Thus \boxed{6.171878}.", Verdict.CORRECT),  # half of 10⁻⁵ is 5·10⁻⁶
        (NESTED, "6.171881", Verdict.WRONG),
        (NESTED, "6.17", Verdict.WRONG),
        (NESTED, "395/64", Verdict.CORRECT),
        (NESTED, "six", Verdict.UNREADABLE),
        (MOD, "84", Verdict.CORRECT),
        (MOD, "#### 84", Verdict.CORRECT),
        (MOD, "84.001", Verdict.WRONG),
        (MOD, "181", Verdict.WRONG),  # 84 + 97 is not written mod 97
    ],
)
def test_a_decimal_is_right_within_half_its_last_digit_and_an_integer_if_equal(
    question, text, verdict
):
    assert RANDCALC.verify(question, text) == verdict


def test_the_oracle_writes_one_exact_line_per_operation():
    assert RANDCALC.oracle(NESTED) == "(3/8)+7^2=395/8\n(395/8)/2^3=395/64"
    assert RANDCALC.oracle(MOD) == "7-90=14\n14*5=70\n7-90=14\n70+14=84"
    negative = PREFIX + r"\left(3-9\right)\times \left(1-\frac{3}{2}\right)"
    assert RANDCALC.oracle(negative) == "3-9=-6\n1-(3/2)=-1/2\n(-6)*(-1/2)=3"


def test_an_operation_that_stands_twice_need_be_stated_once():
    assert faults(MOD, ["7-90=14", "14*5=70", "70+14=84"]) == []


def test_any_order_with_operands_worked_out_will_do_and_sums_may_be_turned():
    question = "((1+2)*(3-4))+5="
    assert faults(question, ["3-4=96", "so 1+2=3", "check 1+2=3", "96*3=94", "5+94=2"]) == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["1+2=4", "3-4=96", "4*96=93", "93+5=1"], [(0, "slip")]),
        (["1+2=4", "3-4=96", "3*96=94", "94+5=2"], [(0, "slip")]),  # taken back
        (["1-2=96", "3-4=96", "96*96=1", "1+5=6"], [(0, "operator")]),
        (["1+9=10", "3-4=96", "10*96=87", "87+5=92"], [(0, "operand")]),
        (["4-3=1", "1+2=3", "3*1=3", "3+5=8"], [(0, "operand")]),  # sides of a difference
        (["1+2=3", "3*96=94", "94+5=2"], [(1, "order")]),
        (["1+9=10", "3-4=96", "3*96=94", "94+5=2"], [(0, "operand")]),  # taken back
        (["94+5=2"], [(0, "order")]),
        (["94+5=2", "1+2=3", "3-4=96", "3*96=94"], [(0, "order")]),  # worked out too late
        (["1+2=3", "3-4=96", "3*96=94", "94+5=2", "2+2=4"], [(4, "order")]),
        (["50*50=75", "1+2=3", "3-4=96", "3*96=94", "94+5=2"], [(0, "order")]),
    ],
)
def test_a_fault_is_charged_once_where_it_is(lines, expected):
    assert faults("((1+2)*(3-4))+5=", lines) == expected


def test_lines_that_state_no_operation_are_passed_over():
    assert RANDCALC.validate(MOD, "let me see\n7-90\n=14\n(3/0)*5=1\n7 - 90 = 14") == []


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(["easy", "middle", "mod-hard"]), st.data())
def test_another_result_in_any_line_is_a_fault(index, preset, data):
    question = RANDCALC.problem(preset, Split.TEST, index).question
    lines = RANDCALC.oracle(question).split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    head, _, result = lines[at].partition("=")
    lines[at] = f"{head}={int(result.partition('/')[0]) + 97}"
    assert (at, "slip") in faults(question, lines)


@pytest.mark.parametrize("preset", LISTED)
def test_instances_are_of_their_preset_and_split(preset):
    family, least, most = LISTED[preset]
    for split in Split:
        for index in range(15):
            problem = RANDCALC.problem(preset, split, index)
            calculation = parse(problem.question)
            n = len(nodes_of(calculation.expression))
            assert calculation.family == family
            assert least <= n <= most
            assert split_of(calculation) == split
            assert problem.meta["operations"] == n
            assert sum(problem.meta["leaves"].values()) == n + 1
            assert problem.gold == as_decimal(calculation.value)


def test_presets_of_one_length_can_be_asked_for():
    assert RANDCALC.problem("steps-20", Split.TEST, 0).meta["operations"] == 20
    assert RANDCALC.problem("mod-8", Split.TEST, 0).domain == "8 operations"
    assert RANDCALC.problem("mod-1", Split.TEST, 0).domain == "1 operation"
    with pytest.raises(ConfigError, match="unknown preset 'step-5'\n  do: did you mean steps-5"):
        RANDCALC.problem("step-5", Split.TEST, 0)


def test_single_operations_mod_97_are_counted():
    counts = [RANDCALC.count("mod-1", split) for split in Split]
    assert sum(counts) == 97 * 3 * 97 == 28_227
    assert RANDCALC.count("mod-2", Split.TEST) is None
    assert RANDCALC.count("hard", Split.TEST) is None


def test_turned_sums_stand_in_the_same_split():
    for a in range(30):
        turned = [split_of(parse(text)) for text in (f"{a}+90=", f"90+{a}=")]
        assert turned[0] == turned[1]


@pytest.mark.parametrize(
    "question", ["3/4=", "(3/4)+1=", "7^2+1=", "97+1=", PREFIX + r"7\div \left(5-5\right)"]
)
def test_questions_beyond_a_family_are_refused(question):
    with pytest.raises(DataError, match="not a question of random calculation\n  expected: "):
        parse(question)


def test_the_sentence_in_front_may_be_missing():
    assert parse(r"3\times 4").value == 12


def test_a_question_is_written_from_what_it_was_read():
    for question in (NESTED, MOD):
        assert parse(question).text == question
        assert isinstance(parse(f" {question}\n"), Calculation)


@pytest.mark.parametrize("preset", ["middle", "mod-middle"])
def test_a_fresh_problem_has_as_many_operations_and_the_same_leaves(preset):
    given_ = RANDCALC.problem(preset, Split.TEST, 3)
    fresh = [fresh_like(given_, index) for index in range(5)]
    assert len({problem.qid for problem in fresh}) == 5
    for problem in fresh:
        assert problem == fresh_like(given_, fresh.index(problem))
        assert problem.meta == {**given_.meta, "like": given_.qid}
        assert problem.gold_kind == given_.gold_kind
        assert RANDCALC.verify(problem.question, problem.gold) == Verdict.CORRECT
        expressions = [parse(each.question).expression for each in (problem, given_)]
        assert canonical(expressions[0]) != canonical(expressions[1])
        kinds = [sorted(leaf.kind for leaf in leaves_of(one)) for one in expressions]
        assert kinds[0] == kinds[1]


def test_a_fresh_problem_is_never_the_given_one():
    asked = RANDCALC.problem("mod-1", Split.TEST, 0)
    assert asked.question == "25-7="
    assert fresh_like(asked, 117_429).question != asked.question  # its first draw is 25-7


def test_a_problem_of_another_world_has_no_fresh_like():
    foreign = RANDCALC.problem("easy", Split.TEST, 0).model_copy(update={"question": "47+3*5-2="})
    with pytest.raises(DataError, match="not an expression of random calculation"):
        fresh_like(foreign)
