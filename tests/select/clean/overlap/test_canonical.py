"""Canonical forms of questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.select.clean.overlap.canonical import canonical

STORY = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May."
)


def ordered(question: str, gold: str | None = None, source: str = "") -> str | None:
    return canonical(question, gold=gold, source=source).ordered


@pytest.mark.parametrize(
    "other",
    [
        STORY.upper(),
        STORY.replace(",", " -- "[:1]),
        STORY.replace(" ", "  "),
        STORY.replace("48", "$48$"),
        STORY.replace("half", "1/2").replace("1/2", "half"),
    ],
)
def test_case_stops_blanks_and_dollars_do_not_change_the_key(other):
    assert canonical(other).key == canonical(STORY).key


def test_numbers_have_one_spelling_in_the_key():
    assert canonical("Two thousand men").key == canonical("2 1,000 men").key
    assert canonical("1,5 and 3.5").key != canonical("15 and 35").key


def test_latex_is_read_as_plain_arithmetic():
    assert canonical(r"Compute $3\times(4+2)$.").key == canonical("3*(4+2) =").key
    assert canonical(r"$\dfrac{1}{2}$ of it").key == canonical(r"\frac{1}{2} of it").key
    assert (
        canonical(r"$x_1 \left( 2 \right)$ holds here").key == canonical("x_1 (2) holds here").key
    )


def test_templates_set_numbers_aside_and_need_words():
    other = STORY.replace("48", "1,204").replace("half", "a third"[2:])
    assert canonical(other).template == canonical(STORY).template
    assert canonical(other).key != canonical(STORY).key
    assert canonical("Tom has 3 apples.").template is None
    assert canonical(STORY.replace("48", "some").replace("half", "just")).template is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 4 + 3?", "3+4="),
        ("2*(3+4)", "(4+3)*2"),
        ("5-3+1", "1-3+5"),
        ("6/2*3", "3*6/2"),
        ("2*x + 1", "1 + y*2"),
        ("Evaluate 2^3*5", "5*2^3"),
        ("-(3-5)", "5-3"),
        ("2*a-b+c", "2*x-y+z"),
    ],
)
def test_operands_that_commute_may_change_places(one, other):
    assert ordered(one) == ordered(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [("5-3", "3-5"), ("6/2", "2/6"), ("2^3", "3^2"), ("2*(3+4)", "2*3+4"), ("2*x-y*x", "2*x-y*y")],
)
def test_operands_that_do_not_commute_may_not(one, other):
    assert ordered(one) != ordered(other)


@given(numbers=st.permutations([3, 4, 5, 17]))
def test_sums_and_products_are_the_same_in_any_order(numbers):
    assert ordered("+".join(map(str, numbers))) == ordered("3+4+5+17", "29")
    assert ordered("*".join(map(str, numbers))) == ordered("3*4*5*17", "1020")


def test_operands_commute_only_where_the_usual_reading_gives_the_gold_answer():
    # From left to right 47+3*5-2 is 248, mod 100 48; products first make it 60.
    assert ordered("47+3*5-2=", "60") is not None
    assert ordered("47+3*5-2=", "48") is None
    assert ordered("47+3*5-2=", "no number") is None


def test_a_world_reads_its_questions_by_its_own_rules():
    assert ordered("47+3=", "50", source="world:arithmetic/train") is None
    assert canonical("47+3=", source="world:arithmetic/train").key == "47+3"


@pytest.mark.parametrize(
    "question",
    [
        "007+1",
        "3+",
        "3(4)",
        "7//2",
        "((9^64)^64)^64",
        "1/0",
        "2**3**4**5",
        "1+" * 250 + "1",
    ],
)
def test_what_cannot_be_read_or_is_too_large_is_compared_as_it_is(question):
    found = canonical(question, gold="1")
    assert found.is_expression
    assert found.ordered is None


@pytest.mark.parametrize(
    "question", ["Solve for x: 2x+3=7", "What is the sum of 3 and 4?", "5! =", ""]
)
def test_words_or_equations_are_no_expressions(question):
    assert not canonical(question).is_expression


@given(text=st.text(max_size=60))
def test_any_text_has_forms(text):
    canonical(text, gold="1")
