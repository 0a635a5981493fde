import pytest
from hypothesis import given
from hypothesis import strategies as st

from titrant.errors import ConfigError
from titrant.select import match
from titrant.select.rank import STRATEGIES, find_strategy, needs_of
from titrant.select.strategies import compose, grammar
from titrant.select.strategies.grammar import StrategyName, parse_name


def parse(text: str) -> StrategyName:
    return parse_name(text, STRATEGIES, also=lambda: ["mine", "my+own"])


@given(
    st.sampled_from(sorted(STRATEGIES)),
    st.sampled_from([None, *grammar.THENS]),
    st.one_of(st.none(), st.just("all"), st.integers(1, 999).map(str)),
    st.sampled_from([None, *grammar.CONTROLS]),
)
def test_a_name_is_read_as_it_is_written(first, then, per_question, control):
    name = StrategyName(first, then, per_question, control)

    assert parse(name.text) == name


def test_the_plus_signs_of_min_k_are_its_own():
    assert parse("min-k++") == StrategyName("min-k++")
    assert parse("min-k+++coverage@4~length") == StrategyName("min-k++", "coverage", "4", "length")


def test_names_from_outside_are_asked_for_last_and_may_be_combined():
    assert parse("mine+novelty") == StrategyName("mine", "novelty")
    assert parse("my+own") == StrategyName("my+own")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("confidense", r"unknown strategy 'confidense'\n  do: did you mean confidence"),
        ("confidense+coverage", r"unknown strategy 'confidense'\n  do: did you mean confidence"),
        ("confidence+covrage", r"found: \+covrage\n  do: did you mean \+coverage"),
        (
            "confidence+coverage+novelty",
            r"found: \+coverage\+novelty\n  do: did you mean \+coverage",
        ),
        ("confidence@0", r"found: @0\n  do: give rows per question as @1"),
        ("confidence@04", r"found: @04"),
        ("confidence@", r"found: @"),
        ("confidence@1+coverage", r"found: @1\+coverage"),
        ("confidence~size", r"found: ~size\n  do: did you mean ~source\?"),
        ("confidence~length@1", r"found: ~length@1\n  do: did you mean ~length\?"),
        ("confidence~", r"found: ~\n"),
        ("", r"unknown strategy ''"),
    ],
)
def test_what_cannot_be_read_is_said(text, message):
    with pytest.raises(ConfigError, match=message):
        parse(text)


def test_the_form_is_told_with_a_part_that_is_wrong():
    form = r"expected: NAME\[\+coverage\|\+center\|\+novelty\]\[@K\|@all\]\[~CONTROL\]"
    with pytest.raises(ConfigError, match=rf"the strategy 'random~x' cannot be read\n  {form}"):
        parse("random~x")


def test_the_grammar_names_what_can_be_done():
    assert tuple(compose.THENS) == grammar.THENS
    assert tuple(match.CONTROLS) == grammar.CONTROLS


def test_a_combination_needs_what_its_parts_need():
    assert needs_of("longest") == frozenset()
    assert needs_of("confidence+coverage@1") == {"confidence", "hidden"}
    assert needs_of("confidence~difficulty") == {"confidence", "difficulty"}
    assert needs_of("limr~length") == {"history"}


def test_a_combination_draws_if_a_part_of_it_does():
    names = ("random@1", "s1+coverage", "longest~length", "longest@all", "confidence+center")
    assert [find_strategy(name).draws for name in names] == [True, True, True, False, False]
