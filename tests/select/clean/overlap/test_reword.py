"""Disguises of a question, by rule."""

import re

import numpy as np
import pytest

from titrant.select.clean.overlap.reword import rename, renumber, rephrase
from titrant.select.clean.words import figures

QUESTION = (
    "Natalia sold clips to 48 of her friends in April, and then Natalia sold half as many clips in May. "
    "She needed 1,200 boxes and two bags. How many clips did Natalia's shop sell altogether?"
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_rephrased_question_keeps_its_numbers_and_little_else():
    text = rephrase(QUESTION, rng())
    assert sorted(figures(text)) == sorted(figures(QUESTION))
    assert "Natalia" not in text
    assert text.startswith("What number of clips")


def test_names_are_exchanged_everywhere_and_months_are_no_names():
    text = rename(QUESTION, rng())
    assert "Natalia" not in text
    assert "April" in text
    (name,) = set(re.findall(r"(\w+)(?= sold)", text))
    assert f"{name}'s shop" in text


def test_a_single_capital_at_the_start_is_no_name():
    assert rename("Convert it to metres.", rng()) == "Convert it to metres."


@pytest.mark.parametrize("seed", range(5))
def test_every_whole_number_becomes_another_one(seed):
    text = renumber(QUESTION, rng(seed))
    before, after = figures(QUESTION), figures(text)
    assert len(after) == len(before)
    changed = [a != b for a, b in zip(before, after, strict=True)]
    assert changed == [figure != "1/2" for figure in before]
    assert re.sub(r"[\d,]+|\btwo\b|\b[a-z]+(?= bags)", "#", text).count("#") >= 3


def test_a_small_number_is_never_drawn_again():
    assert all(renumber("2 cats", rng(seed)) != "2 cats" for seed in range(60))


def test_decimals_and_words_stay():
    assert renumber("It costs 3.50 for half a day.", rng()) == "It costs 3.50 for half a day."


def test_the_same_seed_gives_the_same_disguise():
    assert rephrase(QUESTION, rng(3)) == rephrase(QUESTION, rng(3))
