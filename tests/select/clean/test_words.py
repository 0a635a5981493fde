"""What counts as a word and as a figure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.select.clean.distinct import distinct
from titrant.select.clean.words import figures, fold, locate_words, split_words


def test_words_are_runs_of_letters_and_digits_or_what_blanks_part():
    text = "A $5 bill,  x+1?"
    assert split_words(text) == ["a", "5", "bill", "x", "1"]
    assert split_words(text, "blanks") == ["a", "$5", "bill,", "x+1?"]


def test_words_of_other_scripts_are_words():
    assert split_words("Ändert — “ﬁne” ½") == ["ändert", "fine", "1", "2"]  # NFKC: ﬁ, ½ = 1⁄2
    assert split_words("«Ä b»", "blanks") == ["«ä", "b»"]


@pytest.mark.parametrize("rule", ["letters", "blanks"])
@given(text=st.text(max_size=40))
def test_every_located_word_stands_where_it_says(rule, text):
    for word in locate_words(text, rule):
        assert split_words(text[word.start : word.end], rule) == split_words(word.text, rule)


@given(text=st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=32), max_size=60))
def test_the_byte_table_gives_the_words_that_the_pattern_gives(text):
    assert split_words(text) == [word.text for word in locate_words(text)]


def test_figures_are_numbers_in_one_spelling_and_signs_in_order():
    assert figures("Two of 1,000 birds; half left: 3.5") == ("2", "1000", "1/2", "3.5")
    assert figures("47+3*5-2=") == ("47", "+", "3", "*", "5", "-", "2", "=")
    assert figures("3 × 4 ÷ 2 − 1") == ("3", "*", "4", "/", "2", "-", "1")


@pytest.mark.parametrize(
    "text", ["a well-known five-year plan"[:12], "and/or", "**bold**", "one day", "km/h", ""]
)
def test_hyphens_slashes_stars_and_one_are_no_figures(text):
    assert figures(text) == ()


def test_a_minus_before_a_number_or_a_variable_is_a_figure():
    assert figures("x - y") == ("-",)
    assert figures("5-year") == ("5",)
    assert figures("10 - 20") == ("10", "-", "20")


def test_folding_keeps_stops_and_squeezes_blanks():
    assert fold("  Two\n\tApples. ") == "two apples."


@given(numbers=st.lists(st.integers(-5, 5)))
def test_distinct_numbers_are_those_of_a_set(numbers):
    import numpy as np

    assert distinct(np.array(numbers, dtype=np.int64)).tolist() == sorted(set(numbers))
