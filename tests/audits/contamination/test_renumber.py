"""Word problems with other numbers: what is read, what is refused, and that the answer follows."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.audits.contamination.renumber.graph import graph_of
from titrant.audits.contamination.renumber.numbers import numbers_in, rewrite
from titrant.audits.contamination.renumber.vary import draw, vary, write_number

EGGS = "Tom has 16 eggs and eats three of them. He sells the rest for $2 each. What does he earn?"
EGG_STEPS = "He has 16 - 3 = <<16-3=13>>13 eggs.\nHe earns 13 * 2 = $<<13*2=26>>26.\n#### 26"


def graph(question, steps, gold):
    numbers = numbers_in(question)
    return None if numbers is None else graph_of(question, steps, numbers, Fraction(gold))


def reckoned(question, steps, gold, *given):
    found = graph(question, steps, gold)
    assert found is not None
    return found.results([Fraction(value) for value in given])


def test_numbers_are_read_in_digits_and_words_with_their_form():
    found = numbers_in("Twelve of 1,200 hens lay 2.50 eggs; 30% of 1 kind, 3/4 by night.")
    assert found is not None
    assert [str(one.value) for one in found.given] == ["12", "1200", "5/2", "30"]
    assert [one.is_word for one in found.given] == [True, False, False, False]
    assert [one.is_percent for one in found.given] == [False, False, False, True]
    assert (found.given[1].has_commas, found.given[2].decimals) == (True, 2)
    assert found.fractions == (Fraction(3, 4),)


@pytest.mark.parametrize(
    "question",
    [
        "She has 5 red and 5 blue pens.",  # which is which?
        "The bus leaves at 3:15 with 40 people.",
        "At 8 a.m. there are 40 people.",
        "His 21st birthday has 40 guests.",
        "In 2019 there were 40 people.",
        "There are 12 boys, and the three of them have 40 pens.",
        "He has twenty-five pens and 40 books.",
        "He has two hundred pens and 40 books.",
        "He has 0 pens and 40 books.",
        "He eats ½ of 40 pies.",
        "Three-fifths of 40 people stay.",
        "How many are left?",
    ],
)
def test_numbers_that_cannot_be_exchanged_safely_are_not_given(question):
    assert numbers_in(question) is None


def test_one_and_the_word_two_stay():
    found = numbers_in("One of two men has 1 of 40 pens.")
    assert found is not None
    assert [one.value for one in found.given] == [40]
    assert found.has_two


def test_numbers_are_written_in_their_old_form():
    question = "Three of 1,200 hens cost $2.50, and 4.5 grams, and five more, of 25000."
    numbers = numbers_in(question)
    assert numbers is not None
    values = [
        Fraction(7),
        Fraction(1500),
        Fraction("3.1"),
        Fraction(6),
        Fraction(45),
        Fraction(31000),
    ]
    assert rewrite(question, numbers.given, values) == (
        "Seven of 1,500 hens cost $3.10, and 6 grams, and 45 more, of 31,000."
    )


def test_the_graph_is_reckoned_with_other_numbers():
    # 20 − 5 = 15, 15 · 4 = 60
    assert reckoned(EGGS, EGG_STEPS, 26, 20, 5, 4) == [15, 60]
    assert reckoned(EGGS, EGG_STEPS, 26, 16, 3, 2) == [13, 26]


def test_a_percentage_may_stand_as_a_hundredth():
    question = "A pot of $80 is 15% cheaper. What is its price?"
    steps = "80*.15=<<80*.15=12>>12, 80-12=<<80-12=68>>68"
    assert reckoned(question, steps, 68, 50, 20) == [10, 40]


def test_a_constant_needs_a_word_that_implies_it():
    steps = "3*7=<<3*7=21>>21"
    assert reckoned("He eats 3 eggs a day. How many in a week?", steps, 21, 5) == [35]
    assert graph("He eats 3 eggs a day. How many?", "3*9=<<3*9=27>>27", 27) is None


def test_parts_of_a_fraction_stay():
    question = "He eats 3/4 of 20 pies. How many are left?"
    steps = "20*3/4=<<20*3/4=15>>15, 20-15=<<20-15=5>>5"
    assert reckoned(question, steps, 5, 40) == [30, 10]


@pytest.mark.parametrize(
    ("question", "steps", "gold", "why"),
    [
        (EGGS, EGG_STEPS, 27, "another answer"),
        (EGGS, "16-3=<<16-3=14>>14, 14*2=<<14*2=28>>28", 28, "a wrong calculation"),
        (EGGS, "13*2=<<13*2=26>>26", 26, "numbers that were taken in words only"),
        (EGGS, "16-3=<<16-3=13>>13, 13+13=<<13+13=26>>26", 26, "2 that became two terms"),
        (EGGS, "no marks: 26", 26, "no annotation"),
        (EGGS, "<<16-3=13>> <<13**2=169>>", 169, "a power"),
        (EGGS, "<<16-3=13>> <<x*2=26>>", 26, "a letter"),
        (EGGS, "<<16-3=13>> <<13*2=26=26>>", 26, "two equals signs"),
        (EGGS, "<<16-3=13>> <<13*02=26>>", 26, "no number"),
        (EGGS, "<<16-3=13>> <<13/(2-2)=26>>", 26, "a division by zero"),
        (
            "He has 10 pens and 5 more. Half are red, and 5.0 more. How many?",
            "<<10+5=15>>",
            15,
            "two numbers of one value",
        ),
        (
            "He has 12 pens, gives 6 away and buys 3. How many?",
            "<<12-6=6>> <<6+3=9>>",
            9,
            "an operand that is given and a result",
        ),
        (
            "He has 40 of 2 kinds, half are red. How many red?",
            "<<40*2=80>> <<80/2=40>>",
            40,
            "a number that a word implies too",
        ),
        (
            "There are two ponds. One has 40 frogs and the next 10. How many frogs?",
            "<<40+10=50>>",
            50,
            "a two that is not used",
        ),
    ],
)
def test_a_solution_with_unclear_operands_is_not_used(question, steps, gold, why):
    assert graph(question, steps, gold) is None, why


def test_a_division_by_zero_has_no_results():
    steps = "<<16-3=13>> <<26/13=2>>"
    found = graph("Of 16 eggs 3 broke. The rest cost 26 cents. How much is each?", steps, 2)
    assert found is not None
    assert found.results([Fraction(5), Fraction(5), Fraction(26)]) is None


@given(st.integers(0, 10**6))
def test_a_variant_is_right_by_its_own_numbers(seed):
    found = vary(EGGS, EGG_STEPS, "26", np.random.default_rng(seed))
    assert found is not None
    numbers = numbers_in(found.question)
    assert numbers is not None
    eggs, eaten, price = (one.value for one in numbers.given)
    assert Fraction(found.gold) == (eggs - eaten) * price
    assert eggs > eaten > price  # the order of size that 16, 3 and 2 have
    assert [old == new for old, new in zip((16, 3, 2), (eggs, eaten, price), strict=True)] == [
        False
    ] * 3


@given(st.integers(0, 10**6))
def test_results_stay_whole_and_positive(seed):
    question = "She splits 24 nuts among 8 friends and keeps 1. How many does each get?"
    found = vary(question, "24/8=<<24/8=3>>3", "3", np.random.default_rng(seed))
    assert found is not None
    numbers = numbers_in(found.question)
    assert numbers is not None
    nuts, friends = (one.value for one in numbers.given)
    assert nuts % friends == 0
    assert Fraction(found.gold) == nuts / friends > 1


@given(st.integers(0, 10**6), st.sampled_from(["1,200", "350", "7", "2.5", "30%", "95 percent"]))
def test_a_number_is_drawn_near_its_old_value_and_in_its_grain(seed, text):
    numbers = numbers_in(f"There are {text} of them.")
    assert numbers is not None
    (number,) = numbers.given
    value = draw(number, np.random.default_rng(seed))
    grain = {"1,200": 100, "350": 10, "95 percent": 5}.get(text, 1)  # in fives: 45
    assert number.value / 2 - grain <= value <= max(2 * number.value, number.value + 3)
    assert (value * 10**number.decimals).denominator == 1
    if text != "2.5":
        assert value % grain == 0
    if number.is_percent:
        assert value < 100


@pytest.mark.parametrize("gold", ["many", "26 eggs", "26%", ""])
def test_an_answer_that_is_no_plain_number_is_not_varied(gold):
    assert vary(EGGS, EGG_STEPS, gold, np.random.default_rng(0)) is None


def test_where_no_other_numbers_fit_there_is_no_variant():
    # of 3 and 2 that differ by one, both whole and in order, with a quotient of exactly four decimals
    question = "Of 97 percent, 96 percent stay. What is left?"
    steps = "97*.01=<<97*.01=.97>>.97, 96*.01*.97=<<96*.01*.97=.93120>>.93120"
    assert vary(question, steps, "0.9312", np.random.default_rng(0)) is None


def test_numbers_are_written_plainly():
    assert write_number(Fraction(1, 8)) == "0.125"
    assert write_number(Fraction(1000)) == "1000"
    assert write_number(Fraction(100, 1)) == "100"
